"""Rejected sign-ins, counted: however many an attacker makes, few records are made of them, and none is left out of account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from securechat.chat.effects import Append
from securechat.chat.server_events import SignInRejected
from securechat.errors import StorageError
from securechat.server.addresses import network_of, shorten_address
from securechat.server.rejections import RECORDS_PER_HOUR, WINDOWS, Rejections


class Loop:
    """A loop whose time is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Any] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> Any:
        timer = Timer(self, self.now + seconds, call)
        self.timers.append(timer)
        return timer

    def create_task(self, work: Any) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    async def pass_seconds(self, seconds: float) -> None:
        self.now += seconds
        for timer in [timer for timer in self.timers if timer.due <= self.now]:
            self.timers.remove(timer)
            timer.call()
        for _ in range(3):
            await asyncio.sleep(0)


class Timer:
    def __init__(self, loop: Loop, due: float, call: Callable[[], None]) -> None:
        self.loop, self.due, self.call = loop, due, call

    def cancel(self) -> None:
        self.loop.timers.remove(self)


class Stage:
    """Counted rejections, and what was recorded of them."""

    def __init__(self, form: str = "full") -> None:
        self.loop = Loop()
        self.records: list[SignInRejected] = []
        self.full = False
        self.rejections = Rejections(self.loop, self._append, lambda: form)  # type: ignore[arg-type]

    async def _append(self, build: Callable[[], Append | None]) -> None:
        if self.full:
            raise StorageError("the disk is full; nothing was stored")
        append = build()
        assert append is not None
        self.records += [entry.event for entry in append.entries]  # type: ignore[misc]

    def note(self, account: str = "id-anna", how: str = "password", peer: str = "203.0.113.7", times: int = 1) -> None:
        for _ in range(times):
            self.rejections.note(account, how, peer)


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_what_comes_within_a_minute_from_one_place_for_one_account_is_one_record(stage: Stage) -> None:
    stage.note(times=500)
    await stage.loop.pass_seconds(59)
    assert stage.records == []
    await stage.loop.pass_seconds(1)
    assert stage.records == [SignInRejected("id-anna", "password", 500, "203.0.113.7")]
    stage.note()
    await stage.loop.pass_seconds(60)
    assert stage.records[1:] == [SignInRejected("id-anna", "password", 1, "203.0.113.7")]
    await stage.loop.pass_seconds(3600)
    assert len(stage.records) == 2
    assert stage.loop.timers == []


async def test_accounts_ways_and_places_are_counted_apart_and_a_64_is_one_place(stage: Stage) -> None:
    stage.note(times=2)
    stage.note("id-bob")
    stage.note(how="token")
    stage.note(peer="203.0.113.8")
    for host in range(1, 4):
        stage.note(peer=f"2001:db8:1:2::{host}")
    await stage.loop.pass_seconds(60)
    assert [(each.account, each.how, each.count, each.address) for each in stage.records] == [
        ("id-anna", "password", 2, "203.0.113.7"),
        ("id-bob", "password", 1, "203.0.113.7"),
        ("id-anna", "token", 1, "203.0.113.7"),
        ("id-anna", "password", 1, "203.0.113.8"),
        ("id-anna", "password", 3, "2001:db8:1:2::/64"),
    ]


async def test_in_an_hour_there_are_so_many_records_and_then_one_that_says_how_many_more(stage: Stage) -> None:
    for minute in range(59):
        for host in range(20):
            stage.note(peer=f"10.{minute}.0.{host}", times=2)
        await stage.loop.pass_seconds(60)
    assert len(stage.records) == RECORDS_PER_HOUR == 120
    # Of the others nothing is lost: the next hour begins with how many they were.
    await stage.loop.pass_seconds(3600)
    told = sum(record.count for record in stage.records)
    assert stage.records[120:] == [SignInRejected("", "several", 59 * 20 * 2 - 120 * 2)]
    assert told == 59 * 20 * 2
    assert stage.loop.timers == []


async def test_memory_is_bounded_however_many_places_there_are(stage: Stage) -> None:
    for number in range(10_000):
        stage.note(peer=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(stage.rejections._windows) == WINDOWS == 1024
    await stage.rejections.settle()
    assert len(stage.records) == 121
    assert sum(record.count for record in stage.records) == 10_000


async def test_at_the_end_what_was_counted_is_recorded_at_once(stage: Stage) -> None:
    await stage.rejections.settle()
    assert stage.records == []
    stage.note(times=3)
    await stage.rejections.settle()
    assert [record.count for record in stage.records] == [3]
    assert stage.loop.timers == []


async def test_a_full_disk_costs_the_record_and_nothing_else(stage: Stage) -> None:
    stage.full = True
    stage.note()
    await stage.loop.pass_seconds(60)
    stage.full = False
    stage.note()
    await stage.loop.pass_seconds(60)
    assert len(stage.records) == 1


@pytest.mark.parametrize(("form", "address"), [("full", "203.0.113.7"), ("prefix", "203.0.113.0/24"), ("none", "")])
async def test_as_much_of_an_address_is_kept_as_may_be(form: str, address: str) -> None:
    stage = Stage(form)
    stage.note()
    await stage.loop.pass_seconds(60)
    assert stage.records[0].address == address


@pytest.mark.parametrize(
    ("address", "network", "prefix"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("nonsense", "nonsense", ""),
        ("", "", ""),
    ],
)
def test_an_address_is_shortened_to_its_network(address: str, network: str, prefix: str) -> None:
    assert network_of(address) == network
    assert [shorten_address(address, form) for form in ("full", "prefix", "none")] == [address, prefix, ""]
