"""`join`: an invitation becomes an account, and a token of it that this client keeps.

The token is made here and kept before it is sent, so that whatever is cut in between, whoever joins again gets in.
"""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from securechat.auth.tokens import create_token
from securechat.client.address import Address
from securechat.client.profile import KnownServer, find_home, read_profile
from securechat.client.redemption import Outcome, Unanswered, Verdict, redeem
from securechat.client.trust import build_context
from securechat.errors import ConfigError, Fault, NoEntryError, UnreachableError
from securechat.plain.access import Access, find_token, name_place, remember_server
from securechat.plain.asking import ask, ask_unseen, is_somebody_there, read_first_line
from securechat.plain.pinned_contact import meet_by_invitation
from securechat.plain.printed import warn
from securechat.plain.programs import find_command
from securechat.plain.typed import find_stdin
from securechat.plain.visible import show
from securechat.wire.invitation import Invitation, MalformedLink, parse_link
from securechat.wire.names import NICK_LENGTH, is_account_name, is_reserved

ATTEMPTS: Final = 5
"""How often a link may be mistyped, and how many names may be tried."""
PAUSES: Final = (0.0, 1.0, 2.0, 4.0)
"""Seconds before each attempt at an answer that did not come."""

_A_NAME: Final = f"a letter, then letters, digits, _ or -, at most {NICK_LENGTH} in all"


def join(link: str | None, user: str | None, ca: Path | None) -> Access:
    """Redeem an invitation and return the access to the account; server, name and token are remembered.

    link: asked for, or read as the first line of standard input, when it is missing. user: the name to be known by.
    ca: a file to take the CA from, instead of from the server.

    Raises:
        ConfigError: something is missing or written wrongly.
        NoEntryError: the server cannot be trusted, or does not take the invitation.
    """
    if user is not None and not is_account_name(user):
        raise ConfigError(f"--user {user}: is no account name: {_A_NAME}")
    if user is None and not is_somebody_there():
        raise ConfigError("no name: say what to be known by with --user NAME")
    invitation = _read_invitation(link)
    address, known = meet_by_invitation(invitation, ca)
    return _Joining(invitation, address, known).run(user or _ask_name(address, known.user or _login_name()))


def _read_invitation(link: str | None) -> Invitation:
    if link is not None:
        warn(
            "-- a link in the command line can be read by others on this computer: leave it out, and paste it when asked"
        )
        return parse_link(link.strip())
    if not is_somebody_there():
        return parse_link(read_first_line(find_stdin()).decode("ascii", "replace").strip())
    warn("-- copy the whole invitation (securechat://…), paste it here and press Enter; it is not shown")
    for _ in range(ATTEMPTS - 1):
        try:
            return parse_link(ask_unseen("Invitation: ", "the invitation").strip())
        except MalformedLink as error:
            warn(f"-- {error}")
    return parse_link(ask_unseen("Invitation: ", "the invitation").strip())


