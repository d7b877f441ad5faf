"""ACCOUNT EXPORT over the wire: all of one's own, at the pace it is read, one at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from securechat.server.connection import MEMBER
from securechat.server.requests import ChannelDrop
from securechat.wire.message import Message
from tests.server.harness import RunningServer, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        yield server


def rows_of(lines: list[Message]) -> list[dict[str, Any]]:
    parts = [(line.params[2], line.params[3]) for line in lines if line.params[1:2] == ("EXPORT",)]
    return [json.loads("".join(text for _, text in some)) for _, some in groupby(parts, key=lambda part: part[0])]


async def test_an_export_is_what_one_is_and_what_one_wrote(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("ACCOUNT DEVICE ADD phone", "ACCOUNT IGNORE bob", "JOIN #gone", "PRIVMSG #gone :in a channel")
    await alice.ask(f"@+mark=x PRIVMSG #general :{'ä' * 180}", "NOTICE bob :psst")
    await bob.ask("PRIVMSG #general :bob's", "PRIVMSG alice :bob's")
    await server.office.perform(ChannelDrop("#gone"))
    await alice.fence()
    lines = await alice.ask("@label=L ACCOUNT EXPORT")
    assert (lines[0].command, lines[0].params[1:]) == ("BATCH", ("securechat.internal/export",))
    assert lines[0].tags["label"] == "L"
    assert lines[-1].params == (f"-{lines[0].params[0][1:]}",)
    assert {line.tags["batch"] for line in lines[1:-1]} == {lines[0].params[0][1:]}
    assert lines[-2].params[:2] == ("ACCOUNT", "END_OF_EXPORT")
    account, device, ignored, membership, *messages = rows_of(lines)
    assert (account["type"], account["v"], account["name"], account["role"]) == ("account", 1, "alice", "member")
    assert (device["type"], device["label"], sorted(device)) == ("device", "phone", ["created", "id", "label", "type"])
    assert ignored == {"type": "ignored", "name": "bob"}
    assert membership == {"type": "membership", "channel": "#general", "role": "owner"}
    assert [(row["target"], row["command"], row["text"], row["tags"]) for row in messages] == [
        ("#general", "PRIVMSG", "ä" * 180, {"+mark": "x"}),
        ("#gone", "PRIVMSG", "in a channel", {}),
        ("bob", "NOTICE", "psst", {}),
    ]
    assert {row["type"] for row in messages} == {"message"}


async def test_without_batches_the_same_lines_come_bare(server: RunningServer) -> None:
    alice = await server.sign_in("alice", caps="")
    lines = await alice.ask("ACCOUNT EXPORT")
    assert {line.params[1] for line in lines} == {"EXPORT", "END_OF_EXPORT"}
    assert [row["type"] for row in rows_of(lines)] == ["account", "membership"]


async def test_a_long_export_waits_for_its_reader_and_nothing_overtakes_it(server: RunningServer) -> None:
    alice = await server.sign_in("alice")
    for start in range(0, 1500, 100):
        await alice.ask(*(f"PRIVMSG #general :{number} {'x' * 400}" for number in range(start, start + 100)))
    reading, other = await server.gather("alice", "alice")
    reading.writer.transport.pause_reading()  # type: ignore[attr-defined]
    reading.send("ACCOUNT EXPORT", "PING behind")
    while not server.node.exports._under_way:
        await other.fence()
    (refused,) = [line for line in await other.ask("ACCOUNT EXPORT") if line.command == "FAIL"]
    assert refused.params[:3] == ("ACCOUNT", "TRY_AGAIN", "EXPORT")
    for connection in server.node.connections:
        assert connection.transport.queued <= MEMBER.bytes + 16 * 1024
    reading.writer.transport.resume_reading()  # type: ignore[attr-defined]
    await reading.until("PONG", "chat.example", "behind")
    rows = rows_of(reading.seen)
    assert [row["text"].split()[0] for row in rows if row["type"] == "message"] == [str(n) for n in range(1500)]
    assert server.node.exports._under_way == set()
    again = await other.ask("ACCOUNT EXPORT")
    assert len(rows_of(again)) == len(rows)


async def test_who_goes_away_in_the_middle_leaves_nothing_behind(server: RunningServer) -> None:
    alice = await server.sign_in("alice")
    for start in range(0, 800, 100):
        await alice.ask(*(f"PRIVMSG #general :{number} {'x' * 400}" for number in range(start, start + 100)))
    going = await server.sign_in("alice")
    going.writer.transport.pause_reading()  # type: ignore[attr-defined]
    going.send("ACCOUNT EXPORT")
    while not server.node.exports._under_way:
        await alice.fence()
    going.writer.transport.abort()
    while server.node.exports._under_way:
        await alice.fence()
    assert len(rows_of(await alice.ask("ACCOUNT EXPORT"))) == 802
