"""One's own data in a file: whole and private, or not there."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from securechat.client.errors import Unsendable
from securechat.client.events import Disconnected, Event, ExportEnded, ExportRow, Failed, Noticed
from securechat.plain.takeout import Takeout, name_file
from tests.client.fakeserver import FakeServer
from tests.plain.program import Program

MakeProgram = Callable[..., Program]
ROWS = [ExportRow(1, '{"type":"account","name":"alice"}'), ExportRow(2, '{"type":"message","text":"\u00e9\u202e\x9b"}')]
LINES = '{"type": "account", "name": "alice"}\n{"type": "message", "text": "\\u00e9\\u202e\\u009b"}\n'


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def takeout(told: list[str]) -> Takeout:
    return Takeout(told.append)


def test_the_rows_are_lines_in_a_file_that_nobody_else_can_read(
    tmp_path: Path, takeout: Takeout, told: list[str]
) -> None:
    path = tmp_path / "mine.jsonl"
    previous = os.umask(0)
    try:
        takeout.begin(path)
    finally:
        os.umask(previous)
    assert not takeout.take(Noticed("", "something else"))
    assert all(takeout.take(event) for event in (*ROWS, ExportEnded()))
    assert path.read_text("ascii") == LINES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert told[-1] == f"2 rows are in {path}, which only you can read"
    assert not takeout.take(ROWS[0])


def test_no_file_that_is_there_is_touched(tmp_path: Path, takeout: Takeout) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for taken in (path, link, tmp_path, tmp_path / "missing" / "file", Path("nul\0")):
        with pytest.raises(Unsendable):
            takeout.begin(taken)
    assert path.read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()
    takeout.begin(tmp_path / "one")
    with pytest.raises(Unsendable, match="under way"):
        takeout.begin(tmp_path / "two")
    takeout.break_off("that is all")


BREAKS = [
    ([Disconnected("gone", 1.0)], "the connection is lost"),
    ([Failed("ACCOUNT", "TRY_AGAIN", "Another export is under way", "EXPORT")], "Another export is under way"),
    ([Failed("ACCOUNT", "421", "Unknown command")], "Unknown command"),
    ([ExportRow(3, "{}")], "after row 1 came row 3"),
    ([ExportRow(1, "{}")], "after row 1 came row 1"),
    ([ExportRow(2, '{"type":')], "row 2 is no JSON object"),
    ([ExportRow(2, "[1]")], "row 2 is no JSON object"),
    ([ExportRow(2, "[" * 100_000)], "row 2 is no JSON object"),
]


@pytest.mark.parametrize(("events", "reason"), BREAKS)
def test_what_is_not_whole_is_not_left_behind(
    tmp_path: Path, takeout: Takeout, told: list[str], events: list[Event], reason: str
) -> None:
    path = tmp_path / "mine.jsonl"
    takeout.begin(path)
    for event in (ROWS[0], *events, ExportEnded()):
        takeout.take(event)
    assert told[-1] == f"nothing is exported: {reason}; {path} is removed"
    assert not path.exists()
    takeout.begin(path)
    takeout.break_off("that is all")


def test_a_refusal_of_something_else_breaks_nothing_off(tmp_path: Path, takeout: Takeout) -> None:
    takeout.begin(tmp_path / "mine.jsonl")
    assert not takeout.take(Failed("ACCOUNT", "NOT_IGNORED", "You do not ignore them", "UNIGNORE"))
    assert not takeout.take(Failed("#x", "404", "Cannot send"))
    assert takeout.take(ExportEnded())


def test_a_full_disk_is_said(
    tmp_path: Path, takeout: Takeout, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.jsonl"
    takeout.begin(path)

    def fill(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", fill)
    takeout.take(ROWS[0])
    monkeypatch.undo()
    assert told[-1] == f"nothing is exported: No space left on device; {path} is removed"
    assert not path.exists()


async def test_its_end_can_be_waited_for(tmp_path: Path, takeout: Takeout) -> None:
    await takeout.wait()
    takeout.begin(tmp_path / "mine.jsonl")
    waiting = asyncio.create_task(takeout.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    takeout.take(ExportEnded())
    await waiting


def test_a_file_without_a_name_is_named_after_whom_and_when() -> None:
    assert name_file("alice", datetime(2026, 11, 22, 9, 8, 7)).name == "securechat-alice-20261122-090807.jsonl"  # noqa: DTZ001


EXPORTED = ['EXPORT 1 :{"type":"account",', 'EXPORT 1 :"name":"alice"}', 'EXPORT 2 :{"text":"\u202e"}']
WHOLE = '{"type": "account", "name": "alice"}\n{"text": "\\u202e"}\n'


async def test_a_script_gets_the_rows_on_standard_output(server: FakeServer, program: MakeProgram) -> None:
    server.exported = [*EXPORTED, "END_OF_EXPORT :2 rows"]
    assert await program("export", "--mine").run() == (0, WHOLE, "")


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        ([*EXPORTED, "CUT"], 3, "the export is not whole"),
        (['EXPORT 2 :{"text":"x"}', "END_OF_EXPORT :1 row"], 1, "after row 0 came row 2"),
    ],
)
async def test_a_script_is_told_when_it_is_not_whole(
    server: FakeServer, program: MakeProgram, lines: list[str], code: int, said: str
) -> None:
    server.exported = lines
    outcome = await program("export", "--mine").run()
    assert outcome.code == code
    assert said in outcome.err


@pytest.mark.parametrize("words", [("--mine", "--all"), ("--mine", "#general"), ("--mine", "--since", "m1")])
async def test_mine_goes_with_nothing_else(program: MakeProgram, words: tuple[str, ...]) -> None:
    assert (await program("export", *words).run()).code == 2


async def test_lines_in_a_pipe_wait_for_their_export(server: FakeServer, program: MakeProgram, tmp_path: Path) -> None:
    server.exported = [*EXPORTED, "END_OF_EXPORT :2 rows"]
    path = tmp_path / "a file"
    outcome = await program().run(f"/export {path}\n".encode())
    assert outcome.code == 0
    assert f"-- 2 rows are in {path}, which only you can read" in outcome.out
    assert path.read_text() == WHOLE


async def test_an_export_of_any_length_is_never_held_in_memory(
    server: FakeServer, program: MakeProgram, tmp_path: Path
) -> None:
    # Far more lines than a batch may hold, and all of them in one.
    server.exported = [f'EXPORT {number} :{{"n": {number}}}' for number in range(1, 20_001)]
    server.exported.append("END_OF_EXPORT :20000 rows")
    path = tmp_path / "many"
    outcome = await program().run(f"/export {path}\n".encode())
    assert outcome.code == 0, outcome.err
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == list(range(1, 20_001))
