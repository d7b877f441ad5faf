"""The drill: a backup while people write, restored elsewhere, and every record is what it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.scenario.people import Place
from tests.scenario.processes import BIN, PASSWORD, Program, Programs, Server, port_of, wait_until


class Chat:
    """A running server with alice and bob."""

    def __init__(self, programs: Programs, data: Path) -> None:
        self.programs = programs
        self.data = data
        self.server: Server = programs.server(data)
        self.place = Place(programs, self._address(self.server), data / "ca.pem")
        programs.add_people(data, "alice", "bob")

    def _address(self, server: Server) -> str:
        return f"localhost:{port_of(server.wait_ready()[0])}"

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Have alice and bob write all the time."""
        stop = threading.Event()
        senders = [self._send(name) for name in ("alice", "bob")]
        threads = [threading.Thread(target=chatter, args=(sender, stop)) for sender in senders]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: count_messages(self.data) > 20, "people who write")
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            for sender in senders:
                sender.close_stdin()
                assert sender.wait() == 0

    def _send(self, name: str) -> Program:
        program = self.programs.client("send", "#general", *self.place.sign_in_options(name))
        program.say(PASSWORD)
        return program


def chatter(program: Program, stop: threading.Event) -> None:
    number = 0
    while not stop.wait(0.002):
        number += 1
        program.say(f"line {number} with some words")


def count_messages(data: Path) -> int:
    with contextlib.closing(apsw.Connection(str(data / "securechat.db"), flags=apsw.SQLITE_OPEN_READONLY)) as reader:
        return reader.execute("SELECT count(*) FROM records WHERE kind = 'Posted'").fetchone()[0]


def hash_streams(data: Path, heads: dict[str, list[int]]) -> dict[str, str]:
    """Return the SHA-256 of each stream's records up to its head."""
    hashes = {}
    with contextlib.closing(apsw.Connection(str(data / "securechat.db"), flags=apsw.SQLITE_OPEN_READONLY)) as reader:
        for stream, (seq, _) in heads.items():
            digest = hashlib.sha256()
            rows = reader.execute(
                """SELECT records.seq, msgid, records.time, body FROM records JOIN streams ON streams.id = stream
                WHERE name = ? AND records.seq <= ? ORDER BY records.seq""",
                (stream, seq),
            )
            for row in rows:
                digest.update(json.dumps(row).encode() + b"\n")
            hashes[stream] = digest.hexdigest()
    return hashes


def manifest_of(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive) as tar:
        file = tar.extractfile("manifest.json")
        assert file is not None
        return json.load(file)


@pytest.fixture
def chat(programs: Programs, tmp_path: Path) -> Chat:
    return Chat(programs, tmp_path / "data")


def files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_backup_while_people_write_is_restored_elsewhere_to_the_last_record(
    chat: Chat, programs: Programs, tmp_path: Path
) -> None:
    archive, other = tmp_path / "chat.tar", tmp_path / "other"
    with chat.writing():
        done = programs.admin(chat.data, "backup", str(archive))
        assert done.code == 0, done.err
        assert stat.S_IMODE(archive.stat().st_mode) == 0o600
        before = count_messages(chat.data)
        wait_until(lambda: count_messages(chat.data) > before, "people who go on writing")
    manifest = manifest_of(archive)
    names = [member["name"] for member in manifest["members"]]
    assert names == ["ca.key", "ca.pem", "config.toml", "server.key", "server.pem", "securechat.db"]
    assert programs.admin(chat.data, "restore", str(archive), "--check").code == 0
    assert programs.run("securechat-admin", "restore", str(archive), "--data", str(other)).code == 0
    assert stat.S_IMODE(other.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in other.iterdir()} == dict.fromkeys(
        [*names, "lock"], 0o600
    )
    server = programs.server(other)
    place = Place(programs, f"localhost:{port_of(server.wait_ready()[0])}", chat.data / "ca.pem")
    heads = manifest["streams"]
    expected = hash_streams(chat.data, heads)
    assert hash_streams(other, heads) == expected
    assert len(heads) >= 4
    said = [row["text"] for row in place.read_history("alice", "#general")]
    assert len(said) >= 20
    assert said == [row["text"] for row in chat.place.read_history("alice", "#general")][: len(said)]
    place.send("bob", "#general", "it goes on")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    # Control: one changed byte in a body.
    with contextlib.closing(apsw.Connection(str(other / "securechat.db"))) as writer:
        writer.execute(
            """UPDATE records SET body = replace(body, 'line 7 with', 'line 7 wish')
            WHERE (stream, seq) IN (SELECT stream, seq FROM records WHERE body LIKE '%line 7 with%' LIMIT 1)"""
        )
        assert writer.changes() == 1
    changed = hash_streams(other, heads)
    assert len([stream for stream in heads if changed[stream] != expected[stream]]) == 1


