"""IRC over WebSocket: between a transport and a connection, each of which takes it for the other.

What comes in, and what the protocol answers by itself, is the business of `websockets`. What goes out is put into frames
here, once for all who read the same: docs/decisions/0008-websocket.md. (IRCv3 websocket; RFC 6455)
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Sequence
from typing import TYPE_CHECKING

from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import SEND_EOF
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from securechat.server.transport import LOW_WATER, Transport
from securechat.wire.framing import MAX_CLIENT_TAGS, MAX_REST

if TYPE_CHECKING:
    from securechat.server.connection import Connection

TEXT = Subprotocol("text.ircv3.net")
BINARY = Subprotocol("binary.ircv3.net")
MAX_MESSAGE = MAX_CLIENT_TAGS + MAX_REST
"""Bytes of one message from a client: a line of any length that is not to be refused by the protocol of lines."""
MAX_FRAGMENTS = 64
PIECE = 2048
"""Bytes that are taken before the clock is looked at; they may hold some 340 frames, a millisecond's work."""
TURN_SECONDS = 0.004
"""How long the frames of one client are taken before other connections get their turn."""

_OF_MESSAGES = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_PONG = 0x80 | Opcode.PONG
_LINE_ENDS = bytes.maketrans(b"\r\n", b"\0\0")
_GOODBYE = Frame(Opcode.CLOSE, Close(CloseCode.NORMAL_CLOSURE, "").serialize()).serialize(mask=False)


