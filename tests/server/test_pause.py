"""The pause between two fan-outs, on a clock of its own."""

from __future__ import annotations

import pytest

from securechat.server.pause import Pause


class Hands:
    """A clock that only a fan-out or the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("fan_out", "later", "remaining"),
    [
        (0.0, 0.0, 0.0),
        (0.001, 0.0, 0.002),
        (0.001, 0.0015, 0.0005),
        (0.001, 0.002, 0.0),
        (0.001, 50.0, 0.0),
        (0.004, 0.0, 0.008),
        (0.005, 0.0, 0.01),
        (3.0, 0.0, 0.01),
    ],
)
def test_a_pause_is_twice_its_fan_out_and_never_longer_than_ten_milliseconds(
    fan_out: float, later: float, remaining: float
) -> None:
    clock = Hands()
    pause = Pause(clock)
    pause.follow(lambda: clock.work(fan_out))
    clock.work(later)
    assert pause.remaining == pytest.approx(remaining, abs=1e-9)


def test_the_first_fan_out_waits_for_nothing() -> None:
    assert Pause(Hands()).remaining == 0.0
