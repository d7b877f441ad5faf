"""Who is measured: our server, the floor under it, and the peer beside it."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from securechat.pki import authority
from tests.bench import flush, inspircd, process
from tests.bench.crowd import Cores
from tests.bench.members import ONCE, ROOM
from tests.bench.server import ROOT, Server, await_port, launch, make_directory, running_server

OURS, FLOOR, PEER = "ours", "floor", "peer"
SUBJECTS = (OURS, FLOOR, PEER)
ACCEPT_SECONDS = 10.0


class Conditions(NamedTuple):
    """Under what something is measured.

    program: our server, None for the one of this environment. shim: from `flush.build_shim`, None without a compiler.
    note: is told how far a run has come.
    """

    cores: Cores
    seconds: float
    program: Path | None = None
    shim: Path | None = None
    note: Callable[[str], None] = lambda _: None


def start_subject(
    subject: str, conditions: Conditions, names: Sequence[str], flush_delay_us: int = 0
) -> AbstractContextManager[Server]:
    """Start one of the subjects on the server's core, in a directory of its own, to be ended afterwards.

    names: of the accounts our server is to have. flush_delay_us: see `flush.keep_times`; our server's only.
    """
    if subject == FLOOR:
        return _running_floor(conditions)
    if subject == PEER:
        return _running_peer(conditions)
    return _running_ours(conditions, names, flush_delay_us)


@contextmanager
def _running_ours(conditions: Conditions, names: Sequence[str], flush_delay_us: int) -> Iterator[Server]:
    if conditions.shim is None:
        with running_server(conditions.program, names, conditions.cores.server) as server:
            yield server
        return
    with (
        flush.keep_times(conditions.shim, flush_delay_us) as (times, variables),
        running_server(conditions.program, names, conditions.cores.server, variables) as server,
    ):
        server.flushes = times
        yield server


@contextmanager
def _running_floor(conditions: Conditions) -> Iterator[Server]:
    with make_directory() as directory:
        cert, key = _certify(directory)
        command = [sys.executable, "-m", "tests.bench.floor", str(cert), str(key)]
        running = launch(command, conditions.cores.server, directory, cwd=ROOT)
        try:
            yield Server(running, await_port(running, directory), directory, lobby=(ROOM,))
        finally:
            process.kill(running)


@contextmanager
def _running_peer(conditions: Conditions) -> Iterator[Server]:
    with make_directory() as directory:
        cert, key = _certify(directory)
        port = _find_free_port()
        configuration = directory / "inspircd.conf"
        configuration.write_text(inspircd.configure(directory, port, cert, key))
        command = [inspircd.find_program(), "--config", str(configuration), *inspircd.FLAGS]
        running = launch(command, conditions.cores.server, directory)
        try:
            server = Server(running, port, directory, lobby=(ROOM,), foreign=ONCE)
            _await_accept(server)
            yield server
        finally:
            process.kill(running)


def _certify(directory: Path) -> tuple[Path, Path]:
    authority.init(directory, ["localhost"], now=datetime.now(UTC))
    return directory / authority.SERVER_CERTIFICATE, directory / authority.SERVER_KEY


def _find_free_port() -> int:
    """Return a port that nobody listens on now; the peer cannot choose one itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _await_accept(server: Server) -> None:
    deadline = time.monotonic() + ACCEPT_SECONDS
    while time.monotonic() < deadline:
        server.check()
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server accepts no connection within {ACCEPT_SECONDS:g} s")
