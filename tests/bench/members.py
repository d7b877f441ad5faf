"""One member's connection, as cheap as Python makes it: bytes are scanned, and no line is parsed that need not be."""

from __future__ import annotations

import base64
import os
import re
import socket
import ssl
import time
from pathlib import Path

ROOM = "#general"
CAPS_OF_LISTENERS = ("message-tags server-time", "message-tags server-time account-tag batch echo-message")
"""Two ways to see a line, both with msgid: a room never has one kind of client only."""
CAPS_OF_SENDERS = "message-tags server-time account-tag batch echo-message securechat.internal/once"
TEXT_BYTES = 100
"""Length of the text of a message, its time stamp included."""
RECORD = 16_384
"""Bytes of plaintext in one TLS record, and so the most that one read returns."""
SIGN_IN_SECONDS = 30.0
_STAMP = re.compile(rb" :t=(\d+) ")


def make_context(ca: Path) -> ssl.SSLContext:
    """Return what members trust."""
    return ssl.create_default_context(cafile=str(ca))


class Listener:
    """A member that counts the lines it gets. `lines` is set back between rounds."""

    def __init__(self, name: str, tls: ssl.SSLSocket) -> None:
        self.name = name
        self.tls = tls
        self.lines = 0

    def take(self) -> None:
        """Take what has come, at most one TLS record: the selector announces the next.

        Raises: ConnectionError when the server has cut this member.
        """
        try:
            data = self.tls.recv(RECORD)
        except ssl.SSLWantReadError:
            return
        if not data:
            raise ConnectionError(f"{self.name} was cut by the server")
        self.lines += data.count(b"\n")
        self._look_at(data)

    def _look_at(self, data: bytes) -> None:
        """Look closer at what came."""


class Sampler(Listener):
    """A listener that compares the time stamp in each message with the clock."""

    def __init__(self, name: str, tls: ssl.SSLSocket) -> None:
        super().__init__(name, tls)
        self.latencies: list[int] = []
        self._rest = b""

    def _look_at(self, data: bytes) -> None:
        now = time.monotonic_ns()
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        self.latencies += [now - int(sent) for sent in _STAMP.findall(whole + newline)]


class Sender(Listener):
    """A member that talks, each message with an id of its own, and counts its echoes."""

    def __init__(self, name: str, tls: ssl.SSLSocket) -> None:
        super().__init__(name, tls)
        self.said = 0
        self.echoed = 0
        self._own = f" :{name}!".encode()
        self._rest = b""
        self._unsent = b""
        self._head = f"PRIVMSG {ROOM} :t=".encode()

    def say(self, count: int) -> None:
        """Send messages in one packet."""
        stamp = b"%d " % time.monotonic_ns()
        text = self._head + stamp.ljust(TEXT_BYTES - 2, b"x") + b"\r\n"
        ids = [os.urandom(16).hex().encode() for _ in range(count)]
        self._unsent += b"".join([b"@securechat.internal/id=" + each + b" " + text for each in ids])
        self.said += count
        self.send()

    def send(self) -> None:
        """Send what waits, as far as the server takes it; a write that was refused is repeated with the same bytes."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.tls.send(self._unsent) :]
        except ssl.SSLWantWriteError:
            pass

    def _look_at(self, data: bytes) -> None:
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        self.echoed += (whole + newline).count(self._own)


KINDS: dict[str, type[Listener]] = {"listener": Listener, "sampler": Sampler, "sender": Sender}


def sign_in(kind: str, name: str, token: str, caps: str, port: int, context: ssl.SSLContext) -> Listener:
    """Connect and sign in, all commands in one packet, and return the member once it is in its channels.

    Raises: ConnectionError when the server does not let it in.
    """
    sock = socket.create_connection(("127.0.0.1", port), timeout=SIGN_IN_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = context.wrap_socket(sock, server_hostname="localhost")
    secret = base64.b64encode(f"\0{name}\0{token}".encode()).decode()
    commands = [f"CAP REQ :sasl {caps}", f"NICK {name}", f"USER {name} 0 * :{name}", "AUTHENTICATE PLAIN"]
    commands += [f"AUTHENTICATE {secret}", "CAP END", "PING :all-there"]
    tls.sendall("".join(f"{command}\r\n" for command in commands).encode())
    heard = b""
    while not re.search(rb" PONG [^\n]*all-there\r\n$", heard):
        data = tls.recv(RECORD)
        if not data:
            raise ConnectionError(f"{name} was turned away: {heard.decode(errors='replace')[-300:]}")
        heard += data
    if b" 001 " not in heard:
        raise ConnectionError(f"{name} was not let in: {heard.decode(errors='replace')[-300:]}")
    tls.setblocking(False)
    return KINDS[kind](name, tls)
