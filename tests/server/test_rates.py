"""How fast people may send, without sockets: budgets of connections and accounts, and who goes on when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from securechat.config import Config, Limits, Settings
from securechat.server.allowance import STRANGER_BYTES, STRANGER_COMMANDS
from securechat.server.intake import Intake
from securechat.server.rates import Budget, Pace, Rates


class Timer:
    def __init__(self, when: float, call: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.when, self.call, self.args = when, call, args
        self.is_over = False

    def cancel(self) -> None:
        self.is_over = True


class Clock:
    """A loop whose time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[..., None], *args: Any) -> Timer:
        self.timers.append(Timer(self.now + seconds, call, args))
        return self.timers[-1]

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while due := sorted((timer for timer in self.timers if timer.when <= end), key=lambda timer: timer.when):
            self.timers.remove(due[0])
            self.now = max(self.now, due[0].when)
            if not due[0].is_over:
                due[0].call(*due[0].args)
        self.now = end


class Line:
    """One connection: what it does when it may go on, and whether it is read from."""

    def __init__(self, clock: Clock, rates: Rates, account: str, *, is_bot: bool = False) -> None:
        self.clock = clock
        self.went_on: list[float] = []
        self.paused = 0
        self.overdrawn = 0
        self.intake = Intake(clock, self.go_on, self.overdraw)  # type: ignore[arg-type]
        self.intake.transport = self  # type: ignore[assignment]
        self.intake.admit(lambda go_on: rates.enter(account, go_on, is_bot=is_bot))

    def go_on(self) -> None:
        self.went_on.append(round(self.clock.now - 1000.0, 3))

    def overdraw(self) -> None:
        self.overdrawn += 1

    def pause_reading(self) -> None:
        self.paused += 1

    def send(self, commands: int, size: int = 0) -> bool:
        """Have so many commands come in; tell whether the line is held then."""
        self.intake.receive(commands, size, self.clock.now)
        return self.intake.is_held


def settings(rate: float = 200, burst: int = 2000) -> Settings:
    return Settings(Config(limits=Limits(rate=rate, burst=burst)))


@pytest.mark.parametrize(
    ("share", "takes", "expected"),
    [
        (1.0, [(0, 2000)], [0]),
        (1.0, [(0, 2001)], [0.005]),
        (1.0, [(0, 2000), (0, 200)], [0, 1]),
        (1.0, [(0, 2000), (1, 200), (2, 200)], [0, 0, 0]),
        (1.0, [(0, 2000), (1, 400), (2, 0), (3, 0)], [0, 1, 0, 0]),
        (1.0, [(0, 2000), (100, 2000), (100, 1)], [0, 0, 0.005]),
        (0.5, [(0, 1000), (0, 100)], [0, 1]),
        (10.0, [(0, 20_000), (0, 2000)], [0, 1]),
    ],
)
def test_a_budget_has_some_in_hand_and_fills_at_its_rate(
    share: float, takes: list[tuple[float, float]], expected: list[float]
) -> None:
    budget = Budget(settings(), share)
    assert [round(budget.take(cost, 1000.0 + at), 6) for at, cost in takes] == expected


def test_no_rate_is_no_limit_and_a_new_rate_counts_at_once() -> None:
    held = settings(rate=0)
    budget = Budget(held, 1.0)
    assert [budget.take(1_000_000, 1000.0) for _ in range(3)] == [0, 0, 0]
    held.current = Config(limits=Limits(rate=100, burst=100))
    assert budget.take(200, 1001.0) == pytest.approx(1.0)


def test_who_sends_too_fast_is_not_read_from_until_it_is_paid_for() -> None:
    clock = Clock()
    rates = Rates(clock, settings())  # type: ignore[arg-type]
    line = Line(clock, rates, "alice")
    assert not line.send(1000)
    assert line.send(100)
    assert (line.paused, line.intake.rests) == (1, False), "what has come in is judged all the same"
    clock.pass_time(0.99)
    assert line.went_on == []
    clock.pass_time(0.02)
    assert line.went_on == [1.0]
    assert not line.intake.is_held


def test_bytes_cost_too() -> None:
    clock = Clock()
    rates = Rates(clock, settings())  # type: ignore[arg-type]
    assert not Line(clock, rates, "alice").send(0, 1000 * 512)
    assert Line(clock, rates, "bob").send(1, 1000 * 512)


def test_a_runaway_connection_leaves_half_to_the_others_of_its_account() -> None:
    clock = Clock()
    rates = Rates(clock, settings())  # type: ignore[arg-type]
    wild, phone = Line(clock, rates, "alice"), Line(clock, rates, "alice")
    assert wild.send(1200)
    assert not phone.send(800)
    assert phone.send(1), "that was the account's"
    assert not Line(clock, rates, "bob").send(1000), "which is nobody else's matter"


