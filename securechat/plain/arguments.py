"""What stands behind a command's name, taken apart."""

from __future__ import annotations

from securechat.client.errors import Unsendable
from securechat.errors import ConfigError
from securechat.plain.access import check_target


class WrongUsage(Exception):
    """What was typed lacks something; the command's usage is the answer."""


def split(text: str, needed: int) -> list[str]:
    """Return the first `needed` words and the rest.

    Raises:
        WrongUsage: there are fewer words.
    """
    words = text.split(maxsplit=needed)
    if len(words) < needed:
        raise WrongUsage
    return [*words, ""][: needed + 1]


def channel_first(current: str, text: str) -> tuple[str, str]:
    """Return the channel meant, which is the current one when it is left out, and the rest.

    Raises:
        WrongUsage: it is left out, and the current conversation is no channel.
        Unsendable: it is no name of a channel.
    """
    first, _, rest = text.partition(" ")
    if first.startswith("#"):
        return checked(first), rest.strip()
    if not current.startswith("#"):
        raise WrongUsage
    return current, text


def checked(target: str) -> str:
    """Return the name of one channel or person.

    Raises:
        Unsendable: it cannot be one.
    """
    try:
        return check_target(target)
    except ConfigError as error:
        raise Unsendable(str(error)) from error


def taken_back(nick: str) -> tuple[bool, str]:
    """Return whether a nick has a `-` before it, which undoes, and the nick."""
    return nick.startswith("-"), checked(nick.removeprefix("-"))


def read_number(text: str, most: int) -> int:
    """Return a number from 1 to `most`.

    Raises:
        WrongUsage: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 0 < int(text) <= most):
        raise WrongUsage
    return int(text)
