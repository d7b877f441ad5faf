"""The server's settings: one TOML file, every key typed, described and with a default; unknown keys are refused."""

from __future__ import annotations

import difflib
import math
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from securechat.errors import ConfigError

DEFAULT_PORT = 6697
CONFIG = "config.toml"
RESTART = {"restart": True}
"""Marks a setting that counts from the next start on; all others count as soon as the file is read anew."""


class Chat(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What people may do."""

    network: Annotated[
        str, Meta(description="Name of this chat, shown by clients.", pattern=r"^[A-Za-z0-9._-]{1,30}$")
    ] = "securechat"
    motd: Annotated[str, Meta(description="Shown after signing in; several lines are fine.", max_length=8000)] = ""
    contact: Annotated[str, Meta(description="Whom to ask for help, one line, shown by ADMIN.", max_length=100)] = ""
    default_channels: Annotated[list[str], Meta(description="Channels a new account is put into.")] = msgspec.field(
        default_factory=lambda: ["#general"]
    )
    create_channels: Annotated[Literal["members", "admins"], Meta(description="Who may create channels.")] = "members"
    redaction_window: Annotated[
        int, Meta(description="Seconds in which people may take back what they wrote; operators always may.", ge=0)
    ] = 24 * 60 * 60
    absence: Annotated[
        float,
        Meta(description="Seconds after the last device has gone until it is announced.", ge=0, extra=RESTART),
    ] = 60


class Limits(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Bounds on what connections may use."""

    handshake: Annotated[float, Meta(description="Seconds for the TLS handshake.", gt=0, extra=RESTART)] = 10
    sign_in: Annotated[
        float, Meta(description="Seconds for signing in, waiting for our own password queue not counted.", gt=0)
    ] = 30
    silence: Annotated[float, Meta(description="Seconds without a line until a client is asked for a PONG.", gt=0)] = (
        120
    )
    send_queue: Annotated[
        int,
        Meta(
            description="Bytes waiting for a reader at which it is cut; it resumes by history.", ge=65536, extra=RESTART
        ),
    ] = 4 * 1024 * 1024
    strangers: Annotated[int, Meta(description="Connections that have not signed in, in all.", ge=1, extra=RESTART)] = (
        8192
    )
    strangers_per_address: Annotated[
        int,
        Meta(description="The same from one address (IPv6: one /64); a class sits behind one.", ge=1, extra=RESTART),
    ] = 1024
    rate: Annotated[
        float,
        Meta(
            description="Commands a second that one account may go on sending, one connection of it half as many, a bot "
            "ten times as many; who sends more is read more slowly. 0: as many as come.",
            ge=0,
        ),
    ] = 200
    burst: Annotated[int, Meta(description="Commands that it may send at once before that.", ge=100)] = 2000
    owned_channels: Annotated[
        int, Meta(description="Channels one account may own, those it has left included, to make another.", ge=0)
    ] = 200
    connections_per_account: Annotated[int, Meta(description="Connections of one account at a time.", ge=1)] = 64
    free_space: Annotated[
        int,
        Meta(
            description="Free bytes on the disk below which nothing is stored until there is room; 0: no mark.",
            ge=0,
            extra=RESTART,
        ),
    ] = 64 * 1024 * 1024
    password_length: Annotated[int, Meta(description="Least number of characters of a password.", ge=8, le=128)] = 12


class Guessing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How many wrong passwords are checked; beyond that they are refused alike, whether right or wrong."""

    window: Annotated[int, Meta(description="Seconds for which a wrong password counts.", ge=1, le=86400)] = 15 * 60
    per_account: Annotated[
        int,
        Meta(description="Wrong passwords for one account in that time; where it is known it has as many more.", ge=1),
    ] = 10
    per_address: Annotated[
        int,
        Meta(description="The same from one address (IPv6: one /64), and four times that from its /24 or /48.", ge=1),
    ] = 300
    overall: Annotated[int, Meta(description="The same from everywhere.", ge=1, le=100_000)] = 3000


class Logs(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """People's addresses, in the log and beside rejected sign-ins in the audit trail."""

    addresses: Annotated[
        Literal["full", "prefix", "none"],
        Meta(description="How much of an address is written: all, its network (/24, /48), or nothing.", extra=RESTART),
    ] = "full"
    address_days: Annotated[
        int,
        Meta(
            description="Days after which they are deleted from the audit trail; the log is your journal's.",
            ge=0,
            le=36500,
        ),
    ] = 30


class Metrics(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Figures for Prometheus, at /metrics."""

    listen: Annotated[
        str,
        Meta(description="HOST:PORT, such as 127.0.0.1:9464; empty: nowhere. Others need token_file.", extra=RESTART),
    ] = ""
    token_file: Annotated[
        str,
        Meta(description="File with the bearer token that is to be shown, for its owner alone (0600).", extra=RESTART),
    ] = ""


class History(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How long what was said is kept; what is older is deleted for good, within a day."""

    days: Annotated[
        int,
        Meta(
            description="Days that channels are kept, where nothing else is set for one; 0: for ever.",
            ge=0,
            le=36500,
            extra=RESTART,
        ),
    ] = 0
    direct_days: Annotated[
        int, Meta(description="Days that direct conversations are kept; 0: for ever.", ge=0, le=36500, extra=RESTART)
    ] = 0


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Everything that can be set; the command line goes before it."""

    listen: Annotated[
        list[str],
        Meta(
            description="HOST:PORT to listen on; IPv6 hosts in brackets. With ,client-cert=optional or =required behind "
            "it, clients there are asked for a certificate, or must have one.",
            min_length=1,
            extra=RESTART,
        ),
    ] = msgspec.field(default_factory=lambda: [f"0.0.0.0:{DEFAULT_PORT}", f"[::]:{DEFAULT_PORT}"])
    balancers: Annotated[
        list[str],
        Meta(
            description="Addresses and networks of load balancers: each of their connections must begin by saying, in "
            "the PROXY protocol version 2, whom it comes from.",
            extra=RESTART,
        ),
    ] = msgspec.field(default_factory=list)
    names: Annotated[
        list[str],
        Meta(description="Host names and addresses people connect to; first: the server's name.", extra=RESTART),
    ] = msgspec.field(default_factory=list)
    cert: Annotated[
        str, Meta(description="Certificate file from elsewhere (PEM, leaf first); needs key.", extra=RESTART)
    ] = ""
    key: Annotated[str, Meta(description="Private key file of that certificate.", extra=RESTART)] = ""
    client_ca: Annotated[
        str,
        Meta(
            description="CA file that clients' certificates must be from, where listen asks for them; else our own CA."
        ),
    ] = ""
    allow_tls12: Annotated[
        bool, Meta(description="Let clients in that know no TLS 1.3, by TLS 1.2 with ECDHE and an AEAD cipher.")
    ] = False
    web_origins: Annotated[
        list[Annotated[str, Meta(pattern=r"^https?://[a-z0-9.-]+(:[0-9]+)?$|^https?://\[[0-9a-f:.]+\](:[0-9]+)?$")]],
        Meta(
            description="Web pages that may connect, besides the server's own, as browsers name them: "
            "https://chat.example.org, lower case, with a port that is not 443, without a path."
        ),
    ] = msgspec.field(default_factory=list)
    sts: Annotated[
        int,
        Meta(
            description="Seconds for which a client that came by one of our names refuses to come without TLS; "
            "0 takes that back.",
            ge=0,
        ),
    ] = 30 * 24 * 3600
    chat: Chat = msgspec.field(default_factory=Chat)
    limits: Limits = msgspec.field(default_factory=Limits)
    history: History = msgspec.field(default_factory=History)
    logs: Logs = msgspec.field(default_factory=Logs)
    metrics: Metrics = msgspec.field(default_factory=Metrics)
    guessing: Guessing = msgspec.field(default_factory=Guessing)


class Settings:
    """The settings in force: the one place where they are looked up, so that new ones count everywhere at once."""

    __slots__ = ("current",)

    def __init__(self, config: Config) -> None:
        self.current = config


def load_config(path: Path) -> Config:
    """Read a config file.

    Raises: ConfigError, one line with file, key and remedy.
    """
    return parse_config(read_table(path), str(path))


def parse_config(table: dict[str, Any], origin: str) -> Config:
    """Turn a table as TOML gives it into a Config; `origin` names it in errors.

    Raises: ConfigError, one line with origin, key and remedy.
    """
    for fault in find_faults(table):
        raise ConfigError(f"{origin}: {fault}")
    return msgspec.convert(table, Config)


def read_table(path: Path) -> dict[str, Any]:
    """Read a config file as TOML has it.

    Raises: ConfigError, one line with file and remedy.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML ({error}); mend that place") from None


def find_faults(table: dict[str, Any]) -> list[str]:
    """Return what is wrong with a table as TOML gives it, one line for each key, with the remedy."""
    return list(_faults_in(table, Config, ""))


def example_config() -> str:
    """Return an annotated config file in which every key stands with its default."""
    lines = ["# securechat-server: every key with its default. Flags go before this file."]
    _describe(Config, "", lines)
    return "\n".join(lines) + "\n"


def _faults_in(table: dict[str, Any], kind: type[msgspec.Struct], prefix: str) -> Iterator[str]:
    hints = get_type_hints(kind, include_extras=True)
    for key, value in table.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1, cutoff=0.5)
            remedy = f"did you mean {prefix}{near[0]}?" if near else f"known keys: {', '.join(sorted(hints))}"
            yield f"unknown key {prefix}{key}; {remedy}"
        elif isinstance(value, dict) and is_section(hints[key]):
            yield from _faults_in(value, hints[key], f"{prefix}{key}.")
        else:
            yield from _faults_of(value, hints[key], f"{prefix}{key}")


def _faults_of(value: Any, hint: Any, key: str) -> Iterator[str]:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        yield f"{key}: {error}; see the comment above that key in the example"
    else:
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{key}: has to end; write a number, however large"


def is_section(hint: Any) -> bool:
    """Tell whether the type of a setting is that of a section with settings of its own."""
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _describe(kind: type[msgspec.Struct], section: str, lines: list[str]) -> None:
    hints = get_type_hints(kind, include_extras=True)
    defaults = kind()
    tables = []
    if section:
        lines += ["", f"# {(kind.__doc__ or '').strip()}", f"[{section}]"]
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        if is_section(hint):
            tables.append((hint, field.name))
            continue
        meta = next(each for each in get_args(hint) if isinstance(each, Meta))
        description = f"{meta.description}{' (From the next start on.)' if meta.extra == RESTART else ''}"
        lines += [f"# {description}", f"#{field.name} = {_toml(getattr(defaults, field.name))}"]
    for inner, name in tables:
        _describe(inner, name, lines)


def _toml(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def default_data_directory() -> Path:
    """Return where a server keeps its data when nobody says otherwise: SECURECHAT_DATA, else the platform's place."""
    named = os.environ.get("SECURECHAT_DATA")
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "securechat"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "securechat"
