"""Turns: one at a time, and who asks for much waits behind who asks for little."""

from __future__ import annotations

import asyncio

from securechat.storage.turns import Turns


async def test_one_has_its_turn_at_a_time_and_an_account_waits_in_one_place() -> None:
    turns = Turns()
    order: list[str] = []
    may_end = asyncio.Event()

    async def work(account: str, name: str) -> None:
        async with turns.take(account):
            order.append(f"{name} begins")
            await may_end.wait()
            order.append(f"{name} ends")

    tasks = [asyncio.create_task(work("alice", f"a{number}")) for number in range(3)]
    tasks.append(asyncio.create_task(work("bob", "b")))
    for _ in range(5):
        await asyncio.sleep(0)
    assert order == ["a0 begins"]
    may_end.set()
    await asyncio.gather(*tasks)
    names = ("a0", "b", "a1", "a2")
    assert order == [f"{name} {step}" for name in names for step in ("begins", "ends")]


async def test_who_gives_up_waiting_keeps_nobody_from_a_turn() -> None:
    turns = Turns()
    async with turns.take("alice"):
        waiting = asyncio.create_task(turns.take("bob").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
    async with asyncio.timeout(5), turns.take("bob"):
        pass
