"""One accepted TLS connection on a non-blocking socket: bytes in, bytes out, one end.

The loop calls, nothing waits: no task, no future and no buffer of ours belongs to an idle connection. What a
connection does next is decided by which of its methods watches the socket:

    _on_first_bytes -> _on_handshake -> _on_readable -> _on_leftovers      (reading)
                       _on_handshake    _on_writable                       (writing, only while something is stuck)

docs/decisions/0001-tls-transport.md holds the reasons and the figures.
"""

from __future__ import annotations

import asyncio
import enum
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from securechat.server.receiver import Receiver
from securechat.server.sendqueue import SendQueue
from securechat.server.sockets import describe_failure, prepare_accepted, reset_on_close
from securechat.server.tls import FIRST_BYTES, may_be_tls

READ_SIZE = 16_384
READS_PER_TURN = 32
BYTES_PER_TURN = 65_536
LOW_WATER = 16_384
"""Bytes waiting at which a producer is asked for more."""
CLOSE_SECONDS = 5.0
"""How long a peer may take over our last words and its own good-bye."""


class _State(enum.Enum):
    SHAKING = "from accepting to the end of the handshake"
    OPEN = "both ways"
    DRAINING = "our last words are leaving; what the peer says is ignored"
    LINGERING = "our end is closed, the peer's is awaited"
    CLOSED = "the socket is closed"


_OPEN = _State.OPEN  # looked up for every delivery, where a member of an Enum costs several times as much
_TALKING = (_OPEN, _State.DRAINING)


