from __future__ import annotations

import asyncio
import functools
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import argon2
import pytest
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY

from securechat.auth.passwords import PasswordChecker, PasswordVerdict
from securechat.auth.pool import Overloaded

SECRET = "correct horse battery"
# Three times the passes of CHEAPEST, to be told apart from it.
DEARER = argon2.Parameters(argon2.Type.ID, 19, salt_len=8, hash_len=4, time_cost=3, memory_cost=8, parallelism=1)

Work = list[tuple[str, argon2.Parameters | None]]
MakeChecker = Callable[..., PasswordChecker]


@pytest.fixture
def make_checker() -> Iterator[MakeChecker]:
    made: list[PasswordChecker] = []

    def make(parameters: argon2.Parameters = CHEAPEST, **options: int) -> PasswordChecker:
        made.append(PasswordChecker(parameters=parameters, **options))
        return made[-1]

    yield make
    for checker in made:
        checker.close()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """What argon2 really computed and at what cost; a verifier it cannot read costs nothing and is not counted."""
    done: Work = []
    verify, make_hash = argon2.PasswordHasher.verify, argon2.PasswordHasher.hash

    def count_verify(self: argon2.PasswordHasher, verifier: str, secret: bytes) -> bool:
        try:
            result = verify(self, verifier, secret)
        except argon2.exceptions.VerifyMismatchError:
            done.append(("verify", argon2.extract_parameters(verifier)))
            raise
        done.append(("verify", argon2.extract_parameters(verifier)))
        return result

    def count_hash(self: argon2.PasswordHasher, secret: bytes) -> str:
        verifier = make_hash(self, secret)
        done.append(("hash", argon2.extract_parameters(verifier)))
        return verifier

    monkeypatch.setattr(argon2.PasswordHasher, "verify", count_verify)
    monkeypatch.setattr(argon2.PasswordHasher, "hash", count_hash)
    return done


