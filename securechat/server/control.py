"""The control socket: how the admin tool reaches a running server. One JSON line in, one out, then it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any

import structlog

from securechat.errors import ConfigError
from securechat.server.office import Office, answer_request
from securechat.server.peers import may_administer, name_of_user, uid_of_peer

log = structlog.get_logger()

MAX_PATH = 107
"""Bytes that a Unix socket's path can have (unix(7))."""
SOCKET = "control.sock"
MAX_REQUEST = 64 * 1024 * 1024
"""Bytes: a roster of a hundred thousand names."""
ANSWER_SECONDS = 2.0
"""How long a server that ends waits for requests under way."""


def control_path(data: Path) -> Path:
    """Return where the control socket of a data directory is.

    Beside the database, or, where that path is too long for a socket, in a directory of our own under the system's
    temporary one that only we can enter.
    """
    direct = data.resolve() / SOCKET
    if len(os.fsencode(direct)) <= MAX_PATH:
        return direct
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"securechat-{os.geteuid()}" / f"{digest}.sock"


def require_private_place(path: Path) -> None:
    """Refuse a control socket that is not in the data directory and that somebody else could have put there.

    Raises: ConfigError, and FileNotFoundError where nobody has made the place yet.
    """
    if path.name == SOCKET:
        return
    status = path.parent.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not is_ours or stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"{path.parent}: is not a directory of ours alone; remove it, or set TMPDIR to another place")


def require_free_place(data: Path) -> None:
    """Refuse a data directory where something stands in the control socket's way; nothing is touched.

    Raises: ConfigError.
    """
    path = control_path(data)
    if path.is_dir() and not path.is_symlink():
        raise ConfigError(f"{path}: control socket cannot be made (a directory is in its place); remove it")


class Control:
    """Listens on the control socket of a running server; the data directory's lock is held, so a leftover is ours."""

    def __init__(self, office: Office, data: Path) -> None:
        self._office = office
        self._path = control_path(data)
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[Any]] = set()
        self._silent: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Bind and listen, for nobody but this user from the first moment.

        Raises: ConfigError.
        """
        try:
            with contextlib.suppress(FileExistsError):
                self._path.parent.mkdir(mode=0o700)
            require_private_place(self._path)
            self._path.unlink(missing_ok=True)
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            before = os.umask(0o177)
            try:
                listening.bind(os.fspath(self._path))
            finally:
                os.umask(before)
        except OSError as error:
            raise ConfigError(f"{self._path}: control socket cannot be made ({error.strerror}); remove it") from None
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=MAX_REQUEST)

    async def stop(self) -> None:
        """Stop listening, remove the socket, and give the answers that are due some time to be given."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
            self._server = None
        # Who has asked nothing by now; cancelled with the loop they would be told as errors.
        for writer in self._silent:
            writer.transport.abort()
        if self._answering:
            await asyncio.wait(self._answering, timeout=ANSWER_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            uid = uid_of_peer(writer.get_extra_info("socket"))
            if uid is None or not may_administer(uid):
                # The socket's mode keeps others out already, unless somebody has changed it.
                log.warning("control request refused: it came from another user", uid=uid)
                return
            self._silent.add(writer)
            line = await reader.readline()
            self._silent.discard(writer)
            if line.endswith(b"\n"):
                await self._answer(line, writer, name_of_user(uid))
        except (OSError, ValueError) as error:
            log.warning("control request failed", error=str(error))
        finally:
            self._silent.discard(writer)
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter, by: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            writer.write(await answer_request(self._office, line, by))
            await writer.drain()
        finally:
            self._answering.discard(task)
