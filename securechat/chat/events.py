"""What happens and is worth keeping: events, and records, an event in its place.

An event whose `restricts` is true takes a right away from somebody: it raises the epoch of its stream, so that whatever
was judged before it is judged again (see `ports.Submission`). Gaining a right never does.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import msgspec

from securechat.chat.event import Event
from securechat.chat.server_events import (
    Administered,
    CertificateIssued,
    CertificateRevoked,
    InvitationMade,
    InvitationRevoked,
    InvitationUsed,
    SignInRejected,
)
from securechat.chat.streams import StreamId

OWNER, OPERATOR, VOICE, PLAIN = "q", "o", "v", ""
ROLE_RANK = {PLAIN: 0, VOICE: 1, OPERATOR: 2, OWNER: 3}
KEEP_NO_DEVICE, KEEP_ALL_DEVICES = "", "*"


# ── conversations ────────────────────────────────────────────────────────────────────────────────────────────────


class Posted(Event, frozen=True):
    """A message; `tags` are the client-only ones, `joins` where a line goes on with the one before; None: all is one line."""

    account: str
    command: str
    text: str
    tags: dict[str, str] = {}
    joins: tuple[int, ...] | None = None


class Erased(Event, frozen=True):
    """What is left of a message or reaction that was redacted, or erased with its author; never appended."""

    account: str


class Redacted(Event, frozen=True):
    """What was said with this msgid, in the same conversation, is taken back. (IRCv3 message-redaction)"""

    msgid: str
    by: str
    reason: str = ""


class Reacted(Event, frozen=True):
    """Somebody reacted to a message of the same conversation. (IRCv3 react)

    msgid: of the message. tags: the client-only tags that said so, the reaction among them.
    """

    account: str
    msgid: str
    reaction: str
    tags: dict[str, str] = {}


class Unreacted(Event, frozen=True):
    """Somebody took a reaction back; the fields are those of `Reacted`."""

    account: str
    msgid: str
    reaction: str
    tags: dict[str, str] = {}


# ── channels ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Created(Event, frozen=True):
    """A channel came to be; the first event of its stream. `modes` are the flags it begins with."""

    name: str
    account: str
    modes: str = "nt"


class Dropped(Event, frozen=True):
    """The channel is gone and its name is free; `forced`: whoever was in it and whatever was said there."""

    forced: bool = False

    @property
    def restricts(self) -> bool:
        """Nobody may post into it any more."""
        return True


class ChannelRenamed(Event, frozen=True):
    """The channel has another name; `was` stays its own among its last names. (IRCv3 channel-rename)"""

    name: str
    was: str
    by: str
    reason: str = ""

    @property
    def restricts(self) -> bool:
        """What was judged on the old name is judged again: nothing can be sent to it."""
        return True


class Joined(Event, frozen=True):
    """An account became a member; `role` is what it holds from now on."""

    account: str
    role: str = PLAIN


class Left(Event, frozen=True):
    """A member left; `role` is what it held, and holds again when it returns."""

    account: str
    reason: str = ""
    role: str = PLAIN

    @property
    def restricts(self) -> bool:
        """An owner's leaving must be seen by whoever else judges who inherits."""
        return self.role == OWNER


class Kicked(Event, frozen=True):
    """A member was removed and lost its role, which was `role`."""

    account: str
    by: str
    reason: str = ""
    role: str = PLAIN

    @property
    def restricts(self) -> bool:
        """The kicked may not post any more."""
        return True


class Invited(Event, frozen=True):
    """An account may join although the channel is invite-only; used up by joining."""

    account: str
    by: str


class TopicSet(Event, frozen=True):
    """The topic was set (empty: cleared)."""

    by: str
    text: str


class RoleSet(Event, frozen=True):
    """A member's role changed from `was` to `role`; `by` is empty when the server's rules did it."""

    account: str
    role: str
    was: str
    by: str = ""

    @property
    def restricts(self) -> bool:
        """A lowered role takes rights away."""
        return ROLE_RANK[self.role] < ROLE_RANK[self.was]


class ModeSet(Event, frozen=True):
    """Channel modes changed: flags switched on and off, and where not None the key ("": none) and limit (0: none).

    slow: seconds that a member waits between two messages, 0: no longer.
    """

    by: str
    on: str = ""
    off: str = ""
    key: str | None = None
    limit: int | None = None
    slow: int | None = None

    @property
    def restricts(self) -> bool:
        """Any flag, key, limit or wait that is set keeps somebody out or silent."""
        return bool(self.on or self.key or self.limit or self.slow)


class BanSet(Event, frozen=True):
    """A mask was put into the list `kind`: bans (b), exceptions from them (e), or who needs no invitation (I).

    mask: as `chat.bans` writes it. until: when the server takes it out again (ms since 1970), 0: never.
    """

    by: str
    mask: str
    kind: str = "b"
    until: int = 0

    @property
    def restricts(self) -> bool:
        """Whoever a ban matches is silent from here on."""
        return self.kind == "b"


