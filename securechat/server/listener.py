"""Where connections come from: a listening socket."""

from __future__ import annotations

import errno
import itertools
import resource
from functools import partial
from typing import TYPE_CHECKING

import structlog

from securechat.errors import ConfigError
from securechat.server.preface import Network, Preface, is_within
from securechat.server.receiver import Receiver
from securechat.server.sockets import describe_failure, open_listening
from securechat.server.strangers import ConnectionLimits, Place
from securechat.server.transport import Transport

if TYPE_CHECKING:
    import socket
    import ssl
    from asyncio import AbstractEventLoop, TimerHandle
    from collections.abc import Callable, Sequence

ARRIVALS_AT_ONCE = 64
"""Connections that may be on their way in together. When a thousand clients come back at once, the others wait in the
kernel: whoever is let in is in soon, a turn of the loop stays short, and the limits below are for crowds that do not
sign in."""
ARRIVAL_SECONDS = 0.1
"""How long a connection counts as on its way in: those that take longer, or never sign in, hold up nobody."""
PREFACES_AT_ONCE = 4096
"""Connections of balancers that may be without their header: it leaves a balancer as soon as it has connected."""
PAUSE_SECONDS = 1.0
"""How long to accept nothing after a failure, as when descriptors ran out; sooner would only fail again."""
WARNING_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class Listener:
    """A listening socket whose connections become transports.

    host: an address or name; IPv6 addresses may stand in brackets. port: 0 for any free one.
    context: serves the connections accepted from now on; may be replaced at any time, must be there at `start`.
    receivers: makes the receiver of one new connection.
    handshake_timeout: seconds from accepting. queue_limit: bytes, see `Transport`.
    balancers: networks whose connections must begin by saying whom they come from; from others that is not understood.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        host: str,
        port: int,
        *,
        context: ssl.SSLContext | None = None,
        receivers: Callable[[], Receiver],
        limits: ConnectionLimits,
        handshake_timeout: float = 10.0,
        queue_limit: int,
        balancers: Sequence[Network] = (),
    ) -> None:
        self.context = context
        self._loop = loop
        self._host = host.removeprefix("[").removesuffix("]")
        self._port = port
        self._receivers = receivers
        self._limits = limits
        self._handshake_timeout = handshake_timeout
        self._queue_limit = queue_limit
        self._balancers = balancers
        self._prefaces: dict[Preface, None] = {}
        self._sock: socket.socket | None = None
        self._pause: TimerHandle | None = None
        self._next_warning = 0.0
        self._numbers = itertools.count()
        self._arriving: dict[int, float] = {}
        self._is_full = False

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that connections are accepted on, once started."""
        if self._sock is None:
            return self._host, self._port
        host, port = self._sock.getsockname()[:2]
        return host, port

    def bind(self) -> None:
        """Take the address; who connects waits in the kernel until `start`.

        Raises: ConfigError when the address cannot be had.
        """
        try:
            self._sock = open_listening(self._host, self._port)
        except (OSError, UnicodeError) as error:
            raise ConfigError(self._explain(error)) from None

    def start(self) -> None:
        """Accept connections, on an address taken now if `bind` was not called before.

        Raises: ConfigError when the address cannot be had.
        """
        if self._sock is None:
            self.bind()
        assert self._sock is not None
        assert self.context is not None
        self._loop.add_reader(self._sock.fileno(), self._accept_waiting)

    def stop(self) -> None:
        """Accept no more; connections that were accepted stay, unless it is not known yet whom they come from."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._sock is not None:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
            self._sock = None
        for preface in list(self._prefaces):
            preface.close()

    def _explain(self, error: OSError | UnicodeError) -> str:
        where = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        reason = str(getattr(error, "strerror", None) or error).lower()
        remedy = "choose an address of this machine and a port you may use with --listen"
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            remedy = "stop the other program or choose another port with --listen"
        return f"cannot listen on {where}: {reason} - {remedy}"

    def _accept_waiting(self) -> None:
        """Accept who waits, as long as few are on their way in; up to one turn's worth, those turned away included."""
        if self._sock is None:
            return
        for _ in range(ARRIVALS_AT_ONCE):
            if not self._has_room():
                self._is_full = True
                self._pause_accepting(ARRIVAL_SECONDS)
                return
            try:
                sock, address = self._sock.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                _log.error("cannot accept connections", reason=describe_failure(error), pause_seconds=PAUSE_SECONDS)
                self._pause_accepting(PAUSE_SECONDS)
                return
            self._take(sock, address[0])

    def _has_room(self) -> bool:
        if len(self._arriving) >= ARRIVALS_AT_ONCE:
            recent = self._loop.time() - ARRIVAL_SECONDS
            for number in [number for number, since in self._arriving.items() if since < recent]:
                del self._arriving[number]
        return len(self._arriving) < ARRIVALS_AT_ONCE

    def _take(self, sock: socket.socket, peer: str) -> None:
        """Let an accepted socket in; one of a balancer first has to say whom it stands for."""
        if not is_within(peer, self._balancers):
            self._admit(sock, peer)
        elif len(self._prefaces) < PREFACES_AT_ONCE:
            preface = Preface(
                self._loop, sock, peer, seconds=self._handshake_timeout, done=self._admit, ended=self._forget
            )
            self._prefaces[preface] = None
        else:
            self._warn_of_crowd(peer)
            sock.close()

    def _forget(self, preface: Preface) -> None:
        del self._prefaces[preface]

    def _admit(self, sock: socket.socket, peer: str) -> None:
        """Make a transport of a socket, or close it when there are too many strangers."""
        place = self._limits.admit(peer)
        if place is None:
            self._warn_of_crowd(peer)
            sock.close()
            return
        assert self.context is not None
        number = next(self._numbers)
        self._arriving[number] = self._loop.time()
        transport = Transport(
            self._loop,
            sock,
            self.context,
            self._receivers(),
            handshake_timeout=self._handshake_timeout,
            queue_limit=self._queue_limit,
            peer=peer,
            release=partial(self._release, number, place),
        )
        place.leave = partial(self._put_out, transport)

    def _release(self, number: int, place: Place) -> None:
        """Note that somebody has signed in or has gone; let the next ones in when about half of the room is free."""
        self._limits.release(place)
        self._arriving.pop(number, None)
        if self._is_full and len(self._arriving) <= ARRIVALS_AT_ONCE // 2:
            self._resume_accepting()

    def _put_out(self, transport: Transport) -> None:
        """End a connection that has not signed in: all places are taken, and its site has most of them."""
        self._warn_of_crowd(transport.peer)
        transport.abort("too many have not signed in")

    def _warn_of_crowd(self, peer: str) -> None:
        """Log a connection refused or put out, but not each: whoever causes them must not fill the disk."""
        if self._loop.time() >= self._next_warning:
            self._next_warning = self._loop.time() + WARNING_SECONDS
            _log.warning("refused a connection: too many have not signed in", peer=peer)

    def _pause_accepting(self, seconds: float) -> None:
        """Leave the others in the backlog for a moment: the socket stays readable, and the loop would spin."""
        assert self._sock is not None
        self._loop.remove_reader(self._sock.fileno())
        self._pause = self._loop.call_later(seconds, self._resume_accepting)

    def _resume_accepting(self) -> None:
        self._is_full = False
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._sock is not None:
            self._loop.add_reader(self._sock.fileno(), self._accept_waiting)


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one; return the limit that holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # macOS names a hard limit it does not grant
        return soft
    return hard
