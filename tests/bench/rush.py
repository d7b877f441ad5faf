"""A process in which many give a password at the same moment, while a member who is in already times its PINGs.

    python -m tests.bench.rush        orders on stdin, answers on stdout, ends with stdin

Orders: {"enter": {port, ca, name, token}}: the member. {"rush": {members: [[name, password], …]}}: they connect and
come as far as their password, and give it all at once. {"guess": …}: the same, and all of them are to be refused.
"""

from __future__ import annotations

import base64
import re
import selectors
import socket
import ssl
import time
from pathlib import Path
from typing import Any

from tests.bench.members import make_context, sign_in
from tests.bench.orders import answer, obey, run
from tests.bench.tls import TLSLink

PING_NS = 5_000_000
LIMIT_SECONDS = 120.0
_PONG = re.compile(rb" :?p(\d+)\r\n")


class Member:
    """Sends a PING every 5 ms, whether the last one was answered or not, and times the answers (ns)."""

    def __init__(self, tls: TLSLink) -> None:
        self.tls = tls
        self.round_trips: list[int] = []
        self._next = 0
        self._rest = b""

    def ping(self) -> None:
        """Send what is due; a PING that is late is timed from when it was due."""
        now = time.monotonic_ns()
        self._next = self._next or now
        while self._next <= now:
            self.tls.sendall(b"PING p%d\r\n" % self._next)
            self._next += PING_NS

    def take(self) -> None:
        """Take what has come."""
        try:
            data = self.tls.recv()
        except BlockingIOError:
            return
        now = time.monotonic_ns()
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        self.round_trips += [now - int(sent) for sent in _PONG.findall(whole + newline)]

    def rest(self) -> list[int]:
        """Wait for the last answers and return all of them; the next PING begins anew."""
        self.tls.settimeout(LIMIT_SECONDS)
        self.tls.sendall(b"PING last\r\n")
        while b" last\r\n" not in self._rest and b":last\r\n" not in self._rest:
            self._rest += self.tls.recv()
        now = time.monotonic_ns()
        answered = self.round_trips + [now - int(sent) for sent in _PONG.findall(self._rest)]
        self.tls.setblocking(False)
        self.round_trips, self._rest, self._next = [], b"", 0
        return answered


class Guest:
    """Signs in by password. `arrived` is when it had the answer that it is to have (ns), 0 before."""

    _expected = b" 001 "

    def __init__(self, name: str, password: str, port: int, context: ssl.SSLContext) -> None:
        self.name = name
        self.arrived = 0
        self._secret = base64.b64encode(f"\0{name}\0{password}".encode())
        sock = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = TLSLink(sock, context, "localhost")
        self.tls.sendall(f"CAP REQ :sasl\r\nNICK {name}\r\nUSER {name} 0 * {name}\r\nAUTHENTICATE PLAIN\r\n".encode())
        self._heard = b""
        while b"AUTHENTICATE +\r\n" not in self._heard:
            self._heard += self.tls.recv()
        self.tls.setblocking(False)

    def give_password(self) -> None:
        """Take the last step."""
        self.tls.sendall(b"AUTHENTICATE " + self._secret + b"\r\nCAP END\r\n")

    def take(self) -> None:
        """Take what has come.

        Raises: ConnectionError when the server does not let it in.
        """
        try:
            data = self.tls.recv()
        except BlockingIOError:
            return
        self._heard += data
        if self.arrived:
            return
        if self._expected in self._heard:
            self.arrived = time.monotonic_ns()
        elif not data or b" 904 " in self._heard:
            raise ConnectionError(f"{self.name} was not let in: {self._heard[-300:]!r}")


class Guesser(Guest):
    """Gives a wrong password."""

    _expected = b" 904 "


class Rush:
    """The member, and where it and the guests go."""

    def __init__(self, port: int, ca: str, name: str, token: str) -> None:
        self._port = port
        self._context = make_context(Path(ca))
        self._selector = selectors.EpollSelector()
        self._member = Member(sign_in("listener", name, token, "message-tags", port, self._context).tls)
        self._selector.register(self._member.tls, selectors.EVENT_READ, self._member)

    def let_in(self, members: list[list[str]], kind: type[Guest] = Guest) -> dict[str, Any]:
        """Let them all give their passwords at once; return when each was answered, and the PINGs meanwhile (ns).

        latest: the longest that this process itself kept its sockets waiting.
        """
        guests = [kind(name, password, self._port, self._context) for name, password in members]
        for guest in guests:
            self._selector.register(guest.tls, selectors.EVENT_READ, guest)
        began = turned = time.monotonic_ns()
        latest = 0
        for guest in guests:
            guest.give_password()
        while not all(guest.arrived for guest in guests):
            if time.monotonic_ns() - began > LIMIT_SECONDS * 1e9:
                raise TimeoutError(f"not everybody was answered after {LIMIT_SECONDS:g} s")
            for key, _ in self._selector.select(0.001):
                key.data.take()
            self._member.ping()
            latest, turned = max(latest, time.monotonic_ns() - turned), time.monotonic_ns()
        for guest in guests:
            self._selector.unregister(guest.tls)
            guest.tls.close()
        took = [guest.arrived - began for guest in guests]
        return {"took": took, "round_trips": self._member.rest(), "latest": latest}


def main() -> None:
    """Obey orders until stdin ends."""
    inside: list[Rush] = []

    def enter(**who: Any) -> None:
        inside.append(Rush(**who))
        answer(entered=1)

    def let_in(members: list[list[str]]) -> None:
        answer(**inside[0].let_in(members))

    def refuse(members: list[list[str]]) -> None:
        answer(**inside[0].let_in(members, Guesser))

    while obey({"enter": enter, "rush": let_in, "guess": refuse}):
        pass


if __name__ == "__main__":
    run(main)
