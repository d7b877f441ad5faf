"""Asking about people and the server over real TLS; capabilities that come and go; a rename as each client knows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from securechat.config import Chat, Config
from securechat.server.renegotiation import revise_offer
from securechat.server.requests import NewPerson, UserAdd, UserDelete, UserRename
from securechat.wire.message import Message
from tests.server.harness import RawClient, running_server

QUIET = Config(chat=Chat(default_channels=["#general"]), sts=600)


def texts(lines: list[Message]) -> list[str]:
    return [f"{line.command} {' '.join(line.params)}" for line in lines]


def commands(lines: list[Message]) -> list[str]:
    return [line.command for line in lines]


async def offered(client: RawClient) -> set[str]:
    """Return what CAP LS 302 lists."""
    lines = [line for line in await client.ask("CAP LS 302") if line.command == "CAP"]
    return {word for line in lines for word in line.params[-1].split()}


async def test_the_sts_policy_is_the_settings_and_no_port(tmp_path: Path) -> None:
    """IRCv3 sts, The duration key."""
    async with running_server(tmp_path, QUIET) as server:
        stranger = await server.connect()
        policies = [word for word in await offered(stranger) if word.startswith("sts")]
        assert policies == ["sts=duration=600"]
        assert [line.params[1] for line in await stranger.ask("CAP REQ sts")] == ["NAK"]


async def test_news_of_capabilities_reach_who_wants_them(tmp_path: Path) -> None:
    """IRCv3 capability-negotiation, cap-notify; sasl-3.2, Integration with cap-notify; sts, Mechanism."""
    async with running_server(tmp_path, QUIET) as server:
        await server.add("alice", "bob")
        modern, plain = (
            await server.sign_in("alice", caps="away-notify"),
            await server.sign_in("bob", caps="away-notify"),
        )
        stranger = await server.connect()
        await offered(stranger)
        old = await server.connect()
        await old.ask("CAP REQ cap-notify")
        silent = await server.connect()
        await silent.ask("CAP REQ batch")
        for client in (modern, plain):
            await client.fence()

        revise_offer(server.node, "sasl", "PLAIN,EXTERNAL")
        assert texts(await modern.fence()) == ["CAP alice NEW sasl=PLAIN,EXTERNAL"]
        assert texts(await stranger.fence()) == ["CAP * NEW sasl=PLAIN,EXTERNAL"]
        assert texts(await old.fence()) == ["CAP * NEW sasl"], "values are for CAP version 302"
        assert texts(await silent.fence()) == []
        revise_offer(server.node, "sasl", "PLAIN,EXTERNAL")
        assert texts(await modern.fence()) == [], "nothing has changed"

        revise_offer(server.node, "sts", "duration=0")
        assert texts(await modern.fence()) == ["CAP alice NEW sts=duration=0"]


async def test_what_is_withdrawn_ends_for_everybody_told_or_not(tmp_path: Path) -> None:
    """IRCv3 capability-negotiation, CAP DEL: servers MUST cancel any capability-specific behaviour."""
    async with running_server(tmp_path, QUIET) as server:
        await server.add("alice", "bob")
        alice, bob = await server.gather("alice", "bob", caps="server-time message-tags")
        revise_offer(server.node, "server-time", None)
        (line,) = await alice.fence()
        assert (line.params, line.tags) == (("alice", "DEL", "server-time"), {})
        await bob.ask("PRIVMSG #general :hello")
        (heard,) = await alice.fence()
        assert "msgid" in heard.tags
        assert "time" not in heard.tags
        assert texts(await alice.ask("CAP REQ server-time")) == ["CAP alice NAK server-time"]
        assert "server-time" not in await offered(alice)
        revise_offer(server.node, "server-time", "")
        assert texts(await alice.fence()) == ["CAP alice NEW server-time"]
        assert texts(await alice.ask("CAP REQ server-time")) == ["CAP alice ACK server-time"]
        await bob.ask("PRIVMSG #general :again")
        (heard,) = await alice.fence()
        assert "time" in heard.tags


async def test_a_rename_is_told_as_each_client_negotiated_it(tmp_path: Path) -> None:
    """IRCv3 account-notify and chghost: who shares a channel, and oneself; in this order, after the NICK."""
    async with running_server(tmp_path, Config(chat=Chat(default_channels=[]))) as server:
        await server.add("alice", "bob", "carol", "dave")
        alice, bob = await server.gather("alice", "bob", caps="account-notify chghost")
        carol = await server.sign_in("carol", caps="")
        dave = await server.sign_in("dave", caps="account-notify chghost")
        for client in (alice, bob, carol):
            await client.ask("JOIN #a")
        for client in (alice, bob, carol, dave):
            await client.fence()
        await server.office.perform(UserRename("alice", "alicia"))
        told = ["NICK alicia", "CHGHOST alicia securechat", "ACCOUNT alicia"]
        for client in (alice, bob):
            lines = await client.fence()
            assert texts(lines) == told
            sources = ["alice!alice@securechat", "alicia!alice@securechat", "alicia!alicia@securechat"]
            assert [line.source for line in lines] == sources
        assert texts(await carol.fence()) == ["NICK alicia"]
        assert await dave.fence() == []


async def test_people_are_shown_as_they_are(tmp_path: Path) -> None:
    """Modern IRC, WHOIS; IRCv3 WHOX and bot-mode."""
    async with running_server(tmp_path, QUIET) as server:
        await server.add("alice")
        await server.office.perform(UserAdd([NewPerson("robo", "correct horse battery")], "bot"))
        alice, robo = await server.gather("alice", "robo", caps="message-tags")
        lines = await alice.ask("WHOIS robo")
        assert commands(lines) == ["311", "319", "312", "335", "317", "330", "671", "318"]
        idle = next(line for line in lines if line.command == "317")
        assert 0 <= int(idle.params[2]) < 60
        assert texts(await alice.ask("WHO #general %tnf,7"))[:-1] == ["354 alice 7 alice H~", "354 alice 7 robo HB"]
        await robo.ask("PRIVMSG #general :beep")
        (heard,) = await alice.fence()
        assert heard.tags["bot"] == ""
        await alice.ask("MODE alice +B")
        assert texts(await alice.ask("MODE alice")) == ["221 alice +B"]
        await alice.ask("PRIVMSG #general :boop")
        (heard,) = await robo.fence()
        assert heard.tags["bot"] == ""
        await alice.ask("MODE alice -B", "PRIVMSG #general :I am none")
        (heard,) = await robo.fence()
        assert "bot" not in heard.tags


ASKED = ["INFO", "ADMIN", "TIME", "LINKS", "STATS u", "HELP", "HELP JOIN", "LIST >0", "ISON alice", "USERHOST alice"]


@pytest.mark.parametrize(
    "caps", ["", "batch labeled-response draft/extended-isupport userhost-in-names standard-replies"]
)
async def test_the_server_answers_for_itself(tmp_path: Path, caps: str) -> None:
    async with running_server(tmp_path, QUIET) as server:
        await server.add("alice")
        alice = await server.sign_in("alice", caps=caps)
        for line, end in zip(
            ASKED, ["374", "259", "391", "365", "219", "706", "706", "323", "303", "302"], strict=True
        ):
            assert commands(await alice.ask(line))[-1] == end
        assert set(commands(await alice.ask("ISUPPORT"))) == ({"BATCH", "005"} if caps else {"005"})


async def test_a_client_that_ends_the_negotiation_in_mid_sasl_is_turned_away(tmp_path: Path) -> None:
    """IRCv3 sasl-3.1: 906; and nobody gets in without an account."""
    async with running_server(tmp_path, QUIET) as server:
        await server.add("alice")
        client = await server.connect()
        client.send("CAP REQ sasl", "PASS alice:correct horse battery", "NICK alice", "USER alice 0 * :a")
        client.send("AUTHENTICATE PLAIN", "CAP END")
        assert commands(await client.ended()) == ["CAP", "AUTHENTICATE", "906", "FAIL", "ERROR"]


async def test_registering_is_closed_and_says_so(tmp_path: Path) -> None:
    """IRCv3 account-registration."""
    async with running_server(tmp_path, QUIET) as server:
        client = await server.connect()
        (fail,) = await client.ask("REGISTER guest * correct-horse-battery")
        assert (fail.command, fail.params[:3]) == ("FAIL", ("REGISTER", "TEMPORARILY_UNAVAILABLE", "guest"))


async def test_old_names_are_known_after_a_restart_too(tmp_path: Path) -> None:
    """Modern IRC, WHOWAS."""
    async with running_server(tmp_path, QUIET) as server:
        await server.add("alice", "bob", "carol")
        await server.office.perform(UserRename("bob", "robert"))
        await server.office.perform(UserDelete("carol"))
    async with running_server(tmp_path, QUIET) as server:
        alice = await server.sign_in("alice", caps="")
        for nick, known_as in (("bob", "robert"), ("robert", "robert"), ("carol", "A deleted account")):
            lines = await alice.ask(f"WHOWAS {nick}")
            assert commands(lines) == ["314", "312", "369"]
            assert lines[0].params[-1] == known_as
        assert commands(await alice.ask("WHOWAS zoe")) == ["406", "369"]
