"""`scripts/run` in a checkout of its own: what it prints is all one has to type, from wherever one is."""

from __future__ import annotations

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
from tests.scenario.processes import DEADLINE, PASSWORD, Programs

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
        program.write_text(
            f'#!/bin/sh\nexec "${{0%/*}}/python" -P -c "from {module} import {function}; {function}()" "$@"\n'
        )
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


def test_scripts_run_sets_up_starts_and_prints_commands_that_work_as_printed(
    programs: Programs, checkout: Path, tmp_path: Path
) -> None:
    port = free_port()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    server = programs.start(str(checkout / "scripts" / "run"), "--listen", f"127.0.0.1:{port}")
    server.wait_for(f"listening on 127.0.0.1:{port}")
    assert {"ca.key", "ca.pem", "server.key", "server.pem"} <= set(list_directory(checkout / "certs"))
    assert (checkout / ".run" / "data" / "securechat.db").is_file()

    add, talk = (line.strip() for line in server.err if line.startswith("    "))
    assert shlex.split(add) == [str(checkout / "scripts" / "admin"), "user", "add", "alice"]
    assert shlex.split(talk)[:2] == [str(checkout / "scripts" / "client"), f"localhost:{port}"]
    subprocess.run(
        ["bash", "-c", f"{add} --password-stdin"],
        input=f"{PASSWORD}\n".encode(),
        cwd=elsewhere,
        env=programs.environment,
        check=True,
        timeout=DEADLINE,
    )
    client = programs.start("bash", "-c", f"cd {shlex.quote(str(elsewhere))} && {talk} --password-stdin")
    client.say(PASSWORD, "hello from elsewhere")
    client.wait_for("#general <alice> hello from elsewhere")
    assert list_directory(elsewhere) == {}

    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert "setting up" not in "\n".join(server.err), "the environment was taken as it is"
