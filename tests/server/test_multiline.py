"""Messages of several lines over real TLS: one record, shown as a batch or line by line. (IRCv3 draft/multiline)"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.wire.message import Message
from tests.server.harness import ALL_CAPS, RunningServer, running_server

ID = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"
CAPS = f"{ALL_CAPS} draft/multiline draft/message-redaction soju.im/search"
POEM = [
    "BATCH +7 draft/multiline {}",
    "@batch=7 PRIVMSG {} :roses are",
    "@batch=7;draft/multiline-concat PRIVMSG {} : red",
    "@batch=7 PRIVMSG {} :",
    "@batch=7 PRIVMSG {} :violets are blue",
    "BATCH -7",
]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob", "carol")
        yield server


def poem(target: str = "#general", tags: str = "") -> list[str]:
    opening, *rest = (line.format(target) for line in POEM)
    return [f"{tags} {opening}".strip(), *rest]


def shape(lines: list[Message]) -> list[str]:
    """Return lines without what differs from run to run: each with its tags that a client must see."""
    ref = next((line.params[0][1:] for line in lines if line.command == "BATCH"), "-")
    shown = []
    for line in lines:
        tags = "".join(f"{key} " for key in ("msgid", "draft/multiline-concat", "+x", "label") if key in line.tags)
        inside = "in " if line.tags.get("batch") == ref else ""
        shown.append(f"{tags}{inside}{line.command} {' '.join(line.params)}".replace(ref, "R"))
    return shown


AS_A_BATCH = [
    "msgid BATCH +R draft/multiline #general",
    "in PRIVMSG #general roses are",
    "draft/multiline-concat in PRIVMSG #general  red",
    "in PRIVMSG #general ",
    "in PRIVMSG #general violets are blue",
    "BATCH -R",
]
AS_LINES = ["msgid PRIVMSG #general roses are", "PRIVMSG #general  red", "PRIVMSG #general violets are blue"]


@pytest.mark.parametrize(
    ("caps", "expected"),
    [
        (CAPS, AS_A_BATCH),
        (ALL_CAPS, AS_LINES),
        (CAPS.replace(" batch ", " "), AS_LINES),
        ("message-tags", AS_LINES),
        ("", [line.removeprefix("msgid ") for line in AS_LINES]),
        ("message-tags batch draft/multiline", AS_A_BATCH),
    ],
)
async def test_each_hears_it_as_it_can(server: RunningServer, caps: str, expected: list[str]) -> None:
    (alice,) = await server.gather("alice", caps=CAPS)
    (bob,) = await server.gather("bob", caps=caps)
    await alice.fence()
    assert shape(await alice.ask(*poem())) == AS_A_BATCH
    assert shape(await bob.fence()) == expected


async def test_echo_label_and_id_belong_to_the_opening(server: RunningServer) -> None:
    """Labeled response with echo-message: only the opening BATCH has the label. A repeat gets the same echo."""
    alice, bob = await server.gather("alice", "bob", caps=CAPS)
    tags = f"@label=L;+x=y;securechat.internal/id={ID}"
    first = await alice.ask(*poem(tags=tags))
    assert shape(first) == [line.replace("msgid ", "msgid +x label ") for line in AS_A_BATCH]
    assert [line.tags.get("label") for line in first] == ["L", None, None, None, None, None]
    heard = await bob.fence()
    assert shape(heard) == [line.replace("msgid ", "msgid +x ") for line in AS_A_BATCH]
    again = await alice.ask(*poem(tags=tags))
    assert again == first
    assert await bob.fence() == []
    (other,) = await alice.ask(*(line.replace("violets", "tulips") for line in poem(tags=tags)))
    assert (other.command, other.params[:2], other.tags) == ("FAIL", ("BATCH", "ID_REUSED"), {"label": "L"})


async def test_order_history_search_and_redaction_see_one_message(server: RunningServer) -> None:
    (alice,) = await server.gather("alice", caps=CAPS)
    (plain,) = await server.gather("bob")
    sent = ["PRIVMSG #general :before", *poem(), "PRIVMSG #general :after"]
    echoed = shape(await alice.ask(*sent))
    assert [line for line in echoed if line.startswith("msgid")] == [
        "msgid PRIVMSG #general before", AS_A_BATCH[0], "msgid PRIVMSG #general after"
    ]  # fmt: skip
    await plain.fence()
    page = await alice.ask("CHATHISTORY LATEST #general * 2")
    assert [(line.command, line.params[-1]) for line in page[2:-3]] == [
        ("PRIVMSG", "roses are"), ("PRIVMSG", " red"), ("PRIVMSG", ""), ("PRIVMSG", "violets are blue")
    ]  # fmt: skip
    outer, inner = page[0].params[0][1:], page[1].params[0][1:]
    assert [line.tags.get("batch") for line in page] == [None, outer, *[inner] * 4, outer, outer, None]
    msgid = page[1].tags["msgid"]
    found = await alice.ask("SEARCH in=#general;text=violets\\sroses")
    assert [line.tags.get("msgid") for line in found if line.command == "BATCH"] == [None, msgid, None, None]
    lines = await plain.ask("CHATHISTORY LATEST #general * 2")
    assert [line.params[-1] for line in lines[1:-1]] == ["roses are", " red", "violets are blue", "after"]
    assert [line.tags.get("msgid") == msgid for line in lines[1:-1]] == [True, False, False, False]
    await alice.ask(f"REDACT #general {msgid}")
    left = await alice.ask("CHATHISTORY LATEST #general * 2")
    assert [line.params[-1] for line in left[1:-1]] == ["before", "after"]


async def test_a_direct_message_reaches_its_reader_and_who_is_away_is_told_of(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob", caps=CAPS)
    await bob.ask("AWAY :gone")
    await alice.fence()
    lines = await alice.ask(*poem("bob", "@label=L"))
    assert [line.command for line in lines] == ["BATCH", "BATCH", *["PRIVMSG"] * 4, "BATCH", "301", "BATCH"]
    assert (lines[0].params[1], lines[0].tags) == ("labeled-response", {"label": "L"})
    outer = lines[0].params[0][1:]
    assert [line.tags.get("batch") == outer for line in lines] == [
        False, True, False, False, False, False, True, True, False
    ]  # fmt: skip
    assert shape(await bob.fence()) == [line.replace("#general", "bob") for line in AS_A_BATCH]


async def test_who_cannot_ask_has_it_replayed_line_by_line(server: RunningServer) -> None:
    (alice,) = await server.gather("alice", caps=CAPS)
    await alice.ask(*poem())
    plain = await server.sign_in("bob", caps="")
    while plain.seen[-1].params[-1:] != ("violets are blue",):
        await plain.next()
    told = [line.params[-1] for line in plain.seen if line.command == "PRIVMSG"]
    assert [text.partition("] ")[2] or text for text in told] == ["roses are", " red", "violets are blue"]


async def test_before_signing_in_nothing_is_collected(server: RunningServer) -> None:
    stranger = await server.connect()
    stranger.send("CAP LS 302", "CAP REQ :batch draft/multiline message-tags", *poem())
    lines = await stranger.fence()
    assert [line.command for line in lines if line.command != "CAP"] == ["451"] * 6


async def test_capabilities_may_be_asked_for_in_the_same_packet(server: RunningServer) -> None:
    (alice,) = await server.gather("alice", caps="message-tags echo-message")
    refused = await alice.ask(*poem(tags="@label=L"))
    assert [line.params[:2] for line in refused] == [("BATCH", "MULTILINE_INVALID")]
    lines = await alice.ask("CAP REQ :batch draft/multiline", *poem())
    assert shape(lines[1:]) == AS_A_BATCH


async def test_a_kick_in_between_forbids_it_like_any_message(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob", caps=CAPS)
    await alice.ask("JOIN #room")
    await bob.ask("JOIN #room", *poem("#room")[:3])
    await alice.ask("KICK #room bob")
    lines = await bob.ask(*poem("#room")[3:])
    assert [line.command for line in lines] == ["KICK", "404"]
