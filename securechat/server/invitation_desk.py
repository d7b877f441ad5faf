"""Administrative errands about invitations, and about the roles that they and administrators give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from securechat.auth.invites import create_code, digest_code
from securechat.chat import administration, inviting
from securechat.chat.effects import Append
from securechat.chat.invitations import InvitationState
from securechat.chat.inviting import Draft
from securechat.server.auditing import current_asker, recorded
from securechat.server.node import Node
from securechat.server.requests import (
    Answers,
    InvitationList,
    InvitationRevoke,
    Invite,
    InviteAll,
    Result,
    UserReset,
    UserRole,
    Where,
)
from securechat.wire.times import format_time


class InvitationDesk:
    """Carries out what is asked about invitations."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def answers(self) -> Answers:
        """Return what answers each kind of request."""
        return {
            Invite: self._invite,
            InviteAll: self._invite_all,
            UserReset: self._user_reset,
            InvitationList: self._invitation_list,
            InvitationRevoke: self._invitation_revoke,
            UserRole: self._user_role,
            Where: self._where,
        }

    async def _invite(self, request: Invite) -> Result:
        code, draft = self._draft(
            request.hours, role=request.role, channels=tuple(request.channels), uses=request.uses, name=request.name
        )
        await self._append(lambda by: inviting.make_invitations(self._node.world, [draft], by))
        return self._made(code, draft)

    async def _invite_all(self, request: InviteAll) -> Result:
        channels = tuple(request.channels)
        made = [self._draft(request.hours, role=request.role, channels=channels, name=name) for name in request.names]
        drafts = [draft for _, draft in made]
        await self._append(lambda by: inviting.make_invitations(self._node.world, drafts, by))
        return [self._made(code, draft) for code, draft in made]

    async def _user_reset(self, request: UserReset) -> Result:
        world = self._node.world
        code, draft = self._draft(request.hours)
        await self._append(lambda by: inviting.make_reset(world, draft, request.name, by))
        return {**self._made(code, draft), "name": administration.find_account(world, request.name).name}

    async def _invitation_list(self, _request: InvitationList) -> Result:
        return [self._row_of(invitation) for invitation in inviting.open_invitations(self._node.world)]

    async def _invitation_revoke(self, request: InvitationRevoke) -> Result:
        await self._append(lambda by: inviting.revoke_invitation(self._node.world, request.id, by))
        return {"id": request.id}

    async def _user_role(self, request: UserRole) -> Result:
        world = self._node.world
        was = administration.find_account(world, request.name).role
        name = administration.find_account(world, request.name).name
        await self._append(
            lambda by: recorded(
                administration.change_role(world, request.name, request.role, by), "user role", name, request.role
            )
        )
        return {"name": administration.find_account(world, request.name).name, "role": request.role, "was": was}

    async def _where(self, _request: Where) -> Result:
        where = self._node.whereabouts
        return None if where is None else {"names": where.names, "port": where.port, "ca": where.ca}

    async def _append(self, build: Callable[[str], Append | None]) -> None:
        by = current_asker()
        await self._node.append(lambda: build(by))

    def _draft(self, hours: float, **wishes: Any) -> tuple[str, Draft]:
        """Return the token of a new invitation, which is told once, and what is kept of it."""
        code = create_code()
        return code, Draft(self._node.world.new_id(), digest_code(code), hours, **wishes)

    def _made(self, code: str, draft: Draft) -> dict[str, Any]:
        """Return what an administrator is told."""
        invitation = self._node.world.directory.server.invitations[draft.digest]
        return {
            "id": draft.id,
            "token": code,
            "name": draft.name,
            "role": draft.role,
            "channels": list(draft.channels),
            "uses": draft.uses,
            "expires": format_time(invitation.expires),
        }

    def _row_of(self, invitation: InvitationState) -> dict[str, Any]:
        directory = self._node.world.directory
        return {
            "id": invitation.id,
            "for": directory.name_of(invitation.account) if invitation.account else invitation.name,
            "resets": bool(invitation.account),
            "role": invitation.role,
            "channels": list(invitation.channels),
            "uses_left": invitation.uses_left,
            "created": format_time(invitation.created),
            "expires": format_time(invitation.expires),
            "by": invitation.by if invitation.by.startswith("local:") else directory.name_of(invitation.by),
        }
