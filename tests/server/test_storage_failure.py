"""When storage fails for good: who asked for something is told, whether a server runs or not, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from securechat.cli.errands import RequestFailed, carry_out
from securechat.errors import StorageError
from securechat.server import node
from securechat.server.control import Control, control_path
from securechat.server.requests import NewPerson, TokenAdd, UserAdd, UserList
from tests.server.harness import PASSWORD, RunningServer, running_server
from tests.storage.disk import Disk

MEANWHILE = "storage failed meanwhile; see afterwards whether it was done"
NO_MORE = "storage has failed and nothing is stored any more; the server's log says why"


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.unregister()


def add(name: str) -> UserAdd:
    return UserAdd([NewPerson(name, PASSWORD)])


def test_the_admin_tool_without_a_server_says_that_it_failed(disk: Disk, tmp_path: Path) -> None:
    assert carry_out(tmp_path, add("alice")) == [{"name": "alice", "secret": ""}]
    # Opening the database flushes nothing that is there already: what fails first is the commit.
    disk.broken = True
    with pytest.raises(RequestFailed, match=MEANWHILE):
        carry_out(tmp_path, add("bob"))
    disk.broken = False
    assert carry_out(tmp_path, UserList())[0]["name"] == "alice"


async def test_all_that_waits_is_told_and_what_comes_later_at_once(disk: Disk, tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        gate, reached = threading.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def break_when_asked() -> None:
            loop.call_soon_threadsafe(reached.set)
            gate.wait(20)
            disk.on_sync = lambda: None
            raise apsw.IOError("the flush failed")

        disk.on_sync = break_when_asked
        waiting = [asyncio.create_task(server.office.perform(TokenAdd("alice", f"device {i}"))) for i in range(5)]
        async with asyncio.timeout(10):
            await reached.wait()
            gate.set()
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [(type(outcome), str(outcome)) for outcome in outcomes] == [(StorageError, MEANWHILE)] * 5
        with pytest.raises(StorageError, match=NO_MORE):
            await server.office.perform(TokenAdd("alice", "one more"))
        assert len(server.failures) == 1


async def test_a_server_whose_storage_fails_answers_the_admin_tool(disk: Disk, tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        control = Control(server.office, tmp_path)
        await control.start()
        disk.broken = True
        assert await ask(tmp_path, "alice") == {"error": MEANWHILE}
        disk.broken = False
        assert await ask(tmp_path, "alice") == {"error": NO_MORE}
        await control.stop()


async def ask(data: Path, name: str) -> object:
    reader, writer = await asyncio.open_unix_connection(control_path(data))
    writer.write(json.dumps({"type": "token add", "name": name, "label": "x"}).encode() + b"\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return json.loads(answer)


async def test_a_batch_that_cannot_be_followed_ends_the_node_and_the_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice")

        def stumble(_outcomes: object) -> None:
            raise RuntimeError("a state that does not fit")

        monkeypatch.setattr(server.node.hub, "follow", stumble)
        async with asyncio.timeout(10):
            with pytest.raises(StorageError, match=MEANWHILE):
                await server.office.perform(TokenAdd("alice", "phone"))
        assert [str(error) for error in server.failures] == ["a state that does not fit"]
        await close_at_once(server)


async def test_a_failure_ends_the_node_even_when_nothing_can_be_logged(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk:
        def error(self, *_: object, **_more: object) -> None:
            raise OSError(28, "No space left on device")

    async with running_server(tmp_path) as server:
        await server.add("alice")
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        with monkeypatch.context() as patch:
            patch.setattr(node, "log", FullDisk())
            disk.broken = True
            with pytest.raises(StorageError, match=MEANWHILE):
                async with asyncio.timeout(10):
                    await server.office.perform(TokenAdd("alice", "phone"))
            disk.broken = False
        assert len(server.failures) == 1


async def close_at_once(server: RunningServer) -> None:
    """End a node that has nothing more to wait for."""
    async with asyncio.timeout(1.5):
        await server.node.close()
    with pytest.raises(StorageError):
        await server.office.perform(TokenAdd("alice", "too late"))
