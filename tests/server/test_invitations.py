"""Invitations on a real server, over real TLS: redeemed by many at once, over, revoked, kept, and costing nothing before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from securechat.auth.passwords import PasswordChecker
from securechat.chat.directory import Directory
from securechat.chat.invitations import InvitationState
from securechat.chat.inviting import open_invitations, registration_is_open
from securechat.chat.server_events import InvitationUsed
from securechat.chat.world import World
from securechat.config import Config, Guessing, Limits
from securechat.server import admission
from securechat.server.requests import (
    InvitationList,
    InvitationRevoke,
    Invite,
    InviteAll,
    TokenAdd,
    UserReset,
    UserRole,
)
from securechat.storage.sqlite import tables
from securechat.wire.invitation import format_link
from securechat.wire.message import Message
from tests.server.harness import CHEAP, PASSWORD, RawClient, RunningServer, running_server

NONE = "a" * 26
"""In the form of an invitation's token, and of none that there is."""
LETTERS = "abcdefghjk"
"""None of which looks like another."""
TOKEN = "sct_" + "abcd" * 13


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        yield server


async def invite(server: RunningServer, **wishes: Any) -> str:
    made = await server.office.perform(Invite(**wishes))
    assert isinstance(made["token"], str)
    return made["token"]


async def redeem(client: RawClient, name: str, code: str, secret: str = PASSWORD) -> Message:
    """Ask for an account; return what comes of it."""
    client.send(f"REGISTER {name} * :{secret}", f"VERIFY {name} {code}")
    while True:
        line = await client.next()
        if line.command == "VERIFY" or (line.command == "FAIL" and line.params[0] != "*"):
            return line


def result(line: Message) -> tuple[str, ...]:
    """Return a line without the words for people."""
    return (line.command, *line.params[:-1])


async def knock(server: RunningServer, name: str, code: str, secret: str = PASSWORD) -> str:
    """Ask for an account over a connection of its own; return SUCCESS or the code of the FAIL."""
    line = await redeem(await server.connect(), name, code, secret)
    return line.params[0] if line.command == "VERIFY" else line.params[1]


# ── by one ──


@pytest.mark.parametrize("form", ["{token}", "v1.{token}", "v1.{token}.{pin}", "link"])
async def test_a_code_is_the_token_what_stands_behind_the_mark_or_the_whole_link(
    server: RunningServer, form: str
) -> None:
    token = await invite(server)
    pin = "b" * 25 + "a"
    link = format_link([("chat.example", 7000)], token, pin)
    assert await knock(server, "bob", link if form == "link" else form.format(token=token, pin=pin)) == "SUCCESS"
    await server.sign_in("bob")


async def test_whoever_came_by_a_token_signs_in_with_it_from_then_on(server: RunningServer) -> None:
    assert await knock(server, "bob", await invite(server), TOKEN) == "SUCCESS"
    bob = await server.sign_in("bob", secret=TOKEN)
    lines = await bob.ask("ACCOUNT DEVICES")
    assert [line.params[-1] for line in lines if line.params[1] == "DEVICE"] == ["first device"]


async def test_everybody_in_the_channels_sees_the_newcomer_join(server: RunningServer) -> None:
    alice = await server.sign_in("alice", caps="")
    await alice.ask("JOIN #physics")
    assert await knock(server, "bob", await invite(server, channels=["#physics"])) == "SUCCESS"
    joins = [(line.source, line.params[0]) for line in await alice.fence() if line.command == "JOIN"]
    assert joins == [("bob!bob@securechat", "#general"), ("bob!bob@securechat", "#physics")]


# ── by many at once ──


async def storm(server: RunningServer, token: str, count: int, secret: str) -> list[str]:
    clients = [await server.connect() for _ in range(count)]
    lines = await asyncio.gather(
        *(
            redeem(client, f"pupil{LETTERS[i // 10]}{LETTERS[i % 10]}", token, secret)
            for i, client in enumerate(clients)
        )
    )
    return [line.params[0] if line.command == "VERIFY" else line.params[1] for line in lines]


@pytest.mark.parametrize("secret", [PASSWORD, TOKEN])
async def test_of_fifty_at_once_on_one_use_exactly_one_gets_an_account(server: RunningServer, secret: str) -> None:
    outcomes = await storm(server, await invite(server), 50, secret)
    assert sorted(outcomes) == [*["INVALID_CODE"] * 49, "SUCCESS"]
    assert len(server.node.world.directory.accounts) == 2
    assert await server.office.perform(InvitationList()) == []


async def test_control_without_counting_in_the_transaction_more_than_one_gets_in(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tables._FOLDS, InvitationUsed, lambda *_: None)
    outcomes = await storm(server, await invite(server), 50, TOKEN)
    assert outcomes.count("SUCCESS") > 1


