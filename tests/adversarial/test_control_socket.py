"""The control socket: another user of the machine, and what somebody has put in its place beforehand.

Attack: a process of another user connects although the file's mode was loosened; the socket's place holds a symbolic
link, a file, somebody's socket or a directory when the server starts. Expected: the other user gets no answer and the
log says who tried; what was planted is replaced without touching what it points to, a directory is refused.
Control: our own user is answered, over the same socket with the same mode.

Attack: where others can write into the data directory, one of them listens in the server's place and waits for the
administrator to say a password. Expected: no server starts there, and the admin tool tells nothing to whoever is not the
server's user. Control: the same listener, of our own user, is told.
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
LISTEN = """
import os, socket, sys
os.setgroups([]); os.setgid({uid}); os.setuid({uid})
control = socket.socket(socket.AF_UNIX)
control.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
control.listen()
print("listening", flush=True)
asking, _ = control.accept()
sys.stdout.buffer.write(asking.makefile("rb").readline())
asking.sendall(b'{{"result":{{}}}}\\n')
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="no Python that another user can run")
@pytest.mark.parametrize(("uid", "is_told"), [(NOBODY, False), (0, True)])
def test_a_listener_in_the_servers_place_is_told_no_password(
    programs: Programs, reachable: Path, uid: int, is_told: bool
) -> None:
    data = reachable / "data"
    data.mkdir()
    data.chmod(0o777)
    path = data / "control.sock"
    with subprocess.Popen(
        ["/usr/bin/python3", "-c", LISTEN.format(uid=uid), str(path)], stdout=subprocess.PIPE
    ) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == b"listening\n"
        secret = "correct horse battery staple"
        done = programs.admin(data, "user", "passwd", "alice", "--password-stdin", stdin=f"{secret}\n")
        listener.terminate()
        assert (secret.encode() in listener.stdout.read()) == is_told
    if not is_told:
        assert done.code == 2
        assert f"{path}: belongs to nobody, who is not the server's user; remove it" in done.err[-1]


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_no_server_starts_where_others_can_put_something_in_its_place(
    programs: Programs, tmp_path: Path, mode: int
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)
    server = programs.server(data)
    assert server.wait() == 2
    assert f"{data}: others can write there; chmod 700 {data}" in server.err[-1]
    assert list(data.iterdir()) == []


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
