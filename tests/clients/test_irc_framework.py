"""The library irc-framework (The Lounge's and Kiwi IRC's), over TLS and over WebSocket: signs in, talks, and is told the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.clients.driven import Driven, needs_node, start_node
from tests.scenario.people import Place
from tests.scenario.processes import PASSWORD, Programs, port_of

pytestmark = needs_node

EXTRA = [
    "labeled-response",
    "standard-replies",
    "extended-monitor",
    "draft/chathistory",
    "draft/event-playback",
    "draft/message-redaction",
    "draft/read-marker",
]
"""What it asks for only if it is told to; no more than one CAP ACK holds, for at each of several it would begin to sign in anew."""
NEWER = ["draft/chathistory", "draft/channel-rename", "draft/multiline", "soju.im/search"]
"""The others of those that are driven here."""
WANTED = {
    *(
        "account-notify",
        "account-tag",
        "away-notify",
        "batch",
        "cap-notify",
        "chghost",
        "echo-message",
        "extended-join",
    ),
    *("invite-notify", "message-tags", "multi-prefix", "sasl", "server-time", "setname", "userhost-in-names"),
    *EXTRA,
}


def connect(
    programs: Programs,
    place: Place,
    ca: Path,
    user: str = "alice",
    password: str = PASSWORD,
    web: bool = False,
    extra: Sequence[str] = EXTRA,
) -> Driven:
    """Start it and let it connect; it asks for everything it knows, and for the extra capabilities."""
    client = start_node(programs, ca)
    client.call("requestCap", list(extra))
    options: dict[str, Any] = {
        "host": "localhost",
        "port": port_of(place.address),
        "tls": True,
        "rejectUnauthorized": True,
        "nick": "somebody",
        "account": {"account": user, "password": password},
        "enable_chghost": True,
        "enable_setname": True,
        "enable_echomessage": True,
        "auto_reconnect": False,
    }
    client.call("connect", options, web)
    return client


def enter(
    programs: Programs, place: Place, user: str = "alice", web: bool = False, extra: Sequence[str] = EXTRA
) -> Driven:
    """Start it and wait until it is in #general."""
    client = connect(programs, place, place.ca, user, web=web, extra=extra)
    client.wait_for("userlist", channel="#general")
    return client


@pytest.mark.parametrize("web", [False, True], ids=["TLS", "WebSocket"])
def test_irc_framework_negotiates_what_it_knows_signs_in_and_talks(programs: Programs, place: Place, web: bool) -> None:
    bob = place.sit_down("bob")
    client = enter(programs, place, web=web)
    assert client.told("registered") == [{"nick": "alice", "tags": {}}]
    assert client.told("loggedin")[0]["account"] == "alice"
    shown = client.show()
    assert shown["nick"] == "alice"
    assert set(shown["enabled"]) == WANTED
    assert "draft/pre-away" in shown["available"]
    assert shown["options"]["PREFIX"] == [
        {"symbol": "~", "mode": "q"},
        {"symbol": "@", "mode": "o"},
        {"symbol": "+", "mode": "v"},
    ]

    bob.say("hello, grüß dich", "/me waves")
    heard = client.wait_for("privmsg", nick="bob", target="#general")
    assert (heard["message"], heard["account"]) == ("hello, grüß dich", "bob")
    assert heard["hostname"] == "securechat"
    assert heard["tags"]["msgid"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", heard["tags"]["time"])
    assert client.wait_for("action", nick="bob")["message"] == "waves"

    client.call("say", "#general", "hello from irc-framework")
    client.call("action", "#general", "bows")
    client.call("say", "bob", "just for you")
    echo = client.wait_for("privmsg", nick="alice", target="#general")
    assert echo["message"] == "hello from irc-framework"
    assert echo["tags"]["msgid"]
    assert echo["tags"]["msgid"] != heard["tags"]["msgid"]
    assert client.wait_for("privmsg", nick="alice", target="bob")["message"] == "just for you"
    bob.wait_heard("alice", 1)
    assert bob.heard("#general")[-1] == ("alice", "hello from irc-framework")
    assert bob.heard("alice") == [("alice", "just for you")]


@pytest.mark.parametrize("web", [False, True], ids=["TLS", "WebSocket"])
def test_control_irc_framework_with_another_ca_does_not_connect(
    programs: Programs, place: Place, strange_ca: Path, web: bool
) -> None:
    client = connect(programs, place, strange_ca, web=web)
    closed = client.wait_for("socket close")
    assert re.search("(?i)self.signed certificate|unable to verify|SELF_SIGNED|UNABLE_TO", closed["error"])
    assert client.told("socket connected") == []
    assert client.told("registered") == []


def test_control_irc_framework_with_a_wrong_password_is_told_so_and_not_let_in(
    programs: Programs, place: Place
) -> None:
    client = connect(programs, place, place.ca, password="not the password")
    assert client.wait_for("sasl failed")["reason"] == "fail"
    client.wait_for("close")
    assert client.told("registered") == []
