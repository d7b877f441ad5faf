"""A changed password, a revoked token, a disabled account: felt within a second by whoever is connected by it."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from securechat.server.requests import Passwd, SetEnabled, TokenAdd, TokenRevoke, UserDelete, UserRename
from tests.server.harness import PASSWORD, RawClient, RunningServer, running_server
from tests.server.held import HeldHistory, HeldPasswords

NEW = "a quite different one"
SOON = 1.0
"""Seconds in which a revoked connection must have ended."""


def plain(secret: str, name: str = "alice") -> list[str]:
    return ["AUTHENTICATE PLAIN", "AUTHENTICATE " + base64.b64encode(f"\0{name}\0{secret}".encode()).decode()]


class Scene:
    """A server with alice, who has a device and its token, and bob, who watches."""

    def __init__(self, server: RunningServer, passwords: HeldPasswords, token: dict[str, str], bob: RawClient) -> None:
        self.server = server
        self.passwords = passwords
        self.token = token["secret"]
        self.device = token["id"]
        self.bob = bob

    async def change_password(self) -> None:
        await self.server.office.perform(Passwd("alice", NEW))

    async def revoke_token(self) -> None:
        await self.server.office.perform(TokenRevoke(self.device))

    async def disable(self) -> None:
        await self.server.office.perform(SetEnabled("alice", False))

    async def delete(self) -> None:
        await self.server.office.perform(UserDelete("alice", erase=True))

    async def rename(self) -> None:
        await self.server.office.perform(UserRename("alice", "alicia"))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    passwords = HeldPasswords()
    async with running_server(tmp_path, passwords=passwords) as server:
        await server.add("alice", "bob")
        token = await server.office.perform(TokenAdd("alice", "phone"))
        bob = await server.sign_in("bob", caps="batch draft/chathistory")
        yield Scene(server, passwords, token, bob)


Act = Callable[[Scene], Awaitable[None]]
# What is done, and whether a connection signed in by token, or else by password, must end by it.
ACTS = [
    (Scene.change_password, "password"),
    (Scene.change_password, "token"),
    (Scene.revoke_token, "token"),
    (Scene.disable, "password"),
    (Scene.disable, "token"),
    (Scene.delete, "password"),
    (Scene.delete, "token"),
]
LAST_WORDS = {
    "Closing link: your sign-in was revoked",
    "Closing link: your account was deleted",
}


async def welcome(client: RawClient, secret: str) -> None:
    client.send("CAP REQ :sasl echo-message", *plain(secret), "NICK alice", "USER a 0 * :a", "CAP END")
    await client.until("001")
    await client.fence()


async def stay_idle(scene: Scene, client: RawClient, secret: str) -> None:
    await welcome(client, secret)


async def authenticate_only(scene: Scene, client: RawClient, secret: str) -> None:
    lines = await client.ask("CAP REQ :sasl", *plain(secret))
    assert lines[-1].command == "903"


async def authenticate_and_give_a_name(scene: Scene, client: RawClient, secret: str) -> None:
    await authenticate_only(scene, client, secret)
    await client.ask("NICK alice", "USER a 0 * :a")


async def talk(scene: Scene, client: RawClient, secret: str) -> None:
    await welcome(client, secret)
    client.send(*(f"PRIVMSG #general :{i}" for i in range(2000)))
    await client.until("PRIVMSG")


async def wait_for_a_password(scene: Scene, client: RawClient, secret: str) -> None:
    await welcome(client, secret)
    scene.passwords.shut()
    client.send("ACCOUNT PASSWD wrong a-quite-different-one", "PRIVMSG #general :behind the check")
    await scene.passwords.until(1)


async def stop_reading(scene: Scene, client: RawClient, secret: str) -> None:
    await welcome(client, secret)
    client.writer.transport.pause_reading()


STATES = [
    stay_idle,
    authenticate_only,
    authenticate_and_give_a_name,
    talk,
    wait_for_a_password,
    stop_reading,
]


@pytest.mark.parametrize("come_to", STATES)
@pytest.mark.parametrize(("act", "by"), ACTS)
async def test_a_revoked_connection_ends_within_a_second_whatever_it_was_doing(
    scene: Scene, act: Act, by: str, come_to: Callable[[Scene, RawClient, str], Awaitable[None]]
) -> None:
    client = await scene.server.connect()
    await come_to(scene, client, scene.token if by == "token" else PASSWORD)
    await act(scene)
    seen_before = await scene.bob.fence()
    revoked = time.monotonic()
    client.send(*["PRIVMSG #general :too late"] * 20)
    if come_to is not stop_reading:
        assert (await client.ended())[-1].params[0] in LAST_WORDS
        assert time.monotonic() - revoked < SOON
    await until_alone(scene, time.monotonic() + SOON)
    scene.passwords.release()
    assert await scene.bob.fence() == []
    assert "too late" not in {line.params[-1] for line in seen_before}


async def until_alone(scene: Scene, deadline: float) -> None:
    """Wait until the server has let go of every connection but bob's, who hears nothing meanwhile."""
    while len(scene.server.node.connections) > 1:
        assert time.monotonic() < deadline
        assert await scene.bob.fence() == []


