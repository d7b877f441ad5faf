"""What securechat-admin refuses: an exit code by whose fault it is, one line on stderr, and nothing changed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from securechat.storage.lock import DirectoryLock
from tests.cli.listing import list_directory
from tests.cli.site import Site
from tests.scenario.processes import BIN, DEADLINE, PASSWORD, Programs

FAILED, USAGE = 1, 2


@pytest.fixture(scope="module", params=["running", "stopped"])
def settled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with the account alice, shared by the tests here since none of them changes anything."""
    directory = tmp_path_factory.mktemp("site")
    (directory / "home").mkdir()
    programs = Programs(directory / "home")
    try:
        site = Site(programs, directory / "data", running=request.param == "running")
        site.add("alice")
        yield site
    finally:
        programs.end_all()


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "line"),
    [
        ("user add alice --password-stdin", PASSWORD, FAILED, "there is an account 'alice' already"),
        ("user add ALICE --generate", "", FAILED, "'ALICE' could be mistaken for 'alice', which exists"),
        ("user add al1ce --generate", "", FAILED, "'al1ce' could be mistaken for 'alice', which exists"),
        ("user add a-lice --generate", "", FAILED, "'a-lice' could be mistaken for 'alice', which exists"),
        ("user add NickServ --generate", "", FAILED, "'NickServ' is reserved for services"),
        ("user add 1st --generate", "", FAILED, "'1st' cannot be a name: a letter, then up to 31 letters"),
        ("user add bob --password-stdin", "short", FAILED, "a password needs at least 12 characters"),
        ("user add bob --password-stdin", "sct_abcdefghijklmnop", FAILED, "sct_"),
        ("user add bob --password-stdin", "", USAGE, "stdin: the first line is to be the password, and it is empty"),
        ("user add bob --password-stdin", "\nsecond line", USAGE, "stdin: the first line is to be the password"),
        ("user passwd bob --generate", "", FAILED, "there is no account 'bob'"),
        ("user passwd alice --password-stdin", "short", FAILED, "a password needs at least 12 characters"),
        ("user disable bob", "", FAILED, "there is no account 'bob'"),
        ("user enable bob", "", FAILED, "there is no account 'bob'"),
        ("passwd bob --generate", "", FAILED, "there is no account 'bob'"),
        ("disable bob", "", FAILED, "there is no account 'bob'"),
        ("enable bob", "", FAILED, "there is no account 'bob'"),
        ("token add bob --label laptop", "", FAILED, "there is no account 'bob'"),
        ("token list bob", "", FAILED, "there is no account 'bob'"),
        ("user rename bob bobby", "", FAILED, "there is no account 'bob'"),
        ("user rename alice NickServ", "", FAILED, "'NickServ' is reserved for services"),
        ("user rename alice 1st", "", FAILED, "'1st' cannot be a name: a letter, then up to 31 letters"),
        ("user delete bob --yes", "", FAILED, "there is no account 'bob'"),
        ("channel show nosuch", "", FAILED, "#nosuch"),
        ("channel drop nosuch --yes", "", FAILED, "#nosuch"),
        ("channel role nosuch alice owner", "", FAILED, "#nosuch"),
        ("channel role general bob owner", "", FAILED, "'bob'"),
        ("channel create general --owner alice", "", FAILED, "#general"),
        ("channel create ops --owner bob", "", FAILED, "there is no account 'bob'"),
        ("token revoke nosuch", "", FAILED, "there is no device 'nosuch'; `token list NAME` shows"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_the_reason(
    settled: Site, arguments: str, stdin: str, code: int, line: str
) -> None:
    done = settled.admin(*arguments.split(), stdin=f"{stdin}\n" if stdin else "")
    assert (done.code, done.out, len(done.err)) == (code, "", 1)
    assert done.err[0].startswith("securechat-admin: ")
    assert line in done.err[0]
    assert not stdin or stdin not in done.err[0]


def test_the_refused_left_no_account_behind(settled: Site) -> None:
    settled.admin("user", "add", "NickServ", "--generate")
    assert [row["name"] for row in settled.rows("user", "list")] == ["alice"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["user", "add", "bob"],
        ["user", "add", "bob", "--password", PASSWORD],
        ["user", "add", "bob", "--password-stdin", "--generate"],
        ["user", "add", "bob", "--role", "king", "--generate"],
        ["user", "add"],
        ["user", "import", "no-such-file.csv"],
        ["user", "delete", "alice"],
        ["user", "rename", "alice"],
        ["channel", "drop", "general"],
        ["channel", "create", "ops"],
        ["channel", "role", "general", "alice", "king"],
        ["cert", "issue", "server", "--name", "other.example.org"],
        ["completion", "csh"],
        ["token", "add", "alice"],
        ["users"],
    ],
)
def test_what_is_not_understood_is_usage(programs: Programs, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "data").mkdir()
    done = programs.admin(tmp_path / "data", *arguments)
    assert (done.code, done.out) == (USAGE, "")
    assert done.err[-1].startswith("Error: ")
    assert list_directory(tmp_path / "data") == {}


def test_the_short_forms_do_the_same_and_are_not_advertised(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    assert programs.admin(data, "user", "add", "alice", "--generate").code == 0
    assert programs.admin(data, "passwd", "alice", "--generate").err == ["password of alice changed"]
    assert programs.admin(data, "disable", "alice").err == ["alice is disabled"]
    assert programs.admin(data, "enable", "alice").err == ["alice is enabled"]
    listed = {
        arguments: [line.split()[0] for line in programs.admin(data, *arguments, "--help").out.splitlines() if line]
        for arguments in ((), ("user",))
    }
    for word in ("passwd", "disable", "enable"):
        assert word not in listed[()]
        assert word in listed["user",]


@pytest.mark.parametrize("content", [b"caf\xe9\n", b"bob,\xff\xfe\n"])
def test_a_list_in_another_encoding_is_one_line(programs: Programs, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "names.csv").write_bytes(content)
    done = programs.admin(tmp_path / "data", "user", "import", str(tmp_path / "names.csv"))
    assert (done.code, done.out, len(done.err)) == (USAGE, "", 1)
    assert "names.csv: is not CSV in UTF-8" in done.err[0]


@pytest.mark.parametrize("command", [["cert", "show"], ["config", "check"]])
def test_a_path_that_cannot_be_looked_at_is_one_line(programs: Programs, tmp_path: Path, command: list[str]) -> None:
    # As root no directory is closed: a name that is too long for any file system fails in the same way.
    done = programs.admin(tmp_path / ("a" * 300), *command)
    assert (done.code, done.out, len(done.err)) == (USAGE, "", 1)
    assert "cannot be read (File name too long)" in done.err[0]


def test_what_cannot_be_printed_is_one_line_that_says_it_was_done(site: Site) -> None:
    for command in ("user add dora --generate", "user import - --tokens", "user list", "config example"):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [BIN / "securechat-admin", "--data", site.data, *command.split()],
                stdout=full,
                stderr=subprocess.PIPE,
                input="emil\n",
                text=True,
                timeout=DEADLINE,
                check=False,
            )
        told = "securechat-admin: stdout: cannot be written (No space left on device); it is done all the same"
        assert (done.returncode, "Traceback" in done.stderr) == (FAILED, False)
        assert done.stderr.splitlines()[-1].startswith(told)
    assert [row["name"] for row in site.rows("user", "list")] == ["dora", "emil"]


def test_errands_at_the_same_time_wait_for_each_other(site: Site) -> None:
    site.add("alice")
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(site.admin, "token", "add", "alice", "--label", f"number {i}") for i in range(4)]
    assert [job.result().code for job in jobs] == [0] * 4
    rows = site.rows("token", "list", "alice")
    assert sorted(row["label"] for row in rows) == ["number 0", "number 1", "number 2", "number 3"]


