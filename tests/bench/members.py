"""One member's connection, as cheap as Python makes it: bytes are scanned, and no line is parsed that need not be."""

from __future__ import annotations

import base64
import os
import re
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.tls import TLSLink

ROOM = "#general"
ASKS = "draft/chathistory"
"""Who has it asks for what it missed; all others are followed with PINGs, which nobody here answers."""
CAPS_OF_LISTENERS = (
    f"message-tags server-time {ASKS}",
    f"message-tags server-time account-tag batch echo-message {ASKS}",
)
"""Two ways to see a line, both with msgid: a room never has one kind of client only."""
ONCE = "securechat.internal/once"
CAPS_OF_SENDERS = f"message-tags server-time account-tag batch echo-message {ASKS} {ONCE}"
"""What senders ask for; only with ONCE among it do their messages have ids."""
TEXT_BYTES = 100
"""Length of the text of a message, its time stamp included."""
SIGN_IN_SECONDS = 30.0
KEPT = 1024
"""Bytes of what was heard before that may belong to what is waited for."""
_WELCOMED = re.compile(rb" 001 ")
_ALL_THERE = re.compile(rb" PONG [^\n]*all-there\r\n")
_SETTLED = re.compile(rb" PONG [^\n]*settled\r\n")
_STAMP = re.compile(rb" :t=(\d+) ")


def make_context(ca: Path) -> ssl.SSLContext:
    """Return what members trust."""
    return ssl.create_default_context(cafile=str(ca))


class Listener:
    """A member that counts the lines it gets. `lines` is set back between rounds; rooms: what it hears."""

    def __init__(self, name: str, tls: TLSLink, rooms: Sequence[str] = (ROOM,)) -> None:
        self.name = name
        self.tls = tls
        self.rooms = rooms
        self.lines = 0

    def settle(self) -> None:
        """Take what has come so far and forget it; the server hears from us, too, and asks nobody for a PONG soon.

        Raises: ConnectionError when the server has cut this member.
        """
        self.tls.settimeout(SIGN_IN_SECONDS)
        self.tls.sendall(b"PING :settled\r\n")
        _hear(self.tls, self.name, _SETTLED)
        self.tls.setblocking(False)
        self.lines = 0

    def take(self) -> None:
        """Take what has come.

        Raises: ConnectionError when the server has cut this member.
        """
        try:
            data = self.tls.recv()
        except BlockingIOError:
            return
        if not data:
            raise ConnectionError(f"{self.name} was cut by the server")
        self.lines += data.count(b"\n")
        self._look_at(data)

    def _look_at(self, data: bytes) -> None:
        """Look closer at what came."""


class Sampler(Listener):
    """A listener that compares the time stamp in each message with the clock."""

    def __init__(self, name: str, tls: TLSLink, rooms: Sequence[str] = (ROOM,)) -> None:
        super().__init__(name, tls, rooms)
        self.latencies: list[int] = []
        self._rest = b""

    def _look_at(self, data: bytes) -> None:
        now = time.monotonic_ns()
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        self.latencies += [now - int(sent) for sent in _STAMP.findall(whole + newline)]


class Idler(Listener):
    """A listener that gives the sign of life it is asked for."""

    def _look_at(self, data: bytes) -> None:
        if b"PING" in data:
            self.tls.sendall(b"PONG :here\r\n")


class Sender(Listener):
    """A member that talks in the first of its rooms and counts its echoes.

    with_ids: whether each message has an id of its own.
    """

    def __init__(self, name: str, tls: TLSLink, rooms: Sequence[str] = (ROOM,), with_ids: bool = True) -> None:
        super().__init__(name, tls, rooms)
        self.said = 0
        self.echoed = 0
        self._own = f" :{name}!".encode()
        self._rest = b""
        self._head = f"PRIVMSG {rooms[0]} :t=".encode()
        self._with_ids = with_ids

    def say(self, count: int) -> None:
        """Send messages in one packet."""
        stamp = b"%d " % time.monotonic_ns()
        text = self._head + stamp.ljust(TEXT_BYTES - 2, b"x") + b"\r\n"
        if self._with_ids:
            ids = [os.urandom(16).hex().encode() for _ in range(count)]
            self.tls.sendall(b"".join([b"@securechat.internal/id=" + each + b" " + text for each in ids]))
        else:
            self.tls.sendall(text * count)
        self.said += count

    def _look_at(self, data: bytes) -> None:
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        self.echoed += (whole + newline).count(self._own)


KINDS: dict[str, type[Listener]] = {"listener": Listener, "sampler": Sampler, "idler": Idler}


def sign_in(kind: str, name: str, token: str, caps: str, port: int, context: ssl.SSLContext) -> Listener:
    """Connect, sign in and return the member once it is in the channels of its account.

    Raises: ConnectionError when the server does not let it in.
    """
    return come_in(kind, name, knock(name, token, caps, port, context), (), with_ids=ONCE in caps.split())


def knock(name: str, token: str, caps: str, port: int, context: ssl.SSLContext) -> TLSLink:
    """Connect and say who it is, all in one packet. token: "" where there are no accounts."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=SIGN_IN_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = TLSLink(sock, context, "localhost")
    secret = base64.b64encode(f"\0{name}\0{token}".encode()).decode()
    with_sasl = ["AUTHENTICATE PLAIN", f"AUTHENTICATE {secret}"] if token else []
    hello = [f"CAP REQ :{'sasl ' if token else ''}{caps}", f"NICK {name}", f"USER {name} 0 * :{name}"]
    _say(tls, *hello, *with_sasl, "CAP END")
    return tls


def come_in(kind: str, name: str, tls: TLSLink, rooms: Sequence[str], *, with_ids: bool) -> Listener:
    """Wait for the welcome and return the member once it is in its channels.

    rooms: to join; those that an account is in already need not be named.

    Raises: ConnectionError when the server does not let it in.
    """
    _hear(tls, name, _WELCOMED)
    _say(tls, *([f"JOIN {','.join(rooms)}"] if rooms else []), "PING :all-there")
    _hear(tls, name, _ALL_THERE)
    tls.setblocking(False)
    heard = rooms or (ROOM,)
    return Sender(name, tls, heard, with_ids) if kind == "sender" else KINDS[kind](name, tls, heard)


def _say(tls: TLSLink, *commands: str) -> None:
    tls.sendall("".join(f"{command}\r\n" for command in commands).encode())


def _hear(tls: TLSLink, name: str, what: re.Pattern[bytes]) -> None:
    """Read until something was said; what comes with it or before is thrown away.

    Raises: ConnectionError when the server says good-bye instead.
    """
    heard = b""
    while not what.search(heard):
        data = tls.recv()
        if not data:
            raise ConnectionError(f"{name} was turned away: {heard.decode(errors='replace')[-300:]}")
        heard = heard[-KEPT:] + data
