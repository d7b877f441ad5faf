"""The scene that README.md describes: a channel and its people on a real server, and an asker who asks over real TLS."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from securechat.chat.effects import Append, Entry
from securechat.chat.event import Event
from securechat.chat.events import (
    OPERATOR,
    OWNER,
    PLAIN,
    VOICE,
    BanSet,
    Created,
    Dropped,
    Joined,
    Left,
    Posted,
    Record,
    TopicSet,
)
from securechat.chat.streams import StreamId, channel_stream, direct_stream
from securechat.config import Chat, Config, Limits
from securechat.wire.message import parse
from securechat.wire.times import format_time
from tests.server.harness import DEADLINE, RawClient, RunningServer, milliseconds, running_server

HERE = Path(__file__).parent
ACTORS = ("stranger", "member", "voice", "operator", "owner", "banned", "former", "admin")
KINDS = {"open": "nt", "invite-only": "int", "secret": "nst"}
ROLES = {"member": PLAIN, "voice": VOICE, "operator": OPERATOR, "owner": OWNER, "former": PLAIN}
PEOPLE = {"olga": OWNER, "otto": OPERATOR, "vera": VOICE, "mona": PLAIN}
CAPS = (
    "echo-message server-time message-tags batch standard-replies draft/chathistory draft/event-playback "
    "draft/read-marker draft/message-redaction draft/channel-rename draft/multiline draft/metadata-2 soju.im/search "
    "znc.in/playback"
)
READING = {
    *("topic", "names", "list", "who", "whox", "who-nick", "who-mask", "whois", "whowas", "nick", "mode", "mode-bans"),
    *("mode-exceptions", "mode-invitations", "mode-nick", "privmsg-status", "history-latest", "history-before"),
    *("history-after", "history-between", "history-elsewhere", "history-direct", "history-direct-elsewhere"),
    *("history-others", "history-targets", "playback", "markread", "markread-direct", "search", "search-everywhere"),
    *("metadata", "metadata-set", "metadata-sync", "monitor", "ison", "userhost", "ignore", "oper"),
}
"""Requests that change nothing another request could see: they share a scene."""
UNDONE = {"monitor": "MONITOR C"}
"""What is said after a request so that later scenes are not told what it asked for."""


class Said(NamedTuple):
    """A message of the scene as the requests name it: `{m1}` is its msgid, `{m1.time}` its time."""

    msgid: str
    time: str

    def __format__(self, _spec: str) -> str:
        return self.msgid


class Scene(NamedTuple):
    """A channel `#c` with its people: its stream, and the messages by the names the requests use."""

    stream: StreamId
    said: dict[str, Said]


def read_matrix() -> dict[tuple[str, str, str], str]:
    """Return the expected cells by (request, actor, kind)."""
    with (HERE / "matrix.csv").open(newline="") as file:
        return {(row["request"], row["actor"], kind): row[kind] for row in csv.DictReader(file) for kind in KINDS}


def read_requests() -> dict[str, list[str]]:
    """Return the lines of each request, as README.md has them."""
    text = (HERE / "README.md").read_text()
    table = text.partition("| request | line |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [line.split(" | ", 1) for line in table.splitlines()]
    return {name.removeprefix("| "): re.findall(r"`([^`]+)`", lines) for name, lines in rows}


class Company:
    """The people of one scene after another, and the asker among them as one actor."""

    def __init__(self, server: RunningServer, actor: str) -> None:
        self.server = server
        self.actor = actor
        self.name = "anna" if actor == "admin" else "ivan"
        self.people: dict[str, RawClient] = {}

    async def gather(self) -> None:
        """Sign everybody in; capabilities one by one, so that one the server does not know costs that one alone."""
        await self.server.add("olga", "otto", "vera", "mona", "nina", "ivan")
        await self.server.add("anna", role="admin")
        for name in (*PEOPLE, "nina"):
            self.people[name] = await self.server.sign_in(name)
        await self.people["vera"].ask("CAP REQ :draft/metadata-2", "METADATA * SET display-name :Vera V.")
        self.asker = await self.server.sign_in(self.name, caps="")
        await self.asker.ask(*(f"CAP REQ :{cap}" for cap in CAPS.split()))

    async def set_scene(self, kind: str) -> Scene:
        """Make `#c`, with everybody in it and everything said, and wait until the asker has heard all of it."""
        mona, asker = self._id("mona"), self._id(self.name)
        direct = direct_stream(mona, asker)
        said = {
            "d1": await self._say(direct, mona, "a word in private"),
            "d2": await self._say(direct, asker, "and its answer"),
        }
        said["d2"] = said["d2"]._replace(time=await self._moment_after())
        stream = await self._make_channel(kind)
        for name, text in (("m1", "alpha"), ("m2", "beta"), ("m3", "gamma")):
            said[name] = await self._say(stream, mona, text)
        said["o1"] = await self._say(stream, self._id("olga"), "delta")
        said["own"] = await self._say(stream, asker, "epsilon") if self.actor in ROLES else said["d2"]
        if self.actor == "former":
            await self._append(stream, Left(asker))
        await self.asker.fence()
        return Scene(stream, said)

    async def strike(self, scene: Scene) -> None:
        """Take the channel away, whatever it is called by now."""
        await self._append(scene.stream, Dropped(forced=True))

    async def answer(self, lines: Iterable[str], scene: Scene) -> list[bytes]:
        """Send a request's lines and return the lines that come up to the answer to a PING behind them."""
        self.asker.send(*(line.format(**scene.said) for line in lines), "PING :that is all")
        answer: list[bytes] = []
        async with asyncio.timeout(DEADLINE):
            while line := await self.asker.reader.readline():
                if line.endswith(b":that is all\r\n"):
                    return answer
                answer.append(line)
        raise EOFError(f"the asker was cut off after {answer}")

    async def _make_channel(self, kind: str) -> StreamId:
        stream = channel_stream(self.server.node.world.new_id())
        olga = self._id("olga")
        joined = [Joined(self._id(name), role) for name, role in PEOPLE.items()]
        if self.actor in ROLES:
            joined.append(Joined(self._id(self.name), ROLES[self.actor]))
        ban = BanSet(olga, "ivan!*@*" if self.actor == "banned" else "zoe!*@*")
        made = Created("#c", olga, KINDS[kind])
        await self._append(stream, made, *joined, TopicSet(olga, "what it is about"), ban)
        await self.people["olga"].ask("MODE #c +e eve!*@*", "MODE #c +I ian!*@*")
        return stream

    async def _say(self, stream: StreamId, account: str, text: str) -> Said:
        (record,) = await self._append(stream, Posted(account, "PRIVMSG", text))
        return Said(record.msgid, format_time(record.time))

    async def _append(self, stream: StreamId, *events: Event) -> list[Record]:
        append = Append(tuple(Entry(stream, event) for event in events))
        outcome = await self.server.node.append(lambda: append)
        assert outcome is not None
        return list(outcome.records)

    async def _moment_after(self) -> str:
        """Return a time after everything that was said, once it has passed."""
        moment = milliseconds() + 1
        while milliseconds() <= moment:
            await asyncio.sleep(0)
        return format_time(moment)

    def _id(self, name: str) -> str:
        account = self.server.node.world.directory.account_named(name)
        assert account is not None
        return account.id


