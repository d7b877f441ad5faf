"""Who signs in where, and how the secret gets here without standing in argv.

What the options leave out comes from the profile, and what that leaves out from whoever sits at the terminal.
"""

from __future__ import annotations

import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from securechat.client.address import Address, parse_address
from securechat.client.credentials import Credentials
from securechat.client.link import Link
from securechat.client.private import make_private_directory
from securechat.client.profile import (
    FILE,
    KEYRING,
    KnownServer,
    Profile,
    account_directory,
    find_home,
    read_profile,
    remember,
)
from securechat.client.trust import build_context
from securechat.errors import ConfigError, Fault, NoEntryError, UnreachableError
from securechat.plain.asking import MAX_ANSWER, ask, ask_password, is_somebody_there, read_first_line
from securechat.plain.printed import warn
from securechat.plain.typed import find_stdin
from securechat.plain.visible import show
from securechat.wire.names import is_account_name

ATTEMPTS: Final = 3
"""How often a password may be mistyped."""


@dataclass(frozen=True, slots=True)
class Access:
    """Everything a link needs to know. The secret is kept out of the repr.

    home: a private directory of this client for this server and account; None where nothing can be kept.
    place: where the secret is kept, if it is a token that this client keeps: `keyring` or `file`; else "".
    is_ca_given: somebody has named the CA file just now: it is not the profile's.
    """

    address: Address
    ca: Path | None
    user: str
    secret: str = field(repr=False)
    home: Path | None = None
    place: str = ""
    is_ca_given: bool = False

    def open_link(self, *, tell: Callable[[str], None] = warn, **options: Any) -> Link:
        """Return a link, not yet connected; `options` as those of `Link`.

        tell: called with a line for people when the CA was renewed; it is an event too.

        Raises:
            ConfigError: the CA file, the name or the secret cannot be used.
        """
        ca = self.ca

        async def renew(failure: UnreachableError) -> tuple[ssl.SSLContext, str] | None:
            # Reads certificates, which is slow to load and hardly ever needed.
            from securechat.plain.renewing import renew_authority

            found = await renew_authority(self.address, ca, failure, is_given=self.is_ca_given) if ca else None
            if found is not None:
                tell(f"-- {found[1]}")
            return found

        return Link(self.address, self.user, self.secret, build_context(ca), renew=renew, **options)

    @property
    def credentials(self) -> Credentials:
        """Where this client keeps a token of the account."""
        return Credentials(account_directory(find_home(), self.address, self.user), self.address, self.user)

    def with_home(self) -> Access:
        """Return this access with a home that is there; without one where it cannot be made."""
        try:
            home = account_directory(find_home(), self.address, self.user)
            make_private_directory(home)
        except OSError as error:
            warn(f"securechat-client: {show(str(home))}: {error.strerror}; nothing is remembered")
            return self
        except ConfigError as error:
            warn(f"securechat-client: {show(str(error))}; nothing is remembered")
            return self
        return replace(self, home=home)


def build_access(
    server: str | None, ca: Path | None, user: str | None, *, from_stdin: bool, token_file: Path | None
) -> Access:
    """Put together what the options say, what the profile knows and what somebody at the terminal answers.

    Raises:
        ConfigError: something is missing, or cannot be read.
        NoEntryError: at a first contact the server is not the one it should be, or it does not let us in.
    """
    if from_stdin and token_file:
        raise ConfigError("give either --password-stdin or --token-file, not both")
    has_secret = from_stdin or token_file is not None
    profile = Profile() if server and ca and user and has_secret else read_profile(find_home())
    address = choose_server(server, profile)
    known = profile.find(address)
    if not has_secret or ca is None:
        known = _settle_trust(address, known, ca, meets=not has_secret and is_somebody_there())
    is_given = ca is not None
    ca = ca or (find_home() / known.ca if known.ca else None)
    if ca is not None:
        # What costs no secret is checked before one is asked for.
        build_context(ca)
    access = Access(address, ca, _choose_user(user or known.user, address), "", is_ca_given=is_given)
    if from_stdin:
        secret = _check_secret(read_first_line(find_stdin()), "the first line of standard input")
        return replace(access, secret=secret)
    if token_file:
        return replace(access, secret=_check_secret(_read_token_file(token_file), str(token_file)))
    return find_token(access, known) or sign_in_by_password(access)


def sign_in_by_password(access: Access) -> Access:
    """Ask for the password, get this client a token for it, and remember both the server and the token.

    Raises:
        ConfigError: nobody is there to be asked. NoEntryError: the server does not let us in.
    """
    if not is_somebody_there():
        raise ConfigError("no password: give --token-file FILE, or --password-stdin and the password as the first line")
    password, token = _trade_password(access)
    place = _keep_token(access, token)
    known = read_profile(find_home()).find(access.address)
    if not known.user or known.user == access.user:
        known = replace(known, user=access.user, token=place)
    remember_server(access.address, known)
    return replace(access, secret=token or password, place=place)


def forget_rejected_token(access: Access, error: NoEntryError) -> bool:
    """Forget the token that is kept if it is what the server refused and somebody is there who can do without it."""
    if not access.place or error.fault is not Fault.CREDENTIALS or not is_somebody_there():
        return False
    warn("-- the token that is kept for this device is not accepted any more and is forgotten: the password is needed")
    warn(
        "   (without one: ask the admin for a new link, and `join`; with another name meanwhile: start with --user NAME)"
    )
    access.credentials.forget(access.place)
    return True


