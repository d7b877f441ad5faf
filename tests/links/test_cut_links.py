"""A link that dies after any byte of a conversation loses nothing, doubles nothing and changes no order. (C3, C4, C5)

The whole client (securechat.client.Link) talks through a proxy to a real server over real TLS. Its first connection is
cut, both ways at once, after exactly k bytes of ciphertext towards the server or towards the client, by FIN or by RST;
the next one holds. What was said, what is stored and what was shown must then be the same, each message once.

k goes from 0 past the end of the conversation, every 21 bytes, by FIN and by RST in turn. To the ends of a link a TLS
record is there as a whole or not at all, and none is shorter than 22 bytes (RFC 8446, 5.2) but for the 6 of a
ChangeCipherSpec, so no record of the conversation is left out. With SECURECHAT_EVERY_BYTE=1 in the environment it is
every byte, in both manners (six minutes). Not covered: a link that is cut twice.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Mapping
from itertools import product
from pathlib import Path

import pytest

from securechat.client import Outgoing, signin
from securechat.client.gaps import Gaps
from securechat.client.session import ONCE_TAG, ClientSession
from securechat.config import Chat, Config
from tests.links.conversation import Lanes, Report, running_lanes
from tests.links.proxy import Cut, Direction
from tests.server.harness import RunningServer, running_server

EVERY_BYTE = bool(os.environ.get("SECURECHAT_EVERY_BYTE"))
STRIDE = 1 if EVERY_BYTE else 42
MARGIN = 150
"""Bytes by which conversations differ in length: signatures do, and what leaves in one record today may leave in two."""
MANNERS: tuple[tuple[Direction, bool], ...] = tuple(product(("to the server", "to the client"), (False, True)))

PAGE = 40
LONG = [f"{number} {'x' * 400}" for number in range(90)]
"""What makes three pages of history, the first two of them longer than a TLS record."""
PAGE_STRIDE = 97 if EVERY_BYTE else 1999


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, Config(chat=Chat(default_channels=[]))) as server:
        yield server


@pytest.fixture
async def lanes(server: RunningServer, tmp_path: Path) -> AsyncIterator[Lanes]:
    async with running_lanes(server, tmp_path) as lanes:
        yield lanes


def cuts_along(lengths: Mapping[Direction, int], stride: int) -> list[Cut]:
    """Return cuts from the first byte past the end of a conversation; those by RST lie between those by FIN."""
    cuts: list[Cut] = []
    for direction, reset in MANNERS:
        positions = range(stride // 2 if reset else 0, lengths[direction] + MARGIN + stride, stride)
        cuts += [Cut(direction, position, reset) for position in positions]
    return cuts


async def measure(lanes: Lanes) -> dict[Direction, int]:
    """Return how long a conversation is that nobody cuts, and find nothing wrong with it."""
    report = await lanes.hold([None] * 16)
    assert report.findings == []
    return report.carried


def check_coverage(report: Report, lengths: Mapping[Direction, int], direction: Direction, stride: int) -> None:
    """Check that links were really cut, from the beginning until there was nothing left to cut."""
    assert lengths[direction] - MARGIN - stride <= report.reached[direction] < lengths[direction] + MARGIN


@pytest.mark.timeout(1800 if EVERY_BYTE else 120)
async def test_a_link_cut_after_any_byte_loses_nothing_and_doubles_nothing(lanes: Lanes) -> None:
    lengths = await measure(lanes)
    report = await lanes.hold(cuts_along(lengths, STRIDE))
    assert report.findings == []
    check_coverage(report, lengths, "to the server", STRIDE)
    check_coverage(report, lengths, "to the client", STRIDE)


@pytest.mark.timeout(1800 if EVERY_BYTE else 120)
async def test_a_link_cut_in_the_middle_of_pages_of_history_leaves_no_gap(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signin, "DEFAULT_PAGE", PAGE)
    async with running_lanes(server, tmp_path, LONG) as lanes:
        lengths = await measure(lanes)
        assert lengths["to the client"] > 90 * 400
        cuts = [cut for cut in cuts_along(lengths, PAGE_STRIDE) if cut.direction == "to the client"]
        report = await lanes.hold(cuts)
    assert report.findings == []
    check_coverage(report, lengths, "to the client", PAGE_STRIDE)


# What the same conversations find in clients that are broken


async def test_control_a_client_that_repeats_with_a_new_id_is_found_to_double(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send_message(self: ClientSession, message: Outgoing) -> None:
        tags = {ONCE_TAG: str(uuid.uuid4())}
        self._ask(message.command, (message.target, message.text), message, tags)

    monkeypatch.setattr(ClientSession, "send_message", send_message)
    report = await lanes.hold(cuts_along(await measure(lanes), 83))
    assert [each for each in report.findings if "in history: lost [], doubled ['" in each]


async def test_control_a_client_that_fills_no_gaps_is_found_to_miss(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gaps, "take", lambda self, event: [event])
    monkeypatch.setattr(Gaps, "take_requests", lambda self: [])
    report = await lanes.hold([None])
    assert [each for each in report.findings if "on the screen: lost ['" in each]
    assert not [each for each in report.findings if "in history" in each]
