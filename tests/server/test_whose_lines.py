"""Whose doing a line is, and when and under which id: over real TLS. (IRCv3 account-tag, server-time, message-ids, echo-message)"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.server.requests import UserRename
from tests.server.harness import RunningServer, running_server

DEEDS = [
    "JOIN #room",
    "INVITE dave #room",
    "MODE #room +m",
    "MODE #room +b nobody",
    "TOPIC #room :new",
    "PRIVMSG #room :x",
    "NOTICE bob :x",
    "TAGMSG #room",
    "@+reply={msgid};+draft/react=x TAGMSG #room",
    "REDACT #room {msgid}",
    "AWAY :gone",
    "SETNAME :Alice",
    "METADATA * SET pronouns :she",
    "RENAME #room #hall",
    "KICK #hall carol",
    "PART #hall",
]
SEEN_BY = (
    "message-tags account-tag server-time away-notify setname draft/metadata-2 batch draft/message-redaction "
    "draft/channel-rename invite-notify draft/chathistory"
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob", "carol", "dave")
        yield server


async def test_every_command_of_a_person_has_its_account(server: RunningServer) -> None:
    """IRCv3 account-tag: MUST be added to all commands sent by a user."""
    alice, bob = await server.gather("alice", "bob", caps=SEEN_BY + " echo-message")
    await bob.ask("METADATA * SUB pronouns")
    await alice.ask("JOIN #room")
    await bob.ask("JOIN #room")
    carol = await server.sign_in("carol")
    await carol.ask("JOIN #room")
    await alice.fence()
    msgid = ""
    for deed in DEEDS:
        for line in await alice.ask(deed.format(msgid=msgid)):
            msgid = line.tags["msgid"] if line.command == "PRIVMSG" else msgid
    await server.office.perform(UserRename("alice", "alicia"))
    lines = [line for line in await bob.fence() if line.source.startswith("alic")]
    seen = {line.command for line in lines}
    assert seen == {
        "INVITE", "MODE", "TOPIC", "PRIVMSG", "NOTICE", "TAGMSG", "REDACT", "AWAY", "SETNAME", "METADATA", "RENAME",
        "KICK", "PART", "NICK",
    }  # fmt: skip
    assert [(line.command, line.tags.get("account")) for line in lines if line.tags.get("account") != "alice"] == [
        ("NICK", "alicia")
    ]


async def test_messages_have_a_time_and_an_id_of_their_own_the_same_for_all(server: RunningServer) -> None:
    """IRCv3 message-ids: SHOULD be attached to all PRIVMSG and NOTICE, unique. server-time: the syntax."""
    alice, bob = await server.gather("alice", "bob", caps=SEEN_BY + " echo-message")
    sent = [*["PRIVMSG #general :x", "NOTICE #general :x"] * 5, "PRIVMSG bob :x", "NOTICE bob :x"]
    echoes = await alice.ask(*sent)
    heard = await bob.fence()
    assert sorted(line.tags["msgid"] for line in echoes) == sorted(line.tags["msgid"] for line in heard)
    assert len({line.tags["msgid"] for line in echoes}) == len(sent)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.tags["time"]) for line in echoes)
    again = await bob.ask("CHATHISTORY LATEST #general * 1")
    assert again[1].tags["msgid"] in {line.tags["msgid"] for line in echoes}


@pytest.mark.parametrize(
    ("caps", "commands"),
    [
        ("", []),
        ("message-tags", []),
        ("echo-message", ["PRIVMSG", "NOTICE"]),
        ("echo-message message-tags", ["PRIVMSG", "NOTICE", "TAGMSG"]),
    ],
)
async def test_echoes_are_for_who_asked_for_them(server: RunningServer, caps: str, commands: list[str]) -> None:
    """IRCv3 echo-message: PRIVMSG and NOTICE, TAGMSG with message-tags."""
    (alice,) = await server.gather("alice", caps=caps)
    lines = await alice.ask("PRIVMSG #general :x", "NOTICE #general :x", "TAGMSG #general")
    assert [line.command for line in lines if line.command != "421"] == commands


async def test_what_was_not_delivered_is_not_echoed(server: RunningServer) -> None:
    """IRCv3 echo-message: an echo says that the server has taken it."""
    (alice,) = await server.gather("alice", caps="echo-message")
    assert [line.command for line in await alice.ask("PRIVMSG #none :x", "PRIVMSG nobody :x")] == ["403", "401"]
