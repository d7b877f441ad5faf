"""Links cut at random: who cannot ask misses nothing, and is told nothing again that lies before its last PONG."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from securechat.chat.arrears import Position
from securechat.server.replay import Behind, Follower, News
from tests.links.proxy import Cut, Proxy
from tests.links.visitor import Visitor
from tests.server.harness import PASSWORD, RawClient, RunningServer, running_server
from tests.server.held import HeldHistory

CUTS = 15
"""Links cut, each of DEVICES."""
DEVICES = (
    ("anna@weechat", "server-time message-tags"),
    ("anna", ""),
    ("berta@old", "multi-prefix"),
    ("berta@new", "server-time message-tags batch echo-message account-tag"),
)
TALKS = "server-time message-tags echo-message batch draft/chathistory"


class Talk:
    """Two who talk in two channels and directly to both visitors; one of them is a visitor's own other device."""

    def __init__(self, people: Sequence[RawClient], chance: random.Random) -> None:
        self._chance = chance
        outsider, own = people
        # Who writes, to which target, as which conversation of the visitors.
        self._ways = [
            (outsider, "#room", ("anna", "berta")),
            (own, "#den", ("anna", "berta")),
            (outsider, "anna", ("anna",)),
            (outsider, "berta", ("berta",)),
        ]
        self._counts = [0] * len(self._ways)
        self.is_over = False

    async def say(self, most: int) -> None:
        """Say up to so many lines somewhere, in one packet, and have them stored."""
        await self._say(self._chance.randrange(len(self._ways)), self._chance.randint(1, most))

    async def say_last(self) -> None:
        """Say one line more in each conversation."""
        for way in range(len(self._ways)):
            await self._say(way, 1)

    async def _say(self, way: int, count: int) -> None:
        writer, target, _ = self._ways[way]
        first = self._counts[way] + 1
        self._counts[way] += count
        await writer.ask(*(f"PRIVMSG {target} :line {number}" for number in range(first, self._counts[way] + 1)))

    def last(self, account: str) -> dict[str, int]:
        """Return the last number of each conversation of an account."""
        named = zip(self._ways, self._counts, strict=True)
        return {
            target if target[0] == "#" else "outsider": count
            for (_, target, accounts), count in named
            if account in accounts and count
        }


async def rough_it(directory: Path, seed: int, cuts: int = CUTS) -> list[Visitor]:
    """Have each device visit again and again over links that are cut, while people talk; then once in peace."""
    chance = random.Random(seed)
    async with running_server(directory) as server:
        await server.add("anna", "berta", "outsider")
        people = [await server.sign_in("outsider", caps=TALKS), await server.sign_in("anna", caps=TALKS)]
        berta = await server.sign_in("berta", caps=TALKS)
        for client in (*people, berta):
            await client.ask("JOIN #room,#den")
        await berta.close()
        talk = Talk(people, chance)
        visitors = [Visitor(user, PASSWORD, caps, server.trust) for user, caps in DEVICES]
        for visitor in visitors:
            await come_first(server, visitor)
        async with asyncio.TaskGroup() as group:
            talking = group.create_task(keep_talking(talk))
            await asyncio.gather(
                *(be_cut(server, visitor, visitors, random.Random(chance.random()), cuts) for visitor in visitors)
            )
            talk.is_over = True
            await talking
        await talk.say_last()
        for visitor in visitors:
            async with asyncio.timeout(20):
                await visitor.visit(server.port, talk.last(visitor.user.partition("@")[0]))
            assert visitor.seen == talk.last(visitor.user.partition("@")[0])
    return visitors


async def come_first(server: RunningServer, visitor: Visitor) -> None:
    """Have a device known: what follows is all its own."""
    client = await server.sign_in(visitor.user, caps=visitor.caps)
    await client.ask("PRIVMSG *playback :a message waits for the replay")
    await client.close()


async def keep_talking(talk: Talk) -> None:
    while not talk.is_over:
        await talk.say(40)
        await asyncio.sleep(0.04)


