"""docs/newcomer.md keeps its word: from installation to upgrade, in the terminals that it names, everything for real."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.walk import COLUMNS, ROWS, Block, Differs, Line, Screen, Walk, read_blocks, tidy
from tests.scenario.processes import BIN
from tests.terminal.screen import Terminal

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "newcomer.md"
PARTS = ("securechat", "pyproject.toml", "README.md", "LICENSE")
TERMINALS = ("server", "admin", "alice", "bob")
OLD, NEW = "0.1.0", "0.2.0"
"""The versions that the page installs."""
INSTALLING = 1
"""How many blocks of the page it takes until the programs are there."""

SHELL = """
import fcntl, os, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.chdir(os.environ["HOME"])
os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
"""
"""A shell at home, which the terminal's keys reach."""


def read_page(home: Path) -> str:
    """Return the page as it is for somebody with this home, and a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    # A link does not say the port when it is the one that everybody takes.
    text = PAGE.read_text("utf-8").replace("securechat://localhost/", f"securechat://localhost:{port}/")
    text = text.replace("/home/ann", str(home)).replace("6697", str(port))
    return text.replace("is ann's", f"is {pwd.getpwuid(os.geteuid()).pw_name}'s")


def environment_at(home: Path, path: str) -> dict[str, str]:
    """Return the environment of somebody at a terminal, with no keyring and nothing to be fetched from anywhere."""
    return {
        "HOME": str(home),
        "LOGNAME": "ann",
        "PATH": path,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PS1": "$ ",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # Which is how pip is told to have none.
        "GIT_CONFIG_NOSYSTEM": "1",
    }


@contextmanager
def terminals(environment: dict[str, str]) -> Iterator[dict[str, Screen]]:
    """Open the page's terminals, each with a shell in it."""
    command = [sys.executable, "-c", SHELL]
    opened = {name: Terminal(command, environment, columns=COLUMNS, rows=ROWS) for name in TERMINALS}
    try:
        yield {name: Screen(terminal) for name, terminal in opened.items()}
    finally:
        for terminal in opened.values():
            terminal.kill_foreground()


def lend_packages(place: Path) -> Path:
    """Return a directory with the packages of this environment, without securechat and pip."""
    lent = place / "packages"
    lent.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not re.match(r"_?(securechat|pip|__editable__)|.*\.pth$", entry.name):
            (lent / entry.name).symlink_to(entry)
    return lent


def publish(upstream: Path, version: str) -> None:
    """Commit what is in a directory as a version."""
    for path, name in (
        (upstream / "securechat" / "__init__.py", "__version__"),
        (upstream / "pyproject.toml", "version"),
    ):
        path.write_text(re.sub(rf'^{name} = ".*"$', f'{name} = "{version}"', path.read_text(), flags=re.MULTILINE))
    git = ["git", "-C", str(upstream), "-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", version], check=True)


def make_checkout(place: Path, checkout: Path) -> None:
    """Clone the old version of what is here, while its upstream has the new one."""
    upstream = place / "upstream"
    subprocess.run(["git", "init", "--quiet", str(upstream)], check=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, upstream / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, upstream / part)
    publish(upstream, OLD)
    subprocess.run(["git", "clone", "--quiet", str(upstream), str(checkout)], check=True)
    publish(upstream, NEW)


@pytest.mark.timeout(120)
def test_a_newcomer_gets_from_the_installation_to_the_upgrade_as_the_page_says(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    if importlib.util.find_spec("ensurepip") is None:
        pytest.skip("this Python cannot make an environment (ensurepip): on Debian, python3-venv is not installed")
    home = tmp_path / "home"
    home.mkdir()
    make_checkout(tmp_path, home / "checkout")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(getattr(sys, "_base_executable", sys.executable))
    environment = environment_at(home, f"{tmp_path / 'bin'}:/usr/bin:/bin")
    environment["PYTHONPATH"] = str(lend_packages(tmp_path))
    blocks = read_blocks(read_page(home))
    assert {block.terminal for block in blocks} == set(TERMINALS)
    with terminals(environment) as screens:
        Walk(screens).go(blocks)
    installed = subprocess.run(
        [home / "securechat" / "bin" / "python", "-P", "-c", "import securechat; print(securechat.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert installed.stdout.startswith(str(home / "securechat" / "lib")), "what was installed is what ran"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  ok   name         localhost\n", "", "ok   name         localhost"),
        ("good for 24 hours", "good for 12 hours", "good for 24 hours"),
        ("-- #general: you are in\n", "-- #general: you are in\n-- and happy\n", "-- and happy"),
    ],
    ids=["a line is missing", "a line is another", "a line too many"],
)
def test_control_a_page_that_says_something_else_fails(tmp_path: Path, old: str, new: str, said: str) -> None:
    page = read_page(tmp_path)
    assert old in page
    blocks = read_blocks(page.replace(old, new, 1))[INSTALLING:]
    environment = environment_at(tmp_path, f"{BIN}:/usr/bin:/bin")
    (tmp_path / "checkout").mkdir()
    with terminals(environment) as screens, pytest.raises(Differs, match=re.escape(said)):
        Walk(screens).go(blocks)


def test_control_what_may_differ_is_the_same_everywhere_and_nothing_else_may() -> None:
    walk = Walk({})
    one, other = ":".join(["AB"] * 32), ":".join(["CD"] * 32)
    assert walk.is_same("until 2027-02-20 (90 days)", "until 2031-01-01 (89 days)")
    assert not walk.is_same("until 2027-02-20 (90 days)", "until 2027-02-20 (90 hours)")
    assert walk.is_same(f"its fingerprint is {one}", f"its fingerprint is {other}")
    assert not walk.is_same(f"sha256 {one}", f"sha256 {one}")
    assert not walk.is_same("12:09 #general <alice> at 12:10", "12:10 #general <alice> at 12:11")


def test_control_blocks_are_read_and_tidied() -> None:
    page = "```text bob\n$ date\nInvitation: x\n[#general] Hi\n```\n```text\nno terminal\n```\n```bash\nls\n```\n"
    lines = (
        Line("$ date", "$ ", "date\r"),
        Line("Invitation:", "Invitation: ", "x\r"),
        Line(None, "[#general] ", "Hi\r"),
    )
    assert read_blocks(page) == [Block("bob", lines)]
    code = "█▀▄ " * 10
    assert tidy(["a", "", code, code, "^Ctimestamp='now' x", "timestamp='now'"]) == ["a", "", "(the QR code)", "^C"]
