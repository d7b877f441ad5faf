"""Wrong passwords over the wire: what is not checked any more looks like what was wrong, and the owner gets in.

Attackers come from 127.0.0.1 and further addresses of 127/8, the owner from 127.0.0.9, where she signed in before.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import argon2
import pytest

from securechat.auth.passwords import PasswordChecker, PasswordVerdict
from securechat.config import Chat, Config, Guessing
from securechat.server.requests import Passwd, SetEnabled, TokenAdd, UserRename, UserReset
from securechat.wire.message import Message
from tests.server.harness import CHEAP, PASSWORD, RawClient, RunningServer, running_server
from tests.server.webclient import open_web

HOME = "127.0.0.9"
WRONG = "wrong horse battery"
CONFIG = Config(chat=Chat(absence=60), guessing=Guessing(per_account=4, per_address=9, overall=30))


class CountedPasswords(PasswordChecker):
    """Remembers what it checked: whether there was a verifier."""

    def __init__(self) -> None:
        super().__init__(parameters=CHEAP)
        self.checked: list[bool] = []

    async def verify(self, verifier: str | None, secret: str, *, first: bool = False) -> PasswordVerdict:
        self.checked.append(verifier is not None)
        return await super().verify(verifier, secret, first=first)


@pytest.fixture
def passwords() -> CountedPasswords:
    return CountedPasswords()


@pytest.fixture
async def server(tmp_path: Path, passwords: CountedPasswords) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, CONFIG, passwords=passwords) as server:
        await server.add("alice", "bob", "carol")
        yield server


async def connect(server: RunningServer, address: str = "127.0.0.1") -> RawClient:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=server.trust, server_hostname="localhost", local_addr=(address, 0)
    )
    server.clients.append(RawClient(reader, writer))
    return server.clients[-1]


def plain(name: str, secret: str) -> list[str]:
    return ["AUTHENTICATE PLAIN", "AUTHENTICATE " + b64encode(f"\0{name}\0{secret}".encode()).decode()]


async def try_sasl(server: RunningServer, name: str, secret: str, address: str = "127.0.0.1") -> list[tuple]:
    """Return what SASL is answered, up to the first numeric that is a verdict."""
    client = await connect(server, address)
    client.send("CAP REQ :sasl", *plain(name, secret))
    return await answers(client, "903", "904", "902")


async def try_pass(server: RunningServer, name: str, secret: str, address: str = "127.0.0.1") -> list[tuple]:
    client = await connect(server, address)
    client.send(f"PASS :{name}:{secret}", "NICK x", "USER x 0 * :x")
    return await answers(client, "001", "464")


async def answers(client: RawClient, *last: str) -> list[tuple]:
    lines: list[Message] = []
    while not lines or lines[-1].command not in last:
        lines.append(await client.next())
    await client.close()
    return [(line.command, *line.params) for line in lines]


async def guess(server: RunningServer, name: str = "alice", count: int = 4, address: str = "127.0.0.1") -> list[tuple]:
    """Be wrong so many times; return what the first was answered."""
    told = [await try_sasl(server, name, WRONG, address) for _ in range(count)]
    assert told == [told[0]] * count
    return told[0]


@pytest.mark.parametrize("ask", [try_sasl, try_pass])
@pytest.mark.parametrize("name", ["alice", "nobody"])
async def test_beyond_the_window_the_right_password_is_answered_as_a_wrong_one_without_a_hash(
    server: RunningServer, passwords: CountedPasswords, ask: object, name: str
) -> None:
    wrong = await ask(server, name, WRONG)  # type: ignore[operator]
    await guess(server, name, 3)
    assert passwords.checked == [name == "alice"] * 4
    assert await ask(server, name, PASSWORD) == wrong  # type: ignore[operator]
    assert await ask(server, name, WRONG, "127.0.0.5") == wrong  # type: ignore[operator]
    assert len(passwords.checked) == 4
    assert (await try_sasl(server, "bob", PASSWORD))[-1][0] == "903"


async def test_a_name_in_another_case_and_a_new_name_are_the_same_account(
    server: RunningServer, passwords: CountedPasswords
) -> None:
    for name in ("alice", "ALICE", "Alice"):
        await guess(server, name, 1)
    await server.office.perform(UserRename("alice", "alicia"))
    await guess(server, "alicia", 1)
    assert (await try_sasl(server, "alicia", PASSWORD))[-1][0] == "904"
    assert len(passwords.checked) == 4


async def test_where_she_signed_in_before_the_owner_gets_in_whatever_is_guessed_elsewhere(
    server: RunningServer,
) -> None:
    assert (await try_sasl(server, "alice", PASSWORD, HOME))[-1][0] == "903"
    for number in range(2, 8):
        await guess(server, "alice", 5, f"127.0.0.{number}")
    assert (await try_sasl(server, "alice", PASSWORD))[-1][0] == "904"
    assert (await try_sasl(server, "alice", PASSWORD, HOME))[-1][0] == "903"
    assert (await try_pass(server, "alice", PASSWORD, HOME))[-1][0] == "001"
    web = await open_web(server)
    web.send("CAP REQ :sasl", *plain("alice", PASSWORD))
    assert (await answers(web, "903", "904"))[-1][0] == "904"


async def test_a_device_gets_in_by_its_token_from_anywhere_and_is_known_there(server: RunningServer) -> None:
    token = (await server.office.perform(TokenAdd("alice", "phone")))["secret"]
    await guess(server, "alice")
    assert (await try_sasl(server, "alice", token))[-1][0] == "903"
    assert (await try_sasl(server, "alice", PASSWORD))[-1][0] == "903"


async def test_wrong_tokens_keep_nobody_out(server: RunningServer, passwords: CountedPasswords) -> None:
    for _ in range(12):
        assert (await try_sasl(server, "alice", "sct_" + "a" * 52))[-1][0] == "904"
    assert (await try_sasl(server, "alice", PASSWORD))[-1][0] == "903"
    assert len(passwords.checked) == 1


async def test_one_address_that_guesses_at_many_accounts_is_checked_no_more(
    server: RunningServer, passwords: CountedPasswords
) -> None:
    for number in range(12):
        await guess(server, f"name{number}", 1)
    assert len(passwords.checked) == 9
    assert (await try_sasl(server, "bob", PASSWORD))[-1][0] == "904"
    assert (await try_sasl(server, "bob", PASSWORD, HOME))[-1][0] == "903"


async def test_of_many_at_once_no_more_are_checked_than_the_window_has_room_for(
    server: RunningServer, passwords: CountedPasswords
) -> None:
    told = await asyncio.gather(*(try_sasl(server, "alice", WRONG) for _ in range(60)))
    assert told == [told[0]] * 60
    assert len(passwords.checked) == 4


async def test_right_passwords_are_checked_however_many_come_at_once(
    server: RunningServer, passwords: CountedPasswords
) -> None:
    names = ["alice", "bob", "carol"]
    told = await asyncio.gather(*(try_sasl(server, name, PASSWORD) for name in names * 10))
    assert [each[-1][0] for each in told] == ["903"] * 30
    assert len(passwords.checked) == 30


@pytest.mark.parametrize("command", ["ACCOUNT PASSWD {} a-quite-different-one", "ACCOUNT DELETE {}"])
async def test_who_has_found_an_open_device_cannot_try_passwords_on_connection_after_connection(
    server: RunningServer, passwords: CountedPasswords, command: str
) -> None:
    token = (await server.office.perform(TokenAdd("alice", "phone")))["secret"]
    right = PASSWORD.replace(" ", "\u00a0")
    told = []
    for secret in [*[f"wrong-password-{number}" for number in range(6)], right]:
        thief = await server.sign_in("alice", secret=token)
        (answer, *_) = await thief.ask(command.format(secret))
        told.append((answer.command, answer.params[1]))
        await thief.close()
    assert told == [("FAIL", "INVALID_CREDENTIALS")] * 7
    assert len(passwords.checked) == 4
    assert (await try_sasl(server, "alice", PASSWORD))[-1][0] == "903"


async def test_guesses_from_outside_do_not_keep_who_is_in_from_changing_the_password(server: RunningServer) -> None:
    alice = await server.sign_in("alice")
    await guess(server, "alice", 5, "127.0.0.2")
    (answer,) = await alice.ask(
        f"ACCOUNT PASSWD64 {b64encode(PASSWORD.encode()).decode()} {b64encode(b'a new long one').decode()}"
    )
    assert answer.params[:2] == ("ACCOUNT", "PASSWORD_CHANGED")


async def test_who_forgot_the_password_and_is_given_another_gets_in_at_once(server: RunningServer) -> None:
    await guess(server, "alice", 5)
    await server.office.perform(Passwd("alice", "a new long one"))
    assert (await try_sasl(server, "alice", "a new long one"))[-1][0] == "903"


async def test_a_password_reset_by_a_link_begins_with_empty_windows_too(server: RunningServer) -> None:
    await guess(server, "alice", 5)
    token = (await server.office.perform(UserReset("alice")))["token"]
    client = await connect(server, HOME)
    client.send("REGISTER alice * :a new long one", f"VERIFY alice {token}")
    await client.until("VERIFY", "SUCCESS")
    assert (await try_sasl(server, "alice", "a new long one"))[-1][0] == "903"


async def test_a_disabled_account_is_told_so_by_the_right_password_alone_and_is_known_nowhere(
    server: RunningServer,
) -> None:
    await server.office.perform(SetEnabled("alice", False))
    assert (await try_sasl(server, "alice", PASSWORD, HOME))[-1][0] == "902"
    await guess(server, "alice")
    assert (await try_sasl(server, "alice", PASSWORD, HOME))[-1][0] == "904"


async def test_the_windows_and_the_places_outlive_the_server(tmp_path: Path, passwords: CountedPasswords) -> None:
    async with running_server(tmp_path, CONFIG, passwords=CountedPasswords()) as server:
        await server.add("alice")
        await try_sasl(server, "alice", PASSWORD, HOME)
        await guess(server, "alice")
    async with running_server(tmp_path, CONFIG, passwords=passwords) as server:
        assert (await try_sasl(server, "alice", PASSWORD))[-1][0] == "904"
        assert passwords.checked == []
        assert (await try_sasl(server, "alice", PASSWORD, HOME))[-1][0] == "903"


async def test_new_settings_count_at_once(server: RunningServer) -> None:
    await guess(server, "alice")
    server.node.settings.current = Config(guessing=Guessing(per_account=5))
    assert (await try_sasl(server, "alice", PASSWORD))[-1][0] == "903"


async def test_what_is_not_checked_takes_as_long_as_what_was(server: RunningServer) -> None:
    guard = server.node.verification.guard
    await guess(server, "alice")
    took = server.node.passwords._pool.took_alone
    took.clear()
    took.append(0.3)
    began = server.node.loop.time()
    assert (await try_sasl(server, "alice", WRONG))[-1][0] == "904"
    assert server.node.loop.time() - began >= 0.3
    assert guard.refused == 1


async def test_an_unknown_name_costs_the_same_reads_and_the_same_hash(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[object] = []
    verify, read = argon2.PasswordHasher.verify, server.node.history.verifier

    def count_hash(self: argon2.PasswordHasher, verifier: str, secret: bytes) -> bool:
        work.append(tuple(verifier.split("$")[1:4]))
        return bool(verify(self, verifier, secret))

    async def count_read(account: str) -> tuple[str, int]:
        work.append("read")
        return await read(account)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", count_hash)
    monkeypatch.setattr(server.node.history, "verifier", count_read)
    for name in ("alice", "nobody", "carol"):
        await guess(server, name, 1)
    assert work == ["read", ("argon2id", "v=19", "m=64,t=1,p=1")] * 3
