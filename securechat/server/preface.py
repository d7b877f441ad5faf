"""What comes before the first byte of a connection from a load balancer: whom it comes from. (PROXY protocol, version 2)"""

from __future__ import annotations

import ipaddress
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from typing import TypeAlias

import structlog

from securechat.errors import ConfigError, ProtocolError
from securechat.server.proxyprotocol import header_size, read_source
from securechat.server.sockets import describe_failure

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_log = structlog.get_logger(__name__)


class Preface:
    """Reads the header of one accepted connection, and not a byte more: what follows is for TLS.

    seconds: in which the header must be there; a connection without one is closed.
    done: told the socket and the address that it stands for, once; the socket is its own from then on.
    ended: called once, when the header was read or the connection closed.
    """

    __slots__ = ("_done", "_ended", "_loop", "_peer", "_sock", "_start", "_timer")

    def __init__(
        self,
        loop: AbstractEventLoop,
        sock: socket.socket,
        peer: str,
        *,
        seconds: float,
        done: Callable[[socket.socket, str], None],
        ended: Callable[[Preface], None],
    ) -> None:
        sock.setblocking(False)
        self._loop = loop
        self._sock = sock
        self._peer = peer
        self._done = done
        self._ended = ended
        self._start = b""
        self._timer = loop.call_later(seconds, self._fail, "no PROXY protocol header in time")
        loop.add_reader(sock.fileno(), self._on_readable)

    def close(self) -> None:
        """Give up, without a word."""
        self._let_go()
        self._sock.close()

    def _on_readable(self) -> None:
        try:
            while lacking := header_size(self._start) - len(self._start):
                data = self._sock.recv(lacking)
                if not data:
                    self.close()  # as a balancer does that only looks whether the port is open
                    return
                self._start += data
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(describe_failure(error))
        except ProtocolError as error:
            self._fail(str(error))
        else:
            self._let_go()
            self._done(self._sock, read_source(self._start) or self._peer)

    def _fail(self, reason: str) -> None:
        _log.warning("refused a connection of a balancer", balancer=self._peer, reason=reason)
        self.close()

    def _let_go(self) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._ended(self)


def parse_balancers(words: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks that balancers are in, from addresses and networks as they stand in the settings.

    Raises: ConfigError.
    """
    try:
        return tuple(ipaddress.ip_network(word) for word in words)
    except ValueError as error:
        raise ConfigError(f"balancers: {error}; write an address or a network, as 10.0.0.7 or fd00::/8") from None


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address is in one of some networks."""
    return bool(networks) and any(ipaddress.ip_address(address) in network for network in networks)
