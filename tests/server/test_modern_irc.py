"""Modern IRC over real TLS: a whole session line by line, as somebody would type it who knows the text alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.config import Chat, Config
from securechat.wire.message import Message, encode
from tests.server.harness import PASSWORD, RawClient, RunningServer, running_server

QUIET = Config(chat=Chat(default_channels=[], network="lab", motd="Be kind."))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, QUIET) as server:
        await server.add("alice", "bob", "carol")
        await server.add("anna", role="admin")
        yield server


async def enter(server: RunningServer, name: str) -> RawClient:
    """Sign in without CAP, by PASS, NICK and USER in the order of the text."""
    client = await server.connect()
    client.send(f"PASS :{name}:{PASSWORD}", f"NICK {name}", f"USER {name} 0 * :{name}")
    await client.until("376")
    return client


def texts(lines: list[Message]) -> list[str]:
    return [encode(line).decode().removesuffix("\r\n").removeprefix(":chat.example ") for line in lines]


async def test_the_numerics_of_a_registration_come_in_order_and_before_anything_else(server: RunningServer) -> None:
    """Connection Registration; RPL_ISUPPORT `MUST be issued before further commands from the client are processed`."""
    client = await server.connect()
    client.send(f"PASS :alice:{PASSWORD}", "NICK alice", "USER alice 0 * :Alice", "PING early")
    await client.until("PONG")
    assert [line.command for line in client.seen] == [
        "001", "002", "003", "004", "005", "005", "005", "251", "255", "265", "266", "375", "372", "376", "PONG",
    ]  # fmt: skip
    assert all(line.source == "chat.example" and not line.tags for line in client.seen)
    assert all(line.params[0] == "alice" for line in client.seen[:-1])


async def test_a_wrong_pass_is_464_and_the_end(server: RunningServer) -> None:
    """PASS: ERR_PASSWDMISMATCH."""
    client = await server.connect()
    client.send("PASS :alice:not the password", "NICK alice", "USER alice 0 * :Alice")
    assert texts(await client.ended()) == [
        "464 alice :Password incorrect", "ERROR :Closing link: Password incorrect",
    ]  # fmt: skip


async def test_a_channel_from_its_first_join_to_its_last_part(server: RunningServer) -> None:
    """JOIN (its own line, the topic if there is one, the names with oneself among them), MODE, TOPIC, INVITE, KICK, PART."""
    alice, bob = await enter(server, "alice"), await enter(server, "bob")
    await alice.fence()
    await bob.fence()

    async def both(client: RawClient, *lines: str) -> tuple[list[str], list[str]]:
        asked = texts(await client.ask(*lines))
        heard = texts(await (bob if client is alice else alice).fence())
        return asked, heard

    a, b = ":alice!alice@securechat", ":bob!bob@securechat"
    joined = [f"{a} JOIN #lab", "353 alice = #lab ~alice", "366 alice #lab :End of /NAMES list"]
    assert await both(alice, "JOIN #lab") == (joined, [])
    assert await both(alice, "TOPIC #lab :Work") == ([f"{a} TOPIC #lab Work"], [])
    await alice.ask("MODE #lab +i")
    assert await both(bob, "JOIN #lab") == (["473 bob #lab :Cannot join channel: it is invite-only"], [])
    invitation = [f"{a} INVITE bob #lab"]
    assert await both(alice, "INVITE bob #lab") == (["341 alice bob #lab"], invitation)
    assert await both(alice, "INVITE bob #lab") == (["341 alice bob #lab"], invitation)
    shown, heard = await both(bob, "JOIN #LAB")
    assert shown[0] == f"{b} JOIN #lab"
    assert shown[1] == "332 bob #lab Work"
    assert shown[2].startswith("333 bob #lab alice ")
    assert shown[3:] == ["353 bob = #lab :~alice bob", "366 bob #lab :End of /NAMES list"]
    assert heard == [f"{b} JOIN #lab"]
    change = [f"{a} MODE #lab +mk-it key", f"{a} MODE #lab +v bob"]
    assert await both(alice, "MODE #lab +mkv-it key bob") == (change, change)
    assert await both(alice, "MODE #lab -k") == ([f"{a} MODE #lab -k *"], [f"{a} MODE #lab -k *"])
    kicked = [f"{a} KICK #lab bob alice"]
    assert await both(alice, "KICK #lab bob") == (kicked, kicked)
    assert await both(bob, "PART #lab") == (["442 bob #lab :You're not on that channel"], [])
    await bob.ask("JOIN #lab")
    await alice.fence()
    left = [f"{b} PART #lab :Bye now"]
    assert await both(bob, "PART #lab :Bye now") == (left, left)


async def test_a_message_has_its_sender_as_source_and_a_notice_is_never_answered(server: RunningServer) -> None:
    alice, bob = await enter(server, "alice"), await enter(server, "bob")
    await bob.fence()
    answers = await alice.ask("PRIVMSG zoe,bob ::-)", "NOTICE", "NOTICE bob", "NOTICE zoe :x")
    assert texts(answers) == ["401 alice zoe :No such nick"]
    assert texts(await bob.fence()) == [":alice!alice@securechat PRIVMSG bob ::-)"]


async def test_quit_is_acknowledged_by_error_and_kill_by_its_own_line_before_that(server: RunningServer) -> None:
    """QUIT; KILL: the client being killed receives KILL, whose source is the operator, then ERROR."""
    alice, bob, anna = [await enter(server, name) for name in ("alice", "bob", "anna")]
    for client in (alice, bob, anna):
        await client.fence()
    alice.send("QUIT :Gone to lunch", "PING never")
    assert texts(await alice.ended()) == ["ERROR :Closing link: Quit: Gone to lunch"]
    assert await anna.ask("KILL bob :enough") == []
    assert texts(await bob.ended()) == [
        ":anna!anna@securechat KILL bob enough", "ERROR :Closing link: Killed (anna (enough))",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"PING x\r\n",
        b"PING x\n",
        b"\r\n\r\nPING x\r\n",
        b"PING    x\r\n",
        b"PING :x\r\n",
        b"PING   :x\r\n",
        b"ping x   \r\n",
        b":somebody!else@there PING x\r\n",
        b"@a=b;c :me PING x\r\n",
        b"PING x " + b"y " * 13 + b":z z\r\n",
        b"PING x " + b"y" * 503 + b"\r\n",
    ],
)
async def test_a_line_is_read_however_it_is_spaced_and_ended(server: RunningServer, data: bytes) -> None:
    """Message Format: one or more spaces, empty messages ignored, fifteen parameters, 512 bytes with CR LF."""
    alice = await enter(server, "alice")
    await alice.fence()
    for part in (data[:3], data[3:]):
        alice.send_bytes(part)
    assert texts([await alice.next()]) == ["PONG chat.example x"]


async def test_a_longer_line_is_417_and_the_next_one_is_read(server: RunningServer) -> None:
    """ERR_INPUTTOOLONG."""
    alice = await enter(server, "alice")
    await alice.fence()
    assert texts(await alice.ask("PING x " + "y" * 504)) == ["417 alice :Input line was too long"]
