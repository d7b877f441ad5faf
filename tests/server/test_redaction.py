"""REDACT and reactions over the wire: who hears of them, what history says afterwards, and what a repeat is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.wire.message import Message
from tests.server.harness import ALL_CAPS, RawClient, RunningServer, running_server

CAPS = f"{ALL_CAPS} draft/message-redaction"
PLAYING = f"{CAPS} draft/event-playback"
ID = "0c5ea8cf-6ff8-4f8f-a6b2-2a3a7a4f10a1"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob", "carol")
        yield server


async def say(client: RawClient, text: str, target: str = "#general") -> str:
    """Say something and return its msgid."""
    lines = await client.ask(f"PRIVMSG {target} :{text}")
    (echo,) = [line for line in lines if line.command == "PRIVMSG"]
    return echo.tags["msgid"]


def spoken(lines: list[Message]) -> list[tuple[str, ...]]:
    return [(line.command, *line.params) for line in lines]


async def test_a_redaction_is_told_to_who_negotiated_it_and_history_forgets(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob", caps=CAPS)
    (carol,) = await server.gather("carol")
    await say(alice, "first")
    msgid = await say(alice, "a slip")
    await bob.fence()
    await carol.fence()
    (own,) = await alice.ask(f"@label=7 REDACT #general {msgid} :wrong window")
    assert own.tags["label"] == "7"
    assert (own.source, own.command, own.params) == (
        "alice!alice@securechat", "REDACT", ("#general", msgid, "wrong window")
    )  # fmt: skip
    (told,) = await bob.fence()
    assert (told.command, told.params, told.tags["msgid"]) == ("REDACT", own.params, own.tags["msgid"])
    assert await carol.fence() == []
    for client in (bob, carol):
        page = await client.ask("CHATHISTORY LATEST #general * 10")
        assert [line[2] for line in spoken(page) if line[0] == "PRIVMSG"] == ["first"]
        assert all(line.command in ("PRIVMSG", "BATCH") for line in page)
        after = await client.ask(f"CHATHISTORY AFTER #general msgid={msgid} 10")
        assert [line.command for line in after] == ["BATCH", "BATCH"]


async def test_who_was_away_learns_of_it_by_event_playback(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob", caps=PLAYING)
    msgid = await say(alice, "a slip")
    await alice.ask(f"REDACT #general {msgid}")
    (redaction,) = [line for line in await bob.fence() if line.command == "REDACT"]
    page = await bob.ask(f"CHATHISTORY AFTER #general msgid={msgid} 10")
    assert spoken(page[1:-1]) == [("REDACT", "#general", msgid)]
    assert page[1].tags["msgid"] == redaction.tags["msgid"]


async def test_in_a_direct_conversation_both_sides_and_all_devices_are_told(server: RunningServer) -> None:
    alice, phone, bob = await server.gather("alice", "alice@phone", "bob", caps=CAPS)
    msgid = await say(alice, "a slip", "bob")
    await phone.fence()
    await bob.fence()
    assert spoken(await bob.ask(f"REDACT alice {msgid}"))[0][:3] == ("FAIL", "REDACT", "REDACT_FORBIDDEN")
    await alice.ask(f"REDACT bob {msgid}")
    for client in (phone, bob):
        (told,) = await client.fence()
        assert (told.command, told.params) == ("REDACT", ("bob", msgid))
    assert spoken(await bob.ask("CHATHISTORY LATEST alice * 5"))[1:-1] == []


async def test_who_redacts_without_echo_message_is_told_that_it_was_done(server: RunningServer) -> None:
    (echoing,) = await server.gather("alice", caps=CAPS)
    (alice,) = await server.gather("alice", caps=CAPS.replace("echo-message ", ""))
    msgid = await say(echoing, "a slip", "bob")
    assert spoken(await alice.ask(f"REDACT bob {msgid}")) == [("REDACT", "bob", msgid)]


async def test_a_redacted_message_that_is_sent_again_is_not_stored_again(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob", caps=CAPS)
    line = f"@securechat.internal/id={ID} PRIVMSG #general :a slip"
    (echo,) = await alice.ask(line)
    await alice.ask(f"REDACT #general {echo.tags['msgid']}")
    for again in (line, line.replace("a slip", "another text")):
        (answer,) = await alice.ask(again)
        assert answer.params[:2] == ("PRIVMSG", "MESSAGE_REDACTED")
    assert [line[0] for line in spoken(await bob.fence())] == ["PRIVMSG", "REDACT"]


async def test_no_export_holds_it(server: RunningServer) -> None:
    (alice,) = await server.gather("alice", caps=CAPS)
    msgid = await say(alice, "a slip of the tongue")
    before = "".join(line.params[-1] for line in await alice.ask("ACCOUNT EXPORT"))
    await alice.ask(f"REDACT #general {msgid}")
    after = "".join(line.params[-1] for line in await alice.ask("ACCOUNT EXPORT"))
    assert ("slip of the tongue" in before, "slip of the tongue" in after) == (True, False)


async def test_a_reaction_is_heard_kept_and_read_back(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob", caps=PLAYING)
    (carol,) = await server.gather("carol", caps=CAPS)
    msgid = await say(alice, "hello")
    for client in (bob, carol):
        await client.fence()
    tags = f"+reply={msgid};+draft/react=👋"
    (own,) = await bob.ask(f"@label=1;{tags} TAGMSG #general")
    heard = [(await client.fence())[0] for client in (alice, carol)]
    assert own.tags.pop("label") == "1"
    assert own.tags["+draft/react"] == "👋"
    assert [(line.tags, line.params) for line in heard] == [(own.tags, ("#general",))] * 2
    page = await alice.ask("CHATHISTORY LATEST #general * 1")
    assert (page[1].command, page[1].tags["msgid"], page[1].tags["+reply"]) == ("TAGMSG", own.tags["msgid"], msgid)
    # Said again it is heard again, but kept once; taken back it is.
    await bob.ask(f"@{tags} TAGMSG #general")
    await bob.ask(f"@{tags.replace('react', 'unreact')} TAGMSG #general")
    await alice.fence()
    await carol.fence()
    page = await alice.ask(f"CHATHISTORY AFTER #general msgid={msgid} 10")
    kept = [line for line in page if line.command == "TAGMSG"]
    assert ["+draft/react" in line.tags for line in kept] == [True, False]
    assert [line.command for line in await carol.ask("CHATHISTORY LATEST #general * 1")] == [
        "BATCH",
        "PRIVMSG",
        "BATCH",
    ]


async def test_a_reaction_can_be_redacted(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob", caps=PLAYING)
    msgid = await say(alice, "hello")
    await bob.fence()
    (own,) = await bob.ask(f"@+reply={msgid};+draft/react=x TAGMSG #general")
    await bob.ask(f"REDACT #general {own.tags['msgid']}")
    await alice.fence()
    page = await alice.ask(f"CHATHISTORY AFTER #general msgid={msgid} 10")
    assert spoken(page[1:-1]) == [("REDACT", "#general", own.tags["msgid"])]


async def test_without_echo_message_a_reaction_does_not_come_back(server: RunningServer) -> None:
    (bob,) = await server.gather("bob")
    (alice,) = await server.gather("alice", caps=ALL_CAPS.replace("echo-message ", ""))
    msgid = await say(bob, "hello")
    await alice.fence()
    assert await alice.ask(f"@+reply={msgid};+draft/react=x TAGMSG #general") == []
    assert spoken(await bob.fence()) == [("TAGMSG", "#general")]


async def test_a_kick_between_two_devices_rights_is_seen(server: RunningServer) -> None:
    """Who was an operator when the message was looked up, and is none when it is to be redacted, redacts nothing."""
    alice, bob = await server.gather("alice", "bob", caps=CAPS)
    await alice.ask("JOIN #room")
    await bob.ask("JOIN #room")
    await alice.ask("MODE #room +o bob")
    msgid = await say(alice, "mine", "#room")
    alice.send("MODE #room -o bob")
    lines = await bob.ask(f"REDACT #room {msgid}")
    await alice.fence()
    page = await alice.ask("CHATHISTORY LATEST #room * 5")
    redacted = any(line.command == "REDACT" for line in lines)
    assert redacted is not any(line.param(1) == "mine" for line in page)
    lowered = [line.command for line in lines if line.command in ("MODE", "REDACT")]
    assert lowered != ["MODE", "REDACT"]
