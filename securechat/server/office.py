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
from securechat.errors import SecurechatError
from securechat.server.node import Node
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


Request: TypeAlias = UserAdd | UserList | Passwd | SetEnabled | TokenAdd | TokenList | TokenRevoke


class Office:
    """Carries out requests on one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._desks: dict[type, Callable[[Any], Awaitable[Result]]] = {
            UserAdd: self._user_add,
            UserList: self._user_list,
            Passwd: self._passwd,
            SetEnabled: self._set_enabled,
            TokenAdd: self._token_add,
            TokenList: self._token_list,
            TokenRevoke: self._token_revoke,
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
        ]

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


_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


async def answer_request(office: Office, line: bytes) -> bytes:
    """Carry out a request given as one line of JSON, and return the answer as one: `{"result": …}` or `{"error": …}`."""
    try:
        result = await office.perform(_decoder.decode(line))
    except (SecurechatError, msgspec.MsgspecError) as error:
        return msgspec.json.encode({"error": str(error)}) + b"\n"
    except Exception:
        log.exception("internal error in a control request")
        return msgspec.json.encode({"error": "internal error; the server's log says more"}) + b"\n"
    return msgspec.json.encode({"result": result}) + b"\n"
