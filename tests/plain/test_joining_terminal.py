"""`join` at a terminal: what is asked, what is not shown, what is asked again, and that one talks afterwards."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from securechat.client.profile import KnownServer
from securechat.plain import joining
from securechat.wire.invitation import format_link
from tests.client.inviting import CODE, InvitingServer
from tests.plain.program import Program
from tests.plain.test_joining import pin_of
from tests.terminal.screen import Terminal


async def at_terminal(talk: Callable[[Terminal], None], *words: str) -> str:
    """Sit down at a terminal, join, and return all that was printed."""

    def sit() -> str:
        client = Terminal([*Program.command, "join", *words], {**os.environ, "TERM": "xterm", "LOGNAME": "carla"})
        try:
            talk(client)
            assert client.wait_end() == 0
            return client.text
        finally:
            client.kill()

    return await asyncio.to_thread(sit)


async def test_the_link_is_asked_for_unseen_the_name_is_proposed_and_then_one_talks(authority: trustme.CA) -> None:
    async with InvitingServer(authority) as server:
        link = format_link([("localhost", server.port)], CODE, pin_of(authority))

        def talk(client: Terminal) -> None:
            client.wait_for("Invitation: ")
            client.wait_unseen()
            client.type(f"{link[:-30]}\r")
            at = client.wait_for("incomplete or mistyped")
            client.wait_for("Invitation: ", at)
            client.wait_unseen()
            client.type(f"  {link} \r")
            client.wait_for(f"The name to be known by at localhost:{server.port} [carla]: ")
            client.type("\r")
            client.wait_for("welcome, carla")
            client.wait_for("[#general]")
            client.type("hello\r")
            client.wait_for("carla")
            client.type("/quit\r")

        text = await at_terminal(talk)
    assert CODE not in text
    assert "sct_" not in text
    assert [(message.sender, message.text) for message in server.stored] == [("carla", "hello")]


async def test_a_name_that_cannot_be_is_asked_for_again(authority: trustme.CA) -> None:
    async with InvitingServer(authority) as server:
        link = format_link([("localhost", server.port)], CODE, pin_of(authority))

        def talk(client: Terminal) -> None:
            client.wait_for("Invitation: ")
            client.wait_unseen()
            client.type(f"{link}\r")
            for name, told in (("4lice", "a name is a letter, then"), ("alice", "nobody can be called alice")):
                at = client.wait_for("The name to be known by at")
                client.wait_for(": ", at)
                client.type(f"{name}\r")
                at = client.wait_for(told)
            client.wait_for("The name to be known by at", at)
            client.type("carol-ann\r")
            client.wait_for("welcome, carol-ann")
            client.wait_for("[#general]")
            client.type("/quit\r")

        await at_terminal(talk)
    assert server.redeemed == ["carol-ann"]


@pytest.mark.parametrize(
    ("login", "proposed"), [("carla", "carla"), ("root", ""), ("carla.m", ""), ("4lice", ""), ("admin", ""), ("", "")]
)
def test_what_the_system_calls_one_is_proposed_where_one_can_be_called_so(
    monkeypatch: pytest.MonkeyPatch, login: str, proposed: str
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: login)
    assert joining._login_name() == proposed


def test_who_has_no_name_in_the_system_is_proposed_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", fail)
    assert joining._login_name() == ""


def test_nothing_that_is_kept_shows_the_invitation_in_its_repr(tmp_path: Path) -> None:
    from securechat.client.address import Address
    from securechat.wire.invitation import parse_link

    attempt = joining._Joining(parse_link(f"securechat://a/#v1.{CODE}"), Address("a"), KnownServer())
    assert CODE not in repr(attempt)
