"""A ban against a thousand messages on their way: nothing lands behind it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from securechat.config import Chat, Config, Limits
from tests.adversarial.unguarded import without
from tests.server.harness import RawClient, RunningServer, running_server
from tests.server.held import HeldHistory

WRITERS, EACH, PACKET = 5, 200, 20
CAPS = "server-time message-tags batch draft/chathistory draft/event-playback echo-message"


async def history(reader: RawClient) -> list[tuple[str, str]]:
    """Return what #general holds, in its order: texts, and each ban."""
    found: list[tuple[str, str]] = []
    bound = "timestamp=2000-01-01T00:00:00.000Z"
    while page := [
        line for line in await reader.ask(f"CHATHISTORY AFTER #general {bound} 500") if "batch" in line.tags
    ]:
        found += [(line.command, line.params[-1]) for line in page if line.command in ("PRIVMSG", "MODE")]
        bound = f"msgid={page[-1].tags['msgid']}"
    return found


async def race(server: RunningServer, mask: str, after: int) -> list[tuple[str, str]]:
    """Attack: five connections of bob's send a thousand messages at once; a ban comes in behind so many of them."""
    alice, *bobs = [await server.sign_in(name, caps=CAPS) for name in ("alice", *["bob"] * WRITERS)]

    async def write(number: int, bob: RawClient) -> None:
        for packet in range(0, EACH, PACKET):
            bob.send(*(f"PRIVMSG #general :{number}-{packet + text}" for text in range(PACKET)))
            await bob.fence()

    async def ban() -> None:
        for _ in range(after):
            await alice.until("PRIVMSG")
        await alice.ask(f"MODE #general +b {mask}")

    await asyncio.gather(ban(), *(write(number, bob) for number, bob in enumerate(bobs)))
    refused = sum(line.command == "404" for bob in bobs for line in bob.seen)
    assert 0 < refused < WRITERS * EACH
    return await history(alice)


def generous() -> Config:
    return Config(chat=Chat(absence=60), limits=Limits(rate=0))


async def test_nothing_lands_behind_a_ban_and_what_landed_is_a_beginning_of_each(tmp_path: Path) -> None:
    """Expected: the ban's record is behind all of bob's in the order of seq; of each connection the first ones landed."""
    chance = random.Random(5)
    for number, mask in enumerate(("bob", "bob!*@*", "b*!*@*")):
        (tmp_path / str(number)).mkdir()
        async with running_server(tmp_path / str(number), generous()) as server:
            await server.add("alice", "bob")
            found = await race(server, mask, chance.randrange(1, 300))
        commands = [command for command, _ in found]
        assert commands.count("MODE") == 1
        banned = commands.index("MODE")
        assert 0 < banned < WRITERS * EACH
        assert found[banned + 1 :] == []
        for writer in range(WRITERS):
            landed = [text for command, text in found if command == "PRIVMSG" and text.startswith(f"{writer}-")]
            assert landed == [f"{writer}-{text}" for text in range(len(landed))]


async def hold_and_release(directory: Path) -> list[tuple[str, str]]:
    """Attack: what was judged before the ban and is stored behind it, on purpose and not by luck."""
    async with running_server(directory, generous()) as server:
        await server.add("alice", "bob")
        alice, bob = [await server.sign_in(name, caps=CAPS) for name in ("alice", "bob")]
        held = HeldHistory(server.node)
        alice.send("MODE #general +b bob")
        await held.until(1)
        bob.send(*(f"PRIVMSG #general :{text}" for text in range(50)))
        await held.until(51)
        held.release()
        await bob.fence()
        return await history(alice)


async def test_what_was_judged_before_the_ban_does_not_land_behind_it(tmp_path: Path) -> None:
    assert [command for command, _ in await hold_and_release(tmp_path)] == ["MODE"]


async def test_control_a_storage_that_trusts_what_was_judged_lets_it_land(tmp_path: Path) -> None:
    with without("epochs"):
        assert [command for command, _ in await hold_and_release(tmp_path)] == ["MODE", *["PRIVMSG"] * 50]
