"""What Tab can make of what was typed so far: commands, nicks, channels."""

from __future__ import annotations

from collections.abc import Sequence

from securechat.wire.names import fold


def complete(
    text: str, *, commands: Sequence[str], channels: Sequence[str], nicks: Sequence[str]
) -> tuple[int, list[str]]:
    """Return how many characters at the end of `text` to replace, and by what.

    text: the line up to the cursor.
    nicks: in the order in which to offer them, the likeliest first.
    """
    if text.startswith("/") and not text.startswith("//") and " " not in text:
        return len(text), [f"/{name} " for name in commands if name.startswith(text[1:].lower())]
    word = text[max(text.rfind(" "), text.rfind("\n")) + 1 :]
    if word.startswith("#"):
        return len(word), [f"{name} " for name in channels if fold(name).startswith(fold(word))]
    if not word and not text.startswith("/"):
        return 0, []
    sign = word[:1] if word[:1] in ("@", "-") and text.startswith("/") else ""
    beginning = fold(word.removeprefix(sign))
    ending = ": " if word == text else " "
    return len(word), [f"{sign}{nick}{ending}" for nick in nicks if fold(nick).startswith(beginning)]
