"""Lines from pipes and files, and the secret that stands in their first one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from securechat.client import LineTooLong
from securechat.client.errors import Unsendable
from securechat.errors import ConfigError
from securechat.plain import typed
from securechat.plain.access import build_access, check_target, read_first_line
from securechat.plain.oneshot import parse_since
from securechat.plain.typed import read_lines
from securechat.plain.wording import split_message, split_text, word_action


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass


async def test_lines_come_as_they_are_written_and_the_last_needs_no_end(pipe: tuple[int, int]) -> None:
    lines = read_lines(pipe[0])
    os.write(pipe[1], b"one\r\ntw")
    assert await anext(lines) == b"one"
    waiting = asyncio.ensure_future(anext(lines))
    os.write(pipe[1], b"o\n\nthree")
    assert await waiting == b"two"
    os.close(pipe[1])
    assert [line async for line in lines] == [b"", b"three"]


async def test_a_plain_file_and_nothing_at_all_can_be_read_too(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"a\nb\n")
    for path, lines in ((tmp_path / "text", [b"a", b"b"]), (Path(os.devnull), [])):
        with path.open("rb") as file:
            assert [line async for line in read_lines(file.fileno())] == lines


async def test_a_line_without_an_end_is_not_kept_for_ever(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "MAX_LINE", 100)
    os.write(pipe[1], b"x" * 101)
    with pytest.raises(Unsendable):
        await anext(read_lines(pipe[0]))


async def test_the_secret_takes_the_first_line_and_not_a_byte_more(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"secret\r\nthe text\n")
    os.close(pipe[1])
    assert read_first_line(pipe[0]) == b"secret"
    assert [line async for line in read_lines(pipe[0])] == [b"the text"]


def test_a_first_line_too_long_for_a_secret_is_refused(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"x" * 5000)
    with pytest.raises(ConfigError):
        read_first_line(pipe[0])


def test_a_token_file_that_others_can_read_is_used_with_a_warning(
    tmp_path: Path, ca_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "token"
    path.write_text("abc\n")
    for mode, warned in ((0o600, False), (0o640, True), (0o604, True)):
        path.chmod(mode)
        access = build_access("localhost", ca_file, "alice", from_stdin=False, token_file=path)
        assert access.secret == "abc"
        assert "abc" not in repr(access)
        assert (str(path) in capsys.readouterr().err) is warned


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"\xff", b"x" * 5000])
def test_a_token_file_that_holds_no_token_is_refused(tmp_path: Path, ca_file: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        build_access("localhost", ca_file, "alice", from_stdin=False, token_file=path)


@pytest.mark.parametrize("target", ["", "#a,#b", "a b", ":x", "a\nb", "a\0b"])
def test_what_is_not_one_target_is_refused(target: str) -> None:
    with pytest.raises(ConfigError):
        check_target(target)


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("01J0ABCDEF", (0, "01J0ABCDEF")),
        ("2023-11-14T22:13:20.123Z", (1_700_000_000_123, "")),
        ("2023-11-14T22:13:20Z", (1_700_000_000_000, "")),
        ("2023-11-14T22:13:20+00:00", (1_700_000_000_000, "")),
        ("2023-11-14T23:13+01:00", (1_699_999_980_000, "")),
    ],
)
def test_since_is_a_message_or_a_time(text: str, since: tuple[int, str]) -> None:
    assert parse_since(text) == since


@pytest.mark.parametrize("text", ["", "a b", "2023-99-99", "2023-11-14T99", "m\x1b"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_since(text)


@pytest.mark.parametrize(
    ("text", "room", "parts"),
    [
        ("short", 10, ["short"]),
        ("exactly 10", 10, ["exactly 10"]),
        ("one two three", 8, ["one two", "three"]),
        ("one two three", 7, ["one two", "three"]),
        ("onetwothree", 4, ["onet", "woth", "ree"]),
        ("ééé", 4, ["éé", "é"]),
        ("ééé", 5, ["éé", "é"]),
        ("😀😀", 4, ["😀", "😀"]),
        (" x" * 4, 4, [" x x", "x x"]),
    ],
)
def test_a_text_too_long_is_cut_between_words_or_characters(text: str, room: int, parts: list[str]) -> None:
    assert split_text(text, room) == parts
    assert all(len(part.encode()) <= room for part in parts)


def test_no_room_is_an_error_and_no_endless_loop() -> None:
    with pytest.raises(LineTooLong):
        split_text("x", 3)
    with pytest.raises(LineTooLong):
        split_message(word_action("x"), 12)


@pytest.mark.parametrize(
    ("text", "room", "parts"),
    [
        ("one two", 7, ["one two"]),
        ("one two", 6, ["one", "two"]),
        (word_action("one two"), 16, ["\x01ACTION one two\x01"]),
        (word_action("one two"), 15, ["\x01ACTION one\x01", "\x01ACTION two\x01"]),
        (word_action("ééé"), 13, ["\x01ACTION éé\x01", "\x01ACTION é\x01"]),
    ],
)
def test_every_part_of_an_action_is_one(text: str, room: int, parts: list[str]) -> None:
    assert split_message(text, room) == parts
    assert all(len(part.encode()) <= room for part in parts)
