"""CHATHISTORY over the wire: every way of asking, and who may read what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.wire.message import Message
from tests.server.harness import ALL_CAPS, RawClient, RunningServer, running_server

EPOCH, DOOMSDAY = "timestamp=1970-01-02T00:00:00.000Z", "timestamp=2199-01-01T00:00:00.000Z"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob", "carol")
        yield server


async def say_ten(alice: RawClient, target: str = "#general") -> list[Message]:
    """Have alice say 0 to 9, each in a millisecond of its own; return the echoes."""
    echoes: list[Message] = []
    for i in range(10):
        echoes += await alice.ask(f"PRIVMSG {target} :{i}")
        await asyncio.sleep(0.002)
    return [line for line in echoes if line.command == "PRIVMSG"]


def words(lines: list[Message]) -> str:
    return "".join(line.params[1] for line in lines if line.command == "PRIVMSG")


# {3} stands for the reference of message 3, as msgid or as timestamp.
FORMS = [
    ("LATEST #general * 4", "6789"),
    ("LATEST #general * 100", "0123456789"),
    ("LATEST #general {3} 100", "456789"),
    ("LATEST #general {3} 2", "89"),
    ("BEFORE #general {5} 3", "234"),
    ("BEFORE #general {5} 100", "01234"),
    ("BEFORE #general {0} 5", ""),
    ("AFTER #general {5} 3", "678"),
    ("AFTER #general {5} 100", "6789"),
    ("AFTER #general {9} 5", ""),
    ("AROUND #general {5} 5", "34567"),
    ("AROUND #general {0} 4", "01"),
    ("BETWEEN #general {2} {6} 100", "345"),
    ("BETWEEN #general {2} {6} 2", "34"),
    ("BETWEEN #general {6} {2} 2", "45"),
    ("BETWEEN #general {2} {3} 5", ""),
    ("latest #GENERAL * 1", "9"),
]


@pytest.mark.parametrize("kind", ["msgid", "timestamp"])
async def test_every_form_gives_the_page_that_was_asked_for(server: RunningServer, kind: str) -> None:
    alice, bob = await server.gather("alice", "bob")
    echoes = await say_ten(alice)
    await bob.fence()
    tag = {"msgid": "msgid", "timestamp": "time"}[kind]
    bounds = [f"{kind}={echo.tags[tag]}" for echo in echoes]
    for form, expected in FORMS:
        lines = await bob.ask(f"CHATHISTORY {form.format(*bounds)}")
        assert (lines[0].command, *lines[0].params[1:]) == ("BATCH", "chathistory", "#general")
        assert (lines[-1].command, lines[-1].params) == ("BATCH", (f"-{lines[0].params[0][1:]}",))
        assert words(lines) == expected, form


async def test_what_is_read_is_what_was_heard(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("@+draft/reply=x;+ignored PRIVMSG #general :hello", "NOTICE #general :and more")
    live = await bob.fence()
    page = await bob.ask("CHATHISTORY LATEST #general * 10")
    for line in page:
        line.tags.pop("batch", None)
    assert page[1:-1] == live
    assert live[0].tags["+draft/reply"] == "x"


async def test_without_batches_the_lines_come_bare(server: RunningServer) -> None:
    alice = await server.sign_in("alice")
    await say_ten(alice)
    plain = await server.sign_in("bob", caps="draft/chathistory")
    lines = await plain.ask("CHATHISTORY LATEST #general * 3")
    assert [line.command for line in lines] == ["PRIVMSG"] * 3
    assert words(lines) == "789"


async def test_a_direct_conversation_is_read_by_both_under_the_others_name(server: RunningServer) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    await alice.ask("PRIVMSG bob :how are you?")
    await bob.ask("PRIVMSG alice :fine")
    spoken = [("alice", "bob", "how are you?"), ("bob", "alice", "fine")]
    for client, other in ((alice, "bob"), (bob, "ALICE")):
        await client.fence()
        lines = await client.ask(f"CHATHISTORY LATEST {other} * 10")
        assert [(line.source.split("!")[0], *line.params) for line in lines[1:-1]] == spoken
    lines = await carol.ask("CHATHISTORY LATEST alice * 10", "CHATHISTORY LATEST bob * 10")
    assert words(lines) == ""


async def test_targets_names_the_conversations_that_moved_oldest_first(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #empty,#plans")
    (first,) = await alice.ask("PRIVMSG #plans :one")
    await asyncio.sleep(0.002)
    second = (await bob.ask("PRIVMSG alice :two"))[-1]
    await asyncio.sleep(0.002)
    (third,) = await bob.ask("PRIVMSG #general :three")
    await alice.fence()
    lines = await alice.ask(f"CHATHISTORY TARGETS {EPOCH} {DOOMSDAY} 10")
    assert lines[0].params[1:] == ("draft/chathistory-targets",)
    times = [message.tags["time"] for message in (first, second, third)]
    expected = [("TARGETS", name, time) for name, time in zip(("#plans", "bob", "#general"), times, strict=True)]
    assert [line.params for line in lines[1:-1]] == expected
    assert {line.command for line in lines[1:-1]} == {"CHATHISTORY"}
    narrow = await alice.ask(f"CHATHISTORY TARGETS timestamp={times[2]} timestamp={times[0]} 10")
    assert [line.params[1] for line in narrow[1:-1]] == ["bob"]
    limited = await alice.ask(f"CHATHISTORY TARGETS {DOOMSDAY} {EPOCH} 1")
    assert len(limited) == 3


async def test_a_member_who_came_to_a_closed_channel_later_cannot_read_what_was_before(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #board", "MODE #board +i")
    (before,) = await alice.ask("PRIVMSG #board :bob must not know")
    await alice.ask("INVITE bob #board")
    await bob.ask("JOIN #board")
    await alice.ask("PRIVMSG #board :welcome")
    await bob.fence()
    msgid, moment = before.tags["msgid"], before.tags["time"]
    assert words(await bob.ask("CHATHISTORY LATEST #board * 10")) == "welcome"
    assert words(await bob.ask(f"CHATHISTORY AFTER #board {EPOCH} 10")) == "welcome"
    assert words(await bob.ask(f"CHATHISTORY AROUND #board timestamp={moment} 10")) == "welcome"
    for form in (f"AFTER #board msgid={msgid} 9", f"AROUND #board msgid={msgid} 9", f"LATEST #board msgid={msgid} 9"):
        (answer,) = await bob.ask(f"CHATHISTORY {form}")
        assert answer.params[:2] == ("CHATHISTORY", "MESSAGE_ERROR")
    await bob.ask("PART #board")
    await alice.ask("PRIVMSG #board :bob is gone", "INVITE bob #board")
    await bob.ask("JOIN #board")
    assert words(await bob.ask("CHATHISTORY LATEST #board * 10")) == "welcome"
    await alice.ask("MODE #board -i")
    await bob.fence()
    assert words(await bob.ask("CHATHISTORY LATEST #board * 10")) == "welcome"
    assert words(await alice.ask("CHATHISTORY LATEST #board * 10")) == "bob must not knowwelcomebob is gone"


async def test_what_was_said_in_an_open_channel_a_newcomer_may_read(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #open", "PRIVMSG #open :for all")
    await bob.ask("JOIN #open")
    assert words(await bob.ask("CHATHISTORY LATEST #open * 10")) == "for all"


async def test_to_a_stranger_a_channel_and_none_are_the_same(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #private,#secret", "MODE #secret +s", "PRIVMSG #private,#secret :x")
    answers = [
        tuple(param.replace(name, "#...") for param in line.params)
        for name in ("#private", "#secret", "#nowhere")
        for line in await bob.ask(f"CHATHISTORY LATEST {name} * 10", f"CHATHISTORY AFTER {name} {EPOCH} 10")
    ]
    assert answers[:2] * 3 == answers
    assert answers[0][:2] == ("CHATHISTORY", "INVALID_TARGET")
    targets = await bob.ask(f"CHATHISTORY TARGETS {EPOCH} {DOOMSDAY} 50")
    assert len(targets) == 2


async def test_who_was_kicked_reads_nothing_any_more(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await bob.ask("PRIVMSG #general :mine")
    await alice.ask("KICK #general bob")
    await bob.fence()
    (answer,) = await bob.ask("CHATHISTORY LATEST #general * 10")
    assert answer.params[1] == "INVALID_TARGET"


async def test_a_msgid_of_another_conversation_is_unknown_here(server: RunningServer) -> None:
    alice, _, carol = await server.gather("alice", "bob", "carol")
    secret = (await alice.ask("PRIVMSG bob :between us"))[0].tags["msgid"]
    for asked in (secret, "unknown", "x" * 300, "'; DROP TABLE records; --"):
        (answer,) = await carol.ask(f"CHATHISTORY AROUND #general msgid={asked.split()[0]} 10")
        assert answer.params[:2] == ("CHATHISTORY", "MESSAGE_ERROR")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("FNORD #general * 5", "INVALID_PARAMS"),
        ("LATEST #general * 0", "INVALID_PARAMS"),
        ("LATEST #general * -1", "INVALID_PARAMS"),
        ("LATEST #general * many", "INVALID_PARAMS"),
        ("LATEST #general * ٣", "INVALID_PARAMS"),
        ("LATEST #general * 99999999999", "INVALID_PARAMS"),
        ("LATEST #general timestamp=yesterday 5", "INVALID_PARAMS"),
        ("LATEST #general timestamp=2024-13-01T00:00:00.000Z 5", "INVALID_PARAMS"),
        ("LATEST #general msgid= 5", "INVALID_PARAMS"),
        ("LATEST #general seq=5 5", "INVALID_MSGREFTYPE"),
        ("BEFORE #general * 5", "INVALID_MSGREFTYPE"),
        ("BETWEEN #general msgid=x 5", "INVALID_PARAMS"),
        ("LATEST #general", "INVALID_PARAMS"),
        ("TARGETS msgid=a msgid=b 5", "INVALID_PARAMS"),
        ("LATEST nobody * 5", "INVALID_TARGET"),
        ("LATEST * * 5", "INVALID_TARGET"),
        ("LATEST #general,#general * 5", "INVALID_TARGET"),
    ],
)
async def test_what_cannot_be_read_fails_by_name(server: RunningServer, words: str, code: str) -> None:
    alice = await server.sign_in("alice")
    (answer,) = await alice.ask(f"CHATHISTORY {words}")
    assert (answer.command, *answer.params[:2]) == ("FAIL", "CHATHISTORY", code)


async def test_more_than_a_page_may_be_asked_for_and_a_page_comes(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask(*(f"PRIVMSG #general :{i}" for i in range(620)))
    await bob.fence()
    first = (await bob.ask("CHATHISTORY LATEST #general msgid=x 10", "CHATHISTORY LATEST #general * 99999"))[1:]
    assert 500 <= len(first) - 2 < 620
    rest = await bob.ask(f"CHATHISTORY BEFORE #general msgid={first[1].tags['msgid']} 500")
    pages = rest[1:-1] + first[1:-1]
    assert [line.params[1] for line in pages] == [str(i) for i in range(620)]


@pytest.mark.parametrize("limit", [1, 7, 50])
async def test_paging_by_time_yields_everything_though_many_share_a_millisecond(
    server: RunningServer, limit: int
) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask(*(f"PRIVMSG #general :{i}" for i in range(200)))
    await bob.fence()
    found: list[str] = []
    bound = EPOCH
    while page := (await bob.ask(f"CHATHISTORY AFTER #general {bound} {limit}"))[1:-1]:
        found += [line.params[1] for line in page]
        bound = f"timestamp={page[-1].tags['time']}"
    assert found == [str(i) for i in range(200)]


async def test_history_needs_no_other_capability_but_who_asked_for_few_gets_few_tags(server: RunningServer) -> None:
    alice = await server.sign_in("alice")
    await say_ten(alice)
    plain = await server.sign_in("bob", caps="draft/chathistory")
    lines = await plain.ask("CHATHISTORY LATEST #general * 2")
    assert [sorted(line.tags) for line in lines] == [[], []]


async def test_a_labelled_page_carries_its_label_on_the_batch(server: RunningServer) -> None:
    alice = await server.sign_in("alice", caps=ALL_CAPS)
    await alice.ask("PRIVMSG #general :x")
    lines = await alice.ask("@label=P CHATHISTORY LATEST #general * 5", "@label=Q CHATHISTORY LATEST #none * 5")
    assert [line.tags.get("label") for line in lines] == ["P", None, None, "Q"]


async def test_with_event_playback_a_page_shows_what_happened_as_it_was_told(server: RunningServer) -> None:
    """IRCv3 draft/chathistory: "additional lines relevant to the chat history"."""
    (alice,) = await server.gather("alice", caps=f"{ALL_CAPS} draft/event-playback")
    bob, carol = await server.gather("bob", "carol")
    await alice.ask("JOIN #room")
    for client, line in (
        (bob, "JOIN #room"),
        (alice, "TOPIC #room :ours"),
        (alice, "MODE #room +v bob"),
        (bob, "PRIVMSG #room :hello"),
        (carol, "JOIN #room"),
        (alice, "KICK #room carol :enough"),
        (bob, "PART #room :bye"),
    ):
        await client.ask(line)
        await alice.fence()
    told = [line for line in alice.seen if line.command in ("TOPIC", "MODE", "PRIVMSG", "KICK", "PART")]
    page = await alice.ask("CHATHISTORY LATEST #room * 50")
    for line in page:
        line.tags.pop("batch", None)
    shown = [line for line in page[1:-1] if line.command != "JOIN"]
    assert shown == told
    assert [line.source.partition("!")[0] for line in page if line.command == "JOIN"] == ["alice", "bob", "carol"]
    (plain,) = await server.gather("alice")
    page = await plain.ask("CHATHISTORY LATEST #room * 50")
    assert [line.command for line in page] == ["BATCH", "PRIVMSG", "BATCH"]
