"""`scripts/run` in a checkout of its own: what it prints is all one has to type, from wherever one is."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from tests.cli.listing import list_directory
from tests.scenario.processes import DEADLINE, Program, Programs

ROOT = Path(__file__).parents[2]
PARTS = ("certs", "scripts", "securechat")
MADE_BY_RUNNING = shutil.ignore_patterns("*.pem", "*.key", "__pycache__")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what of the checkout is the program, under a path with a space, where nothing was ever run.

    Its virtual environment imports securechat from the copy and borrows this environment's packages. Downloading them
    is left out, since it takes longer than a test may: `scripts/test` does that part of the set-up on a bare machine.
    """
    copy = tmp_path / "my checkout"
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=MADE_BY_RUNNING)
    shutil.copy2(ROOT / "pyproject.toml", copy)
    set_up(copy)
    return copy


def set_up(copy: Path) -> None:
    """Make the virtual environment that `scripts/.environment` would have made, and its stamp."""
    environment = copy / ".venv"
    venv.create(environment, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(f"{copy}\n{sysconfig.get_path('purelib')}\n")
    project = (copy / "pyproject.toml").read_text()
    for name, entry in tomllib.loads(project)["project"]["scripts"].items():
        module, _, function = entry.partition(":")
        program = environment / "bin" / name
        # As pip writes it for a path with a space: to a shell it starts the interpreter, to that the same is a string.
        start = f"""#!/bin/sh\n'''exec' "{environment}/bin/python" -P "$0" "$@"\n' '''\n"""
        program.write_text(f"{start}from {module} import {function}\n{function}()\n")
        program.chmod(0o755)
    (environment / "stamp").write_text(f"{copy}\ndev\n{project}")
    used = subprocess.run(
        [environment / "bin" / "python", "-P", "-c", "import securechat; print(securechat.__file__)"],
        capture_output=True,
        check=True,
    )
    assert used.stdout.decode().strip() == str(copy / "securechat" / "__init__.py")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_scripts_run_sets_up_starts_and_prints_a_command_that_works_as_printed(
    programs: Programs, checkout: Path, tmp_path: Path
) -> None:
    programs.environment.update(PATH="/usr/bin:/bin", PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")
    port = free_port()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    server = programs.start(str(checkout / "scripts" / "run"), "--listen", f"127.0.0.1:{port}")
    server.wait_for(f"listening on 127.0.0.1:{port}")
    assert {"ca.key", "ca.pem", "server.key", "server.pem"} <= set(list_directory(checkout / "certs"))
    assert (checkout / ".run" / "data" / "securechat.db").is_file()

    (join,) = (line.removeprefix("Next: ") for line in server.err if line.startswith("Next: "))
    assert shlex.split(join) == [str(checkout / ".venv" / "bin" / "securechat-client"), "join"]

    def type_elsewhere(command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        shell = ["bash", "-c", f"cd {shlex.quote(str(elsewhere))} && {command}"]
        return subprocess.run(
            shell, input=stdin, capture_output=True, text=True, env=programs.environment, check=True, timeout=DEADLINE
        )

    def talk_as_told(joined: subprocess.CompletedProcess[str]) -> Program:
        (command,) = re.findall(r"from now on: (.*)", joined.stderr)
        return programs.start("bash", "-c", f"cd {shlex.quote(str(elsewhere))} && {command}")

    invitation = (checkout / ".run" / "data" / "first-invitation.txt").read_text()
    alice = talk_as_told(type_elsewhere(f"{join} --user alice", invitation))
    invitation = type_elsewhere(f"{shlex.quote(str(checkout / 'scripts' / 'admin'))} invite bob").stdout
    bob = talk_as_told(
        type_elsewhere(f"{shlex.quote(str(checkout / 'scripts' / 'client'))} join --user bob", invitation)
    )
    alice.say("hello from elsewhere")
    bob.wait_for("#general <alice> hello from elsewhere")
    assert list_directory(elsewhere) == {}

    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert "setting up" not in "\n".join(server.err), "the environment was taken as it is"

    again = programs.start(str(checkout / "scripts" / "run"), "--listen", f"127.0.0.1:{port}")
    again.wait_for(f"listening on 127.0.0.1:{port}")
    assert (again.err[0].split()[0], len(again.err)) == ("securechat", 2), again.err


def test_a_start_that_fails_gives_no_advice_but_the_remedy(programs: Programs, checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = programs.start(str(checkout / "scripts" / "run"), "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        assert server.wait() == 2
    assert not any("join" in line or "user add" in line for line in server.err)
    assert server.err[-1].endswith("stop the other program or choose another port with --listen")