def choose_subprotocol(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Return the first that is known of those a client offers, or None: it is served all the same, in text."""
    return next((name for name in offered if name in (TEXT, BINARY)), None)


class Framer:
    """Puts lines into frames of one type.

    A fan-out hands the same object over for each reader, so the last one is remembered, by identity.

    last, framed: what was handed over last, and its frames.
    """

    __slots__ = ("_opcode", "framed", "last")

    def __init__(self, opcode: Opcode) -> None:
        self._opcode = opcode
        self.last = self.framed = b""

    def frame(self, lines: bytes) -> bytes:
        """Return whole lines as one frame each, without their CR LF."""
        if lines is not self.last:
            self.framed = b"".join(
                [Frame(self._opcode, line).serialize(mask=False) for line in lines.split(b"\r\n")[:-1]]
            )
            self.last = lines
        return self.framed


_AS_TEXT = Framer(Opcode.TEXT)
_AS_BINARY = Framer(Opcode.BINARY)


class WebSocket:
    """A WebSocket whose handshake is done: to its transport a `Receiver`, to its connection a `Carrier`.

    protocol: has accepted, and its answer is sent already.
    """

    __slots__ = (
        "_connection",
        "_fragments",
        "_framer",
        "_has_failed",
        "_is_held",
        "_is_over",
        "_loop",
        "_pong",
        "_protocol",
        "_transport",
        "_untaken",
    )

    def __init__(
        self, loop: AbstractEventLoop, transport: Transport, protocol: ServerProtocol, connection: Connection
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._protocol = protocol
        self._connection = connection
        self._framer = _AS_BINARY if protocol.subprotocol == BINARY else _AS_TEXT
        self._fragments: list[Frame] = []
        self._untaken = b""
        self._pong = b""
        self._has_failed = False
        self._is_held = False
        self._is_over = False

    # ── what the connection sees: a transport of lines ──

    @property
    def peer(self) -> str:
        """The other end's address."""
        return self._transport.peer

    @property
    def tls_version(self) -> str | None:
        """The TLS version agreed on; None once the connection has ended."""
        return self._transport.tls_version

    @property
    def queued(self) -> int:
        """Bytes waiting to be sent, those of the frames included."""
        return self._transport.queued

    def mark_signed_in(self) -> None:
        """Count this connection no longer among those that have not signed in."""
        self._transport.mark_signed_in()

    def write(self, data: bytes) -> None:
        """Queue lines that the peer asked for itself. (`Transport.write`)"""
        self._transport.write(self._framer.frame(data))

    def write_live(self, data: bytes) -> bool:
        """Queue lines that others caused. (`Transport.write_live`)"""
        framer = self._framer  # asked here as well: a call for each delivery would cost
        return self._transport.write_live(framer.framed if data is framer.last else framer.frame(data))

    def send_live(self, data: bytes) -> bool:
        """Send lines that others caused at once. (`Transport.send_live`)"""
        framer = self._framer
        return self._transport.send_live(framer.framed if data is framer.last else framer.frame(data))

    def flush(self) -> None:
        """Send what waits, as far as the peer takes it now."""
        self._transport.flush()

    def request_drained(self) -> None:
        """Ask for one call of `drained`. (`Transport.request_drained`)"""
        self._transport.request_drained()

    def pause_reading(self) -> None:
        """Take no more from the peer until `resume_reading`, not even of what is here already."""
        self._is_held = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the peer again, beginning with what is here already."""
        if self._is_held:
            self._is_held = False
            self._loop.call_soon(self._go_on)

    def close(self, last: bytes = b"") -> None:
        """End politely: what waits, then `last`, then the frame that says good-bye. (RFC 6455, 7.1.2)"""
        self._is_over = True
        self._transport.close(self._framer.frame(last) + _GOODBYE)

    def abort(self, reason: str) -> None:
        """End at once: what waits is dropped."""
        self._is_over = True
        self._transport.abort(reason)

    # ── what the transport sees: a receiver ──

    def connected(self, transport: Transport) -> None:
        """Let the connection begin."""
        assert transport is self._transport
        self._connection.connected(self)

    def received(self, data: bytes) -> None:
        """Take bytes of frames."""
        self._untaken += data
        self._take()

    def drained(self) -> None:
        """Go on with what waited for the reader."""
        if self._pong:
            self._send_pong()
        self._connection.drained()

    def closed(self, reason: str) -> None:
        """Tell the connection that it has ended."""
        self._is_over = True
        self._untaken = b""
        self._connection.closed(reason)

    # ── frames in ──

    def _take(self) -> None:
        """Take frames: no longer than a turn of the loop allows, and no more than the connection has room for."""
        time = self._loop.time
        end_of_turn = time() + TURN_SECONDS
        while self._untaken and not (self._is_held or self._is_over):
            piece, self._untaken = self._untaken[:PIECE], self._untaken[PIECE:]
            self._take_piece(piece)
            if self._untaken and time() > end_of_turn:
                self._transport.pause_reading()
                self._loop.call_soon(self._go_on)
                return
        if not self._is_held:
            self._transport.resume_reading()

    def _go_on(self) -> None:
        """Take what waits, in a turn of its own; an error of ours there ends this connection."""
        try:
            self._take()
        except BaseException:
            self.abort("internal error")
            raise

    def _take_piece(self, piece: bytes) -> None:
        self._protocol.receive_data(piece)
        lines = [self._read_frame(frame) for frame in self._protocol.events_received() if isinstance(frame, Frame)]
        self._connection.received(b"".join(lines), len(piece))
        self._answer(self._protocol.data_to_send())

    def _read_frame(self, frame: Frame) -> bytes:
        """Return the line that a frame completes, or nothing."""
        if self._has_failed or frame.opcode not in _OF_MESSAGES:
            return b""
        self._fragments.append(frame)
        if frame.fin:
            return self._read_message()
        if len(self._fragments) == MAX_FRAGMENTS:
            self._fail(CloseCode.POLICY_VIOLATION, f"more than {MAX_FRAGMENTS} fragments")
        return b""

    def _read_message(self) -> bytes:
        """Return the message whose last fragment has come as one line; it must be no more than one.

        What is in it of CR or LF becomes NUL, which no line may hold either: a client is told so, and nothing that it
        was given to say can pass for a command of its own. Endings are forgiven. (IRCv3 websocket, Encoding)
        """
        fragments, self._fragments = self._fragments, []
        message = b"".join([bytes(fragment.data) for fragment in fragments])
        if fragments[0].opcode is Opcode.TEXT:
            try:
                message.decode()
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA, "a text is not UTF-8")
                return b""
        return message.rstrip(b"\r\n").translate(_LINE_ENDS) + b"\r\n"

    def _fail(self, code: CloseCode, reason: str) -> None:
        self._has_failed = True
        self._protocol.fail(code, reason)

    def _answer(self, frames: list[bytes]) -> None:
        """Send what the protocol says by itself: the last of several pongs, and the end. (RFC 6455, 5.5.3)"""
        goodbye = b""
        for frame in frames:
            if frame == SEND_EOF:
                self._end(goodbye)
                return
            if frame[0] == _PONG:
                self._pong = frame
            else:
                goodbye = frame
        if self._pong:
            self._send_pong()

    def _send_pong(self) -> None:
        """Send the pong that is due; while too much waits it is kept, so that who only pings makes one wait, not many."""
        if self._transport.queued > LOW_WATER:
            self._transport.request_drained()
            return
        pong, self._pong = self._pong, b""
        self._transport.write(pong)
        self._transport.flush()

    def _end(self, goodbye: bytes) -> None:
        """End because the peer wants to, or has broken the rules; nobody need wait for what the socket still does."""
        self._is_over = True
        self._transport.close(goodbye)
        code = self._protocol.close_sent
        self._connection.closed("closed by the peer" if self._protocol.close_rcvd else f"WebSocket: {code}")
