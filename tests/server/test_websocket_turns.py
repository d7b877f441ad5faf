"""How much a WebSocket takes at once, by a clock and a loop that a test moves itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from securechat.server import websocket
from securechat.server.websocket import PIECE, WebSocket

EMPTY = Frame(Opcode.TEXT, b"").serialize(mask=True)
PINGS = b"".join(Frame(Opcode.TEXT, b"PING %d" % number).serialize(mask=True) for number in range(1000))
LINES = b"".join(b"PING %d\r\n" % number for number in range(1000))


class Loop:
    """A millisecond passes each time somebody looks at the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.soon: list[Callable[[], None]] = []

    def time(self) -> float:
        self.now += 0.001
        return self.now

    def call_soon(self, call: Callable[[], None]) -> None:
        self.soon.append(call)

    def turn(self) -> None:
        calls, self.soon = self.soon, []
        for call in calls:
            call()


class Wire:
    """A transport that notes whether it is read."""

    queued = 0

    def __init__(self) -> None:
        self.is_read = True
        self.aborted: list[str] = []

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def abort(self, reason: str) -> None:
        self.aborted.append(reason)


class Hearer:
    """A connection that notes what it hears, and can have enough of it."""

    def __init__(self) -> None:
        self.heard = b""
        self.when_heard: Callable[[], None] = lambda: None

    def received(self, data: bytes, size: int) -> None:
        assert 0 < size <= PIECE
        self.heard += data
        self.when_heard()


class Scene:
    def __init__(self) -> None:
        self.loop, self.wire, self.hearer = Loop(), Wire(), Hearer()
        parts: Any = (self.loop, self.wire, ServerProtocol(state=OPEN), self.hearer)
        self.socket = WebSocket(*parts)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_takes_longer_than_a_turn_goes_on_in_the_next_and_nothing_is_read_meanwhile(scene: Scene) -> None:
    scene.socket.received(PINGS)
    taken = [scene.hearer.heard.count(b"\n")]
    assert not scene.wire.is_read
    while scene.loop.soon:
        scene.loop.turn()
        taken.append(scene.hearer.heard.count(b"\n"))
    assert scene.hearer.heard == LINES
    assert scene.wire.is_read
    # Four looks at the clock are a turn: not much more than four pieces of 2048 bytes, of 14 bytes a frame.
    assert taken[0] < 800
    assert len(taken) > 1


def test_control_without_an_end_of_the_turn_all_is_taken_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "TURN_SECONDS", 1000.0)
    scene.socket.received(PINGS)
    assert scene.hearer.heard == LINES
    assert scene.loop.soon == []


def test_a_connection_that_has_enough_gets_no_more_until_it_wants_it(scene: Scene) -> None:
    scene.hearer.when_heard = scene.socket.pause_reading
    scene.socket.received(PINGS)
    first = len(scene.hearer.heard)
    assert 0 < first < 2048
    assert not scene.wire.is_read
    assert scene.loop.soon == []
    scene.hearer.when_heard = lambda: None
    scene.socket.resume_reading()
    scene.socket.resume_reading()
    while scene.loop.soon:
        scene.loop.turn()
    assert scene.hearer.heard == LINES
    assert scene.wire.is_read


def test_an_error_of_ours_in_a_later_turn_ends_this_connection(scene: Scene) -> None:
    def fail() -> None:
        raise RuntimeError("ours")

    scene.socket.received(PINGS)
    scene.hearer.when_heard = fail
    with pytest.raises(RuntimeError, match="ours"):
        scene.loop.turn()
    assert scene.wire.aborted == ["internal error"]
    scene.loop.turn()
    assert scene.hearer.heard.count(b"\n") < 1000


def test_frames_without_anything_in_them_are_a_sign_of_life_and_no_lines(scene: Scene) -> None:
    heard = []
    scene.hearer.when_heard = lambda: heard.append(scene.hearer.heard)
    scene.socket.received(EMPTY)
    assert heard == [b"\r\n"]
