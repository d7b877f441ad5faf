"""How a record looks on the wire: the line, its tags by capability, and who is to see it.

Lines differ between viewers only by the capabilities in VARIANT (a viewer's "variant"), so a record is encoded once for
each of them, however many see it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from securechat.chat import multiline
from securechat.chat.bans import show_mask
from securechat.chat.events import (
    BanLifted,
    BanSet,
    ChannelRenamed,
    Invited,
    Joined,
    Kicked,
    Left,
    ModeSet,
    Posted,
    Reacted,
    Record,
    Redacted,
    Renamed,
    RetentionSet,
    RoleSet,
    TopicSet,
    Unreacted,
)
from securechat.chat.signals import TagsSent
from securechat.chat.streams import other_party
from securechat.chat.world import World
from securechat.wire.capabilities import ACCOUNT_TAG, BATCH, EXTENDED_JOIN, MESSAGE_TAGS, MULTILINE, SERVER_TIME
from securechat.wire.framing import MAX_REST
from securechat.wire.message import Message, encode, encode_tags
from securechat.wire.times import format_time

_OF_A_LINE = SERVER_TIME | MESSAGE_TAGS | ACCOUNT_TAG | EXTENDED_JOIN
VARIANT = _OF_A_LINE | MULTILINE
"""The capabilities that change how a line looks, MULTILINE only together with BATCH. (`variant_of`)"""
SURELY_FITS = 80
"""Characters of a text that fit into a line whatever its names are."""
CUT = "…"


def variant_of(caps: int) -> int:
    """Return the capabilities that change how lines look. (IRCv3 multiline depends on batch)"""
    return caps & VARIANT if caps & BATCH else caps & _OF_A_LINE


def messages(record: Record, world: World, caps: int) -> list[Message]:
    """Return a record as lines for a viewer with these capabilities: several for a message of several lines."""
    line = message(record, world, caps)
    if line is None:
        return []
    if isinstance(record.event, Posted) and record.event.joins is not None:
        knows = variant_of(caps) & MULTILINE
        return multiline.spread(line, record.event.joins, record.msgid if knows else "")
    return [line]


def message(record: Record, world: World, caps: int) -> Message | None:
    """Return a record as a line for a viewer with these capabilities; None when it shows nothing.

    The line of a message of several lines cannot be encoded: see `messages`.
    """
    word = _WORDS.get(type(record.event))
    if word is None:
        return None
    line: Message = word(record, record.event, world, caps)
    line.tags = _tags(record, world, caps)
    return line


def encoded(record: Record, world: World, caps: int) -> bytes:
    """Return a record as bytes for every viewer with these capabilities; b"" when it shows nothing."""
    line = message(record, world, caps)
    return b"" if line is None else encode(line)


class PostedLine:
    """A message, worded once; its tags are put before it once for each variant."""

    __slots__ = ("_account", "_body", "_client_tags", "_is_bot", "_record", "_variants")

    def __init__(self, record: Record, world: World) -> None:
        assert isinstance(record.event, Posted)
        self._record = record
        author = world.directory.accounts.get(record.event.account)
        self._account = "*" if author is None else author.name
        self._is_bot = author is not None and world.is_bot(author)
        self._client_tags = record.event.tags
        self._body = encode(_posted(record, record.event, world, 0))
        self._variants: dict[int, bytes] = {}

    def for_variant(self, variant: int) -> bytes:
        """Return the line with the tags of a variant: what `message` would give, for less."""
        variant &= _OF_A_LINE
        line = self._variants.get(variant)
        if line is None:
            line = self._variants[variant] = self._tags(variant) + self._body
        return line

    def _tags(self, variant: int) -> bytes:
        # Time, msgid and account name need no escaping, so only the clients' own tags are looked at.
        tags = []
        if variant & SERVER_TIME:
            tags.append(f"time={format_time(self._record.time)}")
        if variant & MESSAGE_TAGS:
            tags.append(f"msgid={self._record.msgid}")
        if variant & ACCOUNT_TAG:
            tags.append(f"account={self._account}")
        if variant & MESSAGE_TAGS and self._is_bot:
            tags.append("bot")
        if variant & MESSAGE_TAGS and self._client_tags:
            tags.append(encode_tags(self._client_tags)[1:-1].decode())
        return f"@{';'.join(tags)} ".encode() if tags else b""


class PostedLines:
    """A message of several lines, worded once for each variant."""

    __slots__ = ("_record", "_variants", "_world")

    def __init__(self, record: Record, world: World) -> None:
        self._record = record
        self._world = world
        self._variants: dict[int, bytes] = {}

    def for_variant(self, variant: int) -> bytes:
        """Return its lines for a variant."""
        variant &= VARIANT
        lines = self._variants.get(variant)
        if lines is None:
            # A variant has MULTILINE only where BATCH is too.
            words = messages(self._record, self._world, variant | BATCH)
            lines = self._variants[variant] = b"".join(map(encode, words))
        return lines


def _tags(record: Record, world: World, caps: int) -> dict[str, str]:
    tags: dict[str, str] = {}
    if caps & SERVER_TIME:
        tags["time"] = format_time(record.time)
    if caps & MESSAGE_TAGS:
        tags["msgid"] = record.msgid
    if caps & (ACCOUNT_TAG | MESSAGE_TAGS) and (actor := actor_of(record)):
        tags |= tags_of_account(world, actor, caps)
    if caps & MESSAGE_TAGS and isinstance(record.event, Posted | Reacted | Unreacted):
        tags |= record.event.tags
    return tags


def actor_of(record: Record) -> str:
    """Return the id of the account whose doing a record is, "" for the server's."""
    event: Any = record.event
    if isinstance(event, Renamed):
        return record.stream[2:]
    return str(getattr(event, "by", "") or ("" if isinstance(event, RoleSet) else getattr(event, "account", "")))


