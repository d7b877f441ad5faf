"""Everything that a node remembers, counted: the sizes of all containers that can be reached from it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

CONTAINERS = (dict, list, set, frozenset, deque, tuple)
OURS = "securechat."


def count_everything(root: object) -> Counter[str]:
    """Return how much is in the containers below an object, by the class and attribute that hold them.

    What cannot grow beyond a length of its own counts for nothing. Followed are the attributes of our own objects and what is in containers of the standard library; what belongs to the
    loop, to sockets and to the database is not.
    """
    sizes: Counter[str] = Counter()
    seen = {id(root)}
    waiting: list[tuple[str, object]] = [("", root)]
    while waiting:
        place, thing = waiting.pop()
        if isinstance(thing, CONTAINERS) and getattr(thing, "maxlen", None) is None:
            sizes[place] += len(thing)
        for name, part in parts_of(place, thing):
            if id(part) not in seen and (isinstance(part, CONTAINERS) or is_ours(part)):
                seen.add(id(part))
                waiting.append((name, part))
    return sizes


def is_ours(thing: object) -> bool:
    return type(thing).__module__.startswith(OURS)


def parts_of(place: str, thing: object) -> Iterator[tuple[str, Any]]:
    """Yield what belongs to a thing, with the name of its place."""
    if isinstance(thing, dict):
        yield from ((f"{place}[]", part) for pair in list(thing.items()) for part in pair)
    elif isinstance(thing, CONTAINERS) and not is_ours(thing):
        yield from ((f"{place}[]", part) for part in list(thing))  # type: ignore[call-overload]
    else:
        kind = type(thing)
        names = [name for each in kind.__mro__ for name in getattr(each, "__slots__", ())]
        names += getattr(kind, "__struct_fields__", ())
        names += getattr(thing, "__dict__", {})
        for name in dict.fromkeys(names):
            if hasattr(thing, name):
                yield f"{kind.__name__}.{name}", getattr(thing, name)
