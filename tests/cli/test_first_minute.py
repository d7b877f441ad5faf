"""The first minute: what is looked at, what is made, and how the first administrator comes in."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests.cli.listing import list_directory
from tests.cli.site import Site
from tests.scenario.processes import BIN, DEADLINE, Program, Programs

LINK = re.compile(r"securechat://\S+/#v1\.[a-z2-7]{26}\.[a-z2-7]{26}")


def stop(server: Program) -> None:
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_without_a_terminal_the_invitation_is_in_a_file_and_the_log_names_only_that(
    programs: Programs, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    server = programs.server(data, umask=0)
    server.wait_ready()
    said = "\n".join(server.err)
    for what in ("port", "clock", "disk", "permissions", "name"):
        assert re.search(rf"^  ok   {what} ", said, re.MULTILINE), said
    assert "its fingerprint is " in said
    path = data / "first-invitation.txt"
    assert said.count(str(path)) == 1
    assert any(re.fullmatch(r"Next: (/\S+/)?securechat-client join", line) for line in server.err)
    assert not LINK.search(said)
    assert LINK.fullmatch(path.read_text().rstrip("\n"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_start_says_three_lines_and_makes_no_second_invitation(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    listen = ("--listen", "127.0.0.1:0", "--listen", "[::1]:0")
    first = programs.server(data, *listen)
    first.wait_ready(2)
    stop(first)
    before = {name: mode for name, (mode, _) in list_directory(data).items()}
    second = programs.server(data, *listen)
    second.wait_ready(2)
    assert len(second.err) == 3, second.err
    stop(second)
    assert re.fullmatch(
        rf"securechat \S+, data in {data}, certificate for localhost, .* until \d{{4}}-\d\d-\d\d \(89 days\)",
        second.err[0],
    )
    assert [line.split(":")[0] for line in second.err[1:3]] == ["listening on 127.0.0.1", "listening on ["]
    assert {name: mode for name, (mode, _) in list_directory(data).items()} == before


def test_once_there_is_an_administrator_the_file_is_gone(programs: Programs, tmp_path: Path) -> None:
    site = Site(programs, tmp_path / "data", running=False)
    assert (site.data / "first-invitation.txt").exists()
    assert site.admin("user", "add", "alice", "--role", "admin", "--generate").code == 0
    server = programs.server(site.data)
    server.wait_ready()
    assert not (site.data / "first-invitation.txt").exists()


def test_on_a_terminal_it_shows_the_invitation_and_a_code_to_be_photographed(
    programs: Programs, tmp_path: Path
) -> None:
    terminal = pexpect.spawn(
        str(BIN / "securechat-server"),
        ["--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"],
        env=programs.environment,
        encoding="utf-8",
        timeout=DEADLINE,
        dimensions=(60, 120),
    )
    try:
        terminal.expect("listening on ")
        said = terminal.before or ""
        link = LINK.search(said)
        assert link is not None, said
        assert len(re.findall("[█▀▄]{4}", said)) > 20
        assert not (tmp_path / "data" / "first-invitation.txt").exists()
    finally:
        terminal.terminate(force=True)


def test_a_start_that_fails_says_what_is_wrong_and_removes_what_it_made(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "made" / "data"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = programs.server(data, port=taken.getsockname()[1])
        assert server.wait() == 2
    assert any(line.startswith("  FIX  port ") and "choose another with --listen" in line for line in server.err)
    assert server.err[-1].startswith("securechat-server: ")
    assert not (tmp_path / "made").exists()


def test_an_invitation_that_nobody_could_be_told_is_taken_back_and_made_by_the_next_start(
    programs: Programs, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    (data / "first-invitation.txt").mkdir(parents=True, mode=0o700)
    site = Site(programs, data, running=True)
    assert any(line.startswith("no invitation was made: ") for line in site.server.err)
    assert site.rows("invites", "list") == []
    site.stop()
    (data / "first-invitation.txt").rmdir()
    site.address()
    assert LINK.fullmatch((data / "first-invitation.txt").read_text().rstrip("\n"))


def test_who_has_lost_the_first_invitation_is_told_how_to_make_another(programs: Programs, tmp_path: Path) -> None:
    site = Site(programs, tmp_path / "data", running=False)
    (site.data / "first-invitation.txt").unlink()
    site.running = True
    site.address()
    (told,) = (line for line in site.server.err if line.startswith("no administrator has come in yet; "))
    _, _, command = told.partition("another invitation: ")
    done = programs.run(Path(command.split()[0]).name, *command.split()[1:])
    assert LINK.fullmatch(done.out.rstrip("\n"))


@pytest.mark.parametrize("redirection", [">&-", "2>/dev/full", ">&- 2>&-"])
def test_a_server_starts_wherever_its_words_go(programs: Programs, tmp_path: Path, redirection: str) -> None:
    under = ["bash", "-c", f'exec "$@" {redirection}', "bash"]
    server = programs.server(tmp_path / "data", "--log-level", "error", under=under)
    path = tmp_path / "data" / "first-invitation.txt"
    deadline = time.monotonic() + DEADLINE
    while not path.exists() and time.monotonic() < deadline:
        assert programs.admin(tmp_path, "--version").code == 0
    assert LINK.fullmatch(path.read_text().rstrip("\n"))
    stop(server)


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can give a directory away")
def test_a_data_directory_of_somebody_else_is_refused(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 65534, 65534)
    server = programs.server(data)
    assert server.wait() == 2
    assert "belongs to nobody" in server.err[-1]
    assert list(data.iterdir()) == []
