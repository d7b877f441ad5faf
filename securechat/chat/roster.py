"""Who is in a channel, in words: made once, shared by everybody who comes in, until the members change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from securechat.chat.channel import PREFIX_OF_ROLE, role_of
from securechat.chat.directory import Directory
from securechat.chat.ports import ChannelState


class Row(NamedTuple):
    """Members whose names fill one line, and that line. accounts: ids."""

    accounts: tuple[str, ...]
    text: str


def draw_names(directory: Directory, channel: ChannelState, budget: int, *, full: bool = False) -> Iterator[str]:
    """Yield the names of a channel's members, with the prefixes of their roles, in lines of at most `budget` bytes.

    full: as nick!user@host. (IRCv3 userhost-in-names)
    Drawn slowly it stays true: who has left meanwhile is left out, who has come is announced by a JOIN.
    """
    name = _full_name if full else _bare_name
    forms = directory.rosters.setdefault(channel.id, {})
    roster = forms.get(full)
    if roster is None:
        roster = forms[full] = list(_fill_rows(directory, channel, budget, name))
    for row in roster:
        if directory.rosters.get(channel.id) is forms:
            yield row.text
        else:
            yield from fill_lines(_name_members(directory, channel, row.accounts, name), budget)


def _bare_name(nick: str) -> str:
    return nick


def _full_name(nick: str) -> str:
    return f"{nick}!{nick}@securechat"


def _fill_rows(directory: Directory, channel: ChannelState, budget: int, name: Callable[[str], str]) -> Iterator[Row]:
    accounts: list[str] = []
    words: list[str] = []
    length = 0
    for account in channel.members:
        (word,) = _name_members(directory, channel, (account,), name)
        # Names of accounts are ASCII.
        if words and length + 1 + len(word) > budget:
            yield Row(tuple(accounts), " ".join(words))
            accounts, words, length = [], [], 0
        length += len(word) + bool(words)
        accounts.append(account)
        words.append(word)
    if words:
        yield Row(tuple(accounts), " ".join(words))


def _name_members(
    directory: Directory, channel: ChannelState, accounts: Iterable[str], name: Callable[[str], str]
) -> Iterator[str]:
    for account in accounts:
        role = role_of(channel, account)
        if role is not None:
            yield PREFIX_OF_ROLE[role] + name(directory.name_of(account))


def fill_lines(words: Iterable[str], budget: int) -> Iterator[str]:
    """Join words by spaces into lines of at most `budget` bytes each."""
    line = ""
    for word in words:
        longer = f"{line} {word}" if line else word
        if line and len(longer.encode()) > budget:
            yield line
            longer = word
        line = longer
    if line:
        yield line