def _login_name() -> str:
    """Return what the system calls whoever sits here, where an account can be called so; else ""."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
    return name if is_account_name(name) and not is_reserved(name) else ""


def _ask_name(address: Address, proposed: str) -> str:
    offer = f" [{proposed}]" if proposed else ""
    for _ in range(ATTEMPTS):
        name = ask(f"The name to be known by at {show(str(address))}{offer}: ").strip() or proposed
        if is_account_name(name):
            return name
        warn(f"-- a name is {_A_NAME}")
    raise ConfigError(f"no name: {_A_NAME}")


@dataclass(frozen=True, slots=True)
class _Joining:
    """One person's attempts at one server. known: what is known of it without this account."""

    invitation: Invitation
    address: Address
    known: KnownServer

    def run(self, name: str) -> Access:
        for _ in range(ATTEMPTS):
            access = self._find_kept(name)
            if access is not None:
                self._remember(access)
                warn(
                    f"-- this client has a token of {name} already, and the server takes it: the invitation was not needed"
                )
                return access
            access = self._make_access(name)
            verdict = self._redeem(access)
            if verdict.outcome is Outcome.ACCEPTED:
                self._welcome(access)
                return access
            self._take_back(access)
            name = self._choose_again(name, verdict)
        raise NoEntryError(f"{self.address}: no account came about; the invitation is not used", "join again")

    def _find_kept(self, name: str) -> Access | None:
        """Return the access by a token that an earlier attempt has kept, at whichever of the hosts that was.

        One that belongs to another host is shown here only when both are of the same CA: whoever wrote the link must
        not be shown tokens of a server that is somebody else's.
        """
        here = self._access(self.address, self.known, name)
        for host, port in self.invitation.hosts:
            address = Address(host, port)
            there = read_profile(find_home()).find(address)
            is_same = address == self.address or (there.fingerprint and there.fingerprint == self.known.fingerprint)
            kept = find_token(self._access(address, there, name), there) if is_same else None
            if kept is None or not _signs_in(replace(here, secret=kept.secret)):
                continue
            place = kept.place if address == self.address else here.credentials.keep(kept.secret)
            return replace(here, secret=kept.secret, place=place)
        return None

    def _make_access(self, name: str) -> Access:
        """Return the access by a new token, which is kept."""
        access = self._access(self.address, self.known, name)
        access = replace(access, secret=create_token())
        access = replace(access, place=access.credentials.keep(access.secret))
        self._remember(access)
        return access

    def _redeem(self, access: Access) -> Verdict:
        """Redeem the invitation; when the answer is lost, find out by signing in whether it was redeemed."""
        lost: UnreachableError | None = None
        for pause in PAUSES:
            time.sleep(pause)
            try:
                if lost is not None and _signs_in(access):
                    return Verdict(Outcome.ACCEPTED)
                verdict = asyncio.run(
                    redeem(access.address, build_context(access.ca), access.user, access.secret, self.invitation.token)
                )
                # What the lost answer was about can have been done just now.
                if lost is not None and verdict.outcome is not Outcome.ACCEPTED and _signs_in(access):
                    return Verdict(Outcome.ACCEPTED)
                return verdict
            except UnreachableError as error:
                if (lost is None and not isinstance(error, Unanswered)) or error.fault is not Fault.UNREACHABLE:
                    raise
                lost = error
        raise NoEntryError(
            f"{lost}; whether the invitation was redeemed is not known",
            f"join again by the same link and as {access.user}: this client keeps the token that it sent",
        )

    def _choose_again(self, name: str, verdict: Verdict) -> str:
        """Return the name for the next attempt.

        Raises:
            NoEntryError: another name would change nothing, or nobody is there to be asked for one.
        """
        said = show(verdict.reason)
        match verdict.outcome:
            case Outcome.NAME_FIXED if is_account_name(verdict.fixed) and verdict.fixed != name:
                warn(f"-- the invitation is for {verdict.fixed}")
                return verdict.fixed
            case Outcome.NAME_TAKEN | Outcome.NAME_REFUSED:
                if not is_somebody_there():
                    remedy = "give another one with --user NAME; the invitation is not used"
                    raise NoEntryError(f"{self.address}: nobody can be called {name}: {said}", remedy, Fault.REFUSED)
                warn(f"-- nobody can be called {name}: {said}")
                return _ask_name(self.address, "")
            case outcome:
                raise _NO_WAY.get(outcome, _refuse)(str(self.address), said)

    def _welcome(self, access: Access) -> None:
        self._remember(access)
        profile = read_profile(find_home())
        command = [find_command("securechat-client")]
        if profile.default != str(self.address).lower():
            command.append(str(self.address))
        if profile.find(self.address).user != access.user:
            command.append(f"--user {access.user}")
        warn(f"-- welcome, {access.user}: you have an account at {show(str(self.address))}")
        warn(f"   a token for this device is kept in {name_place(access, access.place)}; no password is needed here")
        warn(f"   from now on: {show(' '.join(command))}")

    def _access(self, address: Address, known: KnownServer, name: str) -> Access:
        return Access(address, find_home() / known.ca if known.ca else None, name, "")

    def _remember(self, access: Access) -> None:
        if self.known.user in ("", access.user):
            remember_server(self.address, replace(self.known, user=access.user, token=access.place))

    def _take_back(self, access: Access) -> None:
        """Forget a token that nobody will ever take."""
        access.credentials.forget(access.place)
        if self.known.user in ("", access.user):
            remember_server(self.address, replace(self.known, token=""))


def _signs_in(access: Access) -> bool:
    """Tell whether the server takes the token.

    Raises:
        NoEntryError: it cannot be asked, or lets nobody in.
    """

    async def sign_in() -> None:
        async with access.open_link(follow=()):
            pass

    try:
        asyncio.run(sign_in())
    except NoEntryError as error:
        if error.fault is not Fault.CREDENTIALS:
            raise
        return False
    return True


def _refuse(address: str, said: str) -> NoEntryError:
    return NoEntryError(f"{address} does not take the invitation: {said}", "ask the server's admin", Fault.REFUSED)


def _refuse_code(address: str, said: str) -> NoEntryError:
    cause = f"{address} does not know the invitation (any more): {said}"
    return NoEntryError(cause, "it is used up, expired or revoked: ask for another one", Fault.REFUSED)


def _refuse_all(address: str, said: str) -> NoEntryError:
    cause = f"{address} takes no invitations at the moment, so this one is used up, expired or revoked"
    return NoEntryError(cause, "ask for another one; who has joined already types securechat-client", Fault.REFUSED)


def _put_off(address: str, said: str) -> NoEntryError:
    cause = f"{address} takes no invitation now: {said}"
    return NoEntryError(cause, "try again in a minute; the invitation is not used", Fault.TRY_LATER)


_NO_WAY: Final[dict[Outcome, Callable[[str, str], NoEntryError]]] = {
    Outcome.INVALID: _refuse_code,
    Outcome.CLOSED: _refuse_all,
    Outcome.TRY_LATER: _put_off,
}
