"""What the admin tool can ask for, over the control socket or in its own process: one struct for each errand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

Result: TypeAlias = Any
"""Anything JSON can hold."""
Answers: TypeAlias = dict[type, Callable[[Any], Awaitable[Result]]]
"""What carries out each kind of request."""


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


class ConfigReload(msgspec.Struct, tag="config reload", forbid_unknown_fields=True):
    """Read the settings and the certificate anew, as SIGHUP does, and tell what changed."""


Request: TypeAlias = (
    UserAdd | UserList | NameFaults | UserRename | UserDelete | Passwd | SetEnabled | TokenAdd | TokenList | TokenRevoke
    | ConfigReload | ChannelList | ChannelShow | ChannelCreate | ChannelDrop | ChannelRole
)  # fmt: skip