class Gate:
    """Holds whoever is at argon2 until it is opened, and knows how many are there at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inside = self.most = self.passed = 0
        self.opened = threading.Event()
        self._changed = threading.Condition()
        real = argon2.PasswordHasher.verify

        def verify(hasher: argon2.PasswordHasher, verifier: str, secret: bytes) -> bool:
            with self._changed:
                self.inside += 1
                self.most = max(self.most, self.inside)
                self._changed.notify_all()
            assert self.opened.wait(30)
            try:
                return real(hasher, verifier, secret)
            finally:
                with self._changed:
                    self.inside -= 1
                    self.passed += 1

        monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)

    async def wait_for(self, inside: int) -> None:
        """Wait until so many are at argon2."""

        def wait() -> None:
            with self._changed:
                assert self._changed.wait_for(lambda: self.inside >= inside, 20)

        await asyncio.to_thread(wait)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(monkeypatch)
    yield made
    made.opened.set()


# Right and wrong


async def test_the_right_password_is_accepted_and_every_other_refused(make_checker: MakeChecker) -> None:
    checker = make_checker()
    verifier = await checker.hash(SECRET)
    assert await checker.verify(verifier, SECRET) == PasswordVerdict(ok=True, new_verifier=None)
    for wrong in ("", "correct horse batter", SECRET + " ", SECRET.upper(), "x" * 100_000, "\ud800", "\x00"):
        assert await checker.verify(verifier, wrong) == PasswordVerdict(ok=False, new_verifier=None)


async def test_the_default_is_the_low_memory_profile_of_rfc_9106() -> None:
    checker = PasswordChecker()
    try:
        verifier = await checker.hash(SECRET)
        assert verifier.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert (await checker.verify(verifier, SECRET)).ok
        assert not (await checker.verify(verifier, "another password")).ok
        assert not (await checker.verify(None, SECRET)).ok
    finally:
        checker.close()


async def test_two_verifiers_of_one_password_differ(make_checker: MakeChecker) -> None:
    checker = make_checker()
    assert await checker.hash(SECRET) != await checker.hash(SECRET)


async def test_every_way_to_type_a_password_is_the_same_password(make_checker: MakeChecker) -> None:
    checker = make_checker()
    verifier = await checker.hash("cafe\u0301 au\u00a0lait s'il vous pla\u00eet")
    assert (await checker.verify(verifier, "caf\u00e9 au lait s'il vous plai\u0302t")).ok


async def test_another_thread_or_loop_makes_no_difference() -> None:
    checker = PasswordChecker(parameters=CHEAPEST)
    verifier = await checker.hash(SECRET)

    def elsewhere() -> bool:
        return asyncio.run(checker.verify(verifier, SECRET)).ok

    assert await asyncio.to_thread(elsewhere)
    checker.close()


# The same work


@pytest.mark.parametrize(
    "verifier",
    [
        None,
        "",
        "x",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdA",
        "$argon2id$v=19$m=8,t=1,p=1$!!!!$AAAA",
        "$argon2id$v=19$m=0,t=0,p=0$c29tZXNhbHQ$AAAAAAAA",
        "$2b$12$abcdefghijklmnopqrstuv",
        "f" * 64,
        "\u00e9",
    ],
)
async def test_unknown_accounts_and_malformed_verifiers_cost_one_hash_like_any_other(
    make_checker: MakeChecker, work: Work, verifier: str | None
) -> None:
    checker = make_checker()
    assert await checker.verify(verifier, SECRET) == PasswordVerdict(ok=False, new_verifier=None)
    assert work == [("verify", CHEAPEST)]


async def test_a_wrong_password_costs_one_hash(make_checker: MakeChecker, work: Work) -> None:
    checker = make_checker()
    verifier = await checker.hash(SECRET)
    work.clear()
    await checker.verify(verifier, "wrong")
    assert work == [("verify", CHEAPEST)]


async def test_the_count_of_work_sees_a_check_that_does_none(work: Work) -> None:
    with pytest.raises(argon2.exceptions.InvalidHashError):
        argon2.PasswordHasher().verify("x", SECRET)
    assert work == []
    argon2.PasswordHasher.from_parameters(CHEAPEST).hash(SECRET)
    assert work == [("hash", CHEAPEST)]


@pytest.mark.parametrize(
    "parameters",
    [
        RFC_9106_LOW_MEMORY,
        argon2.Parameters(argon2.Type.I, 19, salt_len=9, hash_len=17, time_cost=1, memory_cost=8, parallelism=1),
        argon2.Parameters(argon2.Type.D, 19, salt_len=10, hash_len=33, time_cost=2, memory_cost=16, parallelism=2),
    ],
)
async def test_an_unknown_account_costs_what_the_parameters_in_force_cost(
    make_checker: MakeChecker, work: Work, parameters: argon2.Parameters
) -> None:
    await make_checker(parameters).verify(None, SECRET)
    assert work == [("verify", parameters)]


# New parameters


async def test_a_verifier_made_with_other_parameters_is_replaced_at_the_next_sign_in(
    make_checker: MakeChecker, work: Work
) -> None:
    old = await make_checker(DEARER).hash(SECRET)
    work.clear()
    checker = make_checker()
    verdict = await checker.verify(old, SECRET)
    assert verdict.ok
    assert verdict.new_verifier is not None
    assert work == [("verify", DEARER), ("hash", CHEAPEST)]
    assert await checker.verify(verdict.new_verifier, SECRET) == PasswordVerdict(ok=True, new_verifier=None)


async def test_a_wrong_password_replaces_nothing(make_checker: MakeChecker, work: Work) -> None:
    old = await make_checker(DEARER).hash(SECRET)
    work.clear()
    assert await make_checker().verify(old, "wrong") == PasswordVerdict(ok=False, new_verifier=None)
    assert work == [("verify", DEARER)]


# The pool


async def test_at_most_two_hashes_run_at_once_and_all_are_answered(make_checker: MakeChecker, gate: Gate) -> None:
    checker = make_checker()
    verifier = await checker.hash(SECRET)
    asked = [asyncio.ensure_future(checker.verify(verifier, SECRET)) for _ in range(20)]
    await gate.wait_for(2)
    assert checker.waiting == 18
    gate.opened.set()
    assert {(await verdict).ok for verdict in asked} == {True}
    assert (gate.most, gate.passed, checker.waiting) == (2, 20, 0)


async def test_the_gate_sees_a_pool_that_is_wider(make_checker: MakeChecker, gate: Gate) -> None:
    checker = make_checker(threads=5)
    asked = [asyncio.ensure_future(checker.verify(None, SECRET)) for _ in range(20)]
    await gate.wait_for(5)
    gate.opened.set()
    await asyncio.gather(*asked)
    assert gate.most == 5


async def test_the_loop_goes_on_while_passwords_are_checked(make_checker: MakeChecker, gate: Gate) -> None:
    checker = make_checker()
    asked = asyncio.ensure_future(checker.verify(None, SECRET))
    await gate.wait_for(1)
    # The thread stands at argon2 and only this loop, by going on, can let it pass.
    for _ in range(100):
        await asyncio.sleep(0)
    assert not asked.done()
    gate.opened.set()
    assert not (await asked).ok


async def test_the_loop_is_quick_while_real_hashes_run() -> None:
    checker = PasswordChecker()
    asked = asyncio.gather(*(checker.verify(None, SECRET) for _ in range(6)))
    turns, began = 0, time.perf_counter()
    while not asked.done():
        await asyncio.sleep(0.001)
        turns += 1
    took = time.perf_counter() - began
    checker.close()
    # A loop that waited for each hash would turn six times.
    assert turns > 20, f"{turns} turns in {took:.3f} s"


async def test_a_full_queue_refuses_at_once_and_recovers(make_checker: MakeChecker, gate: Gate) -> None:
    checker = make_checker(threads=1, queue_limit=3)
    running = asyncio.ensure_future(checker.verify(None, SECRET))
    await gate.wait_for(1)
    queued = [asyncio.ensure_future(checker.verify(None, SECRET)) for _ in range(3)]
    await asyncio.sleep(0)
    assert checker.waiting == 3
    for refused in (checker.verify(None, SECRET), checker.hash(SECRET)):
        with pytest.raises(Overloaded):
            await asyncio.wait_for(refused, 5)
    assert checker.waiting == 3
    gate.opened.set()
    await asyncio.gather(running, *queued)
    assert checker.waiting == 0
    assert not (await checker.verify(None, SECRET)).ok


async def test_who_hangs_up_while_waiting_leaves_the_queue(make_checker: MakeChecker, gate: Gate) -> None:
    checker = make_checker(threads=1)
    running = asyncio.ensure_future(checker.verify(None, SECRET))
    await gate.wait_for(1)
    queued = [asyncio.ensure_future(checker.verify(None, SECRET)) for _ in range(4)]
    await asyncio.sleep(0)
    for task in queued[:3]:
        task.cancel()
    await asyncio.gather(*queued[:3], return_exceptions=True)
    assert checker.waiting == 1
    gate.opened.set()
    await asyncio.gather(running, queued[3])
    assert (gate.passed, checker.waiting) == (2, 0)


async def test_closing_ends_the_threads_and_cancels_what_waits(gate: Gate) -> None:
    checker = PasswordChecker(parameters=CHEAPEST, threads=1)
    running = asyncio.ensure_future(checker.verify(None, SECRET))
    await gate.wait_for(1)
    queued = asyncio.ensure_future(checker.verify(None, SECRET))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(asyncio.to_thread(checker.close))
    with pytest.raises(asyncio.CancelledError):
        await queued
    gate.opened.set()
    await closing
    assert not (await running).ok
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("password")]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
async def test_the_threads_give_way_and_nothing_else_does(make_checker: MakeChecker, gate: Gate) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    checker = make_checker()
    asked = [asyncio.ensure_future(checker.verify(None, SECRET)) for _ in range(2)]
    await gate.wait_for(2)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("password")]
    niceness = [os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) for thread in threads]
    gate.opened.set()
    await asyncio.gather(*asked)
    assert niceness == [max(own, 10)] * 2
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


async def test_no_memory_says_nothing_about_the_password(
    make_checker: MakeChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker = make_checker()
    verifier = await checker.hash(SECRET)

    def fail(*_: object) -> None:
        raise argon2.exceptions.VerificationError("Memory allocation error")

    monkeypatch.setattr(argon2.PasswordHasher, "verify", fail)
    for stored in (verifier, None):
        with pytest.raises(Overloaded, match="is there memory left"):
            await checker.verify(stored, SECRET)


# Secrets stay secret


async def test_secrets_appear_in_no_repr_exception_or_log(
    make_checker: MakeChecker, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.get_running_loop().set_debug(True)
    caplog.set_level(logging.DEBUG)
    checker = make_checker(threads=1, queue_limit=1)
    verifier = await checker.hash(SECRET)
    tasks: list[Awaitable[PasswordVerdict]] = [asyncio.ensure_future(checker.verify(verifier, SECRET))]
    await gate.wait_for(1)
    tasks.append(asyncio.ensure_future(checker.verify(verifier, SECRET)))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await checker.verify(verifier, SECRET)
    shown = [repr(vars(checker)), repr(tasks), repr(refused.value)]
    gate.opened.set()
    shown += [repr(await task) for task in tasks]
    shown += [repr(PasswordVerdict(ok=True, new_verifier=verifier)), caplog.text]
    # What a partial in the pool's queue, or a verdict that shows its fields, would give away.
    assert SECRET in repr(functools.partial(checker.verify, verifier, SECRET))
    for text in shown:
        assert SECRET not in text
        assert verifier not in text