def test_without_a_server_it_is_the_same_and_after_a_crash_too(chat: Chat, programs: Programs, tmp_path: Path) -> None:
    chat.place.send("alice", "#general", "before the crash")
    chat.server.kill()
    assert programs.admin(chat.data, "backup", str(tmp_path / "one.tar")).code == 0
    restored = programs.run("securechat-admin", "--data", str(tmp_path / "other"), "restore", str(tmp_path / "one.tar"))
    assert restored.code == 0, restored.err
    heads = manifest_of(tmp_path / "one.tar")["streams"]
    assert hash_streams(tmp_path / "other", heads) == hash_streams(chat.data, heads)
    assert count_messages(tmp_path / "other") == 1


def test_nothing_is_ever_overwritten(chat: Chat, programs: Programs, tmp_path: Path) -> None:
    archive = tmp_path / "chat.tar"
    archive.write_bytes(b"something else")
    refused = programs.admin(chat.data, "backup", str(archive))
    assert refused.code == 2
    assert refused.err == [f"securechat-admin: {archive}: exists; name another file, or replace it with --replace"]
    assert archive.read_bytes() == b"something else"
    assert programs.admin(chat.data, "backup", str(archive), "--replace").code == 0
    before = {name: (chat.data / name).read_bytes() for name in ("ca.key", "config.toml")}
    refused = programs.admin(chat.data, "restore", str(archive))
    assert refused.code == 2
    assert "in use by another securechat process" in refused.err[0]
    chat.server.signal(signal.SIGTERM)
    chat.server.wait()
    there = files(chat.data)
    refused = programs.admin(chat.data, "restore", str(archive))
    assert refused.code == 2
    assert "is not empty (ca.key is there); restore into another directory" in refused.err[0]
    assert files(chat.data) == there
    assert {name: (chat.data / name).read_bytes() for name in before} == before


