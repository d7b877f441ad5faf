"""Nothing that was pasted is said by a key pressed too often, and none of it is obeyed."""

from __future__ import annotations

import pytest

from tests.terminal.conftest import Hall, SitDown


def paste(text: str) -> str:
    """Return what a terminal sends for a paste and Enter. (xterm, bracketed paste mode)"""
    return f"\x1b[200~{text}\x1b[201~\r"


@pytest.mark.parametrize("answer", ["\r", "\x03", "\x04", "q\r"], ids=["Enter", "Ctrl-C", "Ctrl-D", "another key"])
def test_only_a_yes_says_a_long_paste_and_the_text_is_there_to_be_changed(
    hall: Hall, sit_down: SitDown, answer: str
) -> None:
    alice = sit_down("alice")
    alice.type(paste("l1\nl2\n\nl3\nl4\n"))
    end = alice.wait_for("say 4 messages in #general? [y/N]")
    alice.type(answer)
    end = alice.wait_for("[#general] l1", end)
    alice.type("\x03")
    alice.wait_for("[#general] ", end)
    alice.type("a fence\r")
    alice.wait_for("<alice> a fence", end)
    said = hall.read("alice", "#general")
    assert said[-1] == "a fence"
    assert not {"l1", "l2", "l3", "l4"} & set(said)


def test_a_pasted_command_with_lines_behind_it_is_neither_obeyed_nor_said(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type(paste("/topic #general pasted\nsecond"))
    alice.wait_for("not sent: a command is one line")
    alice.type("/topic\r")
    alice.wait_for("#general: no topic")
    alice.type("still here\r")
    alice.wait_for("<alice> still here")
    assert hall.read("alice", "#general")[-1] == "still here"
    assert "pasted" not in hall.read("alice", "#general")


def test_whatever_ends_a_pasted_line_it_is_the_end_of_one(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type(paste("crlf\r\ncr\rlf\r\n"))
    alice.wait_for("<alice> lf")
    assert hall.read("alice", "#general")[-3:] == ["crlf", "cr", "lf"]


def test_alt_enter_says_nothing_yet(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type("upper\x1b\rlower")
    end = alice.wait_for("lower")
    alice.type("\x03")
    alice.wait_for("[#general] ", end)
    alice.type("behind it\r")
    alice.wait_for("<alice> behind it", end)
    said = hall.read("alice", "#general")
    assert said[-1] == "behind it"
    assert not {"upper", "lower"} & set(said)
