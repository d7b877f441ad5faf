"""One TLS connection to a server: bytes in and out, with the patience of a `Timing`."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, Self

from securechat.client.address import Address
from securechat.client.timing import Timing
from securechat.client.trust import NO_SERVER_OF_OURS, explain, explain_loss
from securechat.errors import ConfigError, ProtocolError, UnreachableError

CHUNK: Final = 65_536
NEXT_ADDRESS: Final = 0.25
"""Seconds after which a host's next address is tried beside the one that has not answered yet."""


class Lost(UnreachableError):
    """The connection is of no more use; another one may be."""


ENDINGS: Final = (Lost, ProtocolError, OSError, EOFError, UnicodeError)
"""What opening a connection or talking over it may raise; see `explain_end`."""
Renew = Callable[[UnreachableError], Awaitable[tuple[ssl.SSLContext, str] | None]]
"""Told why a certificate was not accepted; returns whom to trust instead and a remark about it for people, or None."""


def explain_end(error: BaseException, host: str, *, connected: bool) -> UnreachableError:
    """Say in one line why a connection ended or did not come about, in another what to do, and which fault it is.

    error: one of `ENDINGS`. connected: it came about.
    """
    if isinstance(error, Lost):
        return error
    if isinstance(error, ProtocolError):
        return UnreachableError(f"the server broke the protocol: {error}", NO_SERVER_OF_OURS)
    return explain_loss(error) if connected else explain(error, host)


class Connection:
    """Reads and writes until either end has enough; made by `open`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timing: Timing) -> None:
        self._reader = reader
        self._writer = writer
        self._timing = timing

    @classmethod
    async def open(cls, address: Address, context: ssl.SSLContext, timing: Timing) -> Self:
        """Connect, and have certificate and host name verified.

        Raises:
            OSError: no connection, or a certificate that is not accepted.
            ConfigError: the context would accept any.
        """
        if not context.check_hostname or context.verify_mode is not ssl.CERT_REQUIRED:
            raise ConfigError("this TLS context does not verify CA and host name: take the one of build_context")
        async with asyncio.timeout(timing.connect):
            # Said here, so that no default of asyncio ever decides whether the name is checked.
            reader, writer = await asyncio.open_connection(
                address.host,
                address.port,
                ssl=context,
                server_hostname=address.vouched_name,
                limit=CHUNK,
                # An address that swallows everything must not take the time of one that answers. (RFC 8305)
                happy_eyeballs_delay=NEXT_ADDRESS,
            )
        return cls(reader, writer, timing)

    async def read(self, ask_for_life: Callable[[], Awaitable[None]]) -> bytes:
        """Return the next bytes.

        ask_for_life: called when nothing has come for a while; asks for something that must be answered.

        Raises:
            Lost: the server has closed the connection, or does not answer.
        """
        try:
            async with asyncio.timeout(self._timing.idle):
                received = await self._reader.read(CHUNK)
        except TimeoutError:
            await ask_for_life()
            try:
                async with asyncio.timeout(self._timing.answer):
                    received = await self._reader.read(CHUNK)
            except TimeoutError:
                raise Lost("the server gives no sign of life") from None
        if not received:
            raise Lost("the server closed the connection")
        return received

    def write(self, data: bytes) -> None:
        """Put bytes on their way, unless the connection is being closed."""
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the server has taken enough of what was written.

        Raises:
            Lost: it takes nothing any more.
        """
        try:
            async with asyncio.timeout(self._timing.answer):
                await self._writer.drain()
        except TimeoutError:
            raise Lost("the server takes nothing any more") from None

    async def close(self, *, at_once: bool) -> None:
        """Hang up; unless at once, after having said so."""
        if at_once:
            self._writer.transport.abort()
        elif not self._writer.is_closing():
            # Closing a closed one would take from it what `abort` needs below (Debian 12's Python 3.11.2).
            self._writer.close()
        try:
            async with asyncio.timeout(self._timing.closing):
                await self._writer.wait_closed()
        except (OSError, EOFError):
            # TimeoutError is an OSError: whoever does not say goodbye is left standing.
            self._writer.transport.abort()


class Door:
    """Opens connections to one server, one after the other.

    context: from `trust.build_context`. renew: asked once more about a certificate that is not accepted.
    """

    def __init__(self, address: Address, context: ssl.SSLContext, timing: Timing, renew: Renew | None = None) -> None:
        self._address = address
        self._context = context
        self._timing = timing
        self._renew = renew
        self._remarks: list[str] = []

    async def open(self) -> Connection:
        """Connect, with CA and host name verified.

        Raises:
            OSError, ConfigError: as `Connection.open`.
        """
        try:
            return await Connection.open(self._address, self._context, self._timing)
        except ssl.SSLCertVerificationError as error:
            failure = explain(error, self._address.host)
            renewed = await self._renew(failure) if self._renew is not None else None
            if renewed is None:
                raise
        self._context, remark = renewed
        self._remarks.append(remark)
        return await Connection.open(self._address, self._context, self._timing)

    def take_remarks(self) -> list[str]:
        """Return, once, what people are to be told about whom this trusts now."""
        remarks, self._remarks = self._remarks, []
        return remarks