def _posted(record: Record, event: Posted, world: World, _caps: int) -> Message:
    if record.stream[0] == "c":
        target = _channel(record, world)
    else:
        target = world.directory.name_of(other_party(record.stream, event.account))
    line = Message(event.command, (target, event.text), world.userhost(event.account))
    is_short = len(event.text) <= SURELY_FITS or event.joins is not None
    return line if is_short else _fit(line, world.directory.name_of(event.account))


def _fit(line: Message, nick: str) -> Message:
    """Shorten a line that a rename made longer than lines can be: its source first, then its text, with a mark."""
    if len(encode(line)) <= MAX_REST:
        return line
    line.source = nick
    excess = len(encode(line)) - MAX_REST
    if excess > 0:
        target, text = line.params
        kept = text.encode()[: -excess - len(CUT.encode())].decode(errors="ignore")
        line.params = (target, kept + CUT)
    return line


def _channel(record: Record, world: World) -> str:
    return world.directory.name_of_channel(record.stream[2:])


def _source(account_id: str, world: World) -> str:
    return world.userhost(account_id) if account_id else world.server_name


def _joined(record: Record, event: Joined, world: World, caps: int) -> Message:
    more: tuple[str, ...] = ()
    if caps & EXTENDED_JOIN:
        channel, person = world.directory.channels.get(record.stream[2:]), world.account(event.account)
        is_member = channel is not None and person.id in channel.members
        # Who has left since is seen by those in the channel as by anybody.
        more = (person.name, world.real_name(person, person.id) if is_member else person.name)
    return Message("JOIN", (_channel(record, world), *more), _source(event.account, world))


def _left(record: Record, event: Left, world: World, _caps: int) -> Message:
    reason = (event.reason,) if event.reason else ()
    return Message("PART", (_channel(record, world), *reason), _source(event.account, world))


def _kicked(record: Record, event: Kicked, world: World, _caps: int) -> Message:
    victim, kicker = world.directory.name_of(event.account), world.directory.name_of(event.by)
    return Message("KICK", (_channel(record, world), victim, event.reason or kicker), _source(event.by, world))


def _invited(record: Record, event: Invited, world: World, _caps: int) -> Message:
    invitee = world.directory.name_of(event.account)
    return Message("INVITE", (invitee, _channel(record, world)), _source(event.by, world))


def _topic_set(record: Record, event: TopicSet, world: World, _caps: int) -> Message:
    return Message("TOPIC", (_channel(record, world), event.text), _source(event.by, world))


def _role_set(record: Record, event: RoleSet, world: World, _caps: int) -> Message:
    letters = (f"-{event.was}" if event.was else "") + (f"+{event.role}" if event.role else "")
    nicks = [world.directory.name_of(event.account)] * (bool(event.was) + bool(event.role))
    return Message("MODE", (_channel(record, world), letters, *nicks), _source(event.by, world))


def _mode_set(record: Record, event: ModeSet, world: World, _caps: int) -> Message:
    on, off, arguments = event.on, event.off, []
    if event.key:
        on += "k"
        arguments.append(event.key)
    if event.limit:
        on += "l"
        arguments.append(str(event.limit))
    if event.slow:
        on += "W"
        arguments.append(str(event.slow))
    if event.key == "":
        off += "k"
        arguments.append("*")
    if event.limit == 0:
        off += "l"
    if event.slow == 0:
        off += "W"
    letters = (f"+{on}" if on else "") + (f"-{off}" if off else "")
    return Message("MODE", (_channel(record, world), letters, *arguments), _source(event.by, world))