class BanLifted(Event, frozen=True):
    """A mask was taken out of the list `kind`; `by` is empty when its time was over."""

    by: str
    mask: str
    kind: str = "b"

    @property
    def restricts(self) -> bool:
        """Whoever was excepted no longer is."""
        return self.kind != "b"


class RetentionSet(Event, frozen=True):
    """What is said in the channel is kept for so many days from now on, 0: for ever; None: as all channels are."""

    days: int | None = None


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Registered(Event, frozen=True):
    """An account came to be; the first event of its stream. `verifier` is the argon2id hash, empty for none."""

    secret_fields: ClassVar[tuple[str, ...]] = ("verifier",)

    name: str
    role: str = "member"
    verifier: str = ""


class PasswordSet(Event, frozen=True):
    """The password changed; devices other than `kept` (an id, or KEEP_ALL_DEVICES) are revoked with it."""

    secret_fields: ClassVar[tuple[str, ...]] = ("verifier",)

    verifier: str = ""
    kept: str = KEEP_NO_DEVICE

    @property
    def restricts(self) -> bool:
        """The old password opens nothing any more."""
        return True


class PasswordRehashed(Event, frozen=True):
    """The same password under new hash parameters: nobody loses anything."""

    secret_fields: ClassVar[tuple[str, ...]] = ("verifier",)

    verifier: str = ""


class DeviceAdded(Event, frozen=True):
    """A device got a token; `digest` is the token's SHA-256 (hex), which cannot be turned back into 256 random bits."""

    device: str
    label: str
    digest: str


class DeviceRevoked(Event, frozen=True):
    """A device's token opens nothing any more."""

    device: str

    @property
    def restricts(self) -> bool:
        """The token's holder loses the account."""
        return True


class Disabled(Event, frozen=True):
    """The account may not sign in."""

    @property
    def restricts(self) -> bool:
        """Its connections end."""
        return True


class Enabled(Event, frozen=True):
    """The account may sign in again."""


class Renamed(Event, frozen=True):
    """The account has another name; nobody else can ever take the one that it had, which is `was`."""

    name: str
    was: str

    @property
    def restricts(self) -> bool:
        """The old name opens nothing any more, and nothing can be sent to it."""
        return True


class RoleChanged(Event, frozen=True):
    """The account has another role on the server, which was `was`; `by` as in `Administered`."""

    role: str
    was: str
    by: str = ""

    @property
    def restricts(self) -> bool:
        """Who is no administrator any more has fewer rights."""
        return self.was == "admin"


class Deleted(Event, frozen=True):
    """The account is gone for good, the last event of its stream; with `erase` what it wrote is gone too."""

    erase: bool = False

    @property
    def restricts(self) -> bool:
        """Nobody signs in as it, and nobody writes to it."""
        return True


class Ignored(Event, frozen=True):
    """From here on the account is not told what another one, `account`, says to it directly."""

    account: str


class Unignored(Event, frozen=True):
    """The account is told again what another one, `account`, says to it; what was said in between stays untold."""

    account: str


class MetadataSet(Event, frozen=True):
    """The account says something of itself, or (empty) no longer. (IRCv3 metadata)"""

    key: str
    value: str = ""


AnyEvent: TypeAlias = (
    Posted | Erased | Redacted | Reacted | Unreacted
    | Created | Dropped | ChannelRenamed | Joined | Left | Kicked | Invited | TopicSet | RoleSet | ModeSet | BanSet | BanLifted
    | RetentionSet
    | Registered | PasswordSet | PasswordRehashed | DeviceAdded | DeviceRevoked | Disabled | Enabled
    | Renamed | RoleChanged | Deleted | Ignored | Unignored | MetadataSet
    | Administered | SignInRejected | InvitationMade | InvitationRevoked | InvitationUsed
    | CertificateIssued | CertificateRevoked
)  # fmt: skip


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyEvent)


def encode_event(event: Event) -> bytes:
    """Return an event as JSON for the history, its secret fields left out."""
    if event.secret_fields:
        event = msgspec.structs.replace(event, **dict.fromkeys(event.secret_fields, ""))
    return _encoder.encode(event)


def decode_event(body: bytes | str) -> AnyEvent:
    """Return the event that `encode_event` wrote.

    Raises: msgspec.ValidationError for anything else.
    """
    event: AnyEvent = _decoder.decode(body)
    return event


class Record(msgspec.Struct, frozen=True):
    """An event in its place: `seq` is dense from 1 in `stream`, `time` (ms since 1970) never runs backwards there."""

    stream: StreamId
    seq: int
    msgid: str
    time: int
    event: AnyEvent
