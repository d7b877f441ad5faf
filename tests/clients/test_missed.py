"""WeeChat and irssi as Debian ships them: stopped, talked to, started again, they show what they missed, and it alone."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.clients import test_irssi, test_weechat
from tests.clients.test_irssi import Irssi
from tests.clients.test_weechat import PROGRAM, WeeChat
from tests.scenario.people import Place
from tests.scenario.processes import Programs, wait_until


@pytest.mark.skipif(test_weechat.pytestmark.args[0], reason="weechat-headless is not installed")
def test_weechat_receives_what_it_missed_while_stopped(programs: Programs, place: Place, tmp_path: Path) -> None:
    bob = place.sit_down("bob")
    bob.say("said before it ever came")
    bob.wait_heard("#general", 1)
    weechat = test_weechat.start(programs, place, place.ca, tmp_path / "weechat")
    weechat.wait_for("ours.#general", "\tbob\tsaid before it ever came")
    weechat.type("server.ours", "/quit")
    wait_until(lambda: not list(weechat.directory.glob("weechat_fifo_*")), "the end of WeeChat")

    bob.say("missed 1", "/me waves", "/msg alice missed, to you")
    bob.wait_heard("alice", 1)
    place.send("alice", "bob", "mine, from another device")
    programs.start(PROGRAM, "--dir", str(weechat.directory))
    weechat.wait_for("ours.bob", "\tbob\tmissed, to you")
    weechat.wait_for("ours.bob", "\talice\tmine, from another device")
    weechat.wait_for("ours.#general", "bob waves")
    bob.say("and live again")
    weechat.wait_for("ours.#general", "\tbob\tand live again")
    assert heard_by_weechat(weechat) == ["said before it ever came", "missed 1", "and live again"]


def heard_by_weechat(weechat: WeeChat) -> list[str]:
    """Return what bob said in #general, in the order in which it stands in the log."""
    lines = [line.split("\t") for line in weechat.log("ours.#general").splitlines()]
    return [line[2] for line in lines if len(line) == 3 and line[1] == "bob"]


@pytest.mark.skipif(test_irssi.pytestmark.args[0], reason="irssi (or script) is not installed")
def test_irssi_receives_what_it_missed_while_stopped(programs: Programs, place: Place, tmp_path: Path) -> None:
    bob = place.sit_down("bob")
    bob.say("said before it ever came")
    bob.wait_heard("#general", 1)
    irssi = test_irssi.start(programs, place, place.ca, tmp_path / "irssi")
    irssi.wait_for("#general", "said before it ever came")
    irssi.type("/quit")
    irssi.terminal.wait()

    bob.say("missed 1", "/me waves", "/msg alice missed, to you")
    bob.wait_heard("alice", 1)
    place.send("alice", "bob", "mine, from another device")
    again = start_again(programs, irssi)
    again.wait_for("bob", "bob> missed, to you")
    again.wait_for("bob", "alice> mine, from another device")
    again.wait_for("#general", "bob waves")
    bob.say("and live again")
    again.wait_for("#general", "bob> and live again")
    said = [line.partition("bob> ")[2] for line in again.log("#general").splitlines() if "bob> " in line]
    assert said == ["said before it ever came", "missed 1", "and live again"]


def start_again(programs: Programs, irssi: Irssi) -> Irssi:
    command = f"stty rows 40 columns 150; exec irssi --home={shlex.quote(str(irssi.directory))}"
    return Irssi(programs.start("script", "-qfec", command, "/dev/null"), irssi.directory)
