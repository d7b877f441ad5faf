"""Places of those who have not signed in: how many, for whom, and who makes room when all are taken."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from structlog.testing import capture_logs

from securechat.config import Limits
from securechat.server.strangers import ConnectionLimits, Place, find_room


class Door:
    """Places that were given, with what became of them."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.here: list[tuple[str, Place]] = []

    def come(self, address: str) -> bool:
        place = self.limits.admit(address)
        if place is None:
            return False
        place.leave = lambda: self.go(place)
        self.here.append((address, place))
        return True

    def go(self, place: Place) -> None:
        self.limits.release(place)
        self.here = [one for one in self.here if one[1] is not place]

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.here]


def test_places_are_counted_for_each_network() -> None:
    limits = ConnectionLimits(total=100, per_network=2)
    answers = [
        (address, limits.admit(address) is not None)
        for address in (
            "192.0.2.1",
            "192.0.2.1",
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8:0:1::1",
            "2001:db8:0:1:ffff::2",
            "2001:db8:0:1::3",
            "2001:db8:0:2::1",
        )
    ]
    assert answers == [
        ("192.0.2.1", True),
        ("192.0.2.1", True),
        ("192.0.2.1", False),
        ("192.0.2.2", True),
        ("2001:db8:0:1::1", True),
        ("2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::3", False),
        ("2001:db8:0:2::1", True),
    ]


def test_when_all_places_are_taken_who_has_most_of_them_loses_the_oldest() -> None:
    door = Door(ConnectionLimits(total=4, per_network=100))
    for number in range(4):
        assert door.come(f"2001:db8:0:{number}::1"), "one /48, four of its /64s"
    assert door.come("192.0.2.1")
    assert door.addresses == ["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1", "192.0.2.1"]
    assert not door.come("2001:db8:0:9::1"), "it would have to make room itself"
    assert door.come("198.51.100.1")
    assert door.addresses == ["2001:db8:0:2::1", "2001:db8:0:3::1", "192.0.2.1", "198.51.100.1"]
    assert door.come("203.0.113.1")
    assert door.addresses == ["2001:db8:0:3::1", "192.0.2.1", "198.51.100.1", "203.0.113.1"]
    assert not door.come("192.0.2.2"), "its site has as much as anybody"
    assert door.come("100.64.0.1"), "nobody has more than one: the oldest of them goes"
    assert len(door.addresses) == 4


def test_a_crowd_from_everywhere_does_not_keep_a_class_out() -> None:
    door = Door(ConnectionLimits(total=80, per_network=10))
    for number in range(80):
        assert door.come(f"198.18.{number}.1")
    assert all(door.come("192.0.2.1") for _ in range(10)), "nobody has more than a share: the oldest of all go"
    assert door.addresses == [f"198.18.{number}.1" for number in range(10, 80)] + ["192.0.2.1"] * 10
    for number in range(70):
        assert door.come(f"203.0.{number}.1")
    assert door.addresses == ["192.0.2.1"] * 10 + [f"203.0.{number}.1" for number in range(70)]
    assert not door.come("192.0.2.1"), "one address has as much as one may"


def test_one_that_cannot_be_ended_yet_keeps_its_place() -> None:
    limits = ConnectionLimits(total=1)
    assert limits.admit("192.0.2.1") is not None
    assert limits.admit("198.51.100.1") is None


def test_addresses_that_have_gone_are_forgotten() -> None:
    limits = ConnectionLimits(total=2)
    for number in range(10_000):
        place = limits.admit(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}")
        assert place is not None
        limits.release(place)
    assert (limits._places, limits._waiting_of, limits._sites, limits._large) == ({}, {}, {}, {})


@pytest.mark.parametrize("seed", range(20))
def test_only_the_oldest_of_those_who_have_most_ever_makes_room(seed: int) -> None:
    chance = random.Random(seed)
    door = Door(ConnectionLimits(total=12, per_network=5))
    put_out = 0
    for _ in range(500):
        if chance.random() < 0.2 and door.here:
            door.go(chance.choice(door.here)[1])
            continue
        address = f"10.0.{chance.randrange(6)}.{chance.randrange(3)}"
        before = list(door.here)
        sites = Counter(site_of(one) for one, _ in before)
        is_in = door.come(address)
        gone = [one for one in before if one not in door.here]
        if Counter(one for one, _ in before)[address] == 5:
            assert not is_in
        elif len(before) < 12:
            assert is_in
            assert not gone
        else:
            assert is_in == (sites[site_of(address)] < max(sites.values())) == (len(gone) == 1)
            for one in gone:
                put_out += 1
                site = site_of(one[0])
                assert sites[site] == max(sites.values())
                assert one == next(other for other in before if site_of(other[0]) == site)
    assert put_out > 10


def site_of(address: str) -> str:
    return address.rpartition(".")[0]


@pytest.mark.parametrize(
    ("files", "in_all", "of_one", "told"),
    [(-1, 40, 30, 0), (80, 40, 30, 0), (79, 39, 19, 1), (4, 2, 1, 1)],
)
def test_half_of_the_files_that_may_be_open_are_not_for_strangers(
    files: int, in_all: int, of_one: int, told: int
) -> None:
    with capture_logs() as logs:
        limits = find_room(Limits(strangers=40, strangers_per_address=30), files)
    places = [limits.admit("192.0.2.1") for _ in range(50)]
    assert sum(place is not None for place in places) == of_one
    others = [limits.admit(f"198.51.{i}.1") for i in range(50)]
    assert sum(place is not None for place in others) == in_all - of_one
    assert [each["event"] for each in logs] == ["few files may be open: fewer may be signing in than is set"] * told
