"""The control socket and the office behind it: what the admin tool asks of a running server."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from securechat.cli.errands import carry_out
from securechat.errors import ConfigError
from securechat.server import control as control_module
from securechat.server.control import Control, control_path
from securechat.server.requests import Passwd, UserList
from tests.server.harness import PASSWORD, RunningServer, running_server


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="sc", dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        yield server


@pytest.fixture
async def control(server: RunningServer, tmp_path: Path) -> AsyncIterator[Control]:
    control = Control(server.office, tmp_path)
    await control.start()
    yield control
    await control.stop()


async def send(path: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    writer.write_eof()
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


async def ask(path: Path, **request: Any) -> Any:
    return json.loads(await send(path, json.dumps(request).encode() + b"\n"))


@pytest.mark.usefixtures("control")
async def test_people_are_added_listed_disabled_and_given_tokens(server: RunningServer, tmp_path: Path) -> None:
    path = control_path(tmp_path)
    people = [{"name": "alice", "password": PASSWORD}, {"name": "bob"}]
    added = (await ask(path, type="user add", people=people))["result"]
    assert [each["name"] for each in added] == ["alice", "bob"]
    assert added[0]["secret"] == ""
    alice = await server.sign_in("alice")
    await server.sign_in("bob", secret=added[1]["secret"])
    token = (await ask(path, type="token add", name="alice", label="phone"))["result"]
    await server.sign_in("alice", secret=token["secret"])
    listed = (await ask(path, type="token list", name="alice"))["result"]
    assert [(each["id"], each["label"]) for each in listed] == [(token["id"], "phone")]
    await ask(path, type="set enabled", name="alice", enabled=False)
    assert (await alice.ended())[-1].command == "ERROR"
    rows = (await ask(path, type="user list"))["result"]
    assert [(row["name"], row["enabled"], row["devices"]) for row in rows] == [("alice", False, 1), ("bob", True, 0)]


@pytest.mark.usefixtures("control")
async def test_the_socket_is_nobody_elses_and_is_gone_after_the_stop(control: Control, tmp_path: Path) -> None:
    path = control_path(tmp_path)
    status = path.lstat()
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o600
    await control.stop()
    assert not path.exists()


async def test_the_socket_is_private_from_the_moment_it_exists(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    listen = asyncio.start_unix_server

    async def note_mode(*args: Any, **options: Any) -> asyncio.Server:
        modes.append(stat.S_IMODE(control_path(tmp_path).lstat().st_mode))
        return await listen(*args, **options)

    monkeypatch.setattr(asyncio, "start_unix_server", note_mode)
    before = os.umask(0)
    try:
        control = Control(server.office, tmp_path)
        await control.start()
    finally:
        assert os.umask(before) == 0, "the process's own umask must be as it was"
    await control.stop()
    assert modes == [0o600]


async def test_a_socket_that_a_crash_left_behind_is_replaced(server: RunningServer, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(os.fspath(control_path(tmp_path)))
    control = Control(server.office, tmp_path)
    await control.start()
    assert (await ask(control_path(tmp_path), type="user list")) == {"result": []}
    await control.stop()


async def test_what_stands_in_the_way_is_named_in_one_line(server: RunningServer, tmp_path: Path) -> None:
    control_path(tmp_path).mkdir()
    with pytest.raises(ConfigError, match=r"control\.sock: control socket cannot be made .*; remove it"):
        await Control(server.office, tmp_path).start()
    assert control_path(tmp_path).is_dir()


async def test_a_path_too_long_for_a_socket_has_its_own_private_place(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    monkeypatch.setattr(control_module.tempfile, "tempdir", "/tmp")
    long = tmp_path / ("x" * 100)
    long.mkdir()
    path = control_path(long)
    assert len(os.fsencode(path)) <= 107
    assert not path.is_relative_to(tmp_path)
    assert control_path(tmp_path / ("y" * 100)) != path
    control = Control(server.office, long)
    await control.start()
    assert stat.S_IMODE(path.parent.lstat().st_mode) & 0o077 == 0
    assert (await ask(path, type="user list")) == {"result": []}
    await control.stop()
    assert not path.exists()


async def test_a_private_place_that_is_somebody_elses_is_not_used(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    decoy = tmp_path / "tmp" / f"securechat-{os.geteuid()}"
    decoy.parent.mkdir()
    decoy.symlink_to(elsewhere)
    monkeypatch.setattr(control_module.tempfile, "tempdir", str(decoy.parent))
    with pytest.raises(ConfigError, match="is not a directory of ours"):
        await Control(server.office, tmp_path / ("x" * 100)).start()
    assert list(elsewhere.iterdir()) == []


def tempt(path: Path, kind: str) -> None:
    """Put something that is not a private directory of ours where the control socket of a long path is to be."""
    if kind == "open to others":
        path.mkdir(mode=0o700)
        path.chmod(0o755)
    elif kind == "a file":
        path.write_text("mine")
    elif kind == "somebody else's":
        path.mkdir(mode=0o700)
    else:
        (path.parent / "elsewhere").mkdir(mode=0o700)
        path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("kind", ["open to others", "somebody else's", "a file", "a link"])
async def test_neither_server_nor_admin_tool_uses_a_place_that_others_can_reach(
    server: RunningServer, short_directory: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(control_module.tempfile, "tempdir", str(short_directory))
    if kind == "somebody else's":
        somebody = os.geteuid() + 1
        monkeypatch.setattr(os, "geteuid", lambda: somebody)
    data = short_directory / ("x" * 100)
    data.mkdir()
    tempt(control_path(data).parent, kind)
    with pytest.raises(ConfigError, match="is not a directory of ours alone"):
        await Control(server.office, data).start()
    assert not control_path(data).exists()

    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def overhear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.read())
        writer.close()

    if kind != "a file":
        impostor = await asyncio.start_unix_server(overhear, control_path(data))
    with pytest.raises(ConfigError, match="is not a directory of ours alone"):
        await asyncio.to_thread(carry_out, data, Passwd("alice", PASSWORD))
    if kind != "a file":
        # The control: who connects is heard, and nobody was before.
        await send(control_path(data), b"hello")
        impostor.close()
        assert (await heard.get(), heard.empty()) == (b"hello", True)


@pytest.mark.parametrize("kind", ["not there", "ours alone"])
def test_where_no_server_has_left_a_socket_the_admin_tool_does_the_work_itself(
    short_directory: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(control_module.tempfile, "tempdir", str(short_directory))
    data = short_directory / ("x" * 100)
    data.mkdir()
    if kind == "ours alone":
        control_path(data).parent.mkdir(mode=0o700)
    assert carry_out(data, UserList()) == []


async def test_who_waits_for_an_answer_gets_it_when_the_server_ends(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def answer_slowly(_request: object) -> str:
        asked.set()
        await may_answer.wait()
        return "done"

    monkeypatch.setattr(server.office, "perform", answer_slowly)
    control = Control(server.office, tmp_path)
    await control.start()
    answer = asyncio.create_task(ask(control_path(tmp_path), type="user list"))
    await asked.wait()
    ending = asyncio.create_task(control.stop())
    await asyncio.sleep(0)
    assert not control_path(tmp_path).exists()
    assert not ending.done()
    may_answer.set()
    await ending
    assert await answer == {"result": "done"}


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"garbage\n",
        b"\xff\xfe\n",
        b"{}\n",
        b"[]\n",
        b'{"type": "user drop"}\n',
        b'{"type": "user list", "more": 1}\n',
        b'{"type": "user add", "people": []}\n',
        b'{"type": "user add", "people": [{"name": "x y"}]}\n',
        b'{"type": "user add", "people": [{"name": "chanserv"}]}\n',
        b'{"type": "user add", "people": [{"name": "a", "password": "short"}]}\n',
        b'{"type": "user add", "people": [{"name": "a"}], "role": "king"}\n',
        b'{"type": "passwd", "name": "nobody"}\n',
        b'{"type": "token revoke", "id": "unknown"}\n',
        b'{"type": "token add", "name": "nobody", "label": "x"}\n',
    ],
)
@pytest.mark.usefixtures("control")
async def test_a_request_that_cannot_be_carried_out_is_answered_with_an_error(
    server: RunningServer, tmp_path: Path, line: bytes
) -> None:
    answer = json.loads(await send(control_path(tmp_path), line))
    assert set(answer) == {"error"}
    assert answer["error"]
    assert server.node.world.directory.accounts == {}


async def test_who_has_asked_nothing_is_let_go_of_when_the_server_ends(server: RunningServer, tmp_path: Path) -> None:
    control = Control(server.office, tmp_path)
    await control.start()
    reader, writer = await asyncio.open_unix_connection(control_path(tmp_path))
    assert "result" in await ask(control_path(tmp_path), type="user list")
    await control.stop()
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.usefixtures("control")
async def test_a_request_of_a_newer_admin_tool_is_answered_with_what_to_do(tmp_path: Path) -> None:
    answer = await ask(control_path(tmp_path), type="user beam up")
    assert answer["error"].startswith("the server does not understand this (")
    assert answer["error"].endswith("); restart it if it is older than the admin tool")


@pytest.mark.usefixtures("control")
async def test_what_is_no_line_is_let_go_of(tmp_path: Path) -> None:
    assert await send(control_path(tmp_path), b"no end of line") == b""
    assert await send(control_path(tmp_path), b"") == b""
    assert await ask(control_path(tmp_path), type="user list") == {"result": []}


@pytest.mark.usefixtures("control")
async def test_all_are_added_or_none(server: RunningServer, tmp_path: Path) -> None:
    path = control_path(tmp_path)
    await ask(path, type="user add", people=[{"name": "bill"}])
    for others in (["anna", "bi11"], ["anna", "Bill"], ["anna", "carl", "carI"]):
        answer = await ask(path, type="user add", people=[{"name": name} for name in others])
        assert "error" in answer
    assert [account.name for account in server.node.world.directory.accounts.values()] == ["bill"]


@pytest.mark.usefixtures("control")
async def test_many_requests_at_once_are_each_answered(server: RunningServer, tmp_path: Path) -> None:
    path = control_path(tmp_path)
    answers = await asyncio.gather(
        *(ask(path, type="user add", people=[{"name": f"person-{i}"}], tokens=True) for i in range(40)),
        *(ask(path, type="user list") for _ in range(20)),
    )
    assert all("result" in answer for answer in answers)
    secrets = {answer["result"][0]["secret"] for answer in answers[:40]}
    assert len(secrets) == 40
    assert len((await ask(path, type="user list"))["result"]) == 40


@pytest.mark.usefixtures("control")
async def test_the_same_name_asked_for_twice_at_once_is_given_once(server: RunningServer, tmp_path: Path) -> None:
    path = control_path(tmp_path)
    answers = await asyncio.gather(*(ask(path, type="user add", people=[{"name": "alice"}]) for _ in range(5)))
    assert sorted(next(iter(answer)) for answer in answers) == ["error"] * 4 + ["result"]
    assert len(server.node.world.directory.accounts) == 1


@pytest.mark.usefixtures("control")
async def test_a_big_list_of_people_without_passwords_keeps_nobody_from_signing_in(
    server: RunningServer, tmp_path: Path
) -> None:
    path = control_path(tmp_path)
    await ask(path, type="user add", people=[{"name": "alice", "password": PASSWORD}])
    people = [{"name": f"person-{i}"} for i in range(1500)]
    adding = asyncio.create_task(ask(path, type="user add", people=people))
    await server.sign_in("alice")
    assert len((await adding)["result"]) == 1500


@pytest.mark.usefixtures("control")
async def test_an_error_of_ours_closes_that_request_and_no_other(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_request: object) -> None:
        raise RuntimeError("secret-detail")

    path = control_path(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(server.office, "perform", fail)
        answer = await send(path, b'{"type": "user list"}\n')
    assert set(json.loads(answer)) == {"error"}
    assert b"secret-detail" not in answer
    assert await ask(path, type="user list") == {"result": []}