@pytest.mark.parametrize("come_to", [stay_idle, authenticate_only])
async def test_a_connection_whose_right_was_not_touched_stays(
    scene: Scene, come_to: Callable[[Scene, RawClient, str], Awaitable[None]]
) -> None:
    client = await scene.server.connect()
    await come_to(scene, client, PASSWORD)
    await scene.revoke_token()
    assert await client.fence() == []
    assert await scene.bob.fence() == []


@pytest.mark.parametrize("come_to", [(), ("CAP LS 302", "CAP REQ :sasl"), ("CAP REQ :sasl", "AUTHENTICATE PLAIN")])
async def test_who_has_not_authenticated_yet_stays_but_cannot_sign_in_any_more(
    scene: Scene, come_to: tuple[str, ...]
) -> None:
    client = await scene.server.connect()
    await client.ask(*come_to)
    await scene.change_password()
    response = plain(PASSWORD)[-1:] if "AUTHENTICATE PLAIN" in come_to else plain(PASSWORD)
    lines = await client.ask("CAP REQ :sasl", *response)
    assert lines[-1].command == "904"
    client.send(*plain(NEW), "CAP END", "NICK alice", "USER a 0 * :a")
    await client.until("001")


@pytest.mark.parametrize("by", ["SASL", "PASS"])
@pytest.mark.parametrize(
    ("act", "words"),
    [
        (Scene.change_password, "failed incorrect"),
        (Scene.disable, "failed incorrect disabled"),
        (Scene.delete, "failed incorrect"),
        (Scene.rename, "failed incorrect"),
    ],
)
async def test_a_verdict_that_comes_after_the_change_lets_nobody_in(
    scene: Scene, act: Act, words: str, by: str
) -> None:
    client = await scene.server.connect()
    scene.passwords.shut()
    if by == "SASL":
        client.send("CAP REQ :sasl", *plain(PASSWORD))
    else:
        client.send(f"PASS :alice:{PASSWORD}")
    client.send("CAP END", "NICK alice", "USER a 0 * :a", "PRIVMSG #general :let in")
    await scene.passwords.until(1)
    await act(scene)
    # What is told of the change itself: a PART, another name.
    await scene.bob.fence()
    scene.passwords.release()
    lines = await client.ended()
    commands = [line.command for line in lines if line.command != "CAP"]
    assert commands[-1] == "ERROR"
    assert not {"001", "900", "903"} & set(commands)
    numerics = {"SASL": {"902", "904"}, "PASS": {"464"}}[by]
    rejection = next(line for line in lines if line.command in numerics)
    assert rejection.params[-1].split()[-1] in words.split()
    assert await scene.bob.fence() == []


async def test_the_same_verdict_without_a_change_lets_in(scene: Scene) -> None:
    client = await scene.server.connect()
    scene.passwords.shut()
    client.send("CAP REQ :sasl", *plain(PASSWORD), "CAP END", "NICK alice", "USER a 0 * :a")
    await scene.passwords.until(1)
    scene.passwords.release()
    await client.until("001")


async def test_a_verdict_before_the_change_is_followed_does_not_outlive_it(scene: Scene) -> None:
    client = await scene.server.connect()
    await client.ask("CAP REQ :sasl")
    held = HeldHistory(scene.server.node)
    changing = asyncio.create_task(scene.change_password())
    await held.until(1)
    client.send(*plain(PASSWORD), "CAP END", "NICK alice", "USER a 0 * :a")
    await client.until("001")
    client.send("PRIVMSG #general :too late")
    await held.until(2)
    held.release()
    await changing
    assert (await client.ended())[-1].command == "ERROR"
    assert await scene.bob.fence() == []


async def test_two_at_once_who_change_a_password_from_the_old_one_cannot_both(scene: Scene) -> None:
    one, other = await scene.server.gather("alice", "alice")
    scene.passwords.shut()
    spaced = PASSWORD.replace(" ", "\u00a0")
    assert spaced != PASSWORD
    for client in (one, other):
        client.send(f"ACCOUNT PASSWD {spaced} {spaced}-changed")
    await scene.passwords.until(2)
    scene.passwords.release()

    async def read_verdict(client: RawClient) -> str:
        while (line := await client.next()).command not in ("ERROR", "NOTE"):
            pass
        return line.command

    assert sorted(await asyncio.gather(read_verdict(one), read_verdict(other))) == ["ERROR", "NOTE"]


async def test_nothing_queued_behind_the_revocation_is_stored(scene: Scene) -> None:
    client = await scene.server.connect()
    await welcome(client, PASSWORD)
    held = HeldHistory(scene.server.node)
    changing = asyncio.create_task(scene.change_password())
    await held.until(1)
    client.send(*(f"PRIVMSG #general :{i}" for i in range(100)), "TOPIC #general :mine", "PRIVMSG bob :direct")
    await held.until(101)
    held.release()
    await changing
    await client.ended()
    lines = await scene.bob.ask("CHATHISTORY LATEST #general * 10", "CHATHISTORY LATEST alice * 10", "TOPIC #general")
    assert [line.command for line in lines] == ["BATCH", "BATCH", "BATCH", "BATCH", "331"]
