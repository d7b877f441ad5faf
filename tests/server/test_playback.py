"""znc.in/playback, as https://wiki.znc.in/Playback describes it: who asks is played what it asks for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from securechat.wire.message import Message
from tests.server.harness import RawClient, RunningServer, running_server

CAPS = "server-time message-tags batch znc.in/playback"


async def prepare(server: RunningServer) -> tuple[RawClient, dict[str, float]]:
    """Have bob talk in two channels and to alice; return alice's client, and when each was said (s since 1970)."""
    await server.add("alice", "bob")
    bob, alice = await server.gather("bob", "alice", caps=CAPS)
    for client in (bob, alice):
        await client.ask("JOIN #one,#two")
    said = {}
    for target, text in (("#one", "1"), ("#two", "2"), ("alice", "3"), ("#one", "4")):
        await bob.ask(f"PRIVMSG {target} :{text}")
        line = await alice.until("PRIVMSG", target, text)
        said[text] = datetime.fromisoformat(line.tags["time"]).timestamp()
    return alice, said


def played(lines: list[Message]) -> list[str]:
    return [f"{line.params[0]} {line.params[1]}" for line in lines if line.command == "PRIVMSG"]


async def test_play_shows_what_was_said_later_in_what_was_asked_for(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        alice, said = await prepare(server)
        everything = await alice.ask("PRIVMSG *playback :PLAY * 0")
        assert sorted(played(everything)) == ["#one 1", "#one 4", "#two 2", "alice 3"]
        batches = {line.params[1:] for line in everything if line.command == "BATCH" and line.params[0][0] == "+"}
        assert batches == {
            ("znc.in/playback", "#one"),
            ("znc.in/playback", "#two"),
            ("znc.in/playback", "bob"),
        }
        assert all("time" in line.tags and "batch" in line.tags for line in everything if line.command == "PRIVMSG")
        assert played(await alice.ask("PRIVMSG *playback :play #one")) == ["#one 1", "#one 4"]
        assert played(await alice.ask(f"PRIVMSG *playback :play #one {said['1']:.3f}")) == ["#one 4"]
        early = await alice.ask(f"PRIVMSG *playback :play #* 0 {said['2']:.3f}")
        assert sorted(played(early)) == ["#one 1", "#two 2"]
        assert sorted(played(await alice.ask("PRIVMSG *playback :play BOB,#two 0"))) == ["#two 2", "alice 3"]
        for nothing in ("#nowhere 0", "* 99999999999", "bob 5 4"):
            assert played(await alice.ask(f"PRIVMSG *playback :play {nothing}")) == []


async def test_list_and_clear_answer_and_nothing_is_kept_of_it(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        alice, said = await prepare(server)
        listed = await alice.ask("PRIVMSG *playback :LIST")
        assert sorted(line.params[1] for line in listed) == [
            f"#one {said['4']:.3f}",
            f"#two {said['2']:.3f}",
            f"bob {said['3']:.3f}",
        ]
        assert {(line.command, line.source) for line in listed} == {("NOTICE", "*playback!*playback@chat.example")}
        assert [line.params[1] for line in await alice.ask("PRIVMSG *playback :LIST #t*")] == [f"#two {said['2']:.3f}"]
        (cleared,) = await alice.ask("PRIVMSG *playback :CLEAR #one")
        assert cleared.params[1].startswith("Nothing to clear")
        for wrong in ("", "HELP", "PLAY", "PLAY * x", "PLAY * 1 2 3", "LIST a b", "CLEAR"):
            (usage,) = await alice.ask(f"PRIVMSG *playback :{wrong or 'x'}")
            assert usage.params[1].startswith("PLAY <conversations> [from] [to]")
        assert played(await alice.ask("PRIVMSG *playback :play #one")) == ["#one 1", "#one 4"]


async def test_a_label_is_acknowledged_though_there_is_nothing_to_play(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        alice = await server.sign_in("alice", caps=f"{CAPS} labeled-response")
        (answer,) = await alice.ask("@label=1 PRIVMSG *playback :play * 0")
        assert (answer.command, answer.tags) == ("ACK", {"label": "1"})


async def test_a_notice_is_no_command(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        alice, _ = await prepare(server)
        assert await alice.ask("NOTICE *playback :PLAY * 0") == []
