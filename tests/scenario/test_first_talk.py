"""A first talk over real TLS between real processes, with the server killed in the middle of it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from securechat.client.address import Address
from securechat.client.events import Following, MessageSeen
from securechat.client.link import Link
from securechat.client.trust import build_context
from tests.scenario.people import Place, rows_of
from tests.scenario.processes import PASSWORD, Programs, Server, port_of

KILLS = 3
BURST = 100
"""Lines that each client says at once while the server is killed."""


@pytest.fixture
def server(programs: Programs, tmp_path: Path) -> Server:
    """A server with the accounts alice, bob and carol, added while it runs."""
    server = programs.server(tmp_path / "data")
    server.wait_ready()
    programs.add_people(tmp_path / "data", "alice", "bob", "carol")
    return server


@pytest.fixture
def place(programs: Programs, tmp_path: Path, server: Server) -> Place:
    return Place(programs, server.wait_ready()[0], tmp_path / "data" / "ca.pem")


def test_three_people_on_four_devices_talk_and_all_see_one_order(place: Place) -> None:
    laptop, phone, bob, carol = (place.sit_down(user) for user in ("alice@laptop", "alice@phone", "bob", "carol"))

    everybody = {"laptop": laptop, "phone": phone, "bob": bob, "carol": carol}
    for name, person in everybody.items():
        person.say(*(f"{name} says {number}" for number in range(50)))
    for person in everybody.values():
        person.wait_heard("#general", 200)

    order = laptop.heard("#general")
    assert sorted(order) == sorted(
        (account, f"{device} says {number}")
        for account, device in [("alice", "laptop"), ("alice", "phone"), ("bob", "bob"), ("carol", "carol")]
        for number in range(50)
    )
    assert [person.heard("#general") for person in (phone, bob, carol)] == [order] * 3
    assert [(row["sender"], row["text"]) for row in place.read_history("carol", "#general")] == order
    for name in everybody:
        assert [text for _, text in order if text.startswith(name)] == [f"{name} says {n}" for n in range(50)]


def test_a_private_channel_is_for_those_invited_and_direct_messages_for_two(place: Place) -> None:
    laptop, phone, bob, carol = (place.sit_down(user) for user in ("alice@laptop", "alice@phone", "bob", "carol"))

    laptop.say("/join #private", "/quote MODE #private +i", "/invite bob #private")
    bob.program.wait_for("alice invites bob to #private")
    bob.say("/join #private")
    bob.program.wait_for("#private: you are in")
    carol.say("/join #private")
    carol.program.wait_for("not done")
    laptop.say("psst, in private")
    bob.wait_heard("#private", 1)
    bob.say("heard it", "/msg alice and this for you alone")
    phone.wait_heard("bob", 1)
    phone.say("/msg bob from my phone")
    carol.say("/msg bob can anybody hear me?")
    for person in (laptop, phone, bob):
        person.wait_heard("#private", 2)
        person.wait_heard("alice" if person is bob else "bob", 2)
    bob.wait_heard("carol", 1)
    carol.wait_heard("bob", 1)

    private = [("alice", "psst, in private"), ("bob", "heard it")]
    direct = [("bob", "and this for you alone"), ("alice", "from my phone")]
    assert [person.heard("#private") for person in (laptop, phone, bob, carol)] == [private, private, private, []]
    assert [laptop.heard("bob"), phone.heard("bob"), bob.heard("alice")] == [direct, direct, direct]
    assert bob.heard("carol") == carol.heard("bob") == [("carol", "can anybody hear me?")]
    assert not any("psst" in line or "alone" in line or "my phone" in line for line in carol.program.out)
    assert [row["text"] for row in place.read_history("bob", "#private")] == ["psst, in private", "heard it"]
    with pytest.raises(AssertionError, match="#private"):
        place.read_history("carol", "#private")


async def test_who_was_away_comes_back_to_all_of_it_once(place: Place) -> None:
    carol = place.follow("carol", "#general")
    place.send("alice", "#general", "before")
    place.send("bob", "carol", "before, to you")
    carol.wait_for("before")
    seen = rows_of(carol)[-1]["msgid"]
    direct = place.read_history("carol", "bob")[-1]["msgid"]
    carol.kill()

    # More than two pages of history, so that paging is what brings them back.
    missed = [f"line {number} that carol missed" for number in range(250)]
    place.send("alice", "#general", *missed)
    place.send("bob", "carol", "where are you?")

    again = place.follow("carol", "#general", "--since", seen)
    place.send("bob", "#general", "welcome back")
    again.wait_for("welcome back")
    assert [row["text"] for row in rows_of(again)] == [*missed, "welcome back"]

    heard: dict[str, list[str]] = {"#general": [], "bob": []}
    address = Address("127.0.0.1", port_of(place.address))
    since = {"#general": (0, seen), "bob": (0, direct)}
    async with Link(
        address, "carol", PASSWORD, build_context(place.ca), follow=("#general", "bob"), since=since
    ) as link:
        following: set[str] = set()
        async for event in link:
            if isinstance(event, MessageSeen):
                heard[event.conversation].append(event.text)
            if isinstance(event, Following):
                following.add(event.conversation)
            if len(following) == 2:
                break
    assert heard == {"#general": [*missed, "welcome back"], "bob": ["where are you?"]}


@pytest.mark.timeout(120)
def test_a_server_killed_in_mid_talk_loses_nothing_and_repeats_nothing(
    programs: Programs, tmp_path: Path, server: Server, place: Place
) -> None:
    users = {"laptop": "alice@laptop", "phone": "alice@phone", "bob": "bob", "carol": "carol"}
    people = {name: place.sit_down(user) for name, user in users.items()}
    watching = place.follow("bob", "#general")

    cut_short = 0
    for kill in range(KILLS):
        said_before = kill * BURST * len(people)
        for name, person in people.items():
            person.say(*(f"{name} says {kill}-{number}" for number in range(BURST)))
        people["carol"].wait_heard("#general", said_before + 1)
        assert server.kill() == -signal.SIGKILL
        cut_short += len(people["carol"].heard("#general")) < said_before + BURST * len(people)

        server = programs.server(tmp_path / "data", port=port_of(place.address))
        server.wait_ready()
        for person in people.values():
            person.wait_heard("#general", said_before + BURST * len(people))

    total = KILLS * BURST * len(people)
    assert cut_short, "every kill came too late to cut anything short; say more"
    order = people["laptop"].heard("#general")
    assert sorted(order) == sorted(
        (users[name].partition("@")[0], f"{name} says {kill}-{number}")
        for name in users
        for kill in range(KILLS)
        for number in range(BURST)
    )
    assert [person.heard("#general") for person in people.values()] == [order] * len(people)

    stored = place.read_history("carol", "#general")
    assert [(row["sender"], row["text"]) for row in stored] == order
    watching.wait_until(lambda: len(watching.out) >= total, "everything in tail --json")
    assert rows_of(watching) == stored
    assert len({row["msgid"] for row in stored}) == total
