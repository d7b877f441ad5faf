"""What the admin tool can ask for, over the control socket or in its own process: one struct for each errand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

Result: TypeAlias = Any
"""Anything JSON can hold."""
Answers: TypeAlias = dict[type, Callable[[Any], Awaitable[Result]]]
"""What carries out each kind of request."""
Perform: TypeAlias = Callable[[Any], Awaitable[Result]]
"""Carries out any of the requests below."""


class NewPerson(msgspec.Struct, forbid_unknown_fields=True):
    """A person to be added: with a password, or (empty) with what `generate` makes."""

    name: str
    password: str = ""


class UserAdd(msgspec.Struct, tag="user add", forbid_unknown_fields=True):
    """Add people, all or none. Who has no password gets a generated one, or with `tokens` a device token.

    label: what the device of such a token is called.
    """

    people: list[NewPerson]
    role: str = "member"
    tokens: bool = False
    label: str = "first device"


class UserList(msgspec.Struct, tag="user list", forbid_unknown_fields=True):
    """List all accounts."""


class NameFaults(msgspec.Struct, tag="name faults", forbid_unknown_fields=True):
    """Tell of each name why no account can be made with it, null where one can."""

    names: list[str]


class Passwd(msgspec.Struct, tag="passwd", forbid_unknown_fields=True):
    """Set a password; empty: generate one."""

    name: str
    password: str = ""


class SetEnabled(msgspec.Struct, tag="set enabled", forbid_unknown_fields=True):
    """Let an account sign in, or not."""

    name: str
    enabled: bool


class TokenAdd(msgspec.Struct, tag="token add", forbid_unknown_fields=True):
    """Give an account a device with a token."""

    name: str
    label: str


class TokenList(msgspec.Struct, tag="token list", forbid_unknown_fields=True):
    """List an account's devices."""

    name: str


class TokenRevoke(msgspec.Struct, tag="token revoke", forbid_unknown_fields=True):
    """Take a device's token away."""

    id: str


class UserRename(msgspec.Struct, tag="user rename", forbid_unknown_fields=True):
    """Give an account another name."""

    name: str
    new_name: str


class UserDelete(msgspec.Struct, tag="user delete", forbid_unknown_fields=True):
    """Delete an account for good; `erase`: and every text it wrote."""

    name: str
    erase: bool = False


class ChannelList(msgspec.Struct, tag="channel list", forbid_unknown_fields=True):
    """List all channels."""


class ChannelShow(msgspec.Struct, tag="channel show", forbid_unknown_fields=True):
    """Show a channel and its members."""

    name: str


class ChannelCreate(msgspec.Struct, tag="channel create", forbid_unknown_fields=True):
    """Make a channel."""

    name: str
    owner: str


class ChannelDrop(msgspec.Struct, tag="channel drop", forbid_unknown_fields=True):
    """Remove a channel with its members; nobody can read it any more."""

    name: str


class ChannelRole(msgspec.Struct, tag="channel role", forbid_unknown_fields=True):
    """Give a member of a channel a role: owner, operator, voice or member."""

    channel: str
    name: str
    role: str


class ChannelRetention(msgspec.Struct, tag="channel retention", forbid_unknown_fields=True):
    """Keep what is said in a channel for so many days, 0: for ever; null: as all channels are."""

    name: str
    days: int | None


class ChannelExport(msgspec.Struct, tag="channel export", forbid_unknown_fields=True):
    """Put on record that a channel is exported, and return the name of its stream."""

    name: str


class ServerStatus(msgspec.Struct, tag="server status", forbid_unknown_fields=True):
    """Tell of the running server where it listens, by which names, and its version; nothing where none runs."""


class ConfigReload(msgspec.Struct, tag="config reload", forbid_unknown_fields=True):
    """Read the settings and the certificate anew, as SIGHUP does, and tell what changed."""


class Invite(msgspec.Struct, tag="invite", forbid_unknown_fields=True):
    """Make an invitation; `name`: for an account of that name only."""

    role: str = "member"
    channels: list[str] = []
    hours: float = 72
    uses: int = 1
    name: str = ""


class InviteAll(msgspec.Struct, tag="invite all", forbid_unknown_fields=True):
    """Make an invitation for each of some names, all or none."""

    names: list[str]
    role: str = "member"
    channels: list[str] = []
    hours: float = 72


class UserReset(msgspec.Struct, tag="user reset", forbid_unknown_fields=True):
    """Make an invitation by which an account gets a new password, or a first device, and loses all that it had."""

    name: str
    hours: float = 24


class InvitationList(msgspec.Struct, tag="invitation list", forbid_unknown_fields=True):
    """List the invitations that can be used."""


class InvitationRevoke(msgspec.Struct, tag="invitation revoke", forbid_unknown_fields=True):
    """Take an invitation back."""

    id: str


class Where(msgspec.Struct, tag="where", forbid_unknown_fields=True):
    """Tell by which names and port the running server is found, and whether our own CA vouches for it; null without one."""


class UserRole(msgspec.Struct, tag="user role", forbid_unknown_fields=True):
    """Give an account another role: member, admin or bot."""

    name: str
    role: str


class AuditList(msgspec.Struct, tag="audit list", forbid_unknown_fields=True):
    """List the newest records of the audit trail; since: only what happened then or later (ms since 1970)."""

    limit: int
    since: int = 0


class BackupTaken(msgspec.Struct, tag="backup taken", forbid_unknown_fields=True):
    """Record that somebody has backed everything up into this file."""

    file: str


class AuditVerify(msgspec.Struct, tag="audit verify", forbid_unknown_fields=True):
    """Go over the whole audit trail; head: what was kept of it elsewhere, as SEQ:HASH, or empty."""

    head: str = ""


class CertificateSubject(msgspec.Struct, tag="certificate subject", forbid_unknown_fields=True):
    """Tell which account a certificate for somebody names: its id, and its name as it is written."""

    name: str


class CertificateIssue(msgspec.Struct, tag="certificate issue", forbid_unknown_fields=True):
    """Put on record that a client certificate was made for an account (id); expires: ms since 1970."""

    serial: str
    account: str
    label: str
    expires: int


class CertificateList(msgspec.Struct, tag="certificate list", forbid_unknown_fields=True):
    """List the client certificates on record, and those revoked that are not."""


class CertificateRevoke(msgspec.Struct, tag="certificate revoke", forbid_unknown_fields=True):
    """Have a client certificate open nothing any more; foreign: even one that is not on record."""

    serial: str
    foreign: bool = False


Request: TypeAlias = (
    AuditList | AuditVerify | BackupTaken
    | CertificateSubject | CertificateIssue | CertificateList | CertificateRevoke
    | Invite | InviteAll | UserReset | InvitationList | InvitationRevoke | UserRole | Where
    | UserAdd | UserList | NameFaults | UserRename | UserDelete | Passwd | SetEnabled | TokenAdd | TokenList | TokenRevoke
    | ServerStatus | ConfigReload | ChannelList | ChannelShow | ChannelCreate | ChannelDrop | ChannelRole
    | ChannelRetention | ChannelExport
)  # fmt: skip
