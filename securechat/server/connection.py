"""One client's connection: bytes to commands, effects to the node, answers to bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

import structlog

from securechat.chat import render, signin
from securechat.chat.ask import Ask
from securechat.chat.commands import dispatch
from securechat.chat.effects import Append, Broadcast, Close, Effect, ReadHistory, Refusal, Send, Verify
from securechat.chat.pipeline import Pipeline, Unit, label_answer
from securechat.chat.ports import Outcome, Submission, Verdict
from securechat.chat.session import Session, State, Trigger
from securechat.server.transport import Transport
from securechat.wire import capabilities, numerics
from securechat.wire.framing import MAX_CLIENT_TAGS, MAX_REST, LineSplitter, Overlong
from securechat.wire.message import InvalidUtf8, MalformedMessage, Message, encode, parse

if TYPE_CHECKING:
    from securechat.server.node import Node

log = structlog.get_logger()

MAX_WAITING = 512
"""Commands of a client that may wait to be judged before we stop reading from it."""
COMMANDS_PER_TURN = 128
"""Commands judged before other connections get their turn."""
HIGH_WATER = 262_144
"""Bytes waiting for a client above which nothing more it asked for is produced."""
MAX_ATTEMPTS = 20
"""How often a command is judged again because the state it was judged on had passed."""
REVOKED_SECONDS = 0.5
"""How long a revoked client may take over its last words."""


class Flight:
    """A connection's command that waits for the history."""

    __slots__ = ("append", "connection", "unit")

    def __init__(self, connection: Connection, unit: Unit, append: Append) -> None:
        self.connection: Connection | None = connection
        self.unit = unit
        self.append = append

    def landed(self, outcome: Outcome, lines: Iterable[Message]) -> None:
        """Hand the outcome to the connection."""
        assert self.connection is not None
        self.connection.land(self, outcome, lines)


