"""Many who come at once: few are on their way in together, the others wait in the kernel, and nobody is turned away."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from securechat.server import listener as listener_module
from securechat.server.strangers import ConnectionLimits
from tests.server.loopback import PATIENCE
from tests.server.test_listener import House

AT_ONCE = 4


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(listener_module, "ARRIVALS_AT_ONCE", AT_ONCE)
    house = House(tmp_path)
    yield house
    await house.clear()


async def turns(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)


async def call_all(house: House, address: tuple[str, int], count: int) -> list[socket.socket]:
    return [await asyncio.to_thread(socket.create_connection, address, PATIENCE) for _ in range(count)]


async def test_the_next_are_let_in_when_those_before_are_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "ARRIVAL_SECONDS", 1000.0)
    listener = house.listen()
    house.clients += await call_all(house, listener.address, AT_ONCE)
    await turns(lambda: len(house.receivers) == AT_ONCE)
    house.clients += await call_all(house, listener.address, 3)
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(house.receivers) == AT_ONCE, "more were let in than may be on their way"
    for client in house.clients[:2]:
        client.close()
    await turns(lambda: len(house.receivers) == AT_ONCE + 2)


async def test_who_takes_long_holds_up_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "ARRIVAL_SECONDS", 0.02)
    listener = house.listen()
    house.clients += await call_all(house, listener.address, 5 * AT_ONCE)
    await turns(lambda: len(house.receivers) == 5 * AT_ONCE)
    await house.talk(listener)


async def test_those_turned_away_do_not_lengthen_a_turn_of_the_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = house.listen(limits=ConnectionLimits(1000, 1))
    refused: list[str] = []
    monkeypatch.setattr(listener, "_warn_of_crowd", refused.append)
    # From the loop's own thread: all of them are in the kernel's queue before the listener looks.
    house.clients += [socket.create_connection(listener.address, PATIENCE) for _ in range(3 * AT_ONCE)]
    listener._accept_waiting()
    assert (len(house.receivers), len(refused)) == (1, AT_ONCE - 1)
    await turns(lambda: len(refused) == 3 * AT_ONCE - 1)


async def test_a_pause_after_a_failure_is_not_cut_short_by_who_leaves(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "PAUSE_SECONDS", 1000.0)
    listener = house.listen()
    (client,) = await call_all(house, listener.address, 1)
    await turns(lambda: len(house.receivers) == 1)
    listener._pause_accepting(1000.0)
    client.close()
    await turns(lambda: house.receivers[0].reasons == ["closed by the peer"])
    house.clients += await call_all(house, listener.address, 1)
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(house.receivers) == 1
    listener._resume_accepting()
    await turns(lambda: len(house.receivers) == 2)


async def test_when_all_places_are_taken_the_oldest_of_who_has_most_is_put_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = house.listen(limits=ConnectionLimits(4, 100))
    house.clients += await call_all(house, listener.address, 4)
    await turns(lambda: len(house.receivers) == 4)
    house.clients += await call_all(house, listener.address, 1)
    for _ in range(50):
        await asyncio.sleep(0)
    assert [receiver.reasons for receiver in house.receivers] == [[]] * 4, "who has most is refused itself"
    other, ours = socket.socketpair()
    house.clients.append(other)
    listener._admit(ours, "192.0.2.1")
    await turns(lambda: len(house.receivers) == 5 and bool(house.receivers[0].reasons))
    assert [receiver.reasons for receiver in house.receivers] == [["too many have not signed in"], [], [], [], []]
