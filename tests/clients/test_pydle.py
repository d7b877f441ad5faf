"""The library pydle: signs in by PASS over a connection that it verifies, talks, and keeps people, topics and roles.

Not by SASL: it takes the first line of a CAP LS in several lines (`CAP * LS * :…`) for the whole list, with one capability `*`, asks
for none and ends the negotiation. (pydle 1.2.0, features/ircv3/cap.py; IRCv3 capability-negotiation, Multiline replies)
"""

from __future__ import annotations

from pathlib import Path

from tests.clients.driven import Driven, needs_python, start_python
from tests.scenario.people import Place
from tests.scenario.processes import PASSWORD, Programs, port_of

pytestmark = needs_python


class Pydle(Driven):
    """Its client has no method for a PING."""

    def ping(self, token: str) -> tuple[str, ...]:
        return ("rawmsg", "PING", token)


def start(programs: Programs, place: Place, ca: Path, password: str = f"alice:{PASSWORD}") -> Pydle:
    programs.environment["SSL_CERT_FILE"] = str(ca)
    options = {"host": "localhost", "port": port_of(place.address), "nick": "somebody", "password": password}
    return Pydle(start_python(programs, "drive_pydle", options).program)


def test_pydle_signs_in_over_a_verified_connection_and_talks(programs: Programs, place: Place) -> None:
    bob = place.sit_down("bob")
    pydle = start(programs, place, place.ca)
    pydle.wait_for("on_connect")
    pydle.wait_for("on_join", channel="#general", user="alice")
    bob.say("hello pydle, grüß dich", "/msg alice just for you")
    pydle.wait_for("on_message", target="#general", by="bob", message="hello pydle, grüß dich")
    pydle.wait_for("on_message", target="alice", by="bob", message="just for you")
    pydle.call("message", "#general", "hello from pydle")
    pydle.call("message", "bob", "and for you")
    bob.wait_heard("alice", 2)
    assert bob.heard("#general") == [("bob", "hello pydle, grüß dich"), ("alice", "hello from pydle")]
    assert bob.heard("alice") == [("bob", "just for you"), ("alice", "and for you")]


def test_pydle_keeps_people_topics_and_roles(programs: Programs, place: Place) -> None:
    pydle = start(programs, place, place.ca)
    # It handles lines side by side, and may see its first JOIN before it knows its own name.
    pydle.wait_for("on_nick_change", new="alice")
    bob = place.sit_down("bob")
    pydle.call("join", "#den")
    pydle.wait_for("on_join", channel="#den")
    pydle.call("set_topic", "#den", "Foxes only")
    pydle.wait_for("on_topic_change", channel="#den", message="Foxes only", by="alice")
    bob.say("/join #den")
    pydle.wait_for("on_join", channel="#den", user="bob")
    pydle.call("set_mode", "#den", "+v", "bob")
    pydle.wait_for("on_mode_change", channel="#den", modes=["+v", "bob"], by="alice")
    shown = pydle.show("#den")
    assert (shown["nick"], shown["users"], shown["topic"]) == ("alice", ["alice", "bob"], "Foxes only")
    assert (shown["modes"]["q"], shown["modes"]["v"]) == (["alice"], ["bob"])
    bob.say("/away at lunch")
    bob.program.wait_for("away")
    pydle.call("whois", "bob")
    told = pydle.wait_for("whois")["answer"]
    assert (told["account"], told["secure"], told["hostname"]) == ("bob", True, "securechat")
    assert (told["away"], told["away_message"]) == (True, "at lunch")
    pydle.call("kick", "#den", "bob", "no foxes")
    pydle.wait_for("on_kick", channel="#den", target="bob", by="alice", reason="no foxes")
    bob.program.wait_for("no foxes")
    assert pydle.show("#den")["users"] == ["alice"]


def test_control_pydle_with_another_ca_does_not_connect(programs: Programs, place: Place, strange_ca: Path) -> None:
    pydle = start(programs, place, strange_ca)
    assert "CERTIFICATE_VERIFY_FAILED" in pydle.wait_for("refused")["why"]
    assert pydle.told("on_connect") == []
