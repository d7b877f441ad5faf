"""Having an administrative request carried out: by the running server, or here when there is none."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path
from typing import Any

import msgspec

from securechat.cli.checks import check_ownership
from securechat.cli.privacy import keep_private
from securechat.config import CONFIG, Config, load_config
from securechat.errors import ConfigError, SecurechatError
from securechat.server.app import DATABASE, open_node
from securechat.server.control import control_path, require_private_place
from securechat.server.office import Office, answer_request
from securechat.server.peers import name_of_user, uid_of_peer
from securechat.server.requests import Request
from securechat.server.sanity import check_settings
from securechat.storage.lock import LOCK_NAME, DirectoryInUse, DirectoryLock

PATIENCE = 3.0
"""Seconds to wait for who holds the directory and does not answer: a server that starts or ends, another errand."""
RETRY_SECONDS = 0.05


class RequestFailed(SecurechatError):
    """The request was understood and cannot be carried out; the text says why."""


def carry_out(data: Path, request: Request) -> Any:
    """Carry out a request on a data directory and return its result.

    Raises: ConfigError, RequestFailed.
    """
    try:
        line = msgspec.json.encode(request) + b"\n"
    except UnicodeEncodeError:
        raise ConfigError("a name or the password is not UTF-8; set the terminal's encoding to it") from None
    reply = msgspec.json.decode(_ask_whoever_is_there(data, line))
    if "error" in reply:
        raise RequestFailed(reply["error"])
    return reply["result"]


def tell_server(data: Path, request: Request) -> None:
    """Tell the running server of something that it is to keep; where none runs nobody is told.

    Raises: ConfigError, RequestFailed.
    """
    _ask_server(data, msgspec.json.encode(request) + b"\n")


def _ask_whoever_is_there(data: Path, line: bytes) -> bytes:
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = _ask_server(data, line)
        if answer is not None:
            return answer
        try:
            return asyncio.run(_do_it_here(data, line))
        except DirectoryInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)


def _ask_server(data: Path, line: bytes) -> bytes | None:
    """Return the running server's answer, None when none runs."""
    path = control_path(data)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        try:
            require_private_place(path)
            control.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be reached ({error.strerror}); run this as the server's user") from None
        _require_server(control, data, path)
        try:
            control.sendall(line)
            answer = b"".join(iter(lambda: control.recv(65536), b""))
        except OSError as error:
            raise RequestFailed(f"the server went away ({error.strerror}); see whether it was done") from None
    if not answer.endswith(b"\n"):
        raise RequestFailed("the server went away before it answered; see whether it was done")
    return answer


def _require_server(control: socket.socket, data: Path, path: Path) -> None:
    """Refuse to tell a password to whoever else listens in the server's place.

    Raises: ConfigError.
    """
    uid = uid_of_peer(control)
    if uid not in (0, os.geteuid(), data.stat().st_uid):
        who = "nobody knows whom" if uid is None else name_of_user(uid).removeprefix("local:")
        raise ConfigError(f"{path}: belongs to {who}, who is not the server's user; remove it")


async def _do_it_here(data: Path, line: bytes) -> bytes:
    keep_private()
    require_data_directory(data)
    config = find_config(data)
    check_settings(config)
    _require_own(data)
    with DirectoryLock(data):
        # When storage fails, the request under way fails with it and says so; nobody else is to be told.
        async with open_node(data, config, "securechat.internal", failed=lambda _error: None) as node:
            return await answer_request(Office(node), line)


def _require_own(data: Path) -> None:
    """Refuse to make files in somebody else's data directory: its server could not open them afterwards.

    Raises: ConfigError.
    """
    finding = check_ownership(data)
    if not finding.ok:
        raise ConfigError(f"{finding.seen}; {finding.remedy}")


def find_config(data: Path) -> Config:
    """Return the settings in a data directory's config file, the defaults where it has none.

    Raises: ConfigError.
    """
    path = data / CONFIG
    try:
        return load_config(path) if path.exists() else Config()
    except PermissionError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); run this as the server's user") from None


def require_data_directory(data: Path) -> None:
    """Refuse a directory that is no data directory: a mistyped path must not get a database.

    Raises: ConfigError.
    """
    try:
        names = {path.name for path in data.iterdir()}
    except OSError as error:
        raise ConfigError(
            f"{data}: {(error.strerror or '').lower()}; name the server's data directory with --data"
        ) from None
    if DATABASE not in names and names - {LOCK_NAME}:
        raise ConfigError(f"{data}: is no data directory of securechat; name the right one with --data")