@asynccontextmanager
async def company(directory: Path, actor: str) -> AsyncIterator[Company]:
    """Run a server with the company on it."""
    async with running_server(directory, Config(chat=Chat(default_channels=[]), limits=Limits(rate=0))) as server:
        made = Company(server, actor)
        await made.gather()
        yield made


def cell_of(lines: Iterable[bytes]) -> str:
    """Put an answer as a cell does: commands and numerics, FAIL and NOTE with their code, each once, at its first place."""
    words = []
    for line in lines:
        message = parse(line.rstrip(b"\r\n"))
        coded = message.command in ("FAIL", "WARN", "NOTE")
        words.append(f"{message.command}:{message.param(1)}" if coded else message.command)
    return " ".join(dict.fromkeys(words)) or "-"


async def ask_everything(people: Company, kind: str, requests: dict[str, list[str]]) -> dict[str, str]:
    """Return the cell of each request: first those that change nothing, in one scene, then each in a fresh one."""
    cells: dict[str, str] = {}
    scene = await people.set_scene(kind)
    for name in [name for name in requests if name in READING]:
        cells[name] = cell_of(await people.answer(requests[name], scene))
        await people.answer([UNDONE[name]] if name in UNDONE else [], scene)
    await people.strike(scene)
    for name in [name for name in requests if name not in READING]:
        scene = await people.set_scene(kind)
        cells[name] = cell_of(await people.answer(requests[name], scene))
        await people.strike(scene)
    return cells