def test_a_backup_never_takes_the_place_of_what_it_is_of(chat: Chat, programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(chat.data)
    before = (chat.data / "securechat.db").stat().st_ino
    for target in (chat.data / "securechat.db", chat.data / "new.tar", tmp_path / "link" / "ca.key"):
        refused = programs.admin(chat.data, "backup", "--replace", str(target))
        assert refused.code == 2
        assert refused.err == [
            f"securechat-admin: {target}: is among the files that it is to be a copy of; name a file in another directory"
        ]
    assert (chat.data / "securechat.db").stat().st_ino == before


def test_files_that_the_settings_name_and_that_are_not_in_it_are_named(
    chat: Chat, programs: Programs, tmp_path: Path
) -> None:
    shutil.copy(chat.data / "ca.pem", chat.data / "chain.crt")
    shutil.copy(chat.data / "ca.pem", tmp_path / "real.pem")
    (chat.data / "linked.pem").symlink_to(tmp_path / "real.pem")
    named = {"cert": chat.data / "chain.crt", "key": chat.data / "server.key", "client_ca": tmp_path / "people.pem"}
    lines = [f'{key} = "{path}"\n' for key, path in named.items()]
    (chat.data / "config.toml").write_text("".join(lines) + f'[metrics]\ntoken_file = "{tmp_path}/token"\n')
    done = programs.admin(chat.data, "backup", str(tmp_path / "one.tar"))
    told = [line.rpartition(" ")[2] for line in done.err if line.startswith("not in it, though the settings name it: ")]
    assert told == [str(chat.data / "chain.crt"), str(tmp_path / "people.pem"), f"{tmp_path}/token"]
    # Control: what a link leads to is in it.
    (chat.data / "config.toml").write_text(f'cert = "{chat.data}/linked.pem"\nkey = "{chat.data}/server.key"\n')
    done = programs.admin(chat.data, "backup", str(tmp_path / "two.tar"))
    assert (done.code, len(done.err)) == (0, 1)
    assert "linked.pem" in [member["name"] for member in manifest_of(tmp_path / "two.tar")["members"]]


KILLED_AT = """
import os, sys
from pathlib import Path
from securechat.cli import saving
left, rename = [int(sys.argv[1])], Path.rename
def rename_or_die(path, target):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), 9)
    return rename(path, target)
Path.rename = rename_or_die
Path.rmdir = lambda path: os.kill(os.getpid(), 9)
saving.restore(Path(sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.mark.parametrize(("files_placed", "is_whole"), [(0, False), (1, False), (5, False), (6, True)])
def test_where_a_restore_was_killed_no_server_starts_with_less_than_all_of_it(
    chat: Chat, programs: Programs, tmp_path: Path, files_placed: int, is_whole: bool
) -> None:
    archive, other = tmp_path / "chat.tar", tmp_path / "other"
    chat.place.send("alice", "#general", "in the backup")
    assert programs.admin(chat.data, "backup", str(archive)).code == 0
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT, str(files_placed), str(other), str(archive)], check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    left = files(other)
    if is_whole:
        programs.server(other).wait_ready()
        assert count_messages(other) == 1
        return
    for command in (
        ("securechat-server", "--data", str(other), "--listen", "127.0.0.1:0"),
        ("securechat-admin", "restore", str(archive), "--data", str(other)),
    ):
        refused = programs.run(*command)
        assert refused.code == 2
        assert refused.err[-1] == (
            f"{command[0]}: {other}: a restore into it was cut short; empty it and restore again"
        )
        assert files(other) == left
    assert programs.admin(other, "user", "list").code == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_what_an_administrator_restores_is_for_whose_directory_it_is(
    chat: Chat, programs: Programs, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    os.chown(other, 65534, 65534)
    assert programs.admin(chat.data, "backup", str(tmp_path / "chat.tar")).code == 0
    assert programs.run("securechat-admin", "restore", str(tmp_path / "chat.tar"), "--data", str(other)).code == 0
    assert {path.name: path.stat().st_uid for path in other.iterdir()} == dict.fromkeys(files(other), 65534)
    assert "lock" in files(other)


def test_of_a_backup_that_is_not_whole_nothing_is_left(chat: Chat, programs: Programs, tmp_path: Path) -> None:
    whole, broken, other = tmp_path / "whole.tar", tmp_path / "broken.tar", tmp_path / "new" / "other"
    assert programs.admin(chat.data, "backup", str(whole)).code == 0
    content = whole.read_bytes()
    middle = content.index(b"#general")
    for wrong in (content[: len(content) // 2], content[:middle] + b"$" + content[middle + 1 :], b"no tar at all" * 99):
        broken.write_bytes(wrong)
        for command in (("restore", str(broken), "--data", str(other)), ("restore", str(broken), "--check")):
            refused = programs.run("securechat-admin", *command)
            assert refused.code == 1
            assert len(refused.err) == 1
        assert not other.parent.exists()
    other.mkdir(parents=True)
    assert programs.run("securechat-admin", "restore", str(broken), "--data", str(other)).code == 1
    assert files(other) == set()
    # Control: what is whole is restored there.
    assert programs.run("securechat-admin", "restore", str(whole), "--data", str(other)).code == 0


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit (util-linux) limits the size of files")
def test_where_it_does_not_fit_no_file_is_left_and_the_server_goes_on(
    chat: Chat, programs: Programs, tmp_path: Path
) -> None:
    place = tmp_path / "backups"
    place.mkdir()
    assert programs.admin(chat.data, "backup", str(tmp_path / "control.tar")).code == 0
    # In the middle of the database, and at the end of all.
    for limit in (50_000, (tmp_path / "control.tar").stat().st_size - 1):
        refused = programs.run(
            *("securechat-admin", "--data", str(chat.data), "backup", str(place / "chat.tar")),
            under=["prlimit", f"--fsize={limit}"],
        )
        assert refused.code == 2
        assert len(refused.err) == 1
        assert f"{place / 'chat.tar'}: cannot be written" in refused.err[0]
        assert files(place) == set()
    config = chat.data / "config.toml"
    config.write_text(f"[limits]\nfree_space = {1 << 60}\n")
    refused = programs.admin(chat.data, "backup", str(place / "chat.tar"))
    assert (refused.code, files(place)) == (2, set())
    assert "make room, or name another disk" in refused.err[0]
    chat.place.send("alice", "#general", "still here")


def test_a_backup_that_is_killed_leaves_no_half_a_file_under_its_name(
    chat: Chat, programs: Programs, tmp_path: Path
) -> None:
    place = tmp_path / "backups"
    place.mkdir()
    with chat.writing():
        for delay in (0.15, 0.2, 0.25, 0.3):
            backup = programs.start(
                str(BIN / "securechat-admin"), "--data", str(chat.data), "backup", str(place / "chat.tar")
            )
            threading.Event().wait(delay)
            backup.kill()
            if (place / "chat.tar").exists():
                assert programs.admin(chat.data, "restore", str(place / "chat.tar"), "--check").code == 0
                (place / "chat.tar").unlink()
    chat.place.send("alice", "#general", "still here")
    assert programs.admin(chat.data, "backup", str(place / "chat.tar")).code == 0


def test_a_channel_is_exported_as_json_lines_and_that_is_on_record(
    chat: Chat, programs: Programs, tmp_path: Path
) -> None:
    chat.place.send("alice", "#general", "one", "two")
    chat.place.send("alice", "bob", "between us")
    done = programs.admin(chat.data, "export", "general")
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [(row["type"], row["sender"], row["target"], row["text"]) for row in rows] == [
        ("message", "alice", "#general", "one"),
        ("message", "alice", "#general", "two"),
    ]
    chat.server.signal(signal.SIGTERM)
    chat.server.wait()
    target = tmp_path / "general.jsonl"
    assert programs.admin(chat.data, "export", "#general", str(target)).code == 0
    assert [json.loads(line) for line in target.read_text().splitlines()] == rows
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    trail = programs.admin(chat.data, "audit", "--json")
    told = [row for row in json.loads(trail.out) if row["what"] == "channel export"]
    assert [row["target"] for row in told] == ["#general", "#general"]
    # Nobody exports what two people say to each other.
    assert programs.admin(chat.data, "export", "bob").err == ["securechat-admin: there is no channel '#bob'"]
    # Who is gone is called what everybody else is shown.
    assert programs.admin(chat.data, "user", "delete", "alice", "--yes").code == 0
    names = {json.loads(line)["sender"] for line in programs.admin(chat.data, "export", "general").out.splitlines()}
    assert [re.fullmatch(r"deleted-[0-9a-zA-Z]{6}", name) is not None for name in names] == [True]
