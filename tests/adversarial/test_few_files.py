"""Connections that use up the files that the server may have open.

Attack: silent connections, from several addresses, more than the system lets the server have open (`ulimit -n`).
Expected: members sign in, and the administrator is answered, since strangers get no more than half of the files.
Control: as many places as the files are gives the last one away. (`find_room`)
"""

from __future__ import annotations

import resource
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from securechat.config import Limits
from securechat.server.strangers import find_room
from tests.scenario.processes import DEADLINE, Programs, port_of

FILES = 120
FEW = ["bash", "-c", f'ulimit -n {FILES} && exec "$@"', "bash"]


def crowd_in(stack: ExitStack, port: int, addresses: Sequence[str]) -> None:
    """Open a silent connection from each address; whoever gets no place is reset, which is no failure here."""
    for address in addresses:
        silent = stack.enter_context(socket.socket())
        silent.bind((address, 0))
        silent.connect(("127.0.0.1", port))


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 1024, reason="the test itself needs some files")
def test_a_crowd_of_silent_strangers_leaves_files_for_those_who_sign_in(programs: Programs, tmp_path: Path) -> None:
    server = programs.server(tmp_path / "data", under=FEW)
    port = port_of(server.wait_ready()[0])
    context = ssl.create_default_context(cafile=tmp_path / "data" / "ca.pem")
    with ExitStack() as stack:
        crowd_in(stack, port, [f"127.0.{i % 5}.9" for i in range(2 * FILES)])
        with (
            socket.create_connection(("127.0.0.1", port), DEADLINE, ("127.9.9.9", 0)) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as member,
        ):
            member.sendall(b"CAP LS 302\r\n")
            assert b" CAP " in member.recv(4096)
        assert programs.admin(tmp_path / "data", "user", "list").code == 0
    assert not any("cannot accept connections" in line or "out of system resource" in line for line in server.err)


@pytest.mark.parametrize(("files", "left"), [(FILES, FILES // 2), (-1, 0)])
def test_control_without_knowing_how_many_files_there_are_all_are_given_away(files: int, left: int) -> None:
    limits = find_room(Limits(strangers=2 * FILES, strangers_per_address=FILES), files)
    addresses = [f"127.0.{i % 5}.9" for i in range(FILES)]
    given = sum(limits.admit(address) is not None for address in addresses)
    assert FILES - given == left
