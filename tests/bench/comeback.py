"""A process of clients that come back at once after a restart, each as our own client does: sign in, fill the gap.

    python -m tests.bench.comeback        an order on stdin, an answer on stdout, ends with stdin

Order: {"return": {port, ca, room, since, missed: [msgid, …], members: [[name, token], …]}}. The order of the steps and
what is asked are those of `securechat.client` (signin, gaps): nothing is sent ahead of its answer.
"""

from __future__ import annotations

import base64
import gc
import os
import re
import selectors
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from securechat.client.signin import DEFAULT_PAGE, REQUIRED, WELCOME_IF_THERE
from tests.bench.members import make_context
from tests.bench.orders import answer, obey, run
from tests.bench.tls import RECORD

CAPS = " ".join([*REQUIRED, *WELCOME_IF_THERE])
PER_ADDRESS = 100
"""Clients that share an address: many homes and offices, not one, or the server would turn most of them away."""
LIMIT_SECONDS = 120.0
NICENESS = 10
"""Who talks meanwhile goes first on the cores they share: their clocks are to measure the server."""
_MSGID = re.compile(rb"\bmsgid=([0-9A-Za-z]+)[^\n]* PRIVMSG ")
_END_OF_PAGE = re.compile(rb"^[^\n]*BATCH -", re.MULTILINE)


@dataclass(frozen=True)
class Absence:
    """What everybody missed. since: the last msgid seen; missed: those after it, in order."""

    room: str
    since: str
    missed: tuple[bytes, ...]


class Returner:
    """One client; `steps` is advanced whenever the socket is ready for what it asked for last."""

    def __init__(
        self, number: int, name: str, token: str, port: int, context: ssl.SSLContext, absence: Absence
    ) -> None:
        self.name = name
        self._token = token
        self._absence = absence
        self._heard = b""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((f"127.0.1.{1 + number // PER_ADDRESS}", 0))
        with suppress(BlockingIOError):
            sock.connect(("127.0.0.1", port))
        self.fd = sock.fileno()
        self._raw = sock
        self._context = context
        self.steps = self._come_back()

    def _come_back(self) -> Iterator[int]:
        yield selectors.EVENT_WRITE
        self._tls = self._context.wrap_socket(self._raw, server_hostname="localhost", do_handshake_on_connect=False)
        yield from self._shake_hands()
        yield from self._sign_in()
        yield from self._enter_room()
        yield from self._fill_gap()

    def _shake_hands(self) -> Iterator[int]:
        while True:
            try:
                return self._tls.do_handshake()
            except ssl.SSLWantReadError:
                yield selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                yield selectors.EVENT_WRITE

    def _sign_in(self) -> Iterator[int]:
        secret = base64.b64encode(f"\0{self.name}\0{self._token}".encode()).decode()
        yield from self._exchange("CAP LS 302", rb" LS [^*\n]*\n")
        yield from self._exchange(f"CAP REQ :{CAPS}", rb" ACK [^\n]*\n")
        yield from self._exchange("AUTHENTICATE PLAIN", rb"AUTHENTICATE \+\r\n")
        yield from self._exchange(f"AUTHENTICATE {secret}", rb" 903 [^\n]*\n")

    def _enter_room(self) -> Iterator[int]:
        welcome = f"CAP END\r\nNICK {self.name}\r\nUSER {self.name} 0 * {self.name}"
        yield from self._exchange(welcome, rb" (422|376) [^\n]*\n")

    def _fill_gap(self) -> Iterator[int]:
        """Ask again until nothing is missing, while the channel's entry arrives."""
        room, since, missed = self._absence.room, self._absence.since, self._absence.missed
        last = missed[-1].decode()
        yield from self._ask_twice(1, room, since)
        entry, self._heard = self._heard, b""
        if b" 366 " not in entry or f":{self.name}!".encode() not in entry:
            raise RuntimeError(f"{self.name} was not shown {room}: {entry[-300:]!r}")
        if tuple(_MSGID.findall(entry)) != missed:
            raise RuntimeError(f"{self.name} missed {len(missed)} messages and was given {_MSGID.findall(entry)}")
        yield from self._ask_twice(3, room, last)
        if _MSGID.search(self._heard):
            raise RuntimeError(f"{self.name} was given more than was missing")

    def _ask_twice(self, label: int, room: str, after: str) -> Iterator[int]:
        targets = f"@label={label} CHATHISTORY TARGETS timestamp=2026-01-01T00:00:00.000Z"
        targets += f" timestamp=9999-12-31T23:59:59.999Z {DEFAULT_PAGE}"
        self._send(f"{targets}\r\n@label={label + 1} CHATHISTORY AFTER {room} msgid={after} {DEFAULT_PAGE}")
        while len(_END_OF_PAGE.findall(self._heard)) < 2:
            yield from self._receive()

    def _exchange(self, command: str, answer: bytes) -> Iterator[int]:
        """Send a command and take what comes until the answer is there; what follows it stays in `_heard`."""
        self._send(command)
        while not (found := re.search(answer, self._heard)):
            yield from self._receive()
        self._heard = self._heard[found.end() :]

    def _send(self, command: str) -> None:
        # A few hundred bytes always fit into the empty buffer of a socket.
        self._tls.sendall(f"{command}\r\n".encode())

    def _receive(self) -> Iterator[int]:
        try:
            data = self._tls.recv(RECORD)
        except ssl.SSLWantReadError:
            yield selectors.EVENT_READ
            return
        if not data:
            raise ConnectionError(f"{self.name} was turned away: {self._heard[-300:]!r}")
        self._heard += data


def come_back(port: int, ca: str, room: str, since: str, missed: list[str], members: list[list[str]]) -> dict[str, Any]:
    """Bring everybody back; return when it began, when everybody was back, and how long each took (all ns)."""
    context = make_context(Path(ca))
    absence = Absence(room, since, tuple(each.encode() for each in missed))
    selector = selectors.EpollSelector()
    began = time.monotonic_ns()
    everybody = [Returner(n, name, token, port, context, absence) for n, (name, token) in enumerate(members)]
    for each in everybody:
        selector.register(each.fd, next(each.steps), each)
    took: list[int] = []
    while len(took) < len(everybody):
        if time.monotonic_ns() - began > LIMIT_SECONDS * 1e9:
            raise TimeoutError(f"after {LIMIT_SECONDS:g} s only {len(took)} of {len(everybody)} are back")
        for key, _ in selector.select(1.0):
            event = _go_on(key.data, began)
            if event is None:
                took.append(time.monotonic_ns() - began)
                selector.unregister(key.fd)
            elif event != key.events:
                selector.modify(key.fd, event, key.data)
    return {"began": began, "ended": time.monotonic_ns(), "took": took}


def _go_on(client: Returner, began: int) -> int | None:
    """Take the next steps of a client; return what its socket is watched for then, None when it is back.

    Raises: ConnectionError.
    """
    try:
        return next(client.steps, None)
    except OSError as error:
        seconds = (time.monotonic_ns() - began) / 1e9
        raise ConnectionError(f"{client.name} lost its connection after {seconds:.1f} s: {error!r}") from error


def main() -> None:
    """Obey the order; the clients stay connected until stdin ends."""
    os.nice(NICENESS)
    gc.disable()

    def bring_back(**order: Any) -> None:
        answer(**come_back(**order))

    while obey({"return": bring_back}):
        pass


if __name__ == "__main__":
    run(main)
