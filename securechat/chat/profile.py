"""What people say of themselves: which keys there are, what values they take, who sees them. (IRCv3 metadata, registry)

It is seen where the person is: by who shares a channel with it, and by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from securechat.chat import render
from securechat.chat.ask import Ask
from securechat.chat.ports import AccountState, ChannelState
from securechat.chat.world import World
from securechat.wire.batch import close_batch, open_batch
from securechat.wire.capabilities import BATCH, METADATA
from securechat.wire.message import Message
from securechat.wire.names import tidy_display_text

DISPLAY_NAME: Final = "display-name"
NAME_LENGTH: Final = 128
"""Bytes of a display name, which is the realname too."""
VALUE_LENGTH: Final = 300
"""Bytes of any value."""
MAX_SUBSCRIPTIONS: Final = 20
"""Keys a session may subscribe to."""
EVERYONE: Final = "*"
"""The visibility of all there is: whoever sees a person sees it all."""

_KEY: Final = re.compile(r"[a-z0-9_./-]{1,64}")
_COLOR: Final = re.compile(r"#[0-9a-f]{6}")
_HOST_AND_PATH: Final = r"://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#](?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]|{SIZE})*)?"
_AVATAR: Final = re.compile("https" + _HOST_AND_PATH.replace("{SIZE}", r"\{size\}"))
_HOMEPAGE: Final = re.compile("https?" + _HOST_AND_PATH.replace("{SIZE}", "%"))
_EMOJI_JOINERS: Final = str.maketrans({"\u200d": None, "\ufe0e": None, "\ufe0f": None})


def _tidy_name(value: str) -> str | None:
    return tidy_display_text(value, NAME_LENGTH)


def _tidy_status(value: str) -> str | None:
    # Emoji are joined by characters that are drawn as nothing: in a name they would hide, in a status they show.
    shown = tidy_display_text(value.translate(_EMOJI_JOINERS), VALUE_LENGTH)
    return " ".join(value.split(" ")).strip() if shown is not None else None


def _tidy_color(value: str) -> str | None:
    return value.lower() if _COLOR.fullmatch(value.lower()) else None


def _tidy_avatar(value: str) -> str | None:
    return value if _AVATAR.fullmatch(value) else None


def _tidy_homepage(value: str) -> str | None:
    return value if _HOMEPAGE.fullmatch(value) else None


KEYS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "avatar": _tidy_avatar,
    "color": _tidy_color,
    DISPLAY_NAME: _tidy_name,
    "homepage": _tidy_homepage,
    "pronouns": _tidy_name,
    "status": _tidy_status,
}
"""The registry's keys for people, but `bot`, which the role says; and how a value is kept, None when it is none."""


def normalize_key(text: str) -> str | None:
    """Return a key as it is compared, or None when it can be none."""
    key = text.lower()
    return key if _KEY.fullmatch(key) else None


def tidy_value(key: str, value: str) -> str | None:
    """Return a value of one of `KEYS` as it is kept, or None when it cannot be one."""
    tidy = KEYS[key](value) if len(value.encode()) <= VALUE_LENGTH else None
    return tidy if tidy and len(tidy.encode()) <= VALUE_LENGTH else None


def seen_by(world: World, viewer: str, person: AccountState) -> Mapping[str, str]:
    """Return what a viewer (account id) sees of what a person says of itself."""
    if viewer == person.id or (person.metadata and world.directory.are_acquainted(viewer, person.id)):
        return person.metadata
    return {}


def notice(world: World, person: str, key: str, value: str, time: int, caps: int) -> Message:
    """Return the METADATA by which a viewer with these capabilities learns a value, or (empty) that it is gone.

    person: account id. time: ms since 1970.
    """
    params = (world.directory.name_of(person), key, EVERYONE, *([value] if value else []))
    return render.person_message(world, person, "METADATA", params, time, caps)


def own_lines(ask: Ask) -> Iterator[Message]:
    """Yield what a client that has negotiated metadata is told of its own account. (IRCv3 metadata, Notifications)"""
    if ask.session.has(METADATA):
        account = ask.account
        yield from in_batch(ask, account.name, _values(ask, account, account.metadata))


def sync_lines(ask: Ask, people: Iterable[AccountState], keys: Iterable[str]) -> Iterator[Message]:
    """Yield what the asker sees of people, as far as it is of these keys."""
    wanted = set(keys)
    for person in people:
        yield from _values(ask, person, {key: value for key, value in _seen(ask, person) if key in wanted})


def entry_lines(ask: Ask, channel: ChannelState) -> Iterator[Message]:
    """Yield what a client that subscribed to keys is told of the members of a channel that it comes into."""
    if ask.session.subscriptions:
        yield from in_batch(
            ask, channel.name, sync_lines(ask, members_of(ask.world, channel), ask.session.subscriptions)
        )


def members_of(world: World, channel: ChannelState) -> Iterator[AccountState]:
    """Yield a channel's members; drawn slowly it leaves out who has gone meanwhile."""
    for account_id in list(channel.members):
        if account_id in channel.members:
            yield world.account(account_id)


def in_batch(ask: Ask, target: str, lines: Iterable[Message]) -> Iterator[Message]:
    """Yield lines in a batch of the type `metadata`, or bare to a client without batches. (IRCv3 metadata, Batch type)"""
    if not ask.session.has(BATCH):
        yield from lines
        return
    reference, source = ask.world.new_id(), ask.world.server_name
    yield open_batch(reference, "metadata", target, source=source)
    for line in lines:
        line.tags["batch"] = reference
        yield line
    yield close_batch(reference, source=source)


def _seen(ask: Ask, person: AccountState) -> list[tuple[str, str]]:
    return sorted(seen_by(ask.world, ask.session.account, person).items())


def _values(ask: Ask, person: AccountState, values: Mapping[str, str]) -> Iterator[Message]:
    for key, value in sorted(values.items()):
        yield ask.say("METADATA", person.name, key, EVERYONE, value)