async def test_a_class_gets_in_by_one_invitation_at_once_and_hardly_anybody_is_judged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        verify, judged = server.node.verification.verify, []

        async def count(*arguments: Any) -> Any:
            judged.append(None)
            return await verify(*arguments)

        monkeypatch.setattr(server.node.verification, "verify", count)
        outcomes = await storm(server, await invite(server, uses=100), 100, PASSWORD)
        assert outcomes == ["SUCCESS"] * 100
        assert len(judged) < 110
        channel = server.node.world.directory.channel_named("#general")
        assert channel is not None
        assert len(channel.members) == 101


async def test_wrong_codes_keep_nobody_out_who_was_invited(tmp_path: Path) -> None:
    """128 random bits are not guessed: nothing is counted that could be used against others at the same address."""
    config = Config(guessing=Guessing(per_address=20))
    async with running_server(tmp_path, config) as server:
        await server.add("alice")
        token = await invite(server, uses=61)
        assert await storm(server, token, 60, PASSWORD) == ["SUCCESS"] * 60
        assert await storm(server, NONE, 21, PASSWORD) == ["INVALID_CODE"] * 21
        assert await knock(server, "bertha", token) == "SUCCESS"


async def test_two_at_once_for_one_name_get_one_account_and_the_other_keeps_its_use(server: RunningServer) -> None:
    token = await invite(server, uses=2)
    outcomes = await asyncio.gather(*(knock(server, "bob", token) for _ in range(2)))
    assert sorted(outcomes) == ["ACCOUNT_EXISTS", "SUCCESS"]
    (row,) = await server.office.perform(InvitationList())
    assert row["uses_left"] == 1


# ── what is over ──


async def test_a_revoked_invitation_lets_nobody_in(server: RunningServer) -> None:
    await invite(server)
    made = await server.office.perform(Invite())
    await server.office.perform(InvitationRevoke(made["id"]))
    assert await knock(server, "bob", made["token"]) == "INVALID_CODE"


async def test_registration_is_offered_while_an_invitation_is_open_and_no_longer(server: RunningServer) -> None:
    watcher = await server.sign_in("alice", caps="cap-notify")
    made = await server.office.perform(Invite(hours=1.5 / 3600))
    told = await watcher.until("CAP", "alice", "NEW")
    assert told.params[-1] == "draft/account-registration=before-connect,custom-account-name"
    client = await server.connect()
    client.send(f"REGISTER bob * :{PASSWORD}")
    await client.until("REGISTER", "VERIFICATION_REQUIRED", "bob")
    await watcher.until("CAP", "alice", "DEL", "draft/account-registration")
    client.send(f"VERIFY bob {made['token']}")
    assert result(await client.until("FAIL")) == ("FAIL", "VERIFY", "INVALID_CODE", "bob")
    client.send(f"REGISTER bob * :{PASSWORD}")
    assert result(await client.until("FAIL")) == ("FAIL", "REGISTER", "TEMPORARILY_UNAVAILABLE", "bob")


