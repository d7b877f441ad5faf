"""The control socket: another user of the machine, and what somebody has put in its place beforehand.

Attack: a process of another user connects although the file's mode was loosened; the socket's place holds a symbolic
link, a file, somebody's socket or a directory when the server starts. Expected: the other user gets no answer and the
log says who tried; what was planted is replaced without touching what it points to, a directory is refused.
Control: our own user is answered, over the same socket with the same mode.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.site import Site
from tests.scenario.processes import Programs

NOBODY = 65534
ASK = """
import os, socket, sys
os.setgroups([]); os.setgid({uid}); os.setuid({uid})
control = socket.socket(socket.AF_UNIX)
control.connect(sys.argv[1])
try:
    control.sendall(b'{{"type":"user list"}}\\n')
    sys.stdout.buffer.write(b"".join(iter(lambda: control.recv(65536), b"")))
except (BrokenPipeError, ConnectionResetError):
    pass
"""


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory that everybody can enter, which pytest's own cannot be."""
    directory = Path(tempfile.mkdtemp(prefix="sc"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def ask_as(uid: int, path: Path) -> bytes:
    done = subprocess.run(
        ["/usr/bin/python3", "-c", ASK.format(uid=uid), str(path)], capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="no Python that another user can run")
def test_another_user_is_not_answered_even_where_the_file_lets_it_in(programs: Programs, reachable: Path) -> None:
    site = Site(programs, reachable / "data", running=True)
    path = site.data / "control.sock"
    site.data.chmod(0o755)
    path.chmod(0o777)
    assert ask_as(NOBODY, path) == b""
    site.server.wait_for("control request refused")
    site.server.wait_for(f"uid={NOBODY}")
    assert json.loads(ask_as(0, path)) == {"result": []}


@pytest.mark.skipif(sys.platform != "linux", reason="who is at the other end is asked of Linux here")
@pytest.mark.parametrize("planted", ["symlink", "file", "socket"])
def test_what_was_planted_in_its_place_is_replaced_and_what_it_leads_to_is_not_touched(
    programs: Programs, tmp_path: Path, planted: str
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    treasure = tmp_path / "treasure"
    treasure.write_text("keep me")
    place = data / "control.sock"
    held = socket.socket(socket.AF_UNIX)
    if planted == "symlink":
        place.symlink_to(treasure)
    elif planted == "file":
        place.write_text("in the way")
    else:
        held.bind(os.fspath(place))
        held.listen()
    with held:
        site = Site(programs, data, running=True)
        assert site.rows("user", "list") == []
        assert (place.is_socket(), place.is_symlink()) == (True, False)
        assert oct(place.stat().st_mode)[-3:] == "600"
        assert treasure.read_text() == "keep me"


def test_a_directory_in_its_place_is_refused_and_left_alone(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "control.sock").mkdir(parents=True)
    (data / "control.sock" / "kept").touch()
    server = programs.server(data)
    assert server.wait() == 2
    assert "control socket cannot be made (a directory is in its place); remove it" in server.err[-1]
    assert [path.name for path in data.iterdir()] == ["control.sock"]
