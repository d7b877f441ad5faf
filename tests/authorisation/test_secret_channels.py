"""To an outsider a secret channel and one that is not there are the same: in every byte, in work done, and in time.

`#c` is the scene's secret channel, `#d` does not exist.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import securechat
from tests.authorisation.scene import Company, Scene, company, read_requests

OUTSIDERS = ("stranger", "banned", "former", "admin")
ABOUT_THE_CHANNEL = {
    name: lines for name, lines in read_requests().items() if name != "join" and any("#c" in line for line in lines)
}
TIMED = {
    "names": "NAMES #c",
    "who": "WHO #c",
    "mode": "MODE #c",
    "topic": "TOPIC #c",
    "privmsg": "PRIVMSG #c :hello",
    "history": "CHATHISTORY LATEST #c * 50",
    "markread": "MARKREAD #c",
    "redact": "REDACT #c {m1}",
    "search": "SEARCH in=#c;text=alpha",
}
"""Each is answered with a line at least."""
CALLS = 200
SHARE = 0.1
"""By how much two medians may differ."""
TRIES = 5
"""The machine does other things too: a difference that is there is there every time, a disturbance is not."""
SOURCES = str(Path(securechat.__file__).parent)


def of_absent(line: str) -> str:
    return line.replace("#c", "#d")


def comparable(answer: list[bytes]) -> list[bytes]:
    """Return an answer with the name and what differs between any two answers (time, names of batches) made the same."""
    return [re.sub(rb"(BATCH [+-]|batch=|time=)[^ ;\r]+", rb"\1", line.replace(b"#d", b"#c")) for line in answer]


@pytest.mark.parametrize("actor", OUTSIDERS)
async def test_every_answer_is_the_same_to_the_byte(tmp_path: Path, actor: str) -> None:
    async with company(tmp_path, actor) as people:
        scene = await people.set_scene("secret")
        for name, lines in ABOUT_THE_CHANNEL.items():
            secret = await people.answer(lines, scene)
            absent = await people.answer([of_absent(line) for line in lines], scene)
            assert comparable(secret) == comparable(absent), name


@pytest.mark.parametrize("name", ["names", "who", "topic", "mode", "list", "part", "privmsg"])
async def test_a_channel_that_is_no_secret_is_told_apart(tmp_path: Path, name: str) -> None:
    """The control: where there is a difference, the comparison finds it."""
    async with company(tmp_path, "stranger") as people:
        scene = await people.set_scene("open")
        lines = ABOUT_THE_CHANNEL[name]
        there = await people.answer(lines, scene)
        assert comparable(there) != comparable(await people.answer([of_absent(line) for line in lines], scene))


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """Count the bytecodes that the server's own code executes meanwhile, in this thread."""
    count = {"bytecodes": 0}

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(SOURCES):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return step

    def step(_frame: FrameType, event: str, _argument: Any) -> Any:
        count["bytecodes"] += event == "opcode"
        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield count
    finally:
        sys.settrace(before)


async def work_of(people: Company, scene: Scene, line: str | None) -> int:
    """Return how many bytecodes a request takes: the median, as a timer may be due and Python 3.12 misses some at first."""
    counts = []
    for _ in range(5):
        with counted() as count:
            await people.answer([line] if line else [], scene)
        counts.append(count["bytecodes"])
    return statistics.median_low(counts)


async def works(people: Company, kind: str, line: str) -> tuple[int, int]:
    """Return what a request costs for the scene's channel and for an absent one, the fence behind it left out."""
    scene = await people.set_scene(kind)
    fence = await work_of(people, scene, None)
    there, absent = await work_of(people, scene, line), await work_of(people, scene, of_absent(line))
    await people.strike(scene)
    return there - fence, absent - fence


async def test_a_secret_channel_takes_as_much_work_as_none(tmp_path: Path) -> None:
    async with company(tmp_path, "stranger") as people:
        for name, line in TIMED.items():
            there, absent = await works(people, "secret", line)
            assert min(there, absent) > 200, f"{name}: the count saw nothing"
            assert abs(there - absent) < SHARE * min(there, absent), name


async def test_work_that_differs_is_noticed(tmp_path: Path) -> None:
    """The control: an open channel's members are looked up and worded, an absent one's are not."""
    async with company(tmp_path, "stranger") as people:
        there, absent = await works(people, "open", TIMED["who"])
    assert there > (1 + SHARE) * absent


async def medians(people: Company, scene: Scene, line: str) -> tuple[float, float]:
    """Return the median seconds to the first line of the answer, for the secret and the absent channel, asked in turns."""
    lines = (line, of_absent(line))
    taken: tuple[list[float], list[float]] = ([], [])
    for i in range(2 * CALLS):
        began = time.perf_counter()
        people.asker.send(lines[i % 2].format(**scene.said))
        await people.asker.reader.readline()
        taken[i % 2].append(time.perf_counter() - began)
        await people.answer([], scene)
    return statistics.median(taken[0]), statistics.median(taken[1])


@pytest.mark.parametrize("name", TIMED)
async def test_a_secret_channel_takes_as_long_as_none(tmp_path: Path, name: str) -> None:
    async with company(tmp_path, "stranger") as people:
        scene = await people.set_scene("secret")
        found = []
        for _ in range(TRIES):
            secret, absent = await medians(people, scene, TIMED[name])
            found.append(f"{secret * 1e6:.0f} and {absent * 1e6:.0f} µs")
            if abs(secret - absent) < SHARE * min(secret, absent):
                return
    pytest.fail(f"medians differ each time: {found}")


async def test_time_that_differs_is_noticed(tmp_path: Path) -> None:
    """The control: WHO of an open channel takes longer than of none."""
    async with company(tmp_path, "stranger") as people:
        scene = await people.set_scene("open")
        there, absent = await medians(people, scene, TIMED["who"])
    assert there > (1 + SHARE) * absent
