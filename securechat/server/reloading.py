"""Settings that change while the server runs: what is new in the file, and which of it counts at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

import msgspec
import structlog
from msgspec import Meta

from securechat.config import RESTART, Config, is_section

log = structlog.get_logger()

S = TypeVar("S", bound=msgspec.Struct)


class Change(NamedTuple):
    """A setting that stands in the file with another value; `key` as `chat.motd`.

    restart: it counts from the next start on.
    """

    key: str
    was: Any
    now: Any
    restart: bool


def compare(old: msgspec.Struct, new: msgspec.Struct, prefix: str = "") -> Iterator[Change]:
    """Yield the settings in which two configurations differ, in the order of the example."""
    for name, hint in get_type_hints(type(old), include_extras=True).items():
        was, now = getattr(old, name), getattr(new, name)
        if is_section(hint):
            yield from compare(was, now, f"{prefix}{name}.")
        elif was != now:
            yield Change(f"{prefix}{name}", was, now, needs_restart(hint))


def needs_restart(hint: Any) -> bool:
    """Tell whether a setting of this type counts from the next start on."""
    return any(isinstance(each, Meta) and each.extra == RESTART for each in get_args(hint))


def settle(old: Config, new: Config) -> Config:
    """Return what is in force once `new` was read: what needs a restart stays as it was."""
    kept = {change.key: change.was for change in compare(old, new) if change.restart}
    return _with(new, kept, "")


def _with(config: S, values: dict[str, Any], prefix: str) -> S:
    fields: dict[str, Any] = {}
    for name, hint in get_type_hints(type(config), include_extras=True).items():
        if is_section(hint):
            fields[name] = _with(getattr(config, name), values, f"{prefix}{name}.")
        elif f"{prefix}{name}" in values:
            fields[name] = values[f"{prefix}{name}"]
    return msgspec.structs.replace(config, **fields)


def tell(changes: Sequence[Change]) -> None:
    """Say in the log what changed and what waits for the next start."""
    for change in changes:
        say = log.warning if change.restart else log.info
        told = "setting changed, from the next start on" if change.restart else "setting changed"
        say(told, key=change.key, was=change.was, now=change.now)
    if not changes:
        log.info("settings read, nothing changed")
