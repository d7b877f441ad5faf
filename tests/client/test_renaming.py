"""Being called something else while connected: echoes still count, and the next connection signs in by the new name."""

from __future__ import annotations

import pytest

from securechat.client.events import Acknowledged, MessageSeen, Renamed, SignedIn
from securechat.client.outbox import Delivery, Outgoing
from securechat.client.signin import rename_user
from tests.client.fakeserver import FakeServer
from tests.client.handshake import NOW, sign_in
from tests.client.test_link import MakeLink, Waits, make_link, take_until, waits

__all__ = ["make_link", "waits"]


def test_echoes_from_the_new_name_acknowledge_and_less_fits_behind_a_longer_one() -> None:
    session = sign_in()
    session.receive(b":Alice!Alice@securechat JOIN #x Alice :Alice\r\n")
    room = session.room_for("#x")
    session.send_message(Outgoing("u-1", "#x", "one"))
    assert session.receive(b":Alice!Alice@securechat NICK Alicia\r\n") == [Renamed("Alice", "Alicia", own=True)]
    assert session.nick == "Alicia"
    assert session.room_for("#x") == room - 2
    assert session.receive(b"@label=1;msgid=m1 :Alicia!Alicia@securechat PRIVMSG #x :one\r\n") == [
        Acknowledged("u-1", "m1"),
        MessageSeen("#x", "#x", "Alicia", "one", "m1", NOW, own=True),
    ]


@pytest.mark.parametrize("line", [b":bob!bob@securechat NICK robert", b":Alice!Alice@securechat NICK :", b"NICK x"])
def test_control_other_lines_leave_our_name_alone(line: bytes) -> None:
    session = sign_in()
    session.receive(line + b"\r\n")
    assert session.nick == "Alice"


@pytest.mark.parametrize(
    ("user", "nick", "renamed"),
    [
        ("alice", "alicia", "alicia"),
        ("alice@laptop", "alicia", "alicia@laptop"),
        ("alice", "no account", "alice"),
        ("alice@laptop", "", "alice@laptop"),
    ],
)
def test_a_user_is_renamed_with_the_device_and_never_to_what_nobody_is_called(
    user: str, nick: str, renamed: str
) -> None:
    assert rename_user(user, nick) == renamed


async def test_what_is_pending_when_the_name_changes_comes_through_and_so_does_the_next_sign_in(
    server: FakeServer, make_link: MakeLink, waits: Waits
) -> None:
    async with make_link() as link:
        await take_until(link, lambda event: isinstance(event, SignedIn))
        server.deaf = True
        message = link.post("#general", "before")
        await server.until(lambda: any("before" in line for line in server.guests[0].lines))
        server.deaf = False
        guest = server.guests[0]
        guest.nick = "alicia"
        server.passwords["alicia"] = server.passwords.pop("alice")
        label = guest.lines[-1].partition("label=")[2].split()[0]
        guest.tell(
            ":alice!alice@securechat NICK alicia",
            f"@label={label};msgid=m1 :alicia!alicia@securechat PRIVMSG #general :before",
        )
        assert await link.confirm(message, 5) == "m1"
        server.cut_all()
        signed_in = (await take_until(link, lambda event: isinstance(event, SignedIn)))[-1]
        assert isinstance(signed_in, SignedIn)
        assert signed_in.nick == "alicia"
        assert link.state.nick == "alicia"
        after = link.post("#general", "after")
        await link.confirm(after, 5)
        assert after.delivery is Delivery.ACKNOWLEDGED
