"""What a rejected sign-in leaves behind: nothing that was typed is in the log, and nothing shows who exists."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from securechat.server.requests import TokenAdd
from tests.server.harness import PASSWORD, RunningServer, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        yield server


async def reject(server: RunningServer, name: str, secret: str) -> list[Any]:
    """Fail to sign in, by SASL and by PASS; return what is logged of the rejections."""
    with capture_logs() as logged:
        client = await server.connect()
        text = base64.b64encode(f"\0{name}\0{secret}".encode()).decode()
        chunks = [text[at : at + 400] for at in range(0, len(text) + 1, 400)]
        lines = await client.ask("CAP REQ :sasl", "AUTHENTICATE PLAIN", *(f"AUTHENTICATE {c or '+'}" for c in chunks))
        assert lines[-1].command == "904"
        other = await server.connect()
        other.send(f"PASS :{name[:400]}:{secret}", "NICK x", "USER x 0 * :x")
        await other.ended()
    rejections = [entry for entry in logged if entry["event"] == "sign-in rejected"]
    assert len(rejections) == 2
    assert all(name not in str(entry) or name.lower() == "alice" for entry in logged)
    assert all(secret not in str(entry) for entry in logged)
    return [(entry["account"], entry["by"]) for entry in rejections]


async def test_a_name_that_is_no_account_is_not_logged_since_it_may_be_a_password(server: RunningServer) -> None:
    token = (await server.office.perform(TokenAdd("alice", "phone")))["secret"]
    for name in (PASSWORD, token, "n" * 3000, "bob"):
        assert await reject(server, name, "wrong horse battery") == [(None, "password")] * 2
    assert await reject(server, token, token) == [(None, "token")] * 2


async def test_the_name_of_an_account_is_logged_as_the_account_has_it(server: RunningServer) -> None:
    assert await reject(server, "ALICE", "wrong horse battery") == [("alice", "password")] * 2
    assert await reject(server, "Alice", "sct_" + "a" * 52) == [("alice", "token")] * 2


async def test_the_same_is_read_from_disk_whether_the_account_exists_or_not(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, asked = server.node.history.verifier, []

    async def note(account: str) -> tuple[str, int]:
        asked.append(account)
        return await read(account)

    monkeypatch.setattr(server.node.history, "verifier", note)
    account = server.node.world.directory.account_named("alice")
    assert account is not None
    for name, expected in (("alice", account.id), ("bob", "")):
        asked.clear()
        await reject(server, name, "wrong horse battery")
        assert asked == [expected] * 2


async def test_what_was_typed_where_a_command_belongs_is_not_logged_at_any_level(server: RunningServer) -> None:
    secrets = ("sct_abcdefghijklmno", "Hunter2Hunter2", "correct-horse")
    with capture_logs() as logged:
        for client in (await server.connect(), await server.sign_in("alice")):
            assert len(await client.ask(*secrets, *(f"{secret} PASSWORD" for secret in secrets))) == 6
    refusals = [entry["command"] for entry in logged if entry["event"] == "refused"]
    assert refusals == ["unknown"] * 12
    assert not [entry for entry in logged for secret in secrets if secret[:8].lower() in str(entry).lower()]
