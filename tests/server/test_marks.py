"""Read markers over TLS: one for all devices of an account, nobody else's business. (IRCv3 read-marker)"""

from __future__ import annotations

from pathlib import Path

from securechat.server.reading import Reading
from tests.server.harness import running_server

MARKS = "server-time message-tags batch draft/chathistory draft/read-marker"
NO_MARKS = "server-time message-tags batch draft/chathistory"


async def test_a_mark_is_told_to_the_other_devices_at_once_and_to_nobody_else(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        phone, desk, bob = await server.gather("alice", "alice", "bob", caps=MARKS)
        old = await server.sign_in("alice", caps=NO_MARKS)
        for client in (phone, bob):
            await client.ask("JOIN #room")
        said = [
            line for line in await phone.ask("PRIVMSG bob :hello", "CHATHISTORY LATEST bob * 1") if "time" in line.tags
        ]
        time = said[-1].tags["time"]
        for client in (desk, bob, old):
            await client.fence()
        for target in ("#room", "bob"):
            (answer,) = await phone.ask(f"MARKREAD {target} timestamp={time}")
            assert (answer.command, answer.params) == ("MARKREAD", (target, f"timestamp={time}"))
            assert [(line.command, *line.params) for line in await desk.fence()] == [
                ("MARKREAD", target, f"timestamp={time}")
            ]
            assert await bob.fence() == []
            assert await old.fence() == []
        assert await phone.ask(f"MARKREAD bob timestamp={time}") == [answer]
        assert await desk.fence() == []


async def test_a_mark_is_shown_with_each_join_before_the_end_of_the_names(tmp_path: Path) -> None:
    """Command flows: "The command MUST be sent before the `RPL_ENDOFNAMES` reply"."""
    async with running_server(tmp_path) as server:
        await server.add("alice")
        alice = await server.sign_in("alice", caps=MARKS)
        kinds = [line.command for line in await alice.ask("JOIN #room")]
        assert kinds == ["JOIN", "MARKREAD", "353", "366"]
        time = "2026-01-01T00:00:00.000Z"
        await alice.ask(f"MARKREAD #room timestamp={time}")
        again = await server.sign_in("alice", caps=MARKS)
        await again.fence()
        marks = [line.params for line in again.seen if line.command == "MARKREAD"]
        assert sorted(marks) == [("#general", "*"), ("#room", f"timestamp={time}")]
        without = await server.sign_in("alice", caps=NO_MARKS)
        await without.fence()
        assert "MARKREAD" not in [line.command for line in without.seen]


async def test_marks_outlast_the_server(tmp_path: Path) -> None:
    time = "2026-01-01T00:00:00.000Z"
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        alice = await server.sign_in("alice", caps=MARKS)
        await alice.ask(f"MARKREAD bob timestamp={time}")
    async with running_server(tmp_path) as server:
        assert isinstance(server.node.reading, Reading)
        alice = await server.sign_in("alice", caps=MARKS)
        (answer,) = await alice.ask("MARKREAD bob")
        assert answer.params == ("bob", f"timestamp={time}")


async def test_a_label_is_answered(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        alice = await server.sign_in("alice", caps=f"{MARKS} labeled-response")
        (answer,) = await alice.ask("@label=1 MARKREAD bob")
        assert (answer.command, answer.tags["label"]) == ("MARKREAD", "1")
