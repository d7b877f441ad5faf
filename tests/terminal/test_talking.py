"""People at terminals of their own talk over a real server."""

from __future__ import annotations

import re
import threading

from tests.terminal.conftest import Hall, SitDown
from tests.terminal.screen import foreign_controls


def test_a_message_that_arrives_in_mid_typing_leaves_the_line_as_it_was(hall: Hall, sit_down: SitDown) -> None:
    alice, bob = sit_down("alice"), sit_down("bob")
    alice.wait_for("members:")
    alice.type("half a li")
    alice.wait_for("half a li")
    bob.type("hello alice, and everybody\r")
    end = alice.wait_for(">> <bob> hello alice, and everybody")
    alice.wait_for("[#general] half a li", end)
    alice.type("ne\r")
    bob.wait_for("<alice> half a line")
    bob.type("/reply @alice indeed\r/me waves\r/msg alice psst\r")
    alice.wait_for(">> <bob> (to alice: half a line) indeed")
    alice.wait_for("* bob waves")
    alice.wait_for("bob <bob> psst")
    assert b"\a" in alice.recorded
    for terminal in (alice, bob):
        terminal.type("/quit\r")
        assert terminal.wait_end() == 0
        assert set(foreign_controls(terminal.recorded)) <= {"\a"}
    assert hall.read("alice", "#general")[:2] == ["hello alice, and everybody", "half a line"]


def test_what_was_missed_comes_behind_a_line_that_says_where_the_new_begins(hall: Hall, sit_down: SitDown) -> None:
    hall.send("bob", "#general", "before I left")
    alice = sit_down("alice")
    alice.wait_for("<bob> before I left")
    alice.type("/topic #general what we talk about\r")
    alice.wait_for("topic: what we talk about (by alice)")
    alice.type("/quit\r")
    assert alice.wait_end() == 0
    assert "new since" not in alice.text
    hall.send("bob", "#general", "while you were away")
    again = sit_down("alice")
    again.wait_for("<bob> while you were away")
    text = again.text
    assert "topic: what we talk about" in text
    assert "3 members: " in text
    assert re.search(r"── #general: new since \d\d:\d\d ──", text)
    assert text.index("new since") < text.index("while you were away")
    assert "before I left" not in text


