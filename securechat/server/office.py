"""Administrative errands on a node: what the admin tool asks for, over the control socket or in its own process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec
import structlog

from securechat.auth.tokens import create_password, create_token, digest_token
from securechat.chat import administration
from securechat.chat.administration import Impossible, NewAccount
from securechat.chat.effects import Append
from securechat.chat.events import channel_stream
from securechat.chat.export import ROLE_NAMES
from securechat.chat.ports import ChannelState
from securechat.errors import SecurechatError
from securechat.server.node import Node
from securechat.wire.names import fold
from securechat.wire.times import format_time

log = structlog.get_logger()

HASHED_AT_ONCE = 8
"""Passwords of one list of people that wait to be hashed: the queue is also that of everybody who signs in."""

Result: TypeAlias = Any
"""Anything JSON can hold."""


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


Request: TypeAlias = (
    UserAdd | UserList | NameFaults | UserRename | UserDelete | Passwd | SetEnabled | TokenAdd | TokenList | TokenRevoke
    | ChannelList | ChannelShow | ChannelCreate | ChannelDrop | ChannelRole
)  # fmt: skip


class Office:
    """Carries out requests on one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._desks: dict[type, Callable[[Any], Awaitable[Result]]] = {
            UserAdd: self._user_add,
            UserList: self._user_list,
            NameFaults: self._name_faults,
            UserRename: self._user_rename,
            UserDelete: self._user_delete,
            Passwd: self._passwd,
            SetEnabled: self._set_enabled,
            TokenAdd: self._token_add,
            TokenList: self._token_list,
            TokenRevoke: self._token_revoke,
            ChannelList: self._channel_list,
            ChannelShow: self._channel_show,
            ChannelCreate: self._channel_create,
            ChannelDrop: self._channel_drop,
            ChannelRole: self._channel_role,
        }

    async def perform(self, request: Request) -> Result:
        """Carry out a request.

        Raises: SecurechatError with a text for the administrator.
        """
        return await self._desks[type(request)](request)

    async def _user_add(self, request: UserAdd) -> Result:
        world = self._node.world
        if not request.people:
            raise Impossible("there is nobody to add")
        for person in request.people:
            fault = administration.fault_of_name(world, person.name)
            if fault is None and person.password:
                fault = world.fault_of_password(person.password, person.name)
            if fault is not None:
                raise Impossible(fault)
        turns = asyncio.Semaphore(HASHED_AT_ONCE)
        made = await asyncio.gather(*(self._make(person, request, turns) for person in request.people))
        accounts = [account for account, _ in made]
        await self._node.append(lambda: administration.add_accounts(world, accounts))
        return [{"name": account.name, "secret": secret} for account, secret in made]

    async def _make(self, person: NewPerson, request: UserAdd, turns: asyncio.Semaphore) -> tuple[NewAccount, str]:
        """Return an account to be made, and the secret to hand out where its owner did not choose it."""
        if request.tokens and not person.password:
            token = create_token()
            account = NewAccount(person.name, request.role, device_label=request.label, digest=digest_token(token))
            return account, token
        secret = person.password or create_password()
        async with turns:
            verifier = await self._node.passwords.hash(secret)
        return NewAccount(person.name, request.role, verifier), "" if person.password else secret

    async def _user_list(self, _request: UserList) -> Result:
        world = self._node.world
        return [
            {
                "name": account.name,
                "role": account.role,
                "enabled": account.enabled,
                "devices": len(account.devices),
                "connected": world.presence.is_connected(account.id),
                "created": format_time(account.created),
            }
            for account in sorted(world.directory.accounts.values(), key=lambda account: account.name.lower())
            if not account.deleted
        ]

    async def _name_faults(self, request: NameFaults) -> Result:
        return [administration.fault_of_name(self._node.world, name) for name in request.names]

    async def _user_rename(self, request: UserRename) -> Result:
        world = self._node.world
        was = administration.find_account(world, request.name).name
        await self._node.append(lambda: administration.rename_account(world, request.name, request.new_name))
        return {"name": request.new_name, "was": was}

    async def _user_delete(self, request: UserDelete) -> Result:
        world = self._node.world
        account = administration.find_account(world, request.name)
        name = account.name

        def build() -> Append:
            return administration.delete_account(
                world, administration.find_account(world, request.name), erase=request.erase
            )

        await self._node.append(build)
        return {"name": name, "shown_as": account.name, "erased": request.erase}

    async def _passwd(self, request: Passwd) -> Result:
        world = self._node.world
        account = administration.find_account(world, request.name)
        secret = request.password or create_password()
        fault = world.fault_of_password(secret, account.name)
        if fault is not None:
            raise Impossible(fault)
        verifier = await self._node.passwords.hash(secret)
        await self._node.append(lambda: administration.set_password(world, request.name, verifier))
        return {"name": account.name, "secret": "" if request.password else secret}

    async def _set_enabled(self, request: SetEnabled) -> Result:
        world = self._node.world
        await self._node.append(lambda: administration.set_enabled(world, request.name, request.enabled))
        return {"name": administration.find_account(world, request.name).name, "enabled": request.enabled}

    async def _token_add(self, request: TokenAdd) -> Result:
        world = self._node.world
        token, device_id = create_token(), world.new_id()
        digest = digest_token(token)
        await self._node.append(
            lambda: administration.add_device(world, request.name, request.label, device_id, digest)
        )
        return {"id": device_id, "label": request.label, "secret": token}

    async def _token_list(self, request: TokenList) -> Result:
        account = administration.find_account(self._node.world, request.name)
        return [
            {"id": device.id, "label": device.label, "created": format_time(device.created)}
            for device in account.devices.values()
        ]

    async def _token_revoke(self, request: TokenRevoke) -> Result:
        world = self._node.world
        await self._node.append(lambda: administration.revoke_device(world, request.id))
        return {"id": request.id}

    # ── channels ──

    async def _channel_list(self, _request: ChannelList) -> Result:
        channels = sorted(self._node.world.directory.channels.values(), key=lambda channel: fold(channel.name))
        counts = await self._node.history.count_messages([channel_stream(channel.id) for channel in channels])
        return [_row_of(channel, messages) for channel, messages in zip(channels, counts, strict=True)]

    async def _channel_show(self, request: ChannelShow) -> Result:
        world = self._node.world
        channel = administration.find_channel(world, request.name)
        (messages,) = await self._node.history.count_messages([channel_stream(channel.id)])
        people = [
            {"name": world.directory.name_of(account), "role": ROLE_NAMES[member.role]}
            for account, member in channel.members.items()
        ]
        return {**_row_of(channel, messages), "people": people}

    async def _channel_create(self, request: ChannelCreate) -> Result:
        world = self._node.world
        await self._node.append(lambda: administration.create_channel(world, request.name, request.owner))
        return {"name": request.name, "owner": administration.find_account(world, request.owner).name}

    async def _channel_drop(self, request: ChannelDrop) -> Result:
        world = self._node.world
        name = administration.find_channel(world, request.name).name
        await self._node.append(lambda: administration.drop_channel(world, request.name))
        return {"name": name}

    async def _channel_role(self, request: ChannelRole) -> Result:
        world = self._node.world
        await self._node.append(lambda: administration.set_role(world, request.channel, request.name, request.role))
        return {
            "channel": administration.find_channel(world, request.channel).name,
            "name": administration.find_account(world, request.name).name,
            "role": request.role,
        }


def _row_of(channel: ChannelState, messages: int) -> Result:
    return {
        "name": channel.name,
        "members": len(channel.members),
        "messages": messages,
        "topic": channel.topic,
        "modes": channel.modes + "k" * bool(channel.key) + "l" * bool(channel.limit) + "W" * bool(channel.slow),
        "created": format_time(channel.created),
    }


_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


async def answer_request(office: Office, line: bytes) -> bytes:
    """Carry out a request given as one line of JSON, and return the answer as one: `{"result": …}` or `{"error": …}`."""
    try:
        result = await office.perform(_decoder.decode(line))
    except SecurechatError as error:
        return msgspec.json.encode({"error": str(error)}) + b"\n"
    except msgspec.MsgspecError as error:
        text = f"the server does not understand this ({error}); restart it if it is older than the admin tool"
        return msgspec.json.encode({"error": text}) + b"\n"
    except Exception:
        log.exception("internal error in a control request")
        return msgspec.json.encode({"error": "internal error; the server's log says more"}) + b"\n"
    return msgspec.json.encode({"result": result}) + b"\n"