COMMANDS = [["user", "list"], ["user", "import", "-", "--tokens"]]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("nowhere", "no such file or directory; name the server's data directory with --data"),
        ("file.txt", "not a directory; name the server's data directory with --data"),
        ("photos", "is no data directory of securechat; name the right one with --data"),
    ],
)
def test_a_mistyped_data_directory_gets_nothing_put_into_it(
    programs: Programs, tmp_path: Path, command: list[str], place: str, reason: str
) -> None:
    (tmp_path / "file.txt").write_text("mine")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "sea.jpg").write_text("blue")
    before = list_directory(tmp_path)
    done = programs.admin(tmp_path / place, *command, stdin="bob\n")
    assert (done.code, done.out, done.err) == (USAGE, "", [f"securechat-admin: {tmp_path / place}: {reason}"])
    assert list_directory(tmp_path) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_directory_that_another_process_holds_is_left_alone(
    programs: Programs, tmp_path: Path, command: list[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    assert programs.admin(data, "user", "add", "alice", "--generate").code == 0
    with DirectoryLock(data):
        before = list_directory(data)
        done = programs.admin(data, *command, stdin="bob\n")
        assert (done.code, done.out, len(done.err)) == (USAGE, "", 1)
        assert f"{data}: in use by another securechat process (pid " in done.err[0]
        assert list_directory(data) == before
    assert programs.admin(data, *command, stdin="bob\n").code == 0
