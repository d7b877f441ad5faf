"""Searching over the wire: as told, as soon as it is said, and as a stock client does it that knows nothing of it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.config import Config, Limits
from securechat.wire.message import Message
from tests.server.harness import ALL_CAPS, RunningServer, running_server

CAPS = f"{ALL_CAPS} soju.im/search"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, Config(limits=Limits(rate=0))) as server:
        await server.add("alice", "bob", "carol")
        yield server


def texts(lines: list[Message]) -> list[str]:
    return [line.params[-1] for line in lines if line.command in ("PRIVMSG", "NOTICE")]


async def test_what_was_said_a_moment_ago_is_found_with_its_own_msgid_and_time(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob", caps=CAPS)
    (echo,) = await alice.ask("PRIVMSG #general :Crème brûlée")
    await bob.fence()
    opening, found, closing = await bob.ask("@label=7 SEARCH in=#general;from=alice;text=creme")
    assert (opening.command, opening.params[1:], opening.tags) == ("BATCH", ("soju.im/search",), {"label": "7"})
    assert (found.source, found.params) == ("alice!alice@securechat", ("#general", "Crème brûlée"))
    reference = opening.params[0][1:]
    assert found.tags == {
        "time": echo.tags["time"],
        "msgid": echo.tags["msgid"],
        "account": "alice",
        "batch": reference,
    }
    assert closing.params == (f"-{reference}",)


async def test_who_left_and_who_was_never_there_finds_nothing_and_is_told_no_more(server: RunningServer) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol", caps=CAPS)
    await alice.ask("JOIN #room", "MODE #room +s", "INVITE bob #room")
    await bob.ask("JOIN #room")
    await alice.ask("PRIVMSG #room :alpha")
    assert texts(await bob.ask("SEARCH text=alpha"))[-1:] == ["alpha"]
    await bob.ask("PART #room")
    for client in (bob, carol):
        for request in ("SEARCH text=alpha", "SEARCH in=#room;text=alpha", "SEARCH in=#nowhere;text=alpha"):
            assert [line.command for line in await client.ask(request)] == ["BATCH", "BATCH"]


async def test_a_client_that_knows_nothing_of_it_asks_the_service(server: RunningServer) -> None:
    (alice,) = await server.gather("alice", caps="draft/chathistory")
    (bob,) = await server.gather("bob", caps="draft/chathistory")
    await alice.ask("PRIVMSG #general :the socket server", "PRIVMSG bob :a server socket")
    await bob.fence()
    lines = await bob.ask('PRIVMSG Search :"server socket"')
    assert [line.source for line in lines] == ["Search!Search@securechat"] * 2
    assert [text[17:] for text in texts(lines)][:1] == ["alice <alice> a server socket"]
    assert texts(await bob.ask("PRIVMSG search :server in:#general"))[0].endswith("#general <alice> the socket server")
    assert len(texts(await bob.ask("PRIVMSG Search :help"))) == 5
    # Neither a conversation of anybody's nor found itself.
    assert texts(await bob.ask("PRIVMSG Search :help"))[0].startswith("I find what was said")
    assert (
        await bob.ask("CHATHISTORY TARGETS timestamp=1970-01-02T00:00:00.000Z timestamp=2199-01-01T00:00:00.000Z 9")
        != []
    )
    assert [line.command for line in await bob.ask("CHATHISTORY LATEST Search * 5")] == ["FAIL"]


async def test_no_text_ends_in_an_error_of_ours(server: RunningServer) -> None:
    (bob,) = await server.gather("bob", caps=CAPS)
    await bob.ask("PRIVMSG #general :alpha")
    chance = random.Random(7)
    letters = [
        *"ab\"'*:;()^+-{}[]<>|&§%_=\\/.,!?~ \t",
        "NEAR(",
        " AND ",
        " OR ",
        " NOT ",
        "said:",
        "é",
        "東",
        "🎉",
        "\u0301",
        "İ",
    ]
    for _ in range(300):
        text = "".join(chance.choices(letters, k=chance.randint(1, 12)))
        lines = await bob.ask(
            f"PRIVMSG Search :x {text}", f"SEARCH text={text.replace(' ', chr(92) + 's')}", f"SEARCH :{text}"
        )
        assert {line.command for line in lines} <= {"PRIVMSG", "NOTICE", "BATCH", "FAIL"}
        assert [line for line in lines if line.command == "FAIL" and line.params[1] != "INVALID_PARAMS"] == []
    assert texts(await bob.ask("SEARCH text=alpha")) == ["alpha"]
    assert server.failures == []
