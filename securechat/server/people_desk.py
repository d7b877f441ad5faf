"""Administrative errands about people: their accounts, passwords and tokens."""

from __future__ import annotations

import asyncio

from securechat.auth.tokens import create_password, create_token, digest_token
from securechat.chat import administration
from securechat.chat.administration import Impossible, NewAccount
from securechat.chat.effects import Append
from securechat.chat.world import World
from securechat.server.auditing import recorded
from securechat.server.node import Node
from securechat.server.requests import (
    Answers,
    NameFaults,
    NewPerson,
    Passwd,
    Result,
    SetEnabled,
    TokenAdd,
    TokenList,
    TokenRevoke,
    UserAdd,
    UserDelete,
    UserList,
    UserRename,
)
from securechat.wire.times import format_time

HASHED_AT_ONCE = 8
"""Passwords of one list of people that wait to be hashed: the queue is also that of everybody who signs in."""


class PeopleDesk:
    """Carries out what is asked about people."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def answers(self) -> Answers:
        """Return what answers each kind of request."""
        return {
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
        }

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
        names = " ".join(account.name for account in accounts)
        detail = f"as {request.role}" + (", with tokens" if request.tokens else "")
        await self._node.append(
            lambda: recorded(administration.add_accounts(world, accounts), "user add", names, detail)
        )
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
        await self._node.append(
            lambda: recorded(
                administration.rename_account(world, request.name, request.new_name),
                *("user rename", was, f"to {request.new_name}"),
            )
        )
        return {"name": request.new_name, "was": was}

    async def _user_delete(self, request: UserDelete) -> Result:
        world = self._node.world
        account = administration.find_account(world, request.name)
        name = account.name

        def build() -> Append | None:
            account = administration.find_account(world, request.name)
            deletion = administration.delete_account(world, account, erase=request.erase)
            return recorded(deletion, "user delete", name, "and erase" if request.erase else "")

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
        await self._node.append(
            lambda: recorded(administration.set_password(world, request.name, verifier), "user passwd", account.name)
        )
        self._node.verification.guard.throttle.forgive(account.id)
        return {"name": account.name, "secret": "" if request.password else secret}

    async def _set_enabled(self, request: SetEnabled) -> Result:
        world = self._node.world
        name = administration.find_account(world, request.name).name
        act = "user enable" if request.enabled else "user disable"
        await self._node.append(
            lambda: recorded(administration.set_enabled(world, request.name, request.enabled), act, name)
        )
        return {"name": name, "enabled": request.enabled}

    async def _token_add(self, request: TokenAdd) -> Result:
        world = self._node.world
        token, device_id = create_token(), world.new_id()
        digest = digest_token(token)
        await self._node.append(
            lambda: recorded(
                administration.add_device(world, request.name, request.label, device_id, digest),
                *("token add", request.name, f"{device_id} {request.label}"),
            )
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
        await self._node.append(
            lambda: recorded(
                administration.revoke_device(world, request.id), "token revoke", *_device(world, request.id)
            )
        )
        return {"id": request.id}


def _device(world: World, device_id: str) -> tuple[str, str]:
    """Return whose device that is, and which, for the audit trail."""
    for account in world.directory.accounts.values():
        if device_id in account.devices:
            return account.name, f"{device_id} {account.devices[device_id].label}"
    return "", device_id
