"""The control socket: how the admin tool reaches a running server. One JSON line in, one out, then it is closed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path

import structlog

from securechat.errors import ConfigError
from securechat.server.office import Office, answer_request

log = structlog.get_logger()

MAX_PATH = 107
"""Bytes that a Unix socket's path can have (unix(7))."""
MAX_REQUEST = 64 * 1024 * 1024
"""Bytes: a roster of a hundred thousand names."""


def control_path(data: Path) -> Path:
    """Return where the control socket of a data directory is.

    Beside the database, or, where that path is too long for a socket, in a directory of our own under the system's
    temporary one that only we can enter.
    """
    direct = data.resolve() / "control.sock"
    if len(os.fsencode(direct)) <= MAX_PATH:
        return direct
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"securechat-{os.geteuid()}" / f"{digest}.sock"


class Control:
    """Listens on the control socket of a running server; the data directory's lock is held, so a leftover is ours."""

    def __init__(self, office: Office, data: Path) -> None:
        self._office = office
        self._path = control_path(data)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind and listen, for nobody but this user from the first moment.

        Raises: ConfigError.
        """
        try:
            self._make_private_parent()
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
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
            self._server = None

    def _make_private_parent(self) -> None:
        parent = self._path.parent
        parent.mkdir(mode=0o700, exist_ok=True)
        status = parent.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise ConfigError(f"{parent}: is not a directory of ours; remove it")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if line.endswith(b"\n"):
                writer.write(await answer_request(self._office, line))
                await writer.drain()
        except (OSError, ValueError) as error:
            log.warning("control request failed", error=str(error))
        finally:
            writer.close()
