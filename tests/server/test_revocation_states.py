"""What is taken away is felt within a second in every state a client can be in, over IRC and over WebSocket.

The control is the same act upon something else of the same account: the connection stays.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from securechat.server.requests import CertificateRevoke, Passwd, SetEnabled, TokenAdd, TokenRevoke
from tests.server.harness import PASSWORD, RawClient, RunningServer, encode_plain, running_server
from tests.server.wallet import Pair, Wallet, ask_for_certificates, connect, trust_and_show

SOON = 1.0
"""Seconds in which a revoked connection must have ended."""
BACKLOG = 120
"""Lines that were missed: more than one page of a replay."""


class HeldReplay:
    """Keeps the second and later pages of a replay back."""

    def __init__(self, server: RunningServer) -> None:
        self._read = server.node.history.missed
        self._pages = 0
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        server.node.history.missed = self._wait  # type: ignore[method-assign]

    async def _wait(self, query: Any) -> Any:
        self._pages += 1
        if self._pages > 1:
            self.reached.set()
            await self.opened.wait()
        return await self._read(query)


class Scene:
    """A server that asks for certificates, and alice, who has two devices and two certificates; bob watches."""

    def __init__(self, server: RunningServer, wallet: Wallet, tokens: list[dict[str, str]]) -> None:
        self.server = server
        self.tokens = tokens
        made = [wallet.issue_for(server, "alice") for _ in range(2)]
        self.pairs = [pair for pair, _ in made]
        self.serials = [issued.serial for _, issued in made]

    @property
    def pair(self) -> Pair:
        return self.pairs[0]

    async def take_away(self, what: str, number: int) -> None:
        """Take away what a connection came by (number 0), or its like that it did not come by (number 1)."""
        match what:
            case "token":
                await self.server.office.perform(TokenRevoke(self.tokens[number]["id"]))
            case "certificate":
                await self.server.office.perform(CertificateRevoke(self.serials[number], foreign=True))
            case "password":
                await self.server.office.perform(Passwd(("alice", "bob")[number], "a quite different one"))
            case "account":
                await self.server.office.perform(SetEnabled(("alice", "bob")[number], False))

    async def authenticate(self, client: RawClient, by: str) -> None:
        client.send("CAP REQ :sasl server-time batch")
        if by == "certificate":
            client.send("AUTHENTICATE EXTERNAL", "AUTHENTICATE +")
        else:
            secret = self.tokens[0]["secret"] if by == "token" else PASSWORD
            client.send("AUTHENTICATE PLAIN", *(f"AUTHENTICATE {chunk}" for chunk in encode_plain("alice", secret)))
        await client.until("903")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob", "carol")
        tokens = [await server.office.perform(TokenAdd("alice", label)) for label in ("phone", "tablet")]
        wallet = Wallet(tmp_path / "people")
        ask_for_certificates(server, tmp_path, wallet, "optional")
        yield Scene(server, wallet, tokens)


async def stop_before_the_end_of_cap(scene: Scene, client: RawClient, by: str) -> None:
    await scene.authenticate(client, by)
    await client.ask("NICK alice", "USER a 0 * a")


async def be_idle(scene: Scene, client: RawClient, by: str) -> None:
    await stop_before_the_end_of_cap(scene, client, by)
    client.send("CAP END")
    await client.until("001")
    await client.fence()


async def be_in_the_middle_of_a_replay(scene: Scene, client: RawClient, by: str) -> None:
    carol = await scene.server.sign_in("carol", caps="")
    first = await connect(scene.server, scene.pair)
    await be_idle(scene, first, by)
    await first.close()
    while len(scene.server.node.connections) > 2:
        await carol.fence()
    await carol.ask(*(f"PRIVMSG #general :{number}" for number in range(BACKLOG)))
    held = HeldReplay(scene.server)
    await stop_before_the_end_of_cap(scene, client, by)
    client.send("CAP END")
    await client.until("PRIVMSG")
    async with asyncio.timeout(10):
        await held.reached.wait()


STATES = [stop_before_the_end_of_cap, be_idle, be_in_the_middle_of_a_replay]
WAYS = ["irc", "web"]
ACTS = [
    ("token", "token"),
    ("password", "password"),
    ("password", "token"),
    ("account", "password"),
    ("account", "certificate"),
    ("certificate", "certificate"),
]
"""What is taken away, and by what the connection came."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("what", "by"), ACTS)
async def test_who_lost_the_right_to_be_here_is_gone_within_a_second(
    scene: Scene, what: str, by: str, state: Any, way: str
) -> None:
    client = await connect(scene.server, scene.pair, way)
    await state(scene, client, by)
    begun = time.monotonic()
    await scene.take_away(what, 0)
    assert (await client.ended())[-1].command == "ERROR"
    assert time.monotonic() - begun < SOON
    again = await connect(scene.server, scene.pair, way)
    if what == "certificate":
        assert (await again.ended())[-1].params == ("Closing link: your certificate was revoked",)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("what", "by"), ACTS)
async def test_who_lost_nothing_stays(scene: Scene, what: str, by: str, state: Any, way: str) -> None:
    client = await connect(scene.server, scene.pair, way)
    await state(scene, client, by)
    await scene.take_away(what, 1)
    assert all(line.command != "ERROR" for line in await client.fence())


@pytest.mark.parametrize("way", WAYS)
async def test_without_following_the_record_a_revoked_certificate_would_stay(scene: Scene, way: str) -> None:
    """The control of the first: the same act, and nobody who follows the record."""
    client = await connect(scene.server, scene.pair, way)
    await be_idle(scene, client, "certificate")
    scene.server.node.hub.observers.remove(scene.server.node.revocations.follow)
    await scene.take_away("certificate", 0)
    assert await client.fence() == []


async def test_a_revoked_certificate_ends_who_only_showed_it_too(scene: Scene) -> None:
    """Where certificates are required, the password alone must not be enough."""
    silent, client = await connect(scene.server, scene.pair), await connect(scene.server, scene.pair)
    await be_idle(scene, client, "password")
    assert await silent.ask("CAP LS 302")
    await scene.take_away("certificate", 0)
    for each in (silent, client):
        assert (await each.ended())[-1].params == ("Closing link: your certificate was revoked",)


@pytest.mark.parametrize(("alpn", "begin"), [((), b""), ((), b"GE"), (("http/1.1",), b"GET / HTTP/1.1\r\n")])
async def test_nor_does_it_wait_for_the_first_words_of_who_showed_it(
    scene: Scene, alpn: tuple[str, ...], begin: bytes
) -> None:
    contexts = [trust_and_show(scene.server, pair, alpn) for pair in (scene.pair, None)]
    clients = []
    for context in contexts:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", scene.server.port, ssl=context, server_hostname="localhost"
        )
        writer.write(begin)
        clients.append(RawClient(reader, writer))
    scene.server.clients += clients
    while len(scene.server.node.entrances) < 2:
        await asyncio.sleep(0)
    await scene.take_away("certificate", 0)
    async with asyncio.timeout(SOON):
        await clients[0].reader.read()
    # Control: who showed none is still looked at.
    assert len(scene.server.node.entrances) == 1
