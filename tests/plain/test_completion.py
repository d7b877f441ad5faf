"""What Tab offers, what Up remembers and what /set takes, as tables."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from securechat.plain.completion import complete
from securechat.plain.recall import Recall, is_kept
from securechat.plain.settings import Settings, change, list_settings, load, save

COMMANDS = ("join", "part", "invite", "ignore", "msg")
CHANNELS = ("#general", "#Games", "#other")
NICKS = ("carol", "bob", "Bert", "alicia")

COMPLETED = [
    ("", 0, []),
    ("/", 1, ["/join ", "/part ", "/invite ", "/ignore ", "/msg "]),
    ("/i", 2, ["/invite ", "/ignore "]),
    ("/IN", 3, ["/invite "]),
    ("/x", 2, []),
    ("//i", 3, []),
    ("#g", 2, ["#general ", "#Games "]),
    ("see #OT", 3, ["#other "]),
    ("/join #ga", 3, ["#Games "]),
    ("b", 1, ["bob: ", "Bert: "]),
    ("hello b", 1, ["bob ", "Bert "]),
    ("hello ", 0, []),
    ("/msg ", 0, ["carol ", "bob ", "Bert ", "alicia "]),
    ("/msg BO", 2, ["bob "]),
    ("/reply @c", 2, ["@carol "]),
    ("/ban -a", 2, ["-alicia "]),
    ("mail @c", 2, []),
    ("one\nc", 1, ["carol "]),
]


@pytest.mark.parametrize(("text", "replaced", "words"), COMPLETED)
def test_tab_offers(text: str, replaced: int, words: list[str]) -> None:
    found = complete(text, commands=COMMANDS, channels=CHANNELS, nicks=NICKS)
    assert found[1] == words
    assert not words or found[0] == replaced


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("hello", True),
        ("/join #x", True),
        ("/msg bob hi", True),
        ("/mode #x +o bob", True),
        ("", False),
        ("   ", False),
        ("/passwd old new", False),
        ("/PASSWD", False),
        ("/delete secret", False),
        ("  /passwd x", False),
        ("/quote ACCOUNT PASSWD old new", False),
        ("/join #x secretkey", False),
        ("/mode #x +k secretkey", False),
        ("/mode +nk secretkey", False),
        ("x" * 4001, False),
    ],
)
def test_no_line_with_a_secret_is_remembered(line: str, kept: bool) -> None:
    assert is_kept(line) is kept


def test_lines_are_there_again_at_the_next_start_in_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "typed.json"
    recall = Recall(path)
    for line in ("one", "/passwd x", "two\nlines"):
        recall.add(line)
    assert Recall(path).lines == ["one", "two\nlines"]
    assert b"passwd" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for damage in (b"", b"{}", b"\xff", b'[7, "/passwd x", "kept"]'):
        path.write_bytes(damage)
        assert Recall(path).lines == (["kept"] if b"kept" in damage else [])


def test_two_at_once_keep_the_lines_of_both(tmp_path: Path) -> None:
    one, other = Recall(tmp_path / "typed.json"), Recall(tmp_path / "typed.json")
    one.add("of one")
    other.add("of the other")
    one.add("of one again")
    assert Recall(tmp_path / "typed.json").lines == ["of one", "of the other", "of one again"]
    assert one.lines == ["of one", "of one again"]


SET = [
    ("bell", "off", "bell is off now", Settings(bell=False)),
    ("BELL", "ON", "bell is on now", Settings()),
    ("colour", "off", "colour is off now", Settings(colour=False)),
    ("time", "%H:%M:%S", "time is %H:%M:%S now", Settings(time="%H:%M:%S")),
    ("width", "60", "width is 60 now", Settings(width=60)),
    ("width", "auto", "width is auto now", Settings()),
]


@pytest.mark.parametrize(("name", "text", "said", "then"), SET)
def test_a_setting_is_changed_said_and_remembered(
    tmp_path: Path, name: str, text: str, said: str, then: Settings
) -> None:
    settings = Settings()
    assert change(settings, name, text) == said
    assert settings == then
    save(tmp_path / "settings.json", settings)
    assert load(tmp_path / "settings.json") == then


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nonsense", "on"),
        ("bell", "loud"),
        ("time", "%H:%M\x1b"),
        ("time", "%Y" * 20),
        ("time", "%Z"),
        ("time", "%"),
        ("width", "7"),
        ("width", "99999"),
        ("width", "-1"),
    ],
)
def test_what_cannot_be_set_is_an_error_that_says_what_can_be(name: str, text: str) -> None:
    settings = Settings()
    with pytest.raises(ValueError, match=r"can be|there are"):
        change(settings, name, text)
    assert settings == Settings()


def test_what_makes_no_sense_is_as_if_never_set(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    for content in (b"", b"[]", b"\xff", b'{"bell": 7, "width": "x", "colour": "off"}'):
        path.write_bytes(content)
        assert load(path) == Settings(colour=b"off" not in content)
    assert load(None) == Settings()
    assert list_settings(Settings())[3] == "width is auto (can be: auto, or 20 to 1000)"
