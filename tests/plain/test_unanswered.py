"""Scripts and a server that gives no answer, or gives it piece by piece."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from securechat.client.address import Address
from securechat.plain import oneshot
from securechat.plain.access import Access
from securechat.plain.export import list_conversations
from tests.client.fakeserver import FakeServer


@pytest.fixture
def access(server: FakeServer, ca_file: Path) -> Access:
    return Access(Address("localhost", server.port), ca_file, "alice", "secret")


async def test_send_without_an_echo_is_exit_3_and_says_how_to_repeat_it(
    server: FakeServer, access: Access, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(oneshot, "PATIENCE", 0.05)
    server.deaf = True
    assert await oneshot.send(access, "#general", "one\ntwo", "00000000-0000-4000-8000-000000000001") == 3
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1] for line in told] == [" message 1 to #general", " message 2 to #general"]
    # The id of the second follows from that of the first: uuid5(first, "2").
    assert [re.findall(r"--id (\S+)", line) for line in told] == [
        ["00000000-0000-4000-8000-000000000001"],
        ["ec828c2b-30cf-583d-8660-1d587530a97e"],
    ]


async def test_control_with_its_echo_it_is_exit_0(server: FakeServer, access: Access) -> None:
    assert await oneshot.send(access, "#general", "one\ntwo", None) == 0
    assert [message.text for message in server.stored] == ["one", "two"]


async def test_the_worst_of_several_fates_is_the_exit_code(server: FakeServer, access: Access) -> None:
    server.refused["two"] = "404 alice #general :Cannot send"
    assert await oneshot.send(access, "#general", "one\ntwo\nthree", None) == 1
    assert [message.text for message in server.stored] == ["one", "three"]


async def test_conversations_are_listed_to_the_last_page(server: FakeServer, access: Access) -> None:
    names = [f"#room{number}" for number in range(8)]
    for name in names:
        server.say("bob", name, "word")
    server.say("carol", "alice", "psst")
    assert server.page == 3
    assert await list_conversations(access) == [*names, "carol"]
