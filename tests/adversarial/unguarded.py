"""The product with one check taken out, the way somebody could have written it: the attack that it is for must succeed then.

In a test: `with without("sign-in-limit"): …`. As a process: `python -m tests.adversarial.unguarded CHECK …`. The plugin of
`tests/controls/broken.py` knows them too: `SECURECHAT_BROKEN=sign-in-limit pytest -p tests.controls.broken …`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from securechat.auth.passwords import PasswordChecker, PasswordVerdict
from securechat.chat.ask import Ask
from securechat.chat.commands import COMMANDS
from securechat.chat.effects import Effect
from securechat.server import intake
from securechat.server.connection import Connection
from securechat.server.deadline import Deadline
from securechat.server.entrance import Entrance
from securechat.server.listener import Listener
from securechat.server.strangers import ConnectionLimits, Place
from securechat.server.tls import FIRST_BYTES, may_be_tls
from securechat.server.transport import Transport
from securechat.storage.sqlite import batch
from securechat.storage.sqlite.batch import Batch
from securechat.wire import message

Patch = pytest.MonkeyPatch
FOREVER = 1e6


def break_handlers(patch: Patch) -> None:
    """Have a handler read one character too many where there is a bidi control."""
    _replace_handler(patch, "SETNAME", lambda ask: ask.param(0)[9999] if "\u202e" in ask.param(0) else "")


def break_callbacks(patch: Patch) -> None:
    """Have a handler leave something behind that raises when nobody is there to catch it."""
    _replace_handler(patch, "SETNAME", lambda ask: asyncio.get_running_loop().call_soon(int, ask.param(0)))


def _replace_handler(patch: Patch, name: str, act: Callable[[Ask], object]) -> None:
    command = COMMANDS[name]

    def handle(ask: Ask) -> Iterable[Effect]:
        act(ask)
        return command.handler(ask)

    patch.setitem(COMMANDS, name, dataclasses.replace(command, handler=handle))


def escape_nothing(patch: Patch) -> None:
    """Put tag values on the wire as they are."""
    patch.setattr(message, "escape_tag_value", lambda value: value)


def believe_passwords(patch: Patch) -> None:
    """Find every password right whose account is there."""

    def believe(self: PasswordChecker, verifier: str | None, secret: bytes) -> PasswordVerdict:
        return PasswordVerdict(ok=verifier is not None)

    patch.setattr(PasswordChecker, "_verify", believe)


def tell_twice(patch: Patch) -> None:
    """Tell what was said once more, now and then."""
    send, write, turn = Transport.send_live, Transport.write_live, itertools.count(1)
    patch.setattr(Transport, "send_live", lambda self, lines: send(self, lines * (1 + (next(turn) % 7 == 0))))
    patch.setattr(Transport, "write_live", lambda self, lines: write(self, lines * (1 + (next(turn) % 7 == 0))))


def greet_everybody(patch: Patch) -> None:
    """Tell whoever begins with anything but TLS where they are."""
    begin = Transport._on_first_bytes

    def greet(self: Transport) -> None:
        if not may_be_tls(self._sock.recv(FIRST_BYTES, socket.MSG_PEEK)):
            self._sock.send(b"ERROR :this port speaks TLS\r\n")
        begin(self)

    patch.setattr(Transport, "_on_first_bytes", greet)


def shake_forever(patch: Patch) -> None:
    """Wait for a handshake as long as it takes."""
    begin = Listener.__init__

    def begin_patiently(self: Listener, *args: Any, **options: Any) -> None:
        begin(self, *args, **{**options, "handshake_timeout": FOREVER})

    patch.setattr(Listener, "__init__", begin_patiently)


def sign_in_forever(patch: Patch) -> None:
    """Wait for a sign-in as long as it takes."""
    begin, enter = Deadline.__init__, Entrance.connected

    def begin_patiently(self: Deadline, loop: Any, _seconds: float, passed: Callable[[], None]) -> None:
        begin(self, loop, FOREVER, passed)

    def enter_patiently(self: Entrance, transport: Transport) -> None:
        enter(self, transport)
        if self._timer is not None:
            self._timer.cancel()

    patch.setattr(Deadline, "__init__", begin_patiently)
    patch.setattr(Entrance, "connected", enter_patiently)


def admit_everybody(patch: Patch) -> None:
    """Have room for any number of strangers."""

    def admit(self: ConnectionLimits, address: str) -> Place:
        return Place(address)

    patch.setattr(ConnectionLimits, "admit", admit)
    patch.setattr(ConnectionLimits, "release", lambda self, place: None)


def listen_to_strangers(patch: Patch) -> None:
    """Let strangers say as much as they like."""
    patch.setattr(intake, "STRANGER_BYTES", 1 << 40)
    patch.setattr(intake, "STRANGER_COMMANDS", 1 << 40)


def trust_epochs(patch: Patch) -> None:
    """Store what was judged on a state that has passed."""
    patch.setattr(Batch, "_epochs_hold", lambda self, append: True)


def remember_everybody(patch: Patch) -> None:
    """Keep every connection there ever was, with what it is read into."""
    kept: list[tuple[Connection, bytearray]] = []
    begin = Connection.connected

    def begin_for_good(self: Connection, transport: Any) -> None:
        kept.append((self, bytearray(b"x" * 16_384)))
        begin(self, transport)

    patch.setattr(Connection, "connected", begin_for_good)
    patch.setattr(Connection, "closed", lambda self, reason: None)


def believe_the_clock(patch: Patch) -> None:
    """Give each record the time that the clock shows."""
    patch.setattr(batch, "next_time", lambda now, last: now)


def allow_all_tls(patch: Patch) -> None:
    """Make contexts as Python makes them."""
    from securechat.server import tls

    patch.setattr(tls, "restrict_groups", lambda context: None)
    patch.setattr(tls, "check_context", lambda context: None)


CHECKS: dict[str, Callable[[Patch], None]] = {
    "handlers-that-work": break_handlers,
    "handlers-that-return": break_callbacks,
    "lines-that-are-encoded": escape_nothing,
    "passwords-that-count": believe_passwords,
    "messages-told-once": tell_twice,
    "what-is-no-tls-gets-nothing": greet_everybody,
    "handshake-limit": shake_forever,
    "sign-in-limit": sign_in_forever,
    "strangers-limit": admit_everybody,
    "strangers-total": listen_to_strangers,
    "epochs": trust_epochs,
    "forgetting": remember_everybody,
    "times-that-do-not-run-back": believe_the_clock,
    "tls-groups": allow_all_tls,
}


@contextmanager
def without(check: str) -> Iterator[None]:
    """Take a check out for a while."""
    with Patch.context() as patch:
        CHECKS[check](patch)
        yield


if __name__ == "__main__":
    CHECKS[sys.argv.pop(1)](Patch())
    from securechat.cli.server import main

    main()
