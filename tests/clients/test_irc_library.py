"""The library irc: signs in by SASL, or by PASS, over a connection that it verifies, talks, and keeps its channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.driven import Driven, needs_python, start_python
from tests.scenario.people import Place
from tests.scenario.processes import PASSWORD, Programs, port_of

pytestmark = needs_python


def start(programs: Programs, place: Place, ca: Path, sasl: bool = True) -> Driven:
    options = {
        "host": "localhost",
        "port": port_of(place.address),
        "nick": "somebody",
        "ca": str(ca),
        "password": PASSWORD if sasl else f"alice:{make_token(programs, place)}",
        "more": {"sasl_login": "alice"} if sasl else {},
    }
    return start_python(programs, "drive_irc", options)


def make_token(programs: Programs, place: Place) -> str:
    """Return a token of alice's: as PASS the library would send a password with spaces as several parameters."""
    made = programs.admin(place.ca.parent, "token", "add", "alice", "--label", "irc")
    assert made.code == 0, made.err
    return made.out.strip()


@pytest.mark.parametrize("sasl", [True, False], ids=["SASL", "PASS"])
def test_irc_signs_in_over_a_verified_connection_and_talks(programs: Programs, place: Place, sasl: bool) -> None:
    bob = place.sit_down("bob")
    client = start(programs, place, place.ca, sasl)
    assert client.wait_for("welcome")["target"] == "alice"
    client.wait_for("endofnames")
    bob.say("hello irc, grüß dich", "/msg alice just for you")
    client.wait_for("pubmsg", source="bob", target="#general", args=["hello irc, grüß dich"])
    client.wait_for("privmsg", source="bob", target="alice", args=["just for you"])
    client.call("privmsg", "#general", "hello from irc")
    client.call("privmsg", "bob", "and for you")
    bob.wait_heard("alice", 2)
    assert bob.heard("#general") == [("bob", "hello irc, grüß dich"), ("alice", "hello from irc")]
    assert bob.heard("alice") == [("bob", "just for you"), ("alice", "and for you")]


def test_irc_keeps_people_topics_and_roles(programs: Programs, place: Place) -> None:
    client = start(programs, place, place.ca)
    client.wait_for("endofnames")
    bob = place.sit_down("bob")
    client.call("join", "#den")
    client.wait_for("endofnames", times=2)
    client.call("topic", "#den", "Foxes only")
    client.wait_for("topic", source="alice", target="#den", args=["Foxes only"])
    bob.say("/join #den")
    client.wait_for("join", source="bob", target="#den")
    client.call("mode", "#den", "+v bob")
    client.wait_for("mode", source="alice", target="#den", args=["+v", "bob"])
    shown = client.show("#den")
    assert (shown["users"], shown["owners"], shown["voiced"]) == (["alice", "bob"], ["alice"], ["bob"])
    client.call("topic", "#den")
    client.wait_for("currenttopic", args=["#den", "Foxes only"])
    bob.say("/away at lunch")
    bob.program.wait_for("away")
    client.call("whois", "bob")
    client.wait_for("away", args=["bob", "at lunch"])
    client.call("kick", "#den", "bob", "no foxes")
    client.wait_for("kick", source="alice", target="#den", args=["bob", "no foxes"])
    bob.program.wait_for("no foxes")
    assert client.show("#den")["users"] == ["alice"]


def test_control_irc_with_another_ca_does_not_connect(programs: Programs, place: Place, strange_ca: Path) -> None:
    client = start(programs, place, strange_ca)
    assert "CERTIFICATE_VERIFY_FAILED" in client.wait_for("refused")["why"]
    assert client.told("welcome") == []
