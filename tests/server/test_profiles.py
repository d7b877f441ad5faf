"""IRCv3 setname and metadata over real TLS: who is told live of what somebody says of itself, and that it lasts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.config import Chat, Config
from securechat.server.requests import UserDelete
from securechat.wire.message import Message, encode
from tests.server.harness import RawClient, RunningServer, running_server

SETNAME = "setname server-time account-tag message-tags"
METADATA = "draft/metadata-2 batch"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, Config(chat=Chat(default_channels=[]))) as server:
        await server.add("alice", "bob", "carol")
        yield server


def shown(lines: list[Message]) -> list[str]:
    """Write lines as they came, without their tags."""
    return [encode(Message(line.command, line.params, line.source)).decode().strip() for line in lines]


def stored_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.glob("chat.db*"))


async def enter(server: RunningServer, name: str, caps: str, *lines: str) -> RawClient:
    client = await server.sign_in(name, caps=caps)
    await client.ask("JOIN #room", *lines)
    return client


# "to all clients in common channels, as well as to the client from which it originated"; "MUST NOT be sent to clients which
# do not have the capability negotiated".
async def test_a_realname_is_told_to_who_shares_a_channel_and_knows_setname(server: RunningServer) -> None:
    bob, plain = await enter(server, "bob", SETNAME), await enter(server, "bob", "")
    stranger = await server.sign_in("carol", caps=f"{SETNAME} extended-monitor")
    await stranger.ask("MONITOR + alice")
    alice, phone = await enter(server, "alice", SETNAME), await enter(server, "alice", SETNAME)
    for client in (bob, plain, stranger, alice, phone):
        await client.fence()
    line = ":alice!alice@securechat SETNAME :Alice A."
    assert shown(await alice.ask("SETNAME :Alice A.")) == [line]
    (told,) = await bob.fence()
    assert shown([told]) == [line]
    assert told.tags["account"] == "alice"
    assert "time" in told.tags
    assert shown(await phone.fence()) == [line]
    assert await plain.fence() == []
    # Its realname is for those it shares a channel with: to others WHOIS shows the nick, which has not changed.
    assert await stranger.fence() == []
    assert ":chat.example 311 carol alice alice securechat * alice" in shown(await stranger.ask("WHOIS alice"))


async def test_a_removed_display_name_is_the_nick_again(server: RunningServer) -> None:
    bob = await enter(server, "bob", SETNAME)
    alice = await enter(server, "alice", f"{SETNAME} {METADATA}", "SETNAME :Alice A.")
    await bob.fence()
    lines = shown(await alice.ask("METADATA * SET display-name"))
    assert lines == [":alice!alice@securechat SETNAME alice", ":chat.example 766 alice alice display-name :Key not set"]
    assert shown(await bob.fence()) == [":alice!alice@securechat SETNAME alice"]


# "all users sharing a channel with that user … will receive a METADATA message notifying them of the change", for the keys
# they are subscribed to; "excluding changes they make themselves".
async def test_a_change_is_told_to_subscribers_who_share_a_channel(server: RunningServer) -> None:
    bob = await enter(server, "bob", f"{METADATA} server-time", "METADATA * SUB status")
    other = await enter(server, "bob", METADATA, "METADATA * SUB avatar")
    stranger = await server.sign_in("carol", caps=METADATA)
    await stranger.ask("METADATA * SUB status", "MONITOR + alice")
    alice = await enter(server, "alice", METADATA, "METADATA * SUB status")
    phone = await enter(server, "alice", METADATA, "METADATA * SUB status")
    for client in (bob, other, stranger, alice, phone):
        await client.fence()
    assert shown(await alice.ask("METADATA * SET status :at the beach")) == [
        ":chat.example 761 alice alice status * :at the beach"
    ]
    line = ":alice!alice@securechat METADATA alice status * :at the beach"
    (told,) = await bob.fence()
    assert shown([told]) == [line]
    assert list(told.tags) == ["time"]
    assert shown(await phone.fence()) == [line]
    assert await other.fence() == []
    assert await stranger.fence() == []
    assert shown(await alice.ask("METADATA * SET status"))[-1] == ":chat.example 766 alice alice status :Key not set"
    assert shown(await bob.fence()) == [":alice!alice@securechat METADATA alice status *"]


async def test_clearing_is_told_key_by_key(server: RunningServer) -> None:
    bob = await enter(server, "bob", METADATA, "METADATA * SUB status pronouns")
    alice = await enter(server, "alice", METADATA, "METADATA * SET status :x", "METADATA * SET pronouns :she/her")
    await bob.fence()
    await alice.ask("METADATA * CLEAR")
    assert shown(await bob.fence()) == [
        ":alice!alice@securechat METADATA alice pronouns *",
        ":alice!alice@securechat METADATA alice status *",
    ]


async def test_a_labelled_clear_has_the_label_on_its_own_batch(server: RunningServer) -> None:
    """IRCv3 labeled-response, Tags: the batch may be of an existing type that applies to the entire response."""
    caps = f"{METADATA} labeled-response"
    alice = await enter(server, "alice", caps, "METADATA * SET status :x", "METADATA * SET pronouns :she/her")
    lines = await alice.ask("@label=7 METADATA * CLEAR")
    assert [line.command for line in lines] == ["BATCH", "766", "766", "BATCH"]
    reference = lines[0].params[0].removeprefix("+")
    assert [line.tags for line in lines] == [{"label": "7"}, {"batch": reference}, {"batch": reference}, {}]


async def test_who_comes_into_a_channel_is_shown_to_subscribers_and_sees_those_there(server: RunningServer) -> None:
    bob = await enter(server, "bob", METADATA, "METADATA * SUB display-name", "SETNAME :Bob B.")
    alice = await server.sign_in("alice", caps=METADATA)
    await alice.ask("SETNAME :Alice A.", "METADATA * SUB display-name")
    lines = [line for line in shown(await alice.ask("JOIN #room")) if "METADATA" in line]
    assert lines == [
        ":chat.example METADATA bob display-name * :Bob B.",
        ":chat.example METADATA alice display-name * :Alice A.",
    ]
    assert shown(await bob.fence()) == [
        ":alice!alice@securechat JOIN #room",
        ":alice!alice@securechat METADATA alice display-name * :Alice A.",
    ]


# "Upon requesting the metadata capability, clients receive their non-transient metadata".
async def test_requesting_the_capability_later_shows_ones_own_and_giving_it_up_ends_the_subscriptions(
    server: RunningServer,
) -> None:
    bob = await enter(server, "bob", METADATA, "METADATA * SET pronouns :he/him")
    other = await enter(server, "bob", "batch")
    lines = shown(await other.ask("CAP REQ :draft/metadata-2"))
    assert lines[0] == ":chat.example CAP bob ACK draft/metadata-2"
    assert lines[2] == ":chat.example METADATA bob pronouns * he/him"
    await other.ask("METADATA * SUB status", "CAP REQ :-draft/metadata-2")
    await bob.ask("METADATA * SET status :x")
    assert await other.fence() == []
    lines = shown(await other.ask("CAP REQ :draft/metadata-2", "METADATA * SUBS"))
    assert [line for line in lines if " 772 " in line] == []


async def test_what_people_say_of_themselves_survives_a_restart_and_ends_with_the_account(tmp_path: Path) -> None:
    config = Config(chat=Chat(default_channels=[]))
    async with running_server(tmp_path, config) as server:
        await server.add("alice", "bob")
        alice = await enter(server, "alice", METADATA, "METADATA * SET pronouns :she/her", "SETNAME :Alice A.")
        await alice.ask("METADATA * SET avatar :https://a.example/x.png", "METADATA * SET avatar")
        await enter(server, "bob", METADATA)
    assert b"she/her" in stored_in(tmp_path)
    async with running_server(tmp_path, config) as server:
        bob = await server.sign_in("bob", caps=METADATA)
        assert shown(await bob.ask("METADATA alice LIST"))[1:-1] == [
            ":chat.example 761 bob alice display-name * :Alice A.",
            ":chat.example 761 bob alice pronouns * she/her",
        ]
        await server.office.perform(UserDelete("alice", erase=True))
        assert (await bob.ask("METADATA alice LIST"))[-1].params[:2] == ("METADATA", "INVALID_TARGET")
    assert b"she/her" not in stored_in(tmp_path)
    assert b"a.example" not in stored_in(tmp_path)


async def test_an_export_has_it(server: RunningServer) -> None:
    alice = await server.sign_in("alice", caps=METADATA)
    await alice.ask("METADATA * SET pronouns :she/her", "SETNAME :Alice A.")
    lines = await alice.ask("ACCOUNT EXPORT")
    rows = [json.loads(line.params[-1]) for line in lines if line.params[1:2] == ("EXPORT",)]
    assert [row for row in rows if row["type"] == "metadata"] == [
        {"type": "metadata", "key": "display-name", "value": "Alice A."},
        {"type": "metadata", "key": "pronouns", "value": "she/her"},
    ]
