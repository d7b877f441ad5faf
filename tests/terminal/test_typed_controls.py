"""What is typed and pasted is shown as it will be read, and carries no control and no foreign encoding."""

from __future__ import annotations

import os
import signal

from tests.scenario.processes import BIN, PASSWORD
from tests.terminal.conftest import Hall, SitDown
from tests.terminal.screen import Terminal, foreign_controls
from tests.terminal.test_pasting import paste


def test_what_is_pasted_is_in_sight_and_controls_fall_out(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type("\x1b[200~one\u202e\u200b\x9b2Jé\x1b[2J\x07\x01 a\tb🏳\ufe0f\u200d🌈\x1b[201~")
    end = alice.wait_for("one<U+202E><U+200B>2Jé[2J a^Ib🏳\ufe0f\u200d🌈")
    alice.type("\x1b[D\x1b[D\x1b[D\x1b[D\x7f!\r")
    alice.wait_for("one<U+202E><U+200B>2Jé[2J a^I!", alice.wait_for("<alice> ", end))
    alice.type("/quit\r")
    assert alice.wait_end() == 0
    assert hall.read("alice", "#general")[-1] == "one<U+202E><U+200B>2Jé[2J a^I!🏳\ufe0f\u200d🌈"
    # The joiner of a picture has work to do.
    assert set(foreign_controls(alice.recorded)) == {"\u200d"}


def test_keys_that_control_are_nothing_to_say(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type("a\x11b\x11\x11c\r")
    alice.wait_for("<alice> abc")
    alice.type("d\u0085e\r")
    alice.wait_for("<alice> de")
    assert hall.read("alice", "#general")[-2:] == ["abc", "de"]


def test_ctrl_z_stops_it_as_it_does_any_program_and_fg_goes_on_with_the_line(hall: Hall) -> None:
    settings = {**hall.programs.environment, "TERM": "xterm", "HOME": str(hall.home), "PATH": os.environ["PATH"]}
    client = " ".join([str(BIN / "securechat-client"), "--user", "alice", *hall.sign_in])
    alice = Terminal(["bash", "-c", f"set -m; {client}; echo stopped: $?; fg; echo ended: $?"], settings)
    try:
        alice.wait_for("members:")
        alice.type("half a l")
        end = alice.wait_for("half a l")
        alice.type("\x1a")
        end = alice.wait_for(f"stopped: {128 + signal.SIGTSTP}", end)
        alice.wait_for("[#general] half a l", end)
        assert not alice.echoes
        alice.type("ine\r")
        alice.wait_for("<alice> half a line", end)
        alice.type("/quit\r")
        alice.wait_for("ended: 0", end)
    finally:
        alice.kill()


def test_a_terminal_of_another_encoding_is_told_of_it(hall: Hall, sit_down: SitDown) -> None:
    carol = sit_down("carol")
    carol.type(b"gr\xfc\xdfe\r")
    end = carol.wait_for("that line is not UTF-8 and was not sent; set the terminal to UTF-8")
    carol.type(b"/topic gr\xfc\xdfe\r")
    carol.wait_for("that line is not UTF-8", end)
    for keys in (b"\xfc", b"\xfc\xe4", b"\xfc\xe4"):
        if keys == b"\xfc":
            carol.type("/passwd\r")
            end = carol.wait_for("Your password now: ", end)
        carol.type(keys + b"\r")
        end = len(carol.text)
    carol.wait_for("that is not UTF-8; nothing is changed")
    carol.type("grüße\r")
    carol.wait_for("<carol> grüße")
    assert hall.read("carol", "#general")[-1] == "grüße"
    assert PASSWORD not in carol.text


def test_whoever_would_rather_not_change_a_password_is_asked_no_further(hall: Hall, sit_down: SitDown) -> None:
    carol = sit_down("carol")
    end = 0
    for answers in (["\x03"], ["\x04"], ["old\r", "\x03"], ["old\r", "new\r", "\x03"]):
        carol.type("/passwd\r")
        for question, answer in zip(("Your password now: ", "The new password: ", "again: "), answers, strict=False):
            end = carol.wait_for(question, end)
            carol.type(answer)
        end = carol.wait_for("nothing is changed", end)
    assert "not the same" not in carol.text
    assert carol.text.count("again: ") == 1


def test_a_paste_of_one_long_line_asks_too(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type(paste("word " * 400))
    alice.wait_for("messages in #general? [y/N]")
    alice.type("n\r")
    alice.type("\x03")
    alice.type("a fence\r")
    alice.wait_for("<alice> a fence")
    assert "word word" not in "".join(hall.read("alice", "#general"))


def test_two_clients_on_one_home_remember_the_lines_of_both(hall: Hall, sit_down: SitDown) -> None:
    one, other = sit_down("alice"), sit_down("alice")
    for terminal, word in ((one, "one"), (other, "the other"), (one, "one again")):
        terminal.type(f"line of {word}\r")
        terminal.wait_for(f"<alice> line of {word}")
    for terminal in (one, other):
        terminal.type("/quit\r")
        assert terminal.wait_end() == 0
    (typed,) = hall.home.rglob("typed.json")
    assert typed.read_text().count("line of") == 3