async def test_invitations_and_what_is_left_of_them_survive_a_restart(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        token = await invite(server, uses=2, role="admin", channels=["#a"], hours=5)
        assert await knock(server, "anna", token) == "SUCCESS"
        before = await server.office.perform(InvitationList())
    async with running_server(tmp_path) as server:
        assert await server.office.perform(InvitationList()) == before
        assert before[0]["uses_left"] == 1
        client = await server.connect()
        offered = " ".join(line.params[-1] for line in await client.ask("CAP LS 302"))
        assert "draft/account-registration=before-connect,custom-account-name" in offered
        assert await knock(server, "bob", token) == "SUCCESS"
        assert await knock(server, "carol", token) in ("INVALID_CODE", "TEMPORARILY_UNAVAILABLE")


async def test_the_third_invitation_that_is_none_closes_the_connection(server: RunningServer) -> None:
    await invite(server)
    client = await server.connect()
    for _ in range(3):
        assert (await redeem(client, "bob", NONE)).params[1] == "INVALID_CODE"
    assert [line.command for line in await client.ended()] == ["ERROR"]


# ── what it costs, and what it tells ──


async def test_nothing_is_hashed_stored_or_looked_up_before_a_valid_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[str] = []

    class Counting(PasswordChecker):
        async def hash(self, *arguments: Any, **options: Any) -> str:
            work.append("hash")
            return await super().hash(*arguments, **options)

        async def verify(self, *arguments: Any, **options: Any) -> Any:
            work.append("hash")
            return await super().verify(*arguments, **options)

    async with running_server(tmp_path, passwords=Counting(parameters=CHEAP)) as server:
        await server.add("alice")
        token = await invite(server)
        submit = server.node.history.submit
        monkeypatch.setattr(server.node.history, "submit", lambda each: (work.append("append"), submit(each)))
        for name in ("account_named", "account_resembling", "account_once_named", "anyone_named"):
            found = getattr(Directory, name)

            def look_up(self: Directory, wanted: str, found: Any = found) -> Any:
                work.append("look-up")
                return found(self, wanted)

            monkeypatch.setattr(Directory, name, look_up)
        work.clear()
        answers = []
        for name in ("alice", "bertha"):
            client = await server.connect()
            lines = await client.ask(f"REGISTER {name} * :{PASSWORD}", f"VERIFY {name} {NONE}", f"VERIFY {name} x")
            answers.append([(line.command, *(text.replace(name, "N") for text in line.params)) for line in lines])
        assert answers[0] == answers[1]
        assert work == []
        # The control: a valid code costs all three.
        assert await knock(server, "bob", token) == "SUCCESS"
        assert work.count("hash") == work.count("append") == 1
        assert "look-up" in work


async def test_neither_code_nor_password_nor_token_is_in_any_log(server: RunningServer) -> None:
    secrets = [PASSWORD, TOKEN, NONE]
    with capture_logs() as logged:
        tokens = [await invite(server) for _ in range(3)]
        for name, code, secret in (("bob", tokens[0], PASSWORD), ("carol", tokens[1], TOKEN), ("dora", NONE, PASSWORD)):
            await knock(server, name, code, secret)
        await knock(server, "eve", "wrong" + NONE)
    assert logged
    shown = " ".join(map(str, logged)) + repr(server.node.connections)
    assert all(secret not in shown for secret in (*secrets, *tokens))
    assert "eve" in shown


# ── those who may have been invited ──


async def test_a_client_without_an_account_lingers_while_somebody_is_invited(tmp_path: Path) -> None:
    async with running_server(tmp_path, Config(limits=Limits(sign_in=0.3))) as server:
        token = await invite(server)
        stock = await server.connect()
        stock.send("NICK bob", "USER bob 0 * :bob")
        await stock.until("FAIL", "*", "ACCOUNT_REQUIRED")
        silent = await server.connect()
        assert (await silent.ended())[-1].params == ("Closing link: sign-in took too long",)
        assert result(await redeem(stock, "bob", token)) == ("VERIFY", "SUCCESS", "bob")
        await stock.until("001", "bob")


# ── resets and roles ──


async def test_a_reset_puts_everybody_else_out_and_lets_its_user_in(server: RunningServer) -> None:
    device = await server.office.perform(TokenAdd("alice", "laptop"))
    old = [await server.sign_in("alice"), await server.sign_in("alice", secret=device["secret"])]
    made = await server.office.perform(UserReset("alice"))
    client = await server.connect()
    client.send("NICK alice", "USER a 0 * :a")
    assert result(await redeem(client, "alice", made["token"], TOKEN)) == ("VERIFY", "SUCCESS", "alice")
    await client.until("001", "alice")
    for each in old:
        assert (await each.ended())[-1].params == ("Closing link: your sign-in was revoked",)
    assert await client.ask("PRIVMSG #general :it is me")
    await server.sign_in("alice", secret=TOKEN)
    for secret in (PASSWORD, device["secret"]):
        refused = await server.connect()
        refused.send(f"PASS :alice:{secret}", "NICK a", "USER a 0 * :a")
        assert (await refused.ended())[0].command == "464"
    assert await knock(server, "alice", made["token"]) in ("INVALID_CODE", "TEMPORARILY_UNAVAILABLE")


async def test_a_role_that_is_taken_away_is_gone_at_once(server: RunningServer) -> None:
    await server.add("anna", "otto", role="admin")
    anna = await server.sign_in("anna")
    assert await anna.ask("WALLOPS :hear me") != []
    await server.office.perform(UserRole("anna", "member"))
    assert (await anna.ask("WALLOPS :hear me"))[0].command == "481"


async def test_a_roster_is_invited_name_by_name(server: RunningServer) -> None:
    made = await server.office.perform(InviteAll(["bob", "carol"]))
    assert [each["name"] for each in made] == ["bob", "carol"]
    assert await knock(server, "carol", made[0]["token"]) == "NAME_FIXED"
    assert [await knock(server, each["name"], each["token"]) for each in made] == ["SUCCESS"] * 2


async def test_a_list_of_many_names_is_looked_over_once(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def count(world: World) -> list[InvitationState]:
        nonlocal looks
        looks += 1
        return open_invitations(world)

    monkeypatch.setattr(admission, "open_invitations", count)
    letters = [f"{first}{second}" for first in LETTERS for second in LETTERS]
    await server.office.perform(InviteAll([f"guest-{pair}" for pair in letters]))
    await (await server.connect()).fence()
    assert looks == 1
    assert registration_is_open(server.node.world)
