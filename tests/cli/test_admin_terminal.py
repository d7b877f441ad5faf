"""securechat-admin at a terminal: what is asked there, and that nothing is done unless the answer is yes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from tests.cli.site import Site
from tests.scenario.processes import BIN, DEADLINE, PASSWORD, Programs

Start = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def site(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A stopped server's data directory with alice and bob."""
    made = Site(programs, tmp_path_factory.mktemp("site") / "data", running=False)
    made.add("alice", "bob")
    return made


@pytest.fixture
def start(site: Site, programs: Programs) -> Iterator[Start]:
    """Starts a command on a terminal of so many columns."""
    started: list[pexpect.spawn[str]] = []

    def begin(*arguments: str, columns: int = 60) -> pexpect.spawn[str]:
        site.stop()
        terminal = pexpect.spawn(
            str(BIN / "securechat-admin"),
            ["--data", str(site.data), *arguments],
            env={**programs.environment, "TERM": "xterm"},
            encoding="utf-8",
            timeout=DEADLINE,
            dimensions=(24, columns),
        )
        started.append(terminal)
        return terminal

    yield begin
    for terminal in started:
        terminal.close(force=True)


def end(terminal: pexpect.spawn[str]) -> tuple[int | None, list[str]]:
    """Wait for its end; return the exit code and the lines since the last that was waited for."""
    terminal.expect(pexpect.EOF)
    terminal.wait()
    return terminal.exitstatus, (terminal.before or "").splitlines()


async def test_a_password_is_asked_for_twice_and_never_shown(site: Site, start: Start) -> None:
    terminal = start("user", "add", "carol")
    terminal.expect("Password, at least 12 characters: ")
    terminal.sendline(PASSWORD)
    terminal.expect("Repeat for confirmation: ")
    terminal.sendline(PASSWORD)
    code, lines = end(terminal)
    assert (code, [line for line in lines if line]) == (0, ["added carol (member)"])
    assert await site.lets_in("carol")


async def test_a_password_that_is_too_short_is_asked_for_again(site: Site, start: Start) -> None:
    terminal = start("user", "add", "carol")
    for secret in ("kitten", PASSWORD):
        terminal.expect("Password, at least 12 characters: ")
        terminal.sendline(secret)
        terminal.expect("Repeat for confirmation: ")
        terminal.sendline(secret)
        if secret == "kitten":
            terminal.expect_exact("a password needs at least 12 characters; once more")
    assert end(terminal)[0] == 0
    assert await site.lets_in("carol")


def test_a_password_is_asked_for_only_where_there_is_a_server_to_take_it(
    site: Site, start: Start, tmp_path: Path
) -> None:
    terminal = start("--data", str(tmp_path / "nowhere"), "user", "add", "carol")
    code, lines = end(terminal)
    assert code == 2
    assert "no such file or directory; name the server's data directory" in " ".join(lines)
    assert not any("Password" in line for line in lines)


@pytest.mark.parametrize(
    ("command", "words", "done"),
    [
        (("user", "delete", "bob"), "bob is deleted for good; what they wrote stays,", "bob is deleted"),
        (("user", "delete", "bob", "--erase"), "bob is deleted for good; what they wrote is erased", "bob is"),
        (("channel", "drop", "general"), "#general is dropped for good; nobody will be able", "#general is dropped"),
    ],
)
def test_what_cannot_be_undone_is_done_only_when_it_is_meant(
    site: Site, start: Start, command: tuple[str, ...], words: str, done: str
) -> None:
    before = site.rows("user", "list"), site.rows("channel", "list")
    for answer in ("n", ""):
        terminal = start(*command)
        terminal.expect_exact(words)
        terminal.expect_exact("Go on? [y/N]: ")
        terminal.sendline(answer)
        code, lines = end(terminal)
        assert (code, lines[-1]) == (1, "securechat-admin: nothing was changed")
    assert (site.rows("user", "list"), site.rows("channel", "list")) == before

    without = site.admin(*command)
    assert (without.code, without.out) == (2, "")
    assert without.err[-1] == "Error: there is no terminal to ask whether that is meant; say so with --yes"
    assert (site.rows("user", "list"), site.rows("channel", "list")) == before

    terminal = start(*command)
    terminal.expect_exact("Go on? [y/N]: ")
    terminal.sendline("y")
    code, lines = end(terminal)
    assert code == 0
    assert lines[-1].startswith(done)
    assert (site.rows("user", "list"), site.rows("channel", "list")) != before


def test_ctrl_c_at_a_question_ends_with_130_and_changes_nothing(site: Site, start: Start) -> None:
    before = site.rows("user", "list")
    for command, question in (
        (("user", "passwd", "bob"), "Password, at least 12 characters: "),
        (("user", "delete", "bob"), "Go on?"),
    ):
        terminal = start(*command)
        terminal.expect_exact(question)
        terminal.sendintr()
        assert end(terminal)[0] == 130
    assert site.rows("user", "list") == before


def test_tables_fit_a_terminal_of_60_columns(site: Site, start: Start) -> None:
    site.add("a-name-that-is-as-long-as-can-be")
    for command in (["user", "list"], ["channel", "list"], ["channel", "show", "general"], ["cert", "show"]):
        code, lines = end(start(*command, columns=60))
        assert code == 0
        assert lines
        assert [line for line in lines if len(line) > 60] == []
