"""Passwords of 0, 1,024, 1,025 and a million bytes, wherever a password can be given.

Attack: each of these sizes by SASL, PASS, REGISTER, ACCOUNT PASSWD and on the standard input of `securechat-admin`.
Expected: a password has 1,024 bytes at most, and one of that size works; what is longer, or nothing, is refused in words,
or ends the connection once it is too much for a stranger; nothing of it is hashed as a new password, nobody else notices.
Control: the same connections let the password of 1,024 bytes in by SASL, and a witness signs in after each attack.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.server.requests import Invite, Passwd
from tests.cli.site import Site
from tests.scenario.processes import Programs
from tests.server.harness import PASSWORD, RawClient, RunningServer, running_server

LONGEST = ("correct horse battery, and so on and so forth; " * 30)[:1024]
SIZES = {0: "", 1024: LONGEST, 1025: LONGEST + "x", 1_000_000: (LONGEST * 1000)[:1_000_000]}
TOO_LONG = "a password may have at most 1024 bytes"
TOO_MUCH = "Closing link: too much was sent before signing in"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        await server.office.perform(Passwd("alice", LONGEST))
        await server.office.perform(Invite())
        yield server
        await server.sign_in("bob")
        assert server.failures == []


def chunks(name: str, secret: str) -> list[str]:
    blob = b64encode(f"\0{name}\0{secret}".encode()).decode()
    return [f"AUTHENTICATE {blob[at : at + 400]}" for at in range(0, len(blob), 400)]


async def told(client: RawClient, *last: str) -> list[str]:
    """Return the commands of the lines up to one of these, or the end."""
    seen: list[str] = []
    while not seen or seen[-1] not in last:
        try:
            seen.append((await client.next()).command)
        except (EOFError, ConnectionError):
            break
    return seen


@pytest.mark.parametrize(("size", "last"), [(0, "904"), (1024, "903"), (1025, "904"), (1_000_000, "905")])
async def test_by_sasl(server: RunningServer, size: int, last: str) -> None:
    client = await server.connect()
    client.send("CAP REQ :sasl", "AUTHENTICATE PLAIN", *chunks("alice", SIZES[size]))
    assert (await told(client, "903", "904", "905"))[-1] == last
    if size == 1_000_000:
        assert (await client.ended())[-1].params == (TOO_MUCH,)


@pytest.mark.parametrize(
    ("size", "lines"),
    [
        (0, ["FAIL", "ERROR"]),
        (1024, ["417", "FAIL", "ERROR"]),
        (1025, ["417", "FAIL", "ERROR"]),
        (1_000_000, ["417", "ERROR"]),
    ],
)
async def test_by_pass_whose_line_holds_no_more_than_five_hundred_bytes(
    tmp_path: Path, size: int, lines: list[str]
) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        client = await server.connect()
        client.send(f"PASS :alice:{SIZES[size]}", "NICK alice", "USER a 0 * :a")
        assert [line.command for line in await client.ended()] == lines
        await server.sign_in("alice")


@pytest.mark.parametrize(("size", "line"), [(0, "FAIL"), (1024, "417"), (1025, "417"), (1_000_000, "417")])
async def test_by_register(server: RunningServer, size: int, line: str) -> None:
    client = await server.connect()
    client.send(f"REGISTER newcomer * :{SIZES[size]}")
    assert (await client.next()).command == line
    if size == 1_000_000:
        assert (await client.ended())[-1].params == (TOO_MUCH,)
    else:
        client.send("VERIFY newcomer sct", "PING end")
        assert (await told(client, "PONG"))[0] == "FAIL"


@pytest.mark.parametrize("secret", ["", "short one", "password1234", "newcomer 2024", "sct_too short for one"])
async def test_by_register_no_password_is_taken_that_may_not_be_used(server: RunningServer, secret: str) -> None:
    client = await server.connect()
    client.send(f"REGISTER newcomer * :{secret}")
    assert (await client.next()).params[0] == "REGISTER"
    assert client.seen[-1].command == "FAIL"


@pytest.mark.parametrize(("size", "line"), [(0, "FAIL"), (1024, "417"), (1025, "417"), (1_000_000, "417")])
async def test_by_account_passwd(server: RunningServer, size: int, line: str) -> None:
    bob = await server.sign_in("bob")
    bob.send(f"ACCOUNT PASSWD64 {b64encode(PASSWORD.encode()).decode()} {b64encode(SIZES[size].encode()).decode()}")
    assert (await bob.next()).command == line


@pytest.mark.parametrize("running", [True, False])
def test_on_the_standard_input_of_the_admin_command(programs: Programs, tmp_path: Path, running: bool) -> None:
    site = Site(programs, tmp_path / "data", running=running)
    for size, code, words in (
        (0, 2, "stdin: the first line is to be the password, and it is empty"),
        (1_000_000, 1, TOO_LONG),
        (1025, 1, TOO_LONG),
        (1024, 0, "carol"),
    ):
        done = site.admin("user", "add", "carol", "--password-stdin", stdin=SIZES[size] + "\n")
        said = done.out + "\n".join(done.err)
        assert (done.code, words in said) == (code, True), said[:500]
        assert "battery" not in said