class Connection:
    """A receiver for one transport. Commands are judged in order; what is under way holds back what must not overtake.

    variant: the session's capabilities as far as they change how delivered lines look.
    """

    __slots__ = (
        "_batches",
        "_blocked",
        "_deadline",
        "_pipeline",
        "_producers",
        "_sign_in_left",
        "_splitter",
        "heard",
        "node",
        "pinged",
        "session",
        "transport",
        "variant",
    )

    transport: Transport

    def __init__(self, node: Node) -> None:
        self.node = node
        self.session = Session(node.next_connection_id())
        self.variant = 0
        self.heard = node.loop.time()
        self.pinged = False
        self._splitter = LineSplitter(MAX_CLIENT_TAGS, MAX_REST)
        self._pipeline = Pipeline()
        self._producers: deque[Iterator[Message]] = deque()
        self._blocked = False
        self._batches = 0
        self._sign_in_left = node.config.limits.sign_in
        self._deadline: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Connection {self.session.id} {self.session.account or '-'} {self.session.state.value}>"

    # ── what the transport tells ──

    def connected(self, transport: Transport) -> None:
        """Begin: the client has the sign-in time to say who it is."""
        self.transport = transport
        self.node.connections[self] = None
        self._start_deadline()
        log.info("connected", connection=self.session.id, peer=transport.peer, tls=transport.tls_version)

    def received(self, data: bytes) -> None:
        """Take bytes, queue the commands in them and judge those whose turn it is."""
        self.heard = self.node.loop.time()
        self.pinged = False
        for item in self._splitter.feed(data):
            self._take_in(item)
        if len(self._pipeline) > MAX_WAITING:
            self.transport.pause_reading()
        self.advance()

    def drained(self) -> None:
        """Go on with what waited for the reader."""
        self._blocked = False
        self._contain(self._produce_waiting)
        self.advance()

    def closed(self, reason: str) -> None:
        """Let go of everything: the connection has ended."""
        self._stop_deadline()
        self._pipeline.clear()
        self._producers.clear()
        was_known = self in self.node.connections
        self.node.connections.pop(self, None)
        if was_known:
            self.node.forget(self)
            log.info("closed", connection=self.session.id, account=self._account_name(), reason=reason)
        self.session.move(Trigger.ENDED)

    # ── commands in ──

    def _take_in(self, item: bytes | Overlong) -> None:
        if self.session.state is State.CLOSED:
            return
        ask = self._ask(Message("*"))
        if isinstance(item, Overlong):
            self._pipeline.receive_fault(ask.reply(numerics.ERR_INPUTTOOLONG, "Input line was too long"))
            return
        try:
            message = parse(item)
        except InvalidUtf8 as error:
            fault = Message("FAIL", (error.command, "INVALID_UTF8", "Message is not UTF-8"), ask.world.server_name)
            self._pipeline.receive_fault(fault)
        except MalformedMessage as error:
            if item.strip():
                self._pipeline.receive_fault(ask.say("FAIL", "*", "INVALID_MESSAGE", str(error)))
        else:
            labelled = self.session.has(capabilities.LABELED_RESPONSE) and self.session.has(capabilities.BATCH)
            self._pipeline.receive(message, labelled=labelled)

    def advance(self) -> None:
        """Judge the commands whose turn it is, as many as one turn of the loop allows.

        An error of ours in one of them ends this connection, and is nobody else's matter.
        """
        self._contain(self._judge_waiting)

    def _contain(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("internal error", connection=self.session.id)
            self.end("internal error")

    def _judge_waiting(self) -> None:
        for _ in range(COMMANDS_PER_TURN):
            if self._blocked or self._producers or self.session.state is State.CLOSED:
                return
            unit = self._pipeline.take()
            if unit is None:
                break
            self._judge(unit)
        else:
            self.node.loop.call_soon(self.advance)
            return
        if len(self._pipeline) <= MAX_WAITING // 2:
            self.transport.resume_reading()

    def _judge(self, unit: Unit) -> None:
        if unit.replies:
            self._finish(unit, unit.replies)
            return
        try:
            self._perform(unit, dispatch(self._ask(unit.message)))
        except Refusal as refusal:
            if self._pipeline.under_way:
                # By way of the history it comes after the echoes of the messages before it.
                self._perform(unit, [Append((), refusal=refusal)])
            else:
                self._refuse(unit, refusal)

    def _refuse(self, unit: Unit, refusal: Refusal) -> None:
        unit.lines = []
        log.debug("refused", connection=self.session.id, command=unit.message.command[:16], reason=str(refusal))
        self._finish(unit, refusal.replies)

    # ── effects ──

    def _perform(self, unit: Unit, effects: Iterable[Effect]) -> None:
        lines: list[Iterable[Message]] = []
        last_words: str | None = None
        under_way = False
        for effect in effects:
            match effect:
                case Send(some):
                    lines.append(some)
                case Append():
                    under_way = True
                    self._pipeline.launch(unit)
                    flight = Flight(self, unit, effect)
                    self.node.history.submit(Submission(effect, self._pipeline.lane, flight))
                case Broadcast(signal):
                    self.node.broadcast(signal, self)
                case Verify() | ReadHistory():
                    under_way = True
                    self._pipeline.launch(unit)
                    self.node.run(self, self._wait_for(unit, effect))
                case Close(reason):
                    last_words = reason
        lines.append(self._note_changes())
        unit.lines = lines
        if not under_way:
            self._finish(unit, ())
        if last_words is not None:
            self.end(last_words)

    def _note_changes(self) -> Iterable[Message]:
        """Follow what a handler changed in the session; return what a client is shown that has just come in."""
        session = self.session
        variant = session.caps & render.VARIANT
        if not session.is_ready:
            self.variant = variant
            return ()
        if self._deadline is not None:
            self._stop_deadline()
            self.variant = variant
            self.transport.mark_signed_in()
            return self.node.welcome(self)
        if variant != self.variant:
            self.node.hub.recast(self, variant)
        return ()

    async def _wait_for(self, unit: Unit, effect: Verify | ReadHistory) -> None:
        """Carry out what takes long, off the loop, then go on with the command."""
        try:
            if isinstance(effect, Verify):
                effects = await self._verify(unit, effect)
            else:
                effects = await self.node.read(self._ask(unit.message), effect, self._next_batch())
        except Refusal as refusal:
            self._land(unit)
            self._refuse(unit, refusal)
        else:
            self._land(unit)
            if self.session.state is not State.CLOSED:
                self._perform(unit, effects)
        self.advance()

    async def _verify(self, unit: Unit, verify: Verify) -> Iterable[Effect]:
        self._stop_deadline_for_now()
        conclusion = await self.node.verify(verify)
        if self.session.state is State.CLOSED:
            return ()
        if self.session.is_registering:
            self._start_deadline()
        effects = signin.conclude(self._ask(unit.message), verify, conclusion)
        if self.session.account:
            self.node.hub.sign_in(self)
        return effects

    def _land(self, unit: Unit) -> None:
        self._pipeline.land(unit)

    def land(self, flight: Flight, outcome: Outcome, lines: Iterable[Message]) -> None:
        """Take what the history said to a command; `advance` follows when the whole batch is delivered."""
        unit, append = flight.unit, flight.append
        verdict = outcome.verdict
        if verdict is Verdict.STALE and unit.attempts < MAX_ATTEMPTS:
            self._pipeline.land(unit, again=True)
            return
        self._pipeline.land(unit)
        if self.session.state is State.CLOSED:
            return
        ask = self._ask(unit.message)
        if verdict is Verdict.STORED:
            self._finish(unit, chain(lines, append.answer))
        elif verdict is Verdict.REPEATED:
            self._finish(unit, lines)
        elif verdict is Verdict.ABSENT and append.refusal is not None:
            self._refuse(unit, append.refusal)
        elif verdict is Verdict.MISMATCHED:
            self._finish(unit, [ask.fail("ID_REUSED", "This id was used for another message")])
        elif verdict is Verdict.UNAVAILABLE:
            self._finish(unit, [ask.fail("READ_ONLY", "The server's disk is full; nothing was stored, try later")])
        else:
            self._finish(unit, [ask.fail("TRY_AGAIN", "Too much is changing here at once; nothing was stored")])

    # ── answers out ──

    def _finish(self, unit: Unit, lines: Iterable[Message]) -> None:
        """Send what a command is answered; a labelled one once all its targets are answered."""
        answer = unit.answer
        answer.lines += unit.lines
        answer.lines.append(lines)
        answer.open -= 1
        if not answer.label:
            collected, answer.lines = answer.lines, []
            self.produce(chain.from_iterable(collected))
        elif answer.open == 0:
            everything = chain.from_iterable(answer.lines)
            self.produce(label_answer(everything, answer.label, self._next_batch(), self.node.world.server_name))

    def produce(self, lines: Iterable[Message]) -> None:
        """Write lines at the pace the client reads: they wait, undrawn, while too much is queued for it."""
        self._producers.append(iter(lines))
        self._contain(self._produce_waiting)
        self.node.hub.touch(self)

    def _produce_waiting(self) -> None:
        transport = self.transport
        while self._producers and not self._blocked:
            line = next(self._producers[0], None)
            if line is None:
                self._producers.popleft()
                continue
            transport.write(encode(line))
            if transport.queued > HIGH_WATER:
                self._blocked = True
                transport.request_drained()
                self.node.hub.touch(self)

    def end(self, reason: str) -> None:
        """Close with ERROR as the last words; nothing that comes in afterwards counts."""
        if self.session.state is State.CLOSED:
            return
        self.session.move(Trigger.ENDED)
        self._pipeline.clear()
        self._producers.clear()
        self.transport.close(encode(Message("ERROR", (f"Closing link: {reason}",))))

    def revoke(self) -> None:
        """Close because the right to be here was taken away."""
        self.end("your sign-in was revoked")
        self.node.loop.call_later(REVOKED_SECONDS, self.transport.abort, "revoked")

    def ping(self) -> None:
        """Ask whether the client is still there."""
        self.pinged = True
        self.transport.write(encode(Message("PING", (self.node.world.server_name,))))
        self.node.hub.touch(self)

    # ── small things ──

    def _ask(self, message: Message) -> Ask:
        return Ask(self.session, message, self.node.world)

    def _account_name(self) -> str:
        return self.node.world.directory.name_of(self.session.account) if self.session.account else ""

    def _next_batch(self) -> str:
        self._batches += 1
        return f"b{self._batches}"

    def _start_deadline(self) -> None:
        self._deadline = self.node.loop.call_later(self._sign_in_left, self._sign_in_timed_out)

    def _stop_deadline_for_now(self) -> None:
        """Waiting in our own queue is not the client's time."""
        if self._deadline is not None:
            self._sign_in_left = max(1.0, self._deadline.when() - self.node.loop.time())
            self._stop_deadline()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _sign_in_timed_out(self) -> None:
        self.end("sign-in took too long")
