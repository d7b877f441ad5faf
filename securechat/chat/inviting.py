"""Invitations made, revoked and redeemed: what may be done with them, as appends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from securechat.chat import administration
from securechat.chat.administration import ROLES, Impossible, NewAccount
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Entry
from securechat.chat.events import DeviceAdded, PasswordSet
from securechat.chat.invitations import InvitationState
from securechat.chat.ports import AccountState
from securechat.chat.server_events import InvitationMade, InvitationRevoked, InvitationUsed
from securechat.chat.streams import SERVER, account_stream
from securechat.chat.world import World
from securechat.wire.capabilities import ACCOUNT_REGISTRATION_NAME
from securechat.wire.names import fold, is_channel_name, skeleton

MOST_OPEN: Final = 10_000
"""Invitations that can be open at the same time."""
MOST_USES: Final = 10_000
"""Of one invitation."""
MOST_CHANNELS: Final = 20
"""Of one invitation, besides the default ones."""
LONGEST_HOURS: Final = 366 * 24
HOUR: Final = 3600 * 1000
FIRST_DEVICE: Final = "first device"
"""What a device is called that came with an invitation."""


class Draft(msgspec.Struct, frozen=True):
    """An invitation to be made.

    digest: SHA-256 of its token (hex). hours: how long it can be used. name: the only one it makes an account of.
    """

    id: str
    digest: str
    hours: float
    role: str = "member"
    channels: tuple[str, ...] = ()
    uses: int = 1
    name: str = ""


class Newcomer(msgspec.Struct, frozen=True):
    """Whom a redeemed invitation lets in: an account by id, and the id of the device it has a token for, if any."""

    account: str
    device: str = ""


def registration_is_open(world: World) -> bool:
    """Tell whether REGISTER is taken: while any invitation can be used."""
    return world.offer.value_of(ACCOUNT_REGISTRATION_NAME) is not None


def open_invitations(world: World) -> list[InvitationState]:
    """Return the invitations that can be used, the oldest first."""
    now = world.clock()
    usable = (each for each in world.directory.server.invitations.values() if each.expires > now)
    return sorted(usable, key=lambda each: each.created)


def find_invitation(world: World, digest: str) -> InvitationState | None:
    """Return the invitation whose token has this SHA-256 (hex), if it can be used."""
    invitation = world.directory.server.invitations.get(digest)
    if invitation is None or invitation.expires <= world.clock():
        return None
    if invitation.account and world.account(invitation.account).deleted:
        return None
    return invitation


# ── by administrators ──


def make_invitations(world: World, drafts: Sequence[Draft], by: str) -> Append:
    """Make invitations, all or none; `by` as in `InvitationMade`.

    Raises: Impossible, naming the first that cannot be made.
    """
    if not drafts:
        raise Impossible("there is nobody to invite")
    _require_room(world, len(drafts))
    seen: dict[str, str] = {}
    for draft in drafts:
        fault = _fault_of(world, draft)
        twin = seen.get(skeleton(draft.name)) if draft.name else None
        if fault is None and twin is not None:
            fault = f"{draft.name!r} could be mistaken for {twin!r}, which is in the same list"
        if fault is not None:
            raise Impossible(fault)
        seen[skeleton(draft.name)] = draft.name
    return Append(tuple(_entry(world, draft, by) for draft in drafts))


def make_reset(world: World, draft: Draft, name: str, by: str) -> Append:
    """Make the invitation by which an account gets new secrets; it replaces one that was made before.

    Raises: Impossible.
    """
    account = administration.find_account(world, name)
    _require_room(world, 1)
    fault = _fault_of(world, draft)
    if fault is not None:
        raise Impossible(fault)
    return Append((_entry(world, draft, by, account.id),), expects=(epoch_of(account),))


def revoke_invitation(world: World, invitation_id: str, by: str) -> Append:
    """Take an invitation back.

    Raises: Impossible.
    """
    if world.directory.server.invitations.with_id(invitation_id) is None:
        raise Impossible(f"there is no open invitation {invitation_id!r}; `invites list` shows them")
    return Append((Entry(SERVER, InvitationRevoked(invitation_id, by)),))


def _require_room(world: World, count: int) -> None:
    if len(open_invitations(world)) + count > MOST_OPEN:
        raise Impossible(f"at most {MOST_OPEN} invitations can be open at once; revoke some with `invites revoke`")


def _fault_of(world: World, draft: Draft) -> str | None:
    if draft.role not in ROLES:
        return f"{draft.role!r} is no role; use {', '.join(ROLES)}"
    if not 0 < draft.hours <= LONGEST_HOURS:
        return "an invitation can be used for more than no time and at most a year"
    if not 1 <= draft.uses <= MOST_USES:
        return f"an invitation has 1 to {MOST_USES} uses"
    if draft.name and draft.uses != 1:
        return "an invitation for one name can be used once"
    if len(draft.channels) > MOST_CHANNELS:
        return f"an invitation has at most {MOST_CHANNELS} channels"
    for channel in draft.channels:
        if not is_channel_name(channel):
            return f"{channel!r} cannot be a channel: # and up to 63 bytes without spaces, commas or controls"
    return administration.fault_of_name(world, draft.name) if draft.name else None


def _entry(world: World, draft: Draft, by: str, account: str = "") -> Entry:
    expires = world.clock() + int(draft.hours * HOUR)
    made = InvitationMade(
        draft.id, draft.digest, draft.role, draft.channels, draft.uses, expires, draft.name, account, by
    )
    return Entry(SERVER, made)


# ── by whoever was invited ──


def obstacle_to_redeeming(world: World, invitation: InvitationState, name: str) -> tuple[str, ...] | None:
    """Return why an invitation cannot be redeemed under a name: code, context and text of a FAIL; None when it can be."""
    fixed = world.account(invitation.account).name if invitation.account else invitation.name
    if fixed and fold(name) != fold(fixed):
        return "NAME_FIXED", name, fixed, f"This invitation is for {fixed}"
    if invitation.account:
        is_enabled = world.account(invitation.account).enabled
        return None if is_enabled else ("TEMPORARILY_UNAVAILABLE", name, "This account is disabled")
    if world.directory.account_resembling(name) is not None:
        return "ACCOUNT_EXISTS", name, "This name is taken, or too like one that is; choose another"
    return None


def redeem_invitation(
    world: World, invitation: InvitationState, name: str, verifier: str, digest: str
) -> tuple[Append, Newcomer]:
    """Make the account, or give it new secrets, all or nothing; nothing may stand in the way.

    verifier: of the password, or empty; then digest is that of the first device's token.
    """
    if invitation.account:
        append, newcomer = _reset(world, world.account(invitation.account), verifier, digest)
    else:
        append, newcomer = _admit(world, invitation, name, verifier, digest)
    used = Entry(SERVER, InvitationUsed(invitation.id, newcomer.account))
    return msgspec.structs.replace(append, entries=(used, *append.entries)), newcomer


def _admit(world: World, invitation: InvitationState, name: str, verifier: str, digest: str) -> tuple[Append, Newcomer]:
    account = NewAccount(invitation.name or name, invitation.role, verifier, FIRST_DEVICE if digest else "", digest)
    append = administration.add_accounts(world, [account], invitation.channels)
    device = next((event.device for _, event in append.entries if isinstance(event, DeviceAdded)), "")
    return append, Newcomer(append.entries[0].stream[2:], device)


def _reset(world: World, account: AccountState, verifier: str, digest: str) -> tuple[Append, Newcomer]:
    stream, device = account_stream(account.id), world.new_id() if digest else ""
    entries = [Entry(stream, PasswordSet(verifier=verifier))]
    if digest:
        entries.append(Entry(stream, DeviceAdded(device, FIRST_DEVICE, digest)))
    return Append(tuple(entries), expects=(epoch_of(account),)), Newcomer(account.id, device)
