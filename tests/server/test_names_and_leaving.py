"""Renames, deletions and what administrators do to channels, as everybody's client sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.chat.administration import Impossible
from securechat.server.requests import (
    ChannelCreate,
    ChannelDrop,
    ChannelList,
    ChannelRole,
    ChannelShow,
    UserDelete,
    UserList,
    UserRename,
)
from securechat.wire.message import Message, encode
from tests.server.harness import PASSWORD, RawClient, RunningServer, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob", "carol")
        yield server


def shown(lines: list[Message]) -> list[str]:
    """Write lines as they came, without their tags."""
    return [encode(Message(line.command, line.params, line.source)).decode().strip() for line in lines]


async def is_let_in(server: RunningServer, name: str, secret: str = PASSWORD) -> bool:
    client = await server.connect()
    client.send(f"PASS :{name}:{secret}", f"NICK {name}", "USER a 0 * :a")
    return (await client.next()).command == "001"


async def page(client: RawClient, target: str) -> list[str]:
    return shown([line for line in await client.ask(f"CHATHISTORY LATEST {target} * 100") if line.command != "BATCH"])


# ── another name ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_everybody_concerned_is_told_of_a_new_name_and_nobody_else(server: RunningServer) -> None:
    await server.add("dave", "erin")
    alice, phone, bob, dave, erin = await server.gather("alice", "alice", "bob", "dave", "erin")
    for client in (dave, erin):
        await client.ask("PART #general")
    # Dave shares no channel with alice but has talked with her; erin has not.
    await dave.ask("PRIVMSG alice :hello")
    for client in (alice, phone, bob, erin):
        await client.fence()
    assert await server.office.perform(UserRename("alice", "alicia")) == {"name": "alicia", "was": "alice"}
    line = ":alice!alice@securechat NICK alicia"
    for client in (alice, phone, bob, dave):
        (told,) = await client.fence()
        assert shown([told]) == [line]
        assert {"time", "msgid"} <= set(told.tags)
    assert await erin.fence() == []


async def test_after_a_rename_all_of_the_history_the_lists_and_the_sign_in_have_the_new_name(
    server: RunningServer,
) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("PRIVMSG #general :before", "PRIVMSG bob :psst")
    await bob.ask("NAMES #general")
    await server.office.perform(UserRename("alice", "alicia"))
    await alice.ask("PRIVMSG #general :after")
    await bob.fence()
    assert await page(bob, "#general") == [
        ":alicia!alicia@securechat PRIVMSG #general before",
        ":alicia!alicia@securechat PRIVMSG #general after",
    ]
    assert await page(bob, "alicia") == [":alicia!alicia@securechat PRIVMSG bob psst"]
    names, _ = await bob.ask("NAMES #general")
    assert names.params[-1] == "~alicia bob carol"
    (no_such,) = await bob.ask("PRIVMSG alice :anybody?")
    assert (no_such.command, no_such.params[1]) == ("401", "alice")
    assert not await is_let_in(server, "alice")
    assert await is_let_in(server, "alicia")
    with pytest.raises(Impossible, match="'alice' is, or could be mistaken for, a name that 'alicia' had"):
        await server.add("alice")


async def test_a_repeat_after_a_rename_gets_the_first_echo_under_the_new_name(server: RunningServer) -> None:
    alice, _ = await server.gather("alice", "bob")
    line = "@securechat.internal/id=0123456789 PRIVMSG bob :once"
    (first,) = await alice.ask(line)
    await server.office.perform(UserRename("bob", "robert"))
    await alice.fence()
    (again,) = await alice.ask(line)
    assert shown([again]) == [":alice!alice@securechat PRIVMSG robert once"]
    assert again.tags["msgid"] == first.tags["msgid"]


async def test_a_ban_goes_along_with_a_new_name(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("MODE #general +b bob")
    await bob.fence()
    await server.office.perform(UserRename("bob", "robert"))
    assert shown(await bob.fence())[1:] == [":chat.example MODE #general +b robert!*@*"]
    (refused,) = await bob.ask("PRIVMSG #general :here I am again")
    assert (refused.command, refused.params[1]) == ("404", "#general")
    await alice.fence()
    bans = [line.params[2:4] for line in await alice.ask("MODE #general b") if line.command == "367"]
    assert bans == [("bob!*@*", "alice"), ("robert!*@*", "chat.example")]


# ── leaving for good ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_deletes_its_account_is_gone_and_what_it_wrote_stays_under_another_name(
    server: RunningServer,
) -> None:
    alice, phone, bob = await server.gather("alice", "alice", "bob")
    await alice.ask("PRIVMSG #general :hello", "PRIVMSG bob :psst", "JOIN #empty")
    await bob.fence()
    (refused,) = await alice.ask("ACCOUNT DELETE :not my password")
    assert refused.params[:3] == ("ACCOUNT", "INVALID_CREDENTIALS", "DELETE")
    alice.send(f"ACCOUNT DELETE :{PASSWORD}")
    last = await alice.ended()
    assert [line.command for line in last][-2:] == ["NOTE", "ERROR"]
    assert last[-2].params[:3] == ("ACCOUNT", "DELETED", "alice")
    assert last[-1].params == ("Closing link: your account was deleted",)
    assert (await phone.ended())[-1].params == ("Closing link: your account was deleted",)
    assert shown(await bob.fence()) == [
        ":alice!alice@securechat PART #general :Account deleted",
        ":chat.example MODE #general +q bob",
    ]
    (gone,) = [each for each in server.node.world.directory.accounts.values() if each.deleted]
    assert gone.name == f"deleted-{gone.id[:6]}"
    assert await page(bob, "#general") == [f":{gone.name}!{gone.name}@securechat PRIVMSG #general hello"]
    assert await page(bob, gone.name) == [f":{gone.name}!{gone.name}@securechat PRIVMSG bob psst"]
    assert [line.params[1:3] for line in await bob.ask(f"PRIVMSG {gone.name} :still there?")] == [
        (gone.name, "No such nick")
    ]
    assert not await is_let_in(server, "alice")
    assert not await is_let_in(server, gone.name)
    assert server.node.world.directory.channel_named("#empty") is None
    with pytest.raises(Impossible, match="it stays reserved"):
        await server.add("alice")
    rows = await server.office.perform(UserList())
    assert [row["name"] for row in rows] == ["bob", "carol"]


async def test_the_only_administrator_does_not_delete_itself_and_a_token_deletes_nobody(server: RunningServer) -> None:
    await server.add("root1", role="admin")
    admin = await server.sign_in("root1")
    (refused,) = await admin.ask(f"ACCOUNT DELETE :{PASSWORD}")
    assert refused.params[:3] == ("ACCOUNT", "LAST_ADMIN", "DELETE")
    (added,) = await admin.ask("ACCOUNT DEVICE ADD phone")
    (refused,) = await admin.ask(f"ACCOUNT DELETE {added.params[3]}")
    assert refused.params[:3] == ("ACCOUNT", "INVALID_CREDENTIALS", "DELETE")


async def test_of_two_administrators_who_delete_themselves_at_once_one_stays(server: RunningServer) -> None:
    await server.add("root1", "root2", role="admin")
    admins = await server.gather("root1", "root2")
    for admin in admins:
        admin.send(f"ACCOUNT DELETE :{PASSWORD}")
    answers = []
    for admin in admins:
        while (line := await admin.next()).command not in ("NOTE", "FAIL"):
            pass
        answers.append(line.params[1])
    assert sorted(answers) == ["DELETED", "LAST_ADMIN"]


async def test_what_is_erased_is_on_no_page_and_in_no_byte_of_the_files(server: RunningServer, tmp_path: Path) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("@+mark=SECRET PRIVMSG #general :SECRET", "PRIVMSG bob :SECRET", "NOTICE #general :SECRET")
    await alice.ask(
        "JOIN #side", "PRIVMSG #side :x", "PART #side :SECRET", "TOPIC #general :SECRET", "KICK #general carol :SECRET"
    )
    kept = await bob.ask("PRIVMSG #general :bob was here")
    assert any(b"SECRET" in path.read_bytes() for path in tmp_path.iterdir()), "or this looks into the wrong files"
    answer = await server.office.perform(UserDelete("alice", erase=True))
    assert answer == {"name": "alice", "shown_as": answer["shown_as"], "erased": True}
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"chat.db", "chat.db-wal"} <= set(files)
    assert [name for name, content in files.items() if b"SECRET" in content] == []
    assert any(b"bob was here" in content for content in files.values())
    assert ":alice!alice@securechat TOPIC #general :" in shown(await bob.fence())
    assert await page(bob, "#general") == shown(kept[-1:])
    assert await page(bob, answer["shown_as"]) == []
    targets = await bob.ask(
        "CHATHISTORY TARGETS timestamp=1970-01-02T00:00:00.000Z timestamp=2199-01-01T00:00:00.000Z 9"
    )
    assert [line.params[1] for line in targets if line.command == "CHATHISTORY"] == ["#general"]
    # An id of something erased is still a place to go on from.
    msgid = next(line.tags["msgid"] for line in bob.seen if line.command == "NOTICE")
    after = await bob.ask(f"CHATHISTORY AFTER #general msgid={msgid} 10")
    assert [line.params[1] for line in after if line.command == "PRIVMSG"] == ["bob was here"]


# ── channels ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_channel_is_made_shown_and_given_other_owners(server: RunningServer) -> None:
    (bob,) = await server.gather("bob")
    office = server.office
    assert await office.perform(ChannelCreate("#lab", "bob")) == {"name": "#lab", "owner": "bob"}
    assert shown(await bob.fence())[0] == ":bob!bob@securechat JOIN #lab bob bob"
    await bob.ask("PRIVMSG #lab :one", "PRIVMSG #lab :two", "TOPIC #lab :the news", "MODE #lab +k key")
    carol = await server.sign_in("carol")
    await carol.ask("JOIN #lab key")
    row = (await office.perform(ChannelList()))[1]
    created = row.pop("created")
    assert created.startswith("20")
    assert row.pop("retention") is None
    assert row == {"name": "#lab", "members": 2, "messages": 2, "topic": "the news", "modes": "ntk"}
    with pytest.raises(Impossible, match="'bob' is the only owner of '#lab'"):
        await office.perform(ChannelRole("#lab", "bob", "member"))
    await bob.fence()
    await office.perform(ChannelRole("#LAB", "carol", "owner"))
    await office.perform(ChannelRole("#lab", "bob", "voice"))
    lines = [":chat.example MODE #lab +q carol", ":chat.example MODE #lab -q+v bob bob"]
    assert shown(await bob.fence()) == lines
    people = (await office.perform(ChannelShow("#lab")))["people"]
    assert people == [{"name": "bob", "role": "voice"}, {"name": "carol", "role": "owner"}]


async def test_a_dropped_channel_is_left_by_all_and_read_by_nobody_and_its_name_is_free(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    (stored,) = await alice.ask("@securechat.internal/id=0123456789 PRIVMSG #general :old words")
    await bob.fence()
    assert await server.office.perform(ChannelDrop("#General")) == {"name": "#general"}
    assert shown(await alice.fence()) == [":chat.example KICK #general alice :The channel was removed"]
    assert shown(await bob.fence()) == [":chat.example KICK #general bob :The channel was removed"]
    assert (await bob.ask("CHATHISTORY LATEST #general * 9"))[0].params[1] == "INVALID_TARGET"
    (again,) = await alice.ask("@securechat.internal/id=0123456789 PRIVMSG #general :old words")
    assert (again.tags["msgid"], again.params) == (stored.tags["msgid"], ("#general", "old words"))
    (refused,) = await alice.ask("PRIVMSG #general :new words")
    assert refused.command == "403"
    await bob.ask("JOIN #general")
    assert await page(bob, "#general") == []
    assert shown(await bob.ask("NAMES #general"))[0].endswith(" = #general ~bob")
