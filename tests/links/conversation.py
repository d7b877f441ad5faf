"""One conversation held over a link that may be cut anywhere in it, and what was wrong with it afterwards."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from securechat.client import Address, Link, MessageSeen, Timing
from securechat.client.events import GapSuspected
from securechat.client.trust import build_context
from securechat.errors import UnreachableError
from securechat.server.requests import NewPerson, UserAdd
from securechat.wire.message import Message
from securechat.wire.times import parse_time
from tests.links.proxy import Cut, Direction, Proxy
from tests.server.harness import RawClient, RunningServer

PATIENCE = 15.0
"""Seconds after which a conversation counts as stuck."""
AT_ONCE = Timing(first_delay=0, most_delay=0, closing=1)
"""A link that comes back without delay."""
PAGE = 100
"""Messages the peer asks for at once; no conversation here has more."""


@dataclass
class Report:
    """What came of many conversations.

    findings: one line for each that went wrong.
    carried: the most bytes that a whole conversation took, by direction.
    cut: how many links were really cut; reached: the highest such position, by direction.
    """

    findings: list[str] = field(default_factory=list)
    carried: dict[Direction, int] = field(default_factory=lambda: {"to the server": 0, "to the client": 0})
    cut: int = 0
    reached: Counter[Direction] = field(default_factory=Counter)

    def note(self, cut: Cut | None, proxy: Proxy, faults: list[str]) -> None:
        """Count one conversation."""
        if faults:
            self.findings.append(f"{cut}: {'; '.join(faults)}")
        if cut is None:
            self.carried = {way: max(carried, proxy.carried[way]) for way, carried in self.carried.items()}
        elif proxy.has_cut:
            self.cut += 1
            self.reached[cut.direction] = max(self.reached[cut.direction], cut.after)


class Lane:
    """An account behind a proxy and a peer with a good connection, who talk in a channel of theirs and directly.

    missed: texts of the peer in the channel that the account comes back to.
    """

    def __init__(self, server: RunningServer, trust: Path, number: int, token: str, missed: Sequence[str]) -> None:
        self.proxy = Proxy(server.port)
        self._server = server
        self._context = build_context(trust)
        self._token = token
        self._missed = missed
        self._name, self._peer_name, self._channel = f"member{number}", f"peer{number}", f"#lane{number}"
        self._peer: RawClient
        self._seen: dict[str, tuple[int, str]] = {}

    async def start(self) -> None:
        """Bring both into their channel, and one message into each of their two conversations."""
        await self.proxy.start()
        self._peer = await self._server.sign_in(self._peer_name)
        await self._peer.ask(f"JOIN {self._channel}")
        member = await self._server.sign_in(self._name, secret=self._token)
        await member.ask(f"JOIN {self._channel}")
        await member.close()
        await self._say("at first", [""])
        for conversation in (self._channel, self._peer_name):
            (line,) = await self._read(conversation, "LATEST", "*", 1)
            self._move_on(conversation, line)

    async def hold(self, label: str, cut: Cut | None) -> list[str]:
        """Hold the conversation once, its first connection cut; return what was wrong with it."""
        self._peer.seen.clear()
        await self._say(f"{label} missed", self._missed)
        self.proxy.cut = cut
        shown: list[MessageSeen] = []
        faults: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE):
                await self._be_there(label, shown, faults)
        except TimeoutError:
            faults.append("stuck")
        said = {
            self._channel: [f"{label} mine 1", f"{label} mine 2", f"{label} last"],
            self._peer_name: [f"{label} mine, to you", f"{label} last, to you"],
        }
        for conversation, mine in said.items():
            faults += await self._compare(conversation, mine, shown)
        return faults

    async def _be_there(self, label: str, shown: list[MessageSeen], faults: list[str]) -> None:
        link = await self._open()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(link, label, shown, faults))
                group.create_task(self._talk(link, label))
        finally:
            await link.close()

    async def _open(self) -> Link:
        """Start the client; where its first connection comes to nothing, start it again, as a person would."""
        address = Address("localhost", self.proxy.port)
        for _ in range(2):
            link = Link(address, self._name, self._token, self._context, since=self._seen, timing=AT_ONCE)
            try:
                return await link.__aenter__()
            except UnreachableError:
                continue
        raise AssertionError("a second connection is never cut")

    async def _talk(self, link: Link, label: str) -> None:
        """Say things on both ends, each side behind what it has from the other."""
        outgoing = [link.post(self._channel, f"{label} mine {number}") for number in (1, 2)]
        outgoing.append(link.post(self._peer_name, f"{label} mine, to you"))
        await self._peer.until("PRIVMSG", self._channel, f"{label} mine 2")
        await self._say(f"{label} reply", ["1", "2"])
        for message in outgoing:
            await link.confirm(message, patience=None)
        outgoing = [link.post(self._channel, f"{label} last"), link.post(self._peer_name, f"{label} last, to you")]
        for message in outgoing:
            await link.confirm(message, patience=None)

    async def _watch(self, link: Link, label: str, shown: list[MessageSeen], faults: list[str]) -> None:
        """Collect what the client shows until our own last words are among it: nothing else is certain to come."""
        awaited = {f"{label} last", f"{label} last, to you"}
        async for event in link:
            if isinstance(event, GapSuspected):
                faults.append(f"gap suspected: {event.reason}")
            if isinstance(event, MessageSeen):
                shown.append(event)
                awaited.discard(event.text)
            if not awaited:
                return

    async def _say(self, text: str, ends: Sequence[str]) -> None:
        """Have the peer say something in the channel, once for each way it ends, and once directly."""
        lines = [f"PRIVMSG {self._channel} :{text} {end}" for end in ends]
        await self._peer.ask(*lines, f"PRIVMSG {self._name} :{text}, to you")

    async def _read(self, conversation: str, subcommand: str, bound: str, limit: int) -> list[Message]:
        """Read a page of the history; the peer reads the direct conversation under the other name."""
        target = self._name if conversation == self._peer_name else conversation
        answer = await self._peer.ask(f"CHATHISTORY {subcommand} {target} {bound} {limit}")
        return [line for line in answer if line.command == "PRIVMSG" and "batch" in line.tags]

    async def _compare(self, conversation: str, mine: list[str], shown: list[MessageSeen]) -> list[str]:
        """Compare what was said and what was shown with what is stored since the last time."""
        stored = await self._read(conversation, "AFTER", f"msgid={self._seen[conversation][1]}", PAGE)
        self._move_on(conversation, stored[-1])
        kept = [line.params[1] for line in stored if line.source.startswith(f"{self._name}!")]
        seen = [(each.msgid, each.text) for each in shown if each.conversation == conversation]
        faults = find_faults(mine, kept, "in history") + find_faults(
            [line.params[1] for line in stored], [text for _, text in seen], "on the screen"
        )
        if not faults and [msgid for msgid, _ in seen] != [line.tags["msgid"] for line in stored]:
            faults.append("msgids differ")
        return faults

    def _move_on(self, conversation: str, line: Message) -> None:
        self._seen[conversation] = (parse_time(line.tags["time"]), line.tags["msgid"])


def find_faults(wanted: list[str], found: list[str], where: str) -> list[str]:
    """Say what is wrong with texts that were to be these, in this order."""
    if found == wanted:
        return []
    lost = [text for text in wanted if text not in found]
    doubled = [text for text, count in Counter(found).items() if count > 1]
    return [f"{where}: lost {lost}, doubled {doubled}, order {found}"]


class Lanes:
    """Several lanes side by side, which share out the conversations that are to be held."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        # All labels have one length, so that a position means the same in each conversation.
        self._labels = (f"{number:06}" for number in itertools.count())

    async def hold(self, cuts: Iterable[Cut | None]) -> Report:
        """Hold one conversation for each cut; None is one that is not cut."""
        report, plan = Report(), iter(cuts)
        await asyncio.gather(*(self._work_off(lane, plan, report) for lane in self._lanes))
        return report

    async def _work_off(self, lane: Lane, plan: Iterator[Cut | None], report: Report) -> None:
        for cut in plan:
            report.note(cut, lane.proxy, await lane.hold(next(self._labels), cut))


@asynccontextmanager
async def running_lanes(
    server: RunningServer, directory: Path, missed: Sequence[str] = ("1", "2"), count: int = 8
) -> AsyncIterator[Lanes]:
    """Make accounts and their lanes on a server.

    directory: where the CA file can be put. missed: how the peer's messages end that a client comes back to.
    """
    server.ca.cert_pem.write_to_path(directory / "ca.pem")
    accounts = [NewPerson(f"member{number}") for number in range(count)]
    tokens = [made["secret"] for made in await server.office.perform(UserAdd(accounts, tokens=True))]
    await server.add(*(f"peer{number}" for number in range(count)))
    lanes = [Lane(server, directory / "ca.pem", number, token, missed) for number, token in enumerate(tokens)]
    try:
        await asyncio.gather(*(lane.start() for lane in lanes))
        yield Lanes(lanes)
    finally:
        await asyncio.gather(*(lane.proxy.stop() for lane in lanes))