def test_connections_of_one_account_go_on_one_after_the_other() -> None:
    clock = Clock()
    rates = Rates(clock, settings())  # type: ignore[arg-type]
    lines = [Line(clock, rates, "alice") for _ in range(4)]
    assert [line.send(600) for line in lines] == [False, False, False, True]
    assert [line.send(0) for line in lines] == [True] * 4
    clock.pass_time(1.999)
    assert [line.went_on for line in lines] == [[], [], [], []]
    clock.pass_time(1)
    assert [line.went_on for line in lines] == [[2.01], [2.02], [2.03], [2.0]]


def test_the_next_waits_for_what_the_one_before_it_sends() -> None:
    clock = Clock()
    rates = Rates(clock, settings())  # type: ignore[arg-type]
    first, second, third = (Line(clock, rates, "alice") for _ in range(3))
    assert [line.send(800) for line in (first, second, third)] == [False, False, True]
    assert [line.send(0) for line in (first, second)] == [True, True]
    third.go_on = lambda: third.send(200)  # type: ignore[method-assign, return-value]
    third.intake._go_on = third.go_on
    clock.pass_time(2.5)
    assert [first.went_on, second.went_on] == [[], []], "the third has sent again, and it is that which is paid for"
    clock.pass_time(1)
    assert [first.went_on, second.went_on] == [[3.0], [3.01]]


@pytest.mark.parametrize(("command", "times"), [("SEARCH", 51), ("LIST", 51), ("CHATHISTORY", 501), ("WHO", 251)])
def test_what_reads_much_costs_more_and_when_it_is_too_much_nothing_more_is_judged(command: str, times: int) -> None:
    clock = Clock()
    line = Line(clock, Rates(clock, settings()), "alice")  # type: ignore[arg-type]
    for _ in range(times - 2):
        line.intake.judge(command)
    assert (line.intake.is_held, line.intake.rests) == (False, False)
    line.intake.judge(command)
    line.intake.judge(command)
    assert (line.intake.is_held, line.intake.rests) == (True, True)
    clock.pass_time(1)
    assert (line.intake.is_held, line.intake.rests) == (False, False)
    assert len(line.went_on) == 1


def test_other_commands_cost_what_they_cost_to_come_in() -> None:
    clock = Clock()
    line = Line(clock, Rates(clock, settings()), "alice")  # type: ignore[arg-type]
    for _ in range(5000):
        line.intake.judge("PING")
    assert not line.intake.is_held


def test_a_bot_is_ten_times_as_fast() -> None:
    clock = Clock()
    rates = Rates(clock, settings())  # type: ignore[arg-type]
    bot = Line(clock, rates, "bot", is_bot=True)
    assert [bot.send(10_000), bot.send(1)] == [False, True]


def test_who_goes_and_comes_back_has_paid_no_faster_and_is_forgotten_in_the_end() -> None:
    clock = Clock()
    rates = Rates(clock, settings())  # type: ignore[arg-type]
    for line in [Line(clock, rates, "alice") for _ in range(2)]:
        line.send(1000)
        line.intake.close()
        line.intake.close()
    again = Line(clock, rates, "alice")
    assert again.send(1)
    again.intake.close()
    clock.pass_time(9)
    assert len(rates) == 1
    clock.pass_time(2)
    assert len(rates) == 0
    assert again.went_on == [], "it was gone by then"
    assert not Line(clock, rates, "alice").send(1000)


def test_thousands_who_came_and_went_leave_nothing_behind() -> None:
    clock = Clock()
    rates = Rates(clock, settings())  # type: ignore[arg-type]
    for number in range(5000):
        line = Line(clock, rates, f"account {number}")
        line.send(number % 1500)
        line.intake.close()
    clock.pass_time(60)
    assert (len(rates), clock.timers) == (0, [])


def test_a_stranger_may_send_so_much_in_all() -> None:
    overdrawn: list[str] = []
    intake = Intake(Clock(), lambda: None, lambda: overdrawn.append("!"))  # type: ignore[arg-type]
    intake.receive(5000, STRANGER_BYTES, 1000.0)
    assert overdrawn == []
    intake.receive(0, 1, 5000.0)
    assert overdrawn == ["!"], "however slowly"

    overdrawn.clear()
    intake = Intake(Clock(), lambda: None, lambda: overdrawn.append("!"))  # type: ignore[arg-type]
    for _ in range(STRANGER_COMMANDS):
        intake.judge("CAP")
    assert overdrawn == []
    intake.judge("PING")
    assert overdrawn == ["!"]

    overdrawn.clear()
    intake = Intake(Clock(), lambda: None, lambda: overdrawn.append("!"))  # type: ignore[arg-type]
    for _ in range(20):
        intake.judge("REGISTER")
    assert overdrawn == [], "a password is looked through each time, which costs what ten others do"
    intake.judge("PING")
    assert overdrawn == ["!"]


def test_pace_takes_a_real_loop() -> None:
    """The clock above is no loop: what it stands for is asked of one here."""

    async def wait() -> float:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        rates = Rates(loop, settings(rate=1000, burst=100))
        pace: Pace = rates.enter("alice", lambda: done.set_result(None), is_bot=False)
        began = loop.time()
        assert pace.take(75, began)
        pace.wait()
        await done
        pace.close()
        return loop.time() - began

    assert asyncio.run(wait()) >= 0.05
