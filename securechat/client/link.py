"""A lasting link to a server: connects, signs in, comes back by itself, fills gaps, resends what had no echo."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from types import TracebackType
from typing import Final, Self

from securechat.client.address import Address
from securechat.client.connection import ENDINGS, Connection, Door, Lost, Renew, explain_end
from securechat.client.errors import DeliveryUnknown, LineTooLong, MessageRefused, SignInError, Unsendable
from securechat.client.events import (
    Acknowledged,
    Closed,
    Disconnected,
    Event,
    HistoryFailed,
    HistoryRequest,
    Noticed,
    Refused,
    Renamed,
    SignedIn,
    SignInRefused,
    TargetsRequest,
)
from securechat.client.gaps import UNASKABLE, Gaps
from securechat.client.outbox import Delivery, Outbox, Outgoing
from securechat.client.session import ClientSession
from securechat.client.signin import Phase, explain_refusal, rename_user
from securechat.client.state import State
from securechat.client.timing import Backoff, Timing, milliseconds
from securechat.client.trust import GONE, is_final
from securechat.errors import Fault, UnreachableError

MAX_EVENTS: Final = 2000
"""Events waiting for a consumer; beyond it nothing is read from the server until the consumer has caught up."""
_PASSING: Final = frozenset({Fault.UNREACHABLE, Fault.TRY_LATER})


class Link:
    """One person's or bot's connection to a server: iterate over it for events, `deliver` to write.

    Entering the context connects and signs in; from then on the link reconnects by itself until it is closed. Iterating
    ends with an exception when coming back is of no use: `SignInError`, or `UnreachableError` for a certificate that is
    not accepted. Whoever stops iterating stops reading: after `MAX_EVENTS` the server is left waiting.

    user: account name, or `account@device`; secret: its password or a token.
    context: from `trust.build_context`; CA and host name are verified by it. renew: see `connection.Renew`.
    backlog: how many earlier messages of each conversation to begin with.
    follow: the conversations whose messages are wanted; None for all of them.
    outbox: holds what was not confirmed last time; a new one unless given.
    since: conversation to (time in ms, msgid or ""): where it was seen to the last time.
    offline: come in also while the server is away, after `timing.entry` seconds at most, and keep trying.
    """

    def __init__(
        self,
        address: Address,
        user: str,
        secret: str,
        context: ssl.SSLContext,
        *,
        backlog: int = 0,
        follow: Collection[str] | None = None,
        since: Mapping[str, tuple[int, str]] | None = None,
        outbox: Outbox | None = None,
        offline: bool = False,
        renew: Renew | None = None,
        timing: Timing | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self.state = State()
        self.outbox = Outbox() if outbox is None else outbox
        for conversation, (moment, msgid) in (since or {}).items():
            self.state.note_position(conversation, moment, msgid)
        self._user = user
        self._secret = secret
        self._timing = timing or Timing()
        self._door = Door(address, context, self._timing, renew)
        self._sleep = sleep
        self._clock = clock
        self._backoff = Backoff(self._timing.first_delay, self._timing.most_delay, chance)
        self._gaps = Gaps(self.state, backlog, follow)
        self._session = ClientSession(user, secret, milliseconds)
        self.state.nick = self._session.nick
        self._offline = offline
        self._was_in = False
        self._connection: Connection | None = None
        self._signed_in_at: float | None = None
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(MAX_EVENTS)
        self._error: Exception | None = None
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Link({self.address}, {self._user!r}, {'online' if self.is_online else 'offline'})"

    async def __aenter__(self) -> Self:
        """Connect and sign in; where one may come in offline, as far as that goes.

        Raises:
            UnreachableError: no connection, or the certificate is not accepted.
            SignInError: the server does not let us in.
        """
        loop = asyncio.get_running_loop()
        self._answers = {message.id: loop.create_future() for message in self.outbox.waiting}
        welcomed: asyncio.Future[None] = loop.create_future()
        self._task = asyncio.create_task(self._run(welcomed))
        try:
            # Past the deadline nobody waits for it any more: what goes wrong then ends the iteration.
            async with asyncio.timeout(self._timing.entry if self._offline else None):
                await welcomed
        except TimeoutError:
            pass
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self._events.get()
        if event is None:
            self._events.put_nowait(None)
            if self._error is not None:
                raise self._error
            raise StopAsyncIteration
        return event

    @property
    def is_online(self) -> bool:
        """Tell whether we are signed in at this moment."""
        return self._connection is not None and self._session.phase is Phase.ACTIVE

    # Writing

    def post(
        self, target: str, text: str, *, command: str = "PRIVMSG", message_id: str = "", reply_to: str = ""
    ) -> Outgoing:
        """Put a message on its way, now or after the next reconnect, and return it.

        message_id: a UUID; give the one of an earlier attempt to repeat it without sending it twice.
        reply_to: the msgid of the message that it answers.

        Raises:
            LineTooLong, Unsendable: nothing was sent.
        """
        if self._task is None or self._task.done():
            raise Unsendable("the link has ended")
        delivery = Delivery.UNKNOWN if message_id else Delivery.PENDING
        message = Outgoing(message_id or str(uuid.uuid4()), target, text, command, delivery, reply_to=reply_to)
        self._session.check_message(message)
        self.outbox.add(message)
        self._answers[message.id] = asyncio.get_running_loop().create_future()
        self._send_waiting()
        return message

    async def confirm(self, message: Outgoing, patience: float | None = 60) -> str:
        """Wait at most `patience` seconds until a message is stored, and return its msgid.

        Raises:
            MessageRefused: it is not stored, and why.
            DeliveryUnknown: no answer came in time, or the link has ended.
        """
        answer = self._answers.get(message.id)
        if answer is not None:
            await asyncio.wait([answer], timeout=patience)
        if message.delivery is Delivery.REFUSED:
            raise MessageRefused(message.id, message.code, message.reason)
        if message.delivery is not Delivery.ACKNOWLEDGED:
            raise DeliveryUnknown(message.id)
        return message.msgid

    async def deliver(self, target: str, text: str, *, message_id: str = "", patience: float | None = 60) -> str:
        """Send a message and wait until it is stored; see `post` and `confirm`."""
        return await self.confirm(self.post(target, text, message_id=message_id), patience)

    def command(self, name: str, *params: str) -> None:
        """Send any other command; answers come as events.

        Raises:
            LineTooLong, Unsendable: nothing was sent, also because there is no connection at the moment.
        """
        if not self.is_online:
            raise Unsendable("no connection at the moment")
        self._session.send_command(name, *params)
        self._write()

    def ask_history(self, target: str, limit: int, before: str = "*") -> HistoryRequest:
        """Ask for messages of a conversation; a `HistoryPage` or `HistoryFailed` with the request returned answers.

        before: `*` for the latest, or `msgid=…` or `timestamp=…` for those before it.
        """
        if not self.is_online:
            raise Unsendable("no connection at the moment")
        subcommand = "LATEST" if before == "*" else "BEFORE"
        request = HistoryRequest(subcommand, target, before, min(limit, self._session.page))
        self._session.ask_history(request)
        self._write()
        return request

    def ask_targets(self, after: int = 0) -> None:
        """Ask for the conversations with messages after a time; a `TargetsPage` or `HistoryFailed` event answers.

        after: in milliseconds since 1970; the oldest come first, and a page is not always all.
        """
        if not self.is_online:
            raise Unsendable("no connection at the moment")
        self._session.ask_targets(TargetsRequest(after, self._session.page, filling=False))
        self._write()

    def replace_secret(self, old: str, new: str) -> None:
        """Sign in with a new password from now on, where the old one is what we sign in with."""
        if self._secret == old:
            self._secret = new

    def room_for(self, target: str) -> int:
        """Return how many bytes of text fit into one message to `target`."""
        return self._session.room_for(target)

    async def close(self) -> None:
        """Say goodbye, take what the server still has to say, and stop; the iteration ends."""
        self._closing = True
        if self._task is not None:
            if self.is_online:
                # Whoever closes while answers are on their way destroys what the server has not read yet.
                self._session.send_command("QUIT")
                self._write()
                await asyncio.wait({self._task}, timeout=self._timing.closing)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._end()

    # Running

    async def _run(self, welcomed: asyncio.Future[None]) -> None:
        try:
            while True:
                reason = await self._connect_once(welcomed)
                if self._closing:
                    return
                self._lose_connection()
                delay = self._backoff.take()
                await self._tell(Disconnected(reason, delay))
                if not welcomed.done():
                    welcomed.set_result(None)
                await self._sleep(delay)
        except Exception as error:
            self._error = error
            if not welcomed.done():
                welcomed.set_exception(error)
            self._settle_all()
            await self._events.put(None)

    async def _connect_once(self, welcomed: asyncio.Future[None]) -> str:
        """Hold one connection for as long as it lasts; return why it ended.

        Raises:
            SignInError, UnreachableError: there is no use in trying again.
        """
        try:
            await self._converse(welcomed)
        except ENDINGS as error:
            failure = explain_end(error, self.address.host, connected=self._connection is not None)
            final = is_final(error)
        finally:
            await self._hang_up()
        if final or not (self._was_in or (self._offline and failure.fault in _PASSING)):
            raise UnreachableError(f"{self.address}: {failure}", failure.remedy or GONE, failure.fault)
        return str(failure)

    async def _converse(self, welcomed: asyncio.Future[None]) -> None:
        self._connection = await self._door.open()
        for remark in self._door.take_remarks():
            await self._tell(Noticed("", remark))
        self._session = ClientSession(self._user, self._secret, milliseconds)
        try:
            async with asyncio.timeout(self._timing.sign_in) as deadline:
                await self._flush()
                await self._read_on(self._connection, deadline, welcomed)
        except TimeoutError as error:
            raise Lost("the server does not let anybody in at the moment") from error

    async def _read_on(self, connection: Connection, deadline: asyncio.Timeout, welcomed: asyncio.Future[None]) -> None:
        while True:
            received = await connection.read(self._ask_for_life)
            for event in self._session.receive(received):
                if isinstance(event, SignedIn):
                    self._was_in = True
                    deadline.reschedule(None)
                    self._signed_in_at = self._clock()
                await self._take(event)
                if isinstance(event, SignedIn) and not welcomed.done():
                    welcomed.set_result(None)
            self._send_waiting()
            await self._fill_gaps()
            await self._flush()

    async def _ask_for_life(self) -> None:
        self._session.ping()
        await self._flush()

    async def _take(self, event: Event) -> None:
        match event:
            case SignInRefused():
                no = explain_refusal(event)
                if event.final:
                    raise SignInError(f"{self.address} does not let {self._user} in: {no}", no.remedy, no.fault)
                raise Lost(str(no), no.remedy, no.fault)
            case Closed():
                raise Lost(f"the server closed the connection: {event.reason}")
            case Acknowledged():
                self.outbox.acknowledge(event.id, event.msgid)
                self._settle(event.id)
            case Refused():
                self.outbox.refuse(event.id, event.code, event.reason)
                self._settle(event.id)
            case Renamed() if event.own:
                self._user = rename_user(self._user, event.new_nick)
        for shown in self._gaps.take(event):
            if self.state.apply(shown):
                await self._tell(shown)

    async def _tell(self, event: Event) -> None:
        if not (self._closing and self._events.full()):
            await self._events.put(event)

    def _settle(self, message_id: str) -> None:
        answer = self._answers.pop(message_id, None)
        if answer is not None and not answer.done():
            answer.set_result(None)

    def _settle_all(self) -> None:
        for message_id in list(self._answers):
            self._settle(message_id)

    def _send_waiting(self) -> None:
        if not self.is_online:
            return
        for message in self.outbox.take_unsent():
            try:
                self._session.send_message(message)
            except (LineTooLong, Unsendable) as error:
                # Our name can have grown between two connections.
                self.outbox.refuse(message.id, "", str(error))
                self._settle(message.id)
                if not self._events.full():
                    self._events.put_nowait(Refused(message.id, "", str(error)))
        self._write()

    async def _fill_gaps(self) -> None:
        while self.is_online and (requests := self._gaps.take_requests()):
            for request in requests:
                try:
                    self._session.ask(request)
                except (LineTooLong, Unsendable) as error:
                    await self._take(HistoryFailed(request, UNASKABLE, str(error)))

    def _write(self) -> None:
        if self._connection is not None:
            self._connection.write(self._session.outgoing())

    async def _flush(self) -> None:
        self._write()
        if self._connection is not None:
            await self._connection.drain()

    def _lose_connection(self) -> None:
        if self._signed_in_at is not None and self._clock() - self._signed_in_at >= self._timing.stable:
            self._backoff.reset()
        self._signed_in_at = None
        self.outbox.lose_connection()

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(at_once=self._closing)

    def _end(self) -> None:
        self._settle_all()
        while self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(None)