def test_tab_completes_commands_channels_and_whoever_spoke_last_first(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.wait_for("members:")
    hall.send("carol", "#general", "I am here")
    alice.wait_for("<carol> I am here")
    alice.type("/sw\t")
    alice.wait_for("/switch ")
    alice.type("#ge\t\r")
    alice.wait_for("you talk in #general now")
    alice.type("ca\thave you read\r")
    alice.wait_for("<alice> carol: have you read")
    alice.type("bo\tand you\r")
    alice.wait_for("<alice> bob: and you")
    end = len(alice.text)
    alice.type("/i\t")
    alice.wait_for("/ignore", end)
    alice.wait_for("/invite", end)


def test_up_and_ctrl_r_find_what_was_typed_also_before_the_restart_but_no_secret(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type("the first line\r")
    alice.wait_for("<alice> the first line")
    alice.type("/quote PING secretword\r/quit\r")
    assert alice.wait_end() == 0
    again = sit_down("alice")
    again.type("\x1b[A\x1b[A")
    end = again.wait_for("the first line", again.wait_for("[#general]"))
    again.type("\r")
    end = again.wait_for("<alice> the first line", end)
    again.type("\x12first")
    again.wait_for("reverse-i-search", end)
    again.type("\r\r")
    again.wait_for("<alice> the first line", end)
    again.type("/quit\r")
    assert again.wait_end() == 0
    assert "secretword" not in again.text
    assert not [path for path in hall.home.rglob("*") if path.is_file() and b"secretword" in path.read_bytes()]
    assert [path for path in hall.home.rglob("*") if path.is_file() and b"the first line" in path.read_bytes()]


def test_alt_enter_begins_a_new_line_and_a_paste_of_more_than_three_asks(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type("one\x1b\rtwo\r")
    alice.wait_for("<alice> two")
    alice.type("\x1b[200~p1\np2\np3\n/quit\n\x1b[201~\r")
    end = alice.wait_for("say 4 messages in #general? [y/N]")
    alice.type("n\r")
    end = alice.wait_for("[#general] p1", end)
    assert "p1" not in hall.read("alice", "#general")
    alice.type("\r")
    end = alice.wait_for("say 4 messages in #general? [y/N]", end)
    alice.type("y\r")
    alice.wait_for("<alice> /quit", end)
    alice.type("\x1b[200~q1\nq2\nq3\x1b[201~\r")
    alice.wait_for("<alice> q3")
    assert hall.read("alice", "#general")[-9:] == ["one", "two", "p1", "p2", "p3", "/quit", "q1", "q2", "q3"]


def test_on_sixty_columns_lines_break_at_words_and_hang(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice", columns=60)
    alice.wait_for("members:")
    words = " ".join(f"word{number}" for number in range(20))
    hall.send("bob", "#general", words)
    alice.wait_for("word19")
    lines = [line.rstrip() for line in alice.text.split("\n")]
    first = next(i for i, line in enumerate(lines) if line.endswith("word5"))
    assert re.search(r"\d\d:\d\d #general <bob> word0 word1 word2 word3 word4 word5$", lines[first])
    assert lines[first + 1] == " " * 19 + "word6 word7 word8 word9 word10 word11"
    alice.type("/set width 40\r")
    end = alice.wait_for("width is 40 now")
    hall.send("bob", "#general", "again " + words)
    alice.wait_for("word19", end)
    broken = [line for line in alice.text[end:].split("\n") if "word" in line and "[" not in line]
    assert len(broken) == 5
    assert max(len(line.rstrip()) for line in broken) <= 40


def test_without_colour_nothing_is_lost_and_a_dumb_terminal_gets_lines_alone(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice", NO_COLOR="1")
    dumb = sit_down("carol", wait="members:", TERM="dumb")
    hall.send("bob", "#general", "alice: colourless")
    alice.wait_for(">> <bob> alice: colourless")
    dumb.wait_for("<bob> alice: colourless")
    assert not re.search(rb"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38;)", alice.recorded)
    dumb.type("said by carol\n/quit\n")
    assert dumb.wait_end() == 0
    assert "<carol> said by carol" in dumb.text
    assert b"\x1b" not in dumb.recorded
    assert foreign_controls(dumb.recorded) == []


def test_control_with_colour_there_is_colour(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice", TERM="xterm-256color")
    hall.send("bob", "#general", "colourful")
    alice.wait_for("<bob> colourful")
    assert re.search(rb"\x1b\[[0-9;]*3[0-7]", alice.recorded)


def test_a_password_is_changed_unseen(hall: Hall, sit_down: SitDown) -> None:
    carol = sit_down("carol")
    old, new = (hall.data / "token").read_text(), "another battery staple"
    end = 0
    for now, then in ((old, new), (new, old)):
        carol.type("/passwd\r")
        end = carol.wait_for("Your password now: ", end)
        carol.type(f"{now}\r")
        end = carol.wait_for("The new password: ", end)
        carol.type(f"{then}\r")
        end = carol.wait_for("The new one again: ", end)
        carol.type(f"{then}\r")
        end = carol.wait_for("your password is changed", end)
    assert old not in carol.text
    assert new not in carol.text
    assert "*" not in carol.text[carol.text.index("Your password now") :]


def test_ctrl_c_clears_a_line_and_ends_an_empty_one_and_ctrl_d_ends_too(hall: Hall, sit_down: SitDown) -> None:
    alice, bob = sit_down("alice"), sit_down("bob")
    alice.type("not to be said")
    end = alice.wait_for("not to be said")
    alice.type("\x03")
    alice.wait_for("[#general]", end)
    alice.type("said\r")
    alice.wait_for("<alice> said", end)
    alice.type("\x03")
    bob.type("\x04")
    assert (alice.wait_end(), bob.wait_end()) == (130, 0)
    assert "not to be said" not in hall.read("alice", "#general")
    assert "Traceback" not in alice.text + bob.text


def test_settings_are_remembered(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type("/set time %H:%M:%S\r/quit\r")
    assert alice.wait_end() == 0
    again = sit_down("alice")
    hall.send("bob", "#general", "to the second")
    again.wait_for("<bob> to the second")
    assert re.search(r"\d\d:\d\d:\d\d #general <bob> to the second", again.text)


def test_what_is_typed_during_a_flood_arrives_whole(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.wait_for("members:")
    flood = threading.Thread(target=hall.send, args=("bob", "#general", *(f"flood {n}." for n in range(1000))))
    flood.start()
    keys = "".join(f"{n} " for n in range(300))
    for position, key in enumerate(keys):
        # Backspace, and what the system would take for itself on a terminal that it reads lines from.
        alice.type(f"x\x7f{key}" if position % 3 else f"\x12\x07{key}")
    alice.type("end\r")
    alice.wait_for("flood 999.")
    alice.wait_for("0 1 2 3 4 5 6 7 8 9", alice.wait_for("<alice> "))
    flood.join()
    said = "".join(text for text in hall.read("alice", "#general") if "flood" not in text)
    assert (keys + "end").replace(" ", "") in said.replace(" ", "")
    assert not re.search(r"\^[RH?]", alice.text)
