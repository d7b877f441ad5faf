"""The server's CA was renewed: under the same key its new certificate is taken, under another one nothing changes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from securechat.client.address import Address
from securechat.client.credentials import Credentials
from securechat.client.profile import KnownServer, account_directory, read_profile, remember, server_directory
from tests.client.authorities import DAY, NOW, Root, make_key
from tests.client.inviting import InvitingServer
from tests.plain.program import Outcome, Program
from tests.terminal.screen import Terminal

KEY = make_key()
OLD = Root("the CA", KEY)
TOKEN = "sct_" + "a2" * 26
RENEWED = "the server's CA was renewed under the same key"


@asynccontextmanager
async def serve(root: Root, *names: str, page: bytes | None = None) -> AsyncIterator[InvitingServer]:
    """Serve with a certificate of a CA, and hand out that CA unless told otherwise."""
    server = InvitingServer(trustme.CA())
    server.context = root.make_context(*names)
    server.authority_page = root.pem if page is None else page
    server.tokens[TOKEN] = "alice"
    async with server:
        yield server


def meet(home: Path, port: int, root: Root, *, ca: Path | None = None) -> Path:
    """Have the client know the server by a CA, as it does after a first contact; return the CA's file."""
    address = Address("localhost", port)
    kept = ca or server_directory(home, address) / "ca.pem"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(root.pem)
    Credentials(account_directory(home, address, "alice"), address, "alice").keep(TOKEN)
    remember(home, address, KnownServer("alice", str(ca or kept.relative_to(home)), token="file"))
    return kept


async def send(*words: str) -> Outcome:
    return await Program(["send", "#general", "hi", *words]).run()


LATER = [
    ("another name", OLD, Root("the new CA", KEY, NOW - DAY)),
    ("the old one expired", Root("the CA", KEY, NOW - 9 * DAY, NOW - DAY), Root("the CA", KEY, NOW - 2 * DAY)),
]


@pytest.mark.parametrize(("what", "old", "new"), LATER)
async def test_under_the_same_key_the_new_certificate_is_taken_and_one_line_told(
    client_home: Path, what: str, old: Root, new: Root
) -> None:
    async with serve(new) as server:
        kept = meet(client_home, server.port, old)
        ended = await send()
        assert ended.code == 0
        assert ended.err.splitlines() == [f"-- {RENEWED}: its new certificate is kept in {kept}"]
        assert kept.read_bytes().split() == new.pem.split()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert (await send()).err == ""
    assert [message.text for message in server.stored] == ["hi", "hi"]


REFUSED = [
    ("another key", Root("the CA", begins=NOW - DAY), None, False),
    ("another key that shows the kept CA", Root("the CA", begins=NOW - DAY), OLD.pem, False),
    ("another key that hands out a good CA", Root("x"), Root("x", KEY, NOW - DAY).pem, False),
    ("the key in a certificate that another signed", Root("x", KEY), Root("x", KEY, signer=make_key()).pem, True),
    ("another key behind a server of the right one", Root("x", KEY), Root("x").pem, True),
    ("an expired one", Root("x", KEY), Root("x", KEY, NOW - 5 * DAY, NOW - DAY).pem, True),
    ("none at all", Root("x", KEY, NOW - DAY), b"", True),
]


@pytest.mark.parametrize(("what", "root", "page", "asked"), REFUSED)
async def test_under_another_key_it_is_refused_as_ever_and_no_token_is_sent(
    client_home: Path, what: str, root: Root, page: bytes | None, asked: bool
) -> None:
    async with serve(root, page=page) as server:
        kept = meet(client_home, server.port, OLD)
        ended = await send()
        assert ended.code == 10
        assert b"AUTHENTICATE" not in server.received
        assert (server.received != b"") is asked
        assert kept.read_bytes() == OLD.pem
    first, second = ended.err.splitlines()[-2:]
    assert "is not from a CA that you trust" in first or "was not accepted" in first
    assert second.startswith("securechat-client: what to do: ")


async def test_another_host_name_is_no_matter_of_the_ca(client_home: Path) -> None:
    async with serve(OLD, "elsewhere.example", page=Root("x", KEY, NOW - DAY).pem) as server:
        kept = meet(client_home, server.port, OLD)
        assert (await send()).code == 11
        assert server.received == b""
    assert kept.read_bytes() == OLD.pem


async def test_a_file_that_somebody_names_is_not_replaced_and_what_to_do_is_said(
    client_home: Path, tmp_path: Path
) -> None:
    new = Root("the new CA", KEY, NOW - DAY)
    given = tmp_path / "given.pem"
    given.write_bytes(OLD.pem)
    async with serve(new) as server:
        meet(client_home, server.port, OLD)
        ended = await send("--ca", str(given))
        assert ended.code == 10
        assert f"get its new file (https://localhost:{server.port}/ca.pem) and give that with --ca" in ended.err
        assert b"AUTHENTICATE" not in server.received
    assert given.read_bytes() == OLD.pem


async def test_a_file_that_was_given_once_stays_and_the_profile_names_the_new_one(
    client_home: Path, tmp_path: Path
) -> None:
    new = Root("the new CA", KEY, NOW - DAY)
    async with serve(new) as server:
        given = meet(client_home, server.port, OLD, ca=tmp_path / "given.pem")
        assert (await send()).code == 0
    assert given.read_bytes() == OLD.pem
    assert read_profile(client_home).find(Address("localhost", server.port)).ca == f"localhost_{server.port}/ca.pem"


@pytest.fixture
def terminal(client_home: Path) -> Iterator[list[Terminal]]:
    started: list[Terminal] = []
    yield started
    for client in started:
        client.kill()


async def test_a_renewal_while_one_talks_is_a_line_among_the_others(
    client_home: Path, terminal: list[Terminal]
) -> None:
    new = Root("the new CA", KEY, NOW - DAY)
    async with serve(OLD) as server:
        kept = meet(client_home, server.port, OLD)
        terminal.append(client := Terminal(Program.command, {**os.environ, "TERM": "xterm"}))
        await asyncio.to_thread(client.wait_for, "[#general]")
        await server.stop()
        server.context, server.authority_page = new.make_context(), new.pem
        await server.listen()
        at = await asyncio.to_thread(client.wait_for, RENEWED)
        await asyncio.to_thread(client.wait_for, "[#general]", at)
        await server.until(lambda: server.present)
        client.type("/quit\r")
        assert await asyncio.to_thread(client.wait_end) == 0
        assert client.text.count(RENEWED) == 1
    assert kept.read_bytes().split() == new.pem.split()