class Transport:
    """One accepted connection, from its first byte to its last.

    sock: accepted TCP; the transport owns it from here on.
    context: what `tls.build_context` returned.
    handshake_timeout: seconds from now in which the handshake must be done.
    queue_limit: bytes of `write_live` that may wait for the peer; one more behind them and it is cut.
    peer: its address; when it is not given the socket is asked, which raises OSError if the peer is gone already.
    receiver: who is told; may be another from within `connected` or `received` on.
    release: called once, when it has signed in or has ended, whichever comes first.
    """

    __slots__ = (
        "_context",
        "_drain_wanted",
        "_fd",
        "_loop",
        "_paused",
        "_queue",
        "_queue_limit",
        "_read_wants_write",
        "_release",
        "_sock",
        "_state",
        "_timer",
        "_tls",
        "_write_wants_read",
        "_writer_watched",
        "peer",
        "receiver",
    )

    _tls: ssl.SSLSocket
    _timer: asyncio.TimerHandle | None

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        context: ssl.SSLContext,
        receiver: Receiver,
        *,
        handshake_timeout: float,
        queue_limit: int,
        peer: str | None = None,
        release: Callable[[], None] | None = None,
    ) -> None:
        self.peer: str = sock.getpeername()[0] if peer is None else peer
        prepare_accepted(sock)
        self._loop = loop
        self._sock = sock
        self._fd = sock.fileno()
        self._context = context
        self.receiver = receiver
        self._release = release
        self._queue = SendQueue()
        self._queue_limit = queue_limit
        self._state = _State.SHAKING
        self._paused = False
        self._writer_watched = False
        self._read_wants_write = False
        self._write_wants_read = False
        self._drain_wanted = False
        self._timer = loop.call_later(handshake_timeout, self._end, "TLS handshake timed out")
        loop.add_reader(self._fd, self._on_first_bytes)

    @property
    def alpn(self) -> str | None:
        """The application protocol agreed on (RFC 7301); None once the connection has ended."""
        return self._tls.selected_alpn_protocol()

    @property
    def tls_version(self) -> str | None:
        """The TLS version agreed on, such as `TLSv1.3`; None once the connection has ended."""
        return self._tls.version()

    @property
    def shown_certificate(self) -> dict[str, Any] | None:
        """The client's certificate, verified, as `ssl` reads it; None or empty where there is none."""
        return self._tls.getpeercert()

    @property
    def queued(self) -> int:
        """Bytes waiting to be sent."""
        return self._queue.size

    def mark_signed_in(self) -> None:
        """Count this connection no longer among those that have not signed in."""
        if self._release is not None:
            self._release()
            self._release = None

    def write(self, data: bytes) -> None:
        """Queue what the peer asked for itself; it leaves with `flush`. Never a reason to cut it."""
        if self._state is _OPEN and data:
            self._queue.append_own(data)
            self._drain_wanted |= self._queue.size > LOW_WATER

    def write_live(self, data: bytes) -> bool:
        """Queue what others caused; it leaves with `flush`. Return False when the peer is cut: it does not read."""
        if self._state is not _OPEN:
            return False
        queue = self._queue
        if queue.size + len(data) > self._queue_limit and not self._has_room(len(data)):
            return False
        if data:
            queue.append(data)
            self._drain_wanted |= queue.size > LOW_WATER
        return True

    def _has_room(self, count: int) -> bool:
        """Send what waits for nobody but us; cut the reader if what it has left of the others' is too much then."""
        self.flush()
        if self._state is _OPEN and (live := self._queue.live) and live + count > self._queue_limit:
            self.abort("send queue exceeded")
        return self._state is _OPEN

    def send_live(self, data: bytes) -> bool:
        """Send what others caused at once: `write_live` and `flush` in one, cheaper when nothing waits."""
        sent = 0
        if self._state is _OPEN and not self._queue.size and not self._writer_watched:
            try:
                sent = self._tls.send(data)
            except OSError:
                pass  # `flush` meets it again with the same bytes, and deals with it
            if sent == len(data):
                return True
        is_taken = self.write_live(data[sent:])
        self.flush()
        return is_taken

    def flush(self) -> None:
        """Send what waits, as far as the peer takes it now; the rest follows by itself."""
        if self._state is _OPEN and not self._writer_watched:
            self._send()

    def request_drained(self) -> None:
        """Ask for one call of `drained`, as soon as no more than the low-water mark waits."""
        self._drain_wanted = True
        self._announce_drained()

    def pause_reading(self) -> None:
        """Take no more from the peer until `resume_reading`; what it sends waits on its side."""
        if self._state is _State.OPEN and not self._paused:
            self._paused = True
            if not self._write_wants_read:
                self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        """Take from the peer again, beginning with what OpenSSL may hold: the selector will not announce that."""
        if self._state is _State.OPEN and self._paused:
            self._paused = False
            self._loop.add_reader(self._fd, self._on_readable)
            self._loop.call_soon(self._on_readable)

    def close(self, last: bytes = b"") -> None:
        """End politely: send what waits and then `last`, say good-bye, and wait a bounded time for the peer's."""
        if self._state is _State.SHAKING:
            self._end("closed by the server")
        if self._state is not _State.OPEN:
            return
        if last:
            self._queue.append_own(last)
        self._state = _State.DRAINING
        self._paused = False
        self._timer = self._loop.call_later(CLOSE_SECONDS, self._give_up)
        self._loop.add_reader(self._fd, self._on_readable)
        if not self._writer_watched:
            self._send()

    def abort(self, reason: str) -> None:
        """End at once: what waits is dropped, here and in the kernel."""
        reset_on_close(self._sock)
        self._end(reason)

    def _on_first_bytes(self) -> None:
        """Look at how the peer begins, without taking it: OpenSSL may answer what is no TLS with an alert."""
        try:
            start = self._sock.recv(FIRST_BYTES, socket.MSG_PEEK)
            if not may_be_tls(start):
                self._end("not TLS" if start else "closed by the peer")
                return
            self._tls = self._context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(describe_failure(error))
            return
        self._sock = self._tls
        self._loop.add_reader(self._fd, self._on_handshake)
        self._on_handshake()

    def _on_handshake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._unwatch_writer()
        except ssl.SSLWantWriteError:
            self._watch_writer(self._on_handshake)
        except OSError as error:
            self._end(f"TLS handshake failed: {describe_failure(error)}")
        else:
            self._open()

    def _open(self) -> None:
        self._stop_timer()
        self._unwatch_writer()
        self._state = _State.OPEN
        self._loop.add_reader(self._fd, self._on_readable)
        self._tell(self.receiver.connected, self)
        self._read()

    def _on_readable(self) -> None:
        if self._write_wants_read:
            self._write_wants_read = False
            if self._paused:
                self._loop.remove_reader(self._fd)
            self._send()
        self._read()

    def _on_writable(self) -> None:
        if self._read_wants_write:
            self._read_wants_write = False
            self._read()
        self._send()

    def _read(self) -> None:
        """Deliver what is there, but no more than one turn's worth: a flooder must not starve the others."""
        taken = 0
        for _ in range(READS_PER_TURN):
            if self._paused or self._state not in _TALKING or taken >= BYTES_PER_TURN:
                break
            try:
                data = self._tls.recv(READ_SIZE)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLWantWriteError:
                self._read_wants_write = True
                self._watch_writer(self._on_writable)
                return
            except OSError as error:
                self._end(describe_failure(error))
                return
            if not data:
                self._end("closed by the peer")
                return
            taken += len(data)
            if self._state is _State.OPEN:
                self._tell(self.receiver.received, data)
        if self._state in _TALKING and not self._paused and self._tls.pending():
            # What OpenSSL holds decrypted no selector announces; what the kernel holds, it does.
            self._loop.call_soon(self._on_readable)

    def _send(self) -> None:
        """Write until nothing waits or the peer takes no more; one SSL write sends at most one record."""
        if self._state not in _TALKING:
            return
        queue = self._queue
        try:
            while queue.size:
                queue.advance(self._tls.send(queue.head()))
            if self._state is not _OPEN:
                self._say_goodbye()
        except ssl.SSLWantWriteError:
            self._watch_writer(self._on_writable)
        except ssl.SSLWantReadError:
            self._write_wants_read = True
            self._loop.add_reader(self._fd, self._on_readable)
            self._unwatch_writer()
        except OSError as error:
            self._end(describe_failure(error))
        else:
            if self._writer_watched:  # asked here as well: a call for each delivery would cost
                self._unwatch_writer()
        if self._drain_wanted:
            self._announce_drained()

    def _announce_drained(self) -> None:
        if self._queue.size <= LOW_WATER:
            self._drain_wanted = False
            self._loop.call_soon(self._tell_drained)

    def _tell_drained(self) -> None:
        if self._state is _State.OPEN:
            self._tell(self.receiver.drained)

    def _say_goodbye(self) -> None:
        """Send close_notify and FIN, then wait for the peer's FIN.

        Closing with bytes unread would make the kernel send RST, which can overtake our last words at the peer.

        Raises: ssl.SSLWantWriteError when the kernel has no room for close_notify yet.
        """
        try:
            self._tls.unwrap()
        except ssl.SSLWantWriteError:
            raise
        except OSError:
            pass  # ours is out; the peer's close_notify, or the data it sent instead, need not be understood
        self._state = _State.LINGERING
        with suppress(OSError):
            self._tls.shutdown(socket.SHUT_WR)
        self._loop.add_reader(self._fd, self._on_leftovers)

    def _on_leftovers(self) -> None:
        """Throw away what the peer sent before it learnt that we have gone."""
        try:
            if not self._sock.recv(BYTES_PER_TURN):
                self._end("closed by the server")
        except BlockingIOError:
            return
        except OSError:
            self._end("closed by the server")

    def _give_up(self) -> None:
        if self._queue.size:
            self.abort("closed by the server; the peer did not read to the end")
        else:
            self._end("closed by the server")

    def _end(self, reason: str) -> None:
        if self._state is _State.CLOSED:
            return
        self._state = _State.CLOSED
        self._stop_timer()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._sock.close()
        self._queue = SendQueue()
        self.mark_signed_in()
        self._loop.call_soon(self.receiver.closed, reason)

    def _tell(self, method: Callable[..., None], *args: object) -> None:
        """Call the receiver; an error of ours there ends this connection and is the loop's to report."""
        try:
            method(*args)
        except BaseException:
            self.abort("internal error")
            raise

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch_writer(self, method: Callable[[], None]) -> None:
        self._writer_watched = True
        self._loop.add_writer(self._fd, method)

    def _unwatch_writer(self) -> None:
        if self._writer_watched and not self._read_wants_write:
            self._writer_watched = False
            self._loop.remove_writer(self._fd)