async def be_cut(
    server: RunningServer, visitor: Visitor, visitors: Sequence[Visitor], chance: random.Random, cuts: int
) -> None:
    """Visit until everybody has so often: who stayed away too long would miss more than is replayed."""
    proxy = Proxy(server.port)
    await proxy.start()
    try:
        while min(each.visits for each in visitors) < cuts:
            to_client = chance.random() < 0.7
            direction, most = ("to the client", 15_000) if to_client else ("to the server", 1_800)
            proxy.cut = Cut(direction, chance.randint(1, most), reset=chance.random() < 0.5)
            await visitor.visit(proxy.port)
            # Some come back at once, some stay away while people talk on.
            await asyncio.sleep(chance.choice([0, 0, 0.05]))
    finally:
        await proxy.stop()


@pytest.mark.parametrize("seed", [1, 2])
async def test_cut_links_lose_nothing_and_repeat_only_what_no_pong_answered(tmp_path: Path, seed: int) -> None:
    visitors = await rough_it(tmp_path, seed)
    assert [fault for visitor in visitors for fault in visitor.faults] == []
    for visitor in visitors:
        assert visitor.visits > CUTS
        assert visitor.settled
        # Else nothing was cut where it matters.
        assert visitor.repeats > 20


async def test_control_places_that_move_with_what_was_written_lose_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = Follower.hear

    def move_at_once(self: Follower, news: News, write: Callable[[bytes], bool]) -> None:
        hear(self, news, write)
        self._history.note(Position(self._account, self._device, news.stream, news.last))

    monkeypatch.setattr(Follower, "hear", move_at_once)
    faults = [fault for visitor in await rough_it(tmp_path, 1, 8) for fault in visitor.faults]
    assert any("lost all" in fault for fault in faults)


async def test_control_live_lines_that_do_not_wait_for_the_replay_come_out_of_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server:
        assert await meet_in_the_middle(server) == []
    monkeypatch.setattr(Follower, "hear_each", hear_in_spite_of_replay)
    (tmp_path / "control").mkdir()
    async with running_server(tmp_path / "control") as server:
        assert await meet_in_the_middle(server) != []


def hear_in_spite_of_replay(self: Follower, lines: Sequence) -> None:
    for line in lines:
        self._connection.transport.write_live(line.posted.for_variant(self._connection.variant))
        self._behind.setdefault(line.record.stream, Behind(line.record.seq - 1, line.record.seq))


async def meet_in_the_middle(server: RunningServer) -> list[str]:
    """Have people talk exactly between the pages of a replay; return what was wrong with it."""
    await server.add("anna", "outsider")
    outsider = await server.sign_in("outsider", caps=TALKS)
    anna = await server.sign_in("anna", caps=TALKS)
    for client in (outsider, anna):
        await client.ask("JOIN #room")
    visitor = Visitor("anna@old", PASSWORD, "server-time", server.trust)
    await come_first(server, visitor)
    await outsider.ask(*(f"PRIVMSG #room :line {number}" for number in range(1, 121)))
    missed, pages = server.node.history.missed, 0

    async def talk_meanwhile(query: object) -> object:
        nonlocal pages
        page = await missed(query)
        if (pages := pages + 1) <= 4:
            await outsider.ask(*(f"PRIVMSG #room :line {120 + 30 * (pages - 1) + number}" for number in range(1, 31)))
        return page

    server.node.history.missed = talk_meanwhile
    async with asyncio.timeout(20):
        await visitor.visit(server.port, {"#room": 240})
    return visitor.faults


async def test_what_is_committed_while_a_device_comes_is_told_once(tmp_path: Path) -> None:
    """A message is kept back until the replay has read up to it; then it is told live, and not again."""
    async with running_server(tmp_path) as server:
        await server.add("anna", "outsider")
        outsider, anna = await server.gather("outsider", "anna", caps=TALKS)
        for client in (outsider, anna):
            await client.ask("JOIN #room")
        visitor = Visitor("anna@old", PASSWORD, "", server.trust)
        await come_first(server, visitor)
        await outsider.ask("PRIVMSG #room :line 1")
        held = HeldHistory(server.node)
        outsider.send("PRIVMSG #room :line 2")
        await held.until(1)
        coming = asyncio.create_task(visitor.visit(server.port, {"#room": 2}))
        while not visitor.seen:
            await asyncio.sleep(0.01)
        held.release()
        await coming
        assert (visitor.faults, visitor.lines) == ([], 2)
