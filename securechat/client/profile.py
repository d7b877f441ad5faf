"""What a client remembers of the servers it knows: one TOML file, and a directory for each account.

    HOME/profile.toml             servers, names, whom to trust; 0600
    HOME/chat.example_6697/ca.pem the CA that somebody compared
    HOME/chat.example_6697/alice/ what belongs to this account there: a token, where one is kept in a file

HOME is `SECURECHAT_CLIENT_HOME`, else the platform's place for settings, and 0700 if it is made here.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from securechat.client.address import Address, parse_address
from securechat.client.private import hold_directory, make_private_directory, write_private
from securechat.errors import ConfigError

PROFILE: Final = "profile.toml"
PINNED_CA: Final = "ca.pem"
KEYRING, FILE = "keyring", "file"
MAX_BYTES: Final = 1 << 20

_HEAD: Final = "# securechat-client: the servers it knows. Written by it, and yours to change."
_SAFE: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@")


@dataclass(frozen=True, slots=True)
class KnownServer:
    """A server as the profile has it.

    user: who signs in unless another name is given.
    ca: the file of the CA to trust, as seen from HOME; "" for those of the system.
    fingerprint: SHA-256 of the public key of the CA, compared by somebody; without `ca` it is fetched and held to this.
    token: where the token of `user` is kept, `keyring` or `file`; "" when there is none.
    """

    user: str = ""
    ca: str = ""
    fingerprint: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """The servers a client knows, by HOST:PORT; `default` is the one meant when none is named."""

    default: str = ""
    servers: dict[str, KnownServer] = field(default_factory=dict)

    def find(self, address: Address) -> KnownServer:
        """Return what is known of a server: of an unknown one, nothing."""
        return self.servers.get(_name(address), KnownServer())


def find_home() -> Path:
    """Return the directory in which a client remembers.

    Raises:
        ConfigError: who runs this has no home.
    """
    named = os.environ.get("SECURECHAT_CLIENT_HOME")
    if named:
        return Path(named)
    try:
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "securechat-client"
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "securechat"
    except RuntimeError:
        raise ConfigError("there is no home directory: set HOME, or SECURECHAT_CLIENT_HOME") from None


def server_directory(home: Path, address: Address) -> Path:
    """Return where files of one server are."""
    return home / f"{_encode(address.host.lower())}_{address.port}"


def account_directory(home: Path, address: Address, user: str) -> Path:
    """Return where files of one account on one server are; `user` may be `account@device`."""
    return server_directory(home, address) / _encode(user)


def read_profile(home: Path) -> Profile:
    """Read the profile; one that is not there yet is empty.

    Raises:
        ConfigError: it cannot be read, or holds what it should not.
    """
    # Scripts that say everything need no profile, and no parser.
    import tomllib

    path = home / PROFILE
    try:
        with path.open("rb") as file:
            # Editors of Windows begin a file with a mark of its encoding.
            text = file.read(MAX_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        return Profile()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({_reason(error)}); mend it or move it away") from None
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Numbers of thousands of digits and lists in lists in lists are errors of other kinds.
        raise ConfigError(f"{path}: is not valid TOML ({error}); mend that place or move the file away") from None
    return parse_profile(table, str(path))


def parse_profile(table: dict[str, Any], origin: str) -> Profile:
    """Turn a table as TOML gives it into a profile; `origin` names it in errors.

    Raises:
        ConfigError: one line with origin, key and remedy.
    """
    _refuse_unknown(table, ("default", "servers"), origin, "")
    default, servers = table.get("default", ""), table.get("servers", {})
    if not isinstance(default, str) or not isinstance(servers, dict):
        raise ConfigError(f'{origin}: default must be a text and servers a table: default = "HOST:PORT"')
    known = {
        _parse_name(name, origin, "servers"): _parse_server(entry, origin, name) for name, entry in servers.items()
    }
    return Profile(_parse_name(default, origin, "default") if default else "", known)


def remember(home: Path, address: Address, server: KnownServer) -> None:
    """Write what is known of a server into the profile; the first server becomes the default.

    The file is read again, so that what another client has written meanwhile stays.

    Raises:
        ConfigError: the profile cannot be read or written.
    """
    try:
        make_private_directory(home)
        with hold_directory(home):
            profile = read_profile(home)
            if profile.find(address) == server and profile.default:
                return
            servers = {**profile.servers, _name(address): server}
            write_private(home / PROFILE, write_toml(Profile(profile.default or _name(address), servers)).encode())
    except (OSError, UnicodeEncodeError) as error:
        raise ConfigError(f"{home / PROFILE}: cannot be written ({_reason(error)})") from None


def write_toml(profile: Profile) -> str:
    """Return a profile as TOML."""
    lines = [_HEAD, f"default = {_quote(profile.default)}"]
    for name, server in profile.servers.items():
        lines += ["", f"[servers.{_quote(name)}]"]
        values = ((each.name, getattr(server, each.name)) for each in fields(server))
        lines += [f"{key} = {_quote(value)}" for key, value in values if value]
    return "\n".join(lines) + "\n"


def _parse_name(text: str, origin: str, key: str) -> str:
    try:
        return _name(parse_address(text))
    except ConfigError as error:
        raise ConfigError(f"{origin}: {key}: {error}") from None


def _parse_server(entry: Any, origin: str, name: str) -> KnownServer:
    if not isinstance(entry, dict):
        raise ConfigError(f'{origin}: servers.{name} must be a table: [servers."HOST:PORT"]')
    _refuse_unknown(entry, [each.name for each in fields(KnownServer)], origin, f"servers.{name}.")
    for key, value in entry.items():
        if not isinstance(value, str):
            raise ConfigError(f"{origin}: servers.{name}.{key} must be a text in quotes")
    server = KnownServer(**entry)
    if server.token not in ("", KEYRING, FILE):
        raise ConfigError(f'{origin}: servers.{name}.token must be "{KEYRING}" or "{FILE}"; leave it out for neither')
    return server


def _refuse_unknown(table: dict[str, Any], known: Any, origin: str, prefix: str) -> None:
    for key in table:
        if key not in known:
            import difflib

            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            remedy = f"did you mean {prefix}{near[0]}?" if near else f"known keys: {', '.join(known)}"
            raise ConfigError(f"{origin}: unknown key {prefix}{key}; {remedy}")


def _name(address: Address) -> str:
    """Return what a server is called here; host names do not tell case apart. (RFC 4343)"""
    return str(address).lower()


def _encode(name: str) -> str:
    """Return a name that is one component of a path, whatever it holds, and another one for every name."""
    return "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in name.encode(errors="surrogateescape"))


def _quote(text: str) -> str:
    """Return a text as a basic string. (TOML 1.0, String)"""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    # What is no character (a path need not be UTF-8) cannot stand in TOML at all, and is refused when it is encoded.
    kept = (c if c.isprintable() or "\ud800" <= c <= "\udfff" else f"\\U{ord(c):08X}" for c in escaped)
    return '"' + "".join(kept) + '"'


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "not UTF-8"