def check_target(target: str) -> str:
    """Return the name of one channel or person.

    Raises:
        ConfigError: it cannot be one.
    """
    if not target or target[0] == ":" or any(character in " ,\0\r\n" for character in target):
        raise ConfigError(f"{target!r} is neither one #channel nor one person")
    return target


def choose_server(server: str | None, profile: Profile) -> Address:
    """Return the server that is meant: the one named, else the profile's default, else what somebody answers.

    Raises:
        ConfigError: there is none, or it cannot be one.
    """
    named = server or profile.default
    if not named and is_somebody_there():
        named = ask("Server (HOST or HOST:PORT): ").strip()
    if not named:
        raise ConfigError("no server: give HOST or HOST:PORT (send, tail and history take it as --server)")
    return parse_address(named)


def _choose_user(user: str, address: Address) -> str:
    if not user and is_somebody_there():
        user = ask(f"Your account's name at {show(str(address))}: ").strip()
    if not user:
        raise ConfigError("no name: say who you are with --user NAME")
    if not is_account_name(user.partition("@")[0]):
        raise ConfigError(f"{user!r} is no account name: a letter, then letters, digits, _ or -, at most 32 in all")
    return user


def _settle_trust(address: Address, known: KnownServer, ca: Path | None, *, meets: bool) -> KnownServer:
    """Return what is known of a server once it is clear whom to trust for it, and remember it.

    meets: somebody is there who can be asked about a server that is new, and whose choice of a CA is remembered.
    """
    home = find_home()
    has_news = ca is not None and meets and home / known.ca != ca.absolute()
    is_new = ca is None and meets and known == KnownServer()
    must_fetch = ca is None and bool(known.fingerprint) and not known.ca
    if not (has_news or is_new or must_fetch):
        return known
    from securechat.plain import first_contact

    if ca is not None:
        met = first_contact.adopt(address, known, ca)
    elif must_fetch:
        met = first_contact.fetch(home, address, known)
    else:
        met = first_contact.meet(home, address, known)
    if met != known:
        remember_server(address, met)
    return met


def remember_server(address: Address, known: KnownServer) -> None:
    """Write what is known of a server into the profile; where that cannot be, say so and go on."""
    try:
        remember(find_home(), address, known)
    except ConfigError as error:
        warn(f"securechat-client: {show(str(error))}; this is not remembered")


def find_token(access: Access, known: KnownServer) -> Access | None:
    """Return the access with the token that is kept for it; None when there is none.

    The profile says where the token of its own user is. Those of others are looked for, in the keyring only when
    somebody is there whom it can ask; who has no profile has no token.
    """
    if known.user in ("", access.user):
        places: tuple[str, ...] = (known.token,)
    else:
        places = (FILE, KEYRING) if is_somebody_there() else (FILE,)
    for place in places:
        token = access.credentials.find(place)
        if token:
            return replace(access, secret=token, place=place)
    return None


def _trade_password(access: Access) -> tuple[str, str]:
    """Ask for the password until the server takes it; return it and the token that the server gives for it, or "".

    Raises:
        NoEntryError: the server does not let us in.
    """
    import asyncio

    for attempts_left in reversed(range(ATTEMPTS)):
        typed = ask_password(access.user, str(access.address)).encode(errors="surrogateescape")
        password = _check_secret(typed, "the password")
        try:
            return password, asyncio.run(_obtain_token(replace(access, secret=password)))
        except NoEntryError as error:
            if error.fault is not Fault.CREDENTIALS or not attempts_left:
                raise
            warn(f"securechat-client: {show(str(error))}")
    raise AssertionError("the last attempt returns or raises")


async def _obtain_token(access: Access) -> str:
    from securechat.client.enrolment import name_device, obtain_token

    async with access.open_link(follow=()) as link:
        return await obtain_token(link, name_device())


def _keep_token(access: Access, token: str) -> str:
    """Keep a token and say where; returns the place, "" when there is none."""
    if not token:
        return ""
    try:
        place = access.credentials.keep(token)
    except ConfigError as error:
        warn(f"-- {show(str(error))}; the password will be asked for again")
        return ""
    warn(f"-- a token for this device is kept in {name_place(access, place)}; the password is not needed here any more")
    return place


def name_place(access: Access, place: str) -> str:
    """Return where a token is kept, for people."""
    return "the keyring" if place == KEYRING else f"{show(str(access.credentials.path))}, which only you can read"


def _read_token_file(path: Path) -> bytes:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            warn(f"securechat-client: others can read {path}: chmod 600 it")
        with path.open("rb") as file:
            return file.read(MAX_ANSWER + 1).strip()
    except OSError as error:
        raise ConfigError(f"token file {path}: {error.strerror}") from error


def _check_secret(secret: bytes, source: str) -> str:
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{source} is not UTF-8") from None
    if not text or "\0" in text or "\n" in text or len(secret) > MAX_ANSWER:
        raise ConfigError(f"{source} is no password or token: one line, not empty")
    return text
