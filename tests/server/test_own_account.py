"""ACCOUNT over the wire: everybody's own password and devices, without an administrator."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.server.requests import TokenAdd
from securechat.wire.message import Message
from tests.server.harness import PASSWORD, RawClient, RunningServer, running_server

OLD = "correct-horse-battery"
NEW = "a-quite-different-one"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        alice = await server.sign_in("alice")
        await alice.ask(f"ACCOUNT PASSWD {as_typed()} {OLD}")
        await alice.close()
        yield server


def as_typed() -> str:
    """Return the harness's password as one word: any kind of space is the same in a password (RFC 8265, 4.2.2)."""
    return "correct\u00a0horse\u00a0battery"


async def sign_in(server: RunningServer, secret: str = OLD, name: str = "alice") -> RawClient:
    client = await server.sign_in(name, secret=secret)
    await client.fence()
    return client


async def is_let_in(server: RunningServer, secret: str) -> bool:
    client = await server.connect()
    client.send(f"PASS :alice:{secret}", "NICK alice", "USER a 0 * :a")
    line = await client.next()
    assert line.command in ("001", "464")
    return line.command == "001"


def shape(line: Message) -> tuple[str, ...]:
    return (line.command, *line.params[:3])


async def test_a_device_is_added_listed_used_and_deleted(server: RunningServer) -> None:
    alice = await sign_in(server)
    (added,) = await alice.ask("ACCOUNT DEVICE ADD :my phone")
    assert added.params[:2] == ("ACCOUNT", "DEVICE_ADDED")
    device, token = added.params[2:4]
    assert token.startswith("sct_")
    listed, end = await alice.ask("ACCOUNT DEVICES")
    assert (listed.params[1], listed.params[2], listed.params[-1]) == ("DEVICE", device, "my phone")
    assert end.params[:2] == ("ACCOUNT", "END_OF_DEVICES")
    assert token not in str(listed)

    phone = await sign_in(server, token)
    (own, _) = await phone.ask("ACCOUNT DEVICES")
    assert own.params[4] != listed.params[4], "the device that asks is marked"

    (gone,) = await alice.ask(f"ACCOUNT DEVICE DEL {device}")
    assert shape(gone) == ("NOTE", "ACCOUNT", "DEVICE_REVOKED", device)
    assert (await phone.ended())[-1].command == "ERROR"
    assert not await is_let_in(server, token)
    assert [line.params[1] for line in await alice.ask("ACCOUNT DEVICES")] == ["END_OF_DEVICES"]


async def test_a_new_password_keeps_the_connection_that_asked_and_closes_the_others(server: RunningServer) -> None:
    asking, other = await sign_in(server), await sign_in(server)
    token = (await server.office.perform(TokenAdd("alice", "phone")))["secret"]
    phone = await sign_in(server, token)
    answer = (await asking.ask(f"ACCOUNT PASSWD {OLD} {NEW}"))[-1]
    assert shape(answer)[:3] == ("NOTE", "ACCOUNT", "PASSWORD_CHANGED")
    assert (await other.ended())[-1].command == "ERROR"
    assert (await phone.ended())[-1].command == "ERROR"
    assert [line.command for line in await asking.ask("PRIVMSG #general :still here")] == ["PRIVMSG"]
    assert [await is_let_in(server, secret) for secret in (OLD, token, NEW)] == [False, False, True]


async def test_keep_leaves_the_devices_that_have_tokens(server: RunningServer) -> None:
    asking, other = await sign_in(server), await sign_in(server)
    token = (await server.office.perform(TokenAdd("alice", "phone")))["secret"]
    phone = await sign_in(server, token)
    await asking.ask(f"ACCOUNT PASSWD {OLD} {NEW} KEEP")
    assert (await other.ended())[-1].command == "ERROR"
    assert [line.command for line in await phone.ask("PRIVMSG #general :still here")] == ["PRIVMSG"]
    assert [await is_let_in(server, secret) for secret in (OLD, token, NEW)] == [False, True, True]


