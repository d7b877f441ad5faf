"""Whatever comes in, of whatever kind: nobody else notices, nothing reaches the loop, the log stays one line an event.

Attack: 20,000 seeded inputs; `scripts/fuzz --count 1000000` by hand. Expected: two witnesses talk throughout and hear each
other in order, every line that anybody gets is one that the texts allow, no internal error, nobody signs in without the
password. Controls: products broken on purpose are found within a few thousand inputs, each for its own reason.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.adversarial.unguarded import without
from tests.fuzz.inputs import MAKERS, SHARES, make_line
from tests.fuzz.oracle import FuzzFailure
from tests.fuzz.run import fuzz

KINDS = {"lines", "sasl", "frames", "http", "tls", "proxy"}


@pytest.mark.parametrize("seed", [6697, 6698])
async def test_ten_thousand_inputs_of_every_kind_harm_nobody(tmp_path: Path, seed: int) -> None:
    report = await fuzz(tmp_path, seed=seed, count=10_000)
    assert sum(report.inputs.values()) == 10_000
    assert set(report.inputs) == set(report.replies) == KINDS
    assert report.said == 200
    assert report.replies["lines"]["relayed"] > 500
    assert report.replies["frames"]["relayed"] > 20
    assert report.replies["sasl"]["9xx"] > 500


@pytest.mark.parametrize(
    ("check", "kinds", "reason"),
    [
        ("handlers-that-work", ["lines"], "internal error"),
        ("handlers-that-return", ["lines"], "loop: "),
        ("lines-that-are-encoded", ["lines"], "malformed"),
        ("passwords-that-count", ["sasl"], "signed in by"),
        ("messages-told-once", ["lines"], "instead of"),
        ("what-is-no-tls-gets-nothing", ["tls"], "was answered"),
    ],
)
async def test_control_a_product_that_lacks_something_is_found_within_5000_inputs(
    tmp_path: Path, check: str, kinds: list[str], reason: str
) -> None:
    with without(check), pytest.raises(FuzzFailure) as caught:
        await fuzz(tmp_path, seed=6697, count=5000, kinds=kinds)
    assert reason in str(caught.value).splitlines()[0]


def test_the_same_seed_makes_the_same_inputs_and_another_one_others() -> None:
    assert set(MAKERS) == set(SHARES) == KINDS
    made = [[make_line(random.Random(f"{seed}/0/lines")).sent for _ in range(50)] for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
