"""Colour only where the terminal has it and its owner wants it; never the only sign of anything."""

from __future__ import annotations

import re

from tests.terminal.conftest import Hall, SitDown

COLOUR = re.compile(rb"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38;)")


def test_a_terminal_without_colours_gets_none_and_the_same_words(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice", TERM="vt100")
    hall.send("bob", "#general", "alice: look")
    alice.wait_for(">> <bob> alice: look")
    alice.type("seen\r")
    alice.wait_for("<alice> seen")
    assert not COLOUR.search(alice.recorded)


def test_colour_that_is_set_off_is_off_from_then_on_and_at_the_next_start(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice", TERM="xterm-256color")
    hall.send("bob", "#general", "colourful")
    alice.wait_for("<bob> colourful")
    assert COLOUR.search(alice.recorded)
    alice.type("/set colour off\rsaid without\r")
    alice.wait_for("<alice> said without")
    before = len(alice.recorded)
    hall.send("bob", "#general", "alice: colourless")
    alice.wait_for(">> <bob> alice: colourless")
    assert not COLOUR.search(alice.recorded[before:])
    alice.type("/quit\r")
    assert alice.wait_end() == 0
    again = sit_down("alice", TERM="xterm-256color")
    hall.send("bob", "#general", "still without")
    again.wait_for("<bob> still without")
    assert not COLOUR.search(again.recorded)