async def test_a_device_that_changes_the_password_keeps_its_own_token(server: RunningServer) -> None:
    tokens = [(await server.office.perform(TokenAdd("alice", label)))["secret"] for label in ("phone", "tablet")]
    phone, tablet = [await sign_in(server, token) for token in tokens]
    await phone.ask(f"ACCOUNT PASSWD {OLD} {NEW}")
    assert (await tablet.ended())[-1].command == "ERROR"
    assert [line.command for line in await phone.ask("PRIVMSG #general :still here")] == ["PRIVMSG"]
    assert [await is_let_in(server, token) for token in tokens] == [True, False]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (f"PASSWD wrong-old-password {NEW}", "INVALID_CREDENTIALS"),
        (f"PASSWD {OLD} short", "INVALID_PASSWORD"),
        (f"PASSWD {OLD} sct_" + "a" * 52, "INVALID_PASSWORD"),
        (f"PASSWD {OLD}", "NEED_MORE_PARAMS"),
        (f"PASSWD {OLD} {NEW} PLEASE", "INVALID_PARAMS"),
        ("DEVICE ADD", "NEED_MORE_PARAMS"),
        ("DEVICE ADD :", "NEED_MORE_PARAMS"),
        ("DEVICE ADD " + "x" * 65, "INVALID_PARAMS"),
        ("DEVICE ADD :bell\x07", "INVALID_PARAMS"),
        ("DEVICE DEL", "NEED_MORE_PARAMS"),
        ("DEVICE DEL unknown", "UNKNOWN_DEVICE"),
        ("DEVICE", "UNKNOWN_SUBCOMMAND"),
        ("NONSENSE", "UNKNOWN_SUBCOMMAND"),
    ],
)
async def test_what_cannot_be_done_fails_by_name_and_changes_nothing(
    server: RunningServer, words: str, code: str
) -> None:
    alice = await sign_in(server)
    (answer,) = await alice.ask(f"ACCOUNT {words}")
    assert shape(answer)[:3] == ("FAIL", "ACCOUNT", code)
    assert await is_let_in(server, OLD)
    assert [line.params[1] for line in await alice.ask("ACCOUNT DEVICES")] == ["END_OF_DEVICES"]


async def test_nobody_deletes_or_sees_anothers_device(server: RunningServer) -> None:
    device = (await server.office.perform(TokenAdd("bob", "phone")))["id"]
    alice = await sign_in(server)
    (answer, end) = await alice.ask(f"ACCOUNT DEVICE DEL {device}", "ACCOUNT DEVICES")
    assert answer.params[1] == "UNKNOWN_DEVICE"
    assert end.params[1] == "END_OF_DEVICES"


async def test_a_token_is_no_password_to_change_the_password_with(server: RunningServer) -> None:
    token = (await server.office.perform(TokenAdd("alice", "phone")))["secret"]
    phone = await sign_in(server, token)
    (answer,) = await phone.ask(f"ACCOUNT PASSWD {token} {NEW}")
    assert answer.params[1] == "INVALID_CREDENTIALS"


async def test_what_is_behind_a_password_change_in_one_packet_waits_for_it(server: RunningServer) -> None:
    alice = await sign_in(server)
    lines = await alice.ask(f"ACCOUNT PASSWD {OLD} {NEW}", f"ACCOUNT PASSWD {NEW} {OLD}", "PRIVMSG #general :done")
    assert [line.command for line in lines] == ["NOTE", "NOTE", "PRIVMSG"]
    assert [await is_let_in(server, secret) for secret in (NEW, OLD)] == [False, True]


async def test_nobody_else_hears_of_it_and_no_secret_is_on_disk(server: RunningServer, tmp_path: Path) -> None:
    bob = await sign_in(server, "correct horse battery", "bob")
    alice = await sign_in(server)
    await bob.fence()
    (added,) = await alice.ask("ACCOUNT DEVICE ADD phone")
    await alice.ask(f"ACCOUNT PASSWD {OLD} {NEW} KEEP")
    assert await bob.fence() == []
    everything = b"".join(path.read_bytes() for path in tmp_path.glob("chat.db*"))
    assert added.params[2].encode() in everything, "or this looks into the wrong file"
    assert not [secret for secret in (OLD, NEW, added.params[3]) if secret.encode() in everything]


async def test_passwords_with_spaces_are_changed_in_base64(tmp_path: Path) -> None:
    old, new = b64encode(PASSWORD.encode()).decode(), b64encode(b"a new one with spaces").decode()
    async with running_server(tmp_path) as server:
        await server.add("alice")
        alice = await server.sign_in("alice")
        (refused,) = await alice.ask(f"ACCOUNT PASSWD64 {old} not-base64")
        assert refused.params[:3] == ("ACCOUNT", "INVALID_PARAMS", "PASSWD64")
        (changed,) = await alice.ask(f"ACCOUNT PASSWD64 {old} {new}")
        assert changed.params[:2] == ("ACCOUNT", "PASSWORD_CHANGED")
        assert not await is_let_in(server, PASSWORD)
        assert await is_let_in(server, "a new one with spaces")