def _ban_set(record: Record, event: BanSet, world: World, _caps: int) -> Message:
    mask = show_mask(event.mask, world.directory)
    return Message("MODE", (_channel(record, world), f"+{event.kind}", mask), _source(event.by, world))


def _ban_lifted(record: Record, event: BanLifted, world: World, _caps: int) -> Message:
    mask = show_mask(event.mask, world.directory)
    return Message("MODE", (_channel(record, world), f"-{event.kind}", mask), _source(event.by, world))


def _channel_renamed(_record: Record, event: ChannelRenamed, world: World, _caps: int) -> Message:
    return Message("RENAME", (event.was, event.name, event.reason), _source(event.by, world))


def _renamed(_record: Record, event: Renamed, _world: World, _caps: int) -> Message:
    return Message("NICK", (event.name,), f"{event.was}!{event.was}@securechat")


def _redacted(record: Record, event: Redacted, world: World, _caps: int) -> Message:
    reason = (event.reason,) if event.reason else ()
    target = world.conversation_name(record.stream, event.by)
    return Message("REDACT", (target, event.msgid, *reason), world.userhost(event.by))


def _reacted(record: Record, event: Reacted | Unreacted, world: World, _caps: int) -> Message:
    return Message("TAGMSG", (world.conversation_name(record.stream, event.account),), world.userhost(event.account))


def _retention_set(record: Record, event: RetentionSet, world: World, _caps: int) -> Message:
    days = world.config.history.days if event.days is None else event.days
    kept = f"for {days} day{'s' * (days != 1)}" if days else "for ever"
    told = f"What is said here is kept {kept} from now on"
    return Message("NOTICE", (_channel(record, world), told), world.server_name)


_WORDS: dict[type, Callable[[Record, Any, World, int], Message]] = {
    Posted: _posted,
    Joined: _joined,
    Left: _left,
    Kicked: _kicked,
    Invited: _invited,
    TopicSet: _topic_set,
    RoleSet: _role_set,
    ModeSet: _mode_set,
    BanSet: _ban_set,
    BanLifted: _ban_lifted,
    RetentionSet: _retention_set,
    ChannelRenamed: _channel_renamed,
    Renamed: _renamed,
    Redacted: _redacted,
    Reacted: _reacted,
    Unreacted: _reacted,
}


def removal(record: Record, world: World, account_id: str, caps: int) -> Message:
    """Return the KICK by which a member is shown that its channel was dropped, for a viewer with these capabilities."""
    nick = world.directory.name_of(account_id)
    params = (_channel(record, world), nick, "The channel was removed")
    return Message("KICK", params, world.server_name, _tags(record, world, caps))


def tag_message(sent: TagsSent, world: World, caps: int) -> Message:
    """Return a TAGMSG for a viewer with these capabilities. (IRCv3 message-tags)

    Its msgid is for answering it (`+reply`); nothing keeps it, so no history knows it.
    """
    tags = {"msgid": sent.msgid, **tags_of_account(world, sent.account, caps)}
    if caps & SERVER_TIME:
        tags["time"] = format_time(sent.time)
    return Message("TAGMSG", (sent.target,), world.userhost(sent.account), tags | sent.tags)


def away_message(world: World, account_id: str, text: str | None, time: int, caps: int) -> Message:
    """Return an account's AWAY for a viewer with these capabilities; `time` in ms. (IRCv3 away-notify, account-tag)"""
    return person_message(world, account_id, "AWAY", () if text is None else (text,), time, caps)


def person_message(
    world: World, account_id: str, command: str, params: tuple[str, ...], time: int, caps: int
) -> Message:
    """Return what somebody says of itself as a line for a viewer with these capabilities; `time` in ms."""
    tags = tags_of_account(world, account_id, caps)
    if caps & SERVER_TIME:
        tags["time"] = format_time(time)
    return Message(command, params, world.userhost(account_id), tags)


def join_message(world: World, account_id: str, channel: str, caps: int) -> Message:
    """Return the JOIN by which a client is shown a channel that its account has been in for long."""
    person = world.account(account_id)
    more = (person.name, world.real_name(person, account_id)) if caps & EXTENDED_JOIN else ()
    return Message("JOIN", (channel, *more), world.userhost(account_id), tags_of_account(world, account_id, caps))


def tags_of_account(world: World, account_id: str, caps: int) -> dict[str, str]:
    """Return the tags that tell whose doing a line is. (IRCv3 account-tag, bot-mode)"""
    tags = {"account": world.directory.name_of(account_id)} if caps & ACCOUNT_TAG else {}
    account = world.directory.accounts.get(account_id)
    if caps & MESSAGE_TAGS and account is not None and world.is_bot(account):
        tags["bot"] = ""
    return tags
