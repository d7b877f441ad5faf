"""Signing in: by SASL and by PASS, with passwords and tokens, and every way in which it fails."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.auth.passwords import PasswordChecker
from securechat.config import Config, Limits
from securechat.server.requests import Passwd, SetEnabled, TokenAdd
from securechat.wire.message import Message
from tests.server.harness import CHEAP, PASSWORD, RawClient, RunningServer, running_server
from tests.server.held import HeldPasswords

WRONG = "wrong horse battery"


def plain(name: str, secret: str, authzid: str = "") -> list[str]:
    return ["AUTHENTICATE PLAIN", "AUTHENTICATE " + base64.b64encode(f"{authzid}\0{name}\0{secret}".encode()).decode()]


def shapes(lines: list[Message]) -> list[tuple[str, ...]]:
    return [(line.command, *line.params) for line in lines]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        yield server


async def is_welcomed(client: RawClient, nick: str) -> bool:
    """Tell whether the sign-in that was sent ends in the welcome, which names this nick."""
    try:
        return (await client.until("001")).params[0] == nick
    except EOFError:
        return False


async def test_sasl_signs_in_and_says_as_whom(server: RunningServer) -> None:
    client = await server.connect()
    lines = await client.ask("CAP REQ :sasl", *plain("ALICE", PASSWORD))
    assert shapes(lines)[1:] == [
        ("AUTHENTICATE", "+"),
        ("900", "*", "alice!alice@securechat", "alice", "You are now logged in as alice"),
        ("903", "*", "SASL authentication successful"),
    ]
    client.send("NICK alice", "USER a 0 * :a", "CAP END")
    assert await is_welcomed(client, "alice")


async def test_everything_in_one_packet_signs_in_and_joins(server: RunningServer) -> None:
    client = await server.connect()
    client.send("CAP LS 302", "NICK x", "USER x 0 * :x", "CAP REQ :sasl echo-message", *plain("alice", PASSWORD))
    client.send("CAP END", "JOIN #one,#two", "PRIVMSG #two :hello")
    assert await is_welcomed(client, "alice")
    lines = await client.fence()
    assert [line.params[0] for line in lines if line.command == "JOIN"] == ["#general", "#one", "#two"]
    assert lines[-1].params == ("#two", "hello")


@pytest.mark.parametrize(
    "words",
    [
        ["PASS :alice:{secret}", "NICK alice", "USER a 0 * :a"],
        ["NICK whatever", "PASS :alice:{secret}", "USER a 0 * :a"],
        ["USER a 0 * :a", "PASS :alice:{secret}", "NICK bob"],
        ["PASS :alice@phone:{secret}", "NICK alice", "USER a 0 * :a"],
        ["CAP LS 302", "PASS :Alice:{secret}", "NICK alice", "USER a 0 * :a", "CAP END"],
    ],
)
async def test_pass_signs_in_with_a_password_or_a_token(server: RunningServer, words: list[str]) -> None:
    token = (await server.office.perform(TokenAdd("alice", "phone")))["secret"]
    for secret in (PASSWORD, token):
        client = await server.connect()
        client.send(*(word.format(secret=secret) for word in words))
        assert await is_welcomed(client, "alice")


async def test_a_password_with_colons_and_spaces_goes_through_pass(server: RunningServer) -> None:
    await server.office.perform(Passwd("alice", "a: b :c and so on"))
    client = await server.connect()
    client.send("PASS :alice:a: b :c and so on", "NICK alice", "USER a 0 * :a")
    assert await is_welcomed(client, "alice")


async def test_a_token_signs_in_by_sasl_for_its_own_account_only(server: RunningServer) -> None:
    token = (await server.office.perform(TokenAdd("alice", "phone")))["secret"]
    await server.sign_in("alice@laptop", secret=token)
    client = await server.connect()
    lines = await client.ask("CAP REQ :sasl", *plain("bob", token))
    assert [line.command for line in lines] == ["CAP", "AUTHENTICATE", "904"]
    assert (await client.ask(*plain("alice", token + "x")))[-1].command == "904"


async def test_no_client_is_called_anything_but_its_account(server: RunningServer) -> None:
    client = await server.connect()
    client.send("CAP REQ :sasl", "NICK bob", "USER bob 0 * :bob", *plain("alice", PASSWORD), "CAP END")
    assert await is_welcomed(client, "alice")
    assert [line.command for line in await client.ask("NICK bob", "NICK alice_")][-2:] == ["447", "447"]
    watcher = await server.sign_in("bob")
    await client.ask("PRIVMSG #general :who am I?")
    assert [line.source for line in await watcher.fence()] == ["alice!alice@securechat"]


async def test_after_a_wrong_password_the_right_one_signs_in(server: RunningServer) -> None:
    client = await server.connect()
    for _ in range(2):
        lines = await client.ask("CAP REQ :sasl", *plain("alice", WRONG))
        assert shapes(lines)[-1] == ("904", "*", "SASL authentication failed")
    client.send(*plain("alice", PASSWORD), "CAP END", "NICK alice", "USER a 0 * :a")
    assert await is_welcomed(client, "alice")


async def test_the_third_wrong_password_closes_the_connection(server: RunningServer) -> None:
    client = await server.connect()
    client.send("CAP REQ :sasl", *plain("alice", WRONG) * 3, *plain("alice", PASSWORD), "CAP END")
    client.send("NICK alice", "USER a 0 * :a")
    lines = await client.ended()
    assert [line.command for line in lines] == ["CAP", *["AUTHENTICATE", "904"] * 3, "ERROR"]


async def test_a_wrong_password_by_pass_is_told_and_closed(server: RunningServer) -> None:
    client = await server.connect()
    client.send(f"PASS :alice:{WRONG}", "NICK alice", "USER a 0 * :a", "JOIN #general")
    assert [line.command for line in await client.ended()] == ["464", "ERROR"]


@pytest.mark.parametrize("by", ["SASL", "PASS"])
async def test_an_unknown_name_and_a_wrong_password_look_the_same(server: RunningServer, by: str) -> None:
    await server.add("mallory")
    await server.office.perform(SetEnabled("mallory", False))
    answers = []
    for name, secret in (("alice", WRONG), ("nobody", PASSWORD), ("mallory", WRONG), ("alice", "sct_" + "a" * 52)):
        client = await server.connect()
        if by == "SASL":
            client.send("CAP REQ :sasl", *plain(name, secret) * 3)
        else:
            client.send(f"PASS :{name}:{secret}", "NICK x", "USER x 0 * :x")
        answers.append(shapes(await client.ended()))
    assert answers == [answers[0]] * 4
    assert len(answers[0]) > 1


async def test_a_disabled_account_is_told_so_to_who_knows_its_password(server: RunningServer) -> None:
    token = (await server.office.perform(TokenAdd("alice", "phone")))["secret"]
    await server.office.perform(SetEnabled("alice", False))
    for secret in (PASSWORD, token):
        client = await server.connect()
        lines = await client.ask("CAP REQ :sasl", *plain("alice", secret))
        assert shapes(lines)[-1] == ("902", "*", "This account is disabled")
    client.send("NICK alice", "USER a 0 * :a", "CAP END")
    assert [line.command for line in await client.ended()] == ["FAIL", "ERROR"]
    await server.office.perform(SetEnabled("alice", True))
    await server.sign_in("alice")


async def test_completing_a_sign_in_without_credentials_is_refused_and_closed(server: RunningServer) -> None:
    client = await server.connect()
    client.send("NICK alice", "USER a 0 * :a", "JOIN #general")
    lines = await client.ended()
    assert shapes(lines)[0][:3] == ("FAIL", "*", "ACCOUNT_REQUIRED")
    assert [line.command for line in lines] == ["FAIL", "ERROR"]


async def test_ending_the_negotiation_in_the_middle_of_sasl_aborts_it_and_goes_on_without(
    server: RunningServer,
) -> None:
    client = await server.connect()
    client.send("NICK alice", "CAP REQ :sasl", "USER a 0 * :a", "AUTHENTICATE PLAIN", "CAP END")
    lines = await client.ended()
    assert [line.command for line in lines] == ["CAP", "AUTHENTICATE", "906", "FAIL", "ERROR"]


async def test_irssi_which_joins_nothing_before_it_negotiates_survives_it(server: RunningServer) -> None:
    client = await server.connect()
    client.send("CAP LS 302", "JOIN :")
    client.send("CAP REQ :sasl multi-prefix", "NICK alice", "USER alice alice 127.0.0.1 :alice")
    lines = await client.fence()
    assert [line.command for line in lines if line.params[1:2] != ("LS",)] == ["451", "CAP"]
    client.send(*plain("alice", PASSWORD), "CAP END")
    assert await is_welcomed(client, "alice")


BAD_RESPONSES = [
    (["AUTHENTICATE EXTERNAL"], ["908", "904"]),
    (["AUTHENTICATE SCRAM-SHA-256"], ["908", "904"]),
    (["AUTHENTICATE *"], ["906"]),
    (["AUTHENTICATE PLAIN", "AUTHENTICATE *"], ["AUTHENTICATE", "906"]),
    (["AUTHENTICATE PLAIN", "AUTHENTICATE !!!!"], ["AUTHENTICATE", "904"]),
    (["AUTHENTICATE PLAIN", "AUTHENTICATE +"], ["AUTHENTICATE", "904"]),
    (["AUTHENTICATE PLAIN", "AUTHENTICATE AAAA"], ["AUTHENTICATE", "904"]),
    (["AUTHENTICATE PLAIN", "AUTHENTICATE AA=A"], ["AUTHENTICATE", "904"]),
    (["AUTHENTICATE PLAIN", "AUTHENTICATE " + "A" * 401], ["AUTHENTICATE", "905"]),
    (["AUTHENTICATE PLAIN", *["AUTHENTICATE " + "A" * 400] * 21], ["AUTHENTICATE", "905"]),
    (["AUTHENTICATE PLAIN", "AUTHENTICATE"], ["AUTHENTICATE", "461"]),
    (plain("alice", PASSWORD, authzid="bob"), ["AUTHENTICATE", "904"]),
    (plain("alice\0x", PASSWORD), ["AUTHENTICATE", "904"]),
    (["AUTHENTICATE PLAIN", "AUTHENTICATE /////w=="], ["AUTHENTICATE", "904"]),
]


@pytest.mark.parametrize(("lines", "commands"), BAD_RESPONSES)
async def test_a_malformed_authenticate_gets_its_numeric_and_the_next_one_works(
    server: RunningServer, lines: list[str], commands: list[str]
) -> None:
    client = await server.connect()
    assert [line.command for line in await client.ask("CAP REQ :sasl", *lines)][1:] == commands
    await client.ask("AUTHENTICATE *")
    client.send(*plain("alice", PASSWORD), "CAP END", "NICK alice", "USER a 0 * :a")
    assert await is_welcomed(client, "alice")


@pytest.mark.parametrize("nick", ["a b", "#general", "a!b@c", "a,b", "x" * 65, "$x", "*", "a\u0007"])
async def test_a_nick_that_is_none_gets_432_and_another_may_follow(server: RunningServer, nick: str) -> None:
    client = await server.connect()
    assert [line.command for line in await client.ask(f"NICK :{nick}")] == ["432"]
    client.send("NICK good", f"PASS :alice:{PASSWORD}", "USER a 0 * :a")
    assert await is_welcomed(client, "alice")


SHORT = Config(limits=Limits(sign_in=0.3))


@pytest.mark.parametrize(
    "lines", [[], ["NICK alice"], ["CAP LS 302"], ["CAP REQ :sasl", *plain("alice", PASSWORD)], ["PING x"] * 50]
)
async def test_who_does_not_complete_the_sign_in_is_closed(tmp_path: Path, lines: list[str]) -> None:
    async with running_server(tmp_path, SHORT) as server:
        await server.add("alice")
        client = await server.connect()
        client.send(*lines)
        last = (await client.ended())[-1]
        assert shapes([last]) == [("ERROR", "Closing link: sign-in took too long")]


async def test_who_has_signed_in_may_be_silent_for_longer_than_that(tmp_path: Path) -> None:
    async with running_server(tmp_path, SHORT) as server:
        await server.add("alice")
        alice = await server.sign_in("alice")
        stranger = await server.connect()
        await stranger.ended()
        assert await alice.ask("PRIVMSG #general :still here") != []


async def test_the_sign_in_time_does_not_run_while_our_own_queue_keeps_a_client_waiting(tmp_path: Path) -> None:
    passwords = HeldPasswords()
    async with running_server(tmp_path, SHORT, passwords=passwords) as server:
        await server.add("alice")
        passwords.shut()
        client = await server.connect()
        client.send("CAP REQ :sasl", *plain("alice", PASSWORD), "CAP END", "NICK alice", "USER a 0 * :a")
        await passwords.until(1)
        for _ in range(2):
            idle = await server.connect()
            await idle.ended()
        passwords.release()
        assert await is_welcomed(client, "alice")


async def test_when_too_many_passwords_wait_a_client_is_told_and_may_try_again(tmp_path: Path) -> None:
    passwords = PasswordChecker(parameters=CHEAP, queue_limit=0)
    config = Config(limits=Limits(sign_in=0.5))
    async with running_server(tmp_path, config, passwords=passwords) as server:
        passwords._pool._limit = 10
        await server.add("alice")
        token = (await server.office.perform(TokenAdd("alice", "phone")))["secret"]
        passwords._pool._limit = 0
        client = await server.connect()
        lines = await client.ask("CAP REQ :sasl", *plain("alice", PASSWORD))
        text = "Too many people are signing in; try again in a minute"
        assert shapes(lines)[2:] == [("FAIL", "AUTHENTICATE", "TRY_AGAIN", text), ("904", "*", text)]
        client.send(*plain("alice", token), "NICK alice", "USER a 0 * :a", "CAP END")
        assert await is_welcomed(client, "alice")
        by_pass = await server.connect()
        by_pass.send(f"PASS :alice:{PASSWORD}", "NICK alice", "USER a 0 * :a")
        assert [line.command for line in await by_pass.ended()] == ["FAIL", "ERROR"]
        waiting = await server.connect()
        waiting.send("CAP REQ :sasl", *plain("alice", PASSWORD))
        assert (await waiting.ended())[-1].params == ("Closing link: sign-in took too long",)
