"""One client's connection: bytes to commands, effects to the node, answers to bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import aclosing
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import structlog

from securechat.chat import profile, render, signin
from securechat.chat.ask import Ask
from securechat.chat.commands import COMMANDS, dispatch
from securechat.chat.effects import Append, Broadcast, Close, Effect, ReadHistory, Refusal, Send, Verify
from securechat.chat.pipeline import Pipeline, Unit
from securechat.chat.ports import Outcome, PlaybackQuery, Submission, Verdict, WritingsQuery
from securechat.chat.session import Session, State, Trigger
from securechat.server.allowance import MEMBER, STRANGER, Allowance
from securechat.server.deadline import Deadline
from securechat.server.flight import Flight
from securechat.server.intake import Intake
from securechat.server.outlet import Outlet
from securechat.server.receiver import Carrier
from securechat.server.replay import FOLLOWED, Follower
from securechat.server.verdicts import word_verdict
from securechat.wire import capabilities
from securechat.wire.framing import MAX_CLIENT_TAGS, MAX_REST, LineSplitter
from securechat.wire.message import Message, encode

if TYPE_CHECKING:
    from securechat.server.node import Node

log = structlog.get_logger()

TURN_SECONDS = 0.004
"""How long one client's commands are judged before other connections get their turn."""
MAX_ATTEMPTS = 20
"""How often a command is judged again because the state it was judged on had passed."""
LINGERING_SECONDS = 300.0
"""What whoever may have been invited has more for signing in."""
REVOKED_SECONDS = 0.5
"""How long a revoked client may take over its last words."""


class Connection:
    """A receiver for one transport. Commands are judged in order; what is under way holds back what must not overtake.

    waited: seconds of the sign-in time that were over before it was known what the client speaks.
    variant: the session's capabilities as far as they change how delivered lines look.
    """

    __slots__ = (
        "_batches",
        "_caps",
        "_deadline",
        "_pipeline",
        "_splitter",
        "follower",
        "heard",
        "intake",
        "node",
        "outlet",
        "pinged",
        "session",
        "transport",
        "variant",
    )

    transport: Carrier

    def __init__(self, node: Node, waited: float = 0.0) -> None:
        self.node = node
        self.session = Session(node.next_connection_id())
        self.variant = self._caps = 0
        self.heard = node.loop.time()
        self.pinged = False
        self.follower: Follower | None = None
        self._splitter = LineSplitter(MAX_CLIENT_TAGS, MAX_REST)
        self._pipeline = Pipeline()
        self.outlet = Outlet(self._room, partial(node.hub.touch, self))
        self.intake = Intake(node.loop, self.advance, partial(self.end, "too much was sent before signing in"))
        self._batches = 0
        seconds = max(0.0, node.config.limits.sign_in - waited)
        self._deadline = Deadline(node.loop, seconds, partial(self.end, "sign-in took too long"))

    def __repr__(self) -> str:
        return f"<Connection {self.session.id} {self.session.account or '-'} {self.session.state.value}>"

    # ── what the transport tells ──

    def connected(self, transport: Carrier) -> None:
        """Begin: the client has the sign-in time to say who it is."""
        self.transport = self.outlet.transport = self.intake.transport = transport
        self.node.connections[self] = None
        self._deadline.run()
        log.info("connected", connection=self.session.id, peer=transport.peer, tls=transport.tls_version)

    def received(self, data: bytes, size: int = 0) -> None:
        """Take bytes, queue the commands in them and judge those whose turn it is.

        size: bytes they came in, where that is not their own.
        """
        self.heard = self.node.loop.time()
        self.pinged = False
        ask = self._ask(Message("*"))
        items = self._splitter.feed(data)
        before = len(self._pipeline)
        for item in items:
            if self.session.state is not State.CLOSED:
                self._pipeline.receive_line(item, ask)
        waiting = len(self._pipeline)
        if waiting > self._allowance.commands:
            self.transport.pause_reading()
        # One for each target of a line, and one for a line of a batch that is no command yet.
        self.intake.receive(max(waiting - before, len(items)), size or len(data), self.heard)
        self.advance()

    def drained(self) -> None:
        """Go on with what waited for the reader, who has given a sign of life by reading."""
        self.heard = self.node.loop.time()
        self.pinged = False
        self.outlet.blocked = False
        self._contain(self.outlet.draw)
        self.advance()

    def closed(self, reason: str) -> None:
        """Let go of everything: the connection has ended."""
        self._deadline.stop()
        self.intake.close()
        self._pipeline.clear()
        self.outlet.clear()
        if self.follower is not None:
            self.follower.stop()
        was_known = self in self.node.connections
        self.node.connections.pop(self, None)
        if was_known:
            self.node.forget(self)
            log.info("closed", connection=self.session.id, account=self._account_name(), reason=reason)
        self.session.move(Trigger.ENDED)

    # ── commands in ──

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
        time = self.node.loop.time
        end_of_turn = time() + TURN_SECONDS
        while not (self.intake.rests or self.outlet.is_busy or self.session.state is State.CLOSED):
            unit = self._pipeline.take()
            if unit is None:
                if len(self._pipeline) <= self._allowance.commands // 2 and not self.intake.is_held:
                    self.transport.resume_reading()
                return
            self._judge(unit)
            if not unit.pipelines or self.intake.is_stranger:
                self.intake.judge(unit.message.command)
            if time() > end_of_turn:
                self.node.loop.call_soon(self.advance)
                return

    def _judge(self, unit: Unit) -> None:
        # As it is before what the command changes. (IRCv3 capability-negotiation, CAP ACK)
        unit.labelled = self.session.has(capabilities.LABELED_RESPONSE) and self.session.has(capabilities.BATCH)
        if unit.replies:
            self._finish(unit, list(unit.replies))
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
        # Never what was typed: people paste passwords and tokens where a command belongs.
        command = unit.message.command if unit.message.command in COMMANDS else "unknown"
        log.debug("refused", connection=self.session.id, command=command, reason=str(refusal))
        self._finish(unit, list(refusal.replies))

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
                case ReadHistory((WritingsQuery() | PlaybackQuery()) as query):
                    under_way = True
                    self._pipeline.launch(unit)
                    self.node.run(self, self._hand_out(unit, query))
                case Verify() | ReadHistory():
                    under_way = True
                    self._pipeline.launch(unit)
                    self.node.run(self, self._wait_for(unit, effect))
                case Close(reason):
                    last_words = reason
        lines.append(self._note_changes())
        unit.lines = lines
        if not under_way:
            self._finish(unit, [], chain.from_iterable(lines))
        if last_words is not None:
            self.end(last_words)

    def _note_changes(self) -> Iterable[Message]:
        """Follow what a handler changed in the session; return what a client is shown that has just come in."""
        session = self.session
        if not session.is_ready:
            self.variant = render.variant_of(session.caps)
            if session.lingers:
                self._deadline.extend(LINGERING_SECONDS)
            return ()
        if self._deadline.is_running:
            self._deadline.stop()
            self.follower = self.node.reading.follow(self)
            # What is in the same packet as the sign-in waits too.
            self._pipeline.holds_messages = self.follower is not None
            self.variant = self._variant()
            self._caps = session.caps
            self.transport.mark_signed_in()
            is_bot = self.node.world.account(session.account).role == "bot"
            self.intake.admit(partial(self.node.rates.enter, session.account, is_bot=is_bot))
            return self.node.welcome(self)
        if session.caps != self._caps:
            gained, self._caps = session.caps & ~self._caps, session.caps
            self.node.hub.recast(self, self._variant())
            if gained & capabilities.METADATA:
                return profile.own_lines(self._ask(Message("*")))
        return ()

    async def _wait_for(self, unit: Unit, effect: Verify | ReadHistory) -> None:
        """Carry out what takes long, off the loop, then go on with the command."""
        try:
            if isinstance(effect, Verify):
                effects = await self._verify(unit, effect)
            else:
                effects = await self.node.read(self._ask(unit.message), effect, self._next_batch())
        except Refusal as refusal:
            self._pipeline.land(unit)
            self._refuse(unit, refusal)
        else:
            self._pipeline.land(unit)
            if self.session.state is not State.CLOSED:
                self._perform(unit, effects)
        self.advance()

    async def _hand_out(self, unit: Unit, query: WritingsQuery | PlaybackQuery) -> None:
        """Answer with all that an account has written, or wants played: a page is read when the one before it was drawn."""
        hand_out: Callable[[Iterable[Message]], None] = partial(self._finish, unit, [])
        try:
            pages = self.node.reading.pages(self._ask(unit.message), query, self._next_batch)
            async with aclosing(pages):
                async for lines in pages:
                    hand_out(lines)
                    hand_out = self.produce
                    await self.outlet.catch_up()
                    if self.session.state is State.CLOSED:
                        break
        except Refusal as refusal:
            self._refuse(unit, refusal)
        self._pipeline.land(unit)
        self.advance()

    async def _verify(self, unit: Unit, verify: Verify) -> Iterable[Effect]:
        self._deadline.stop()
        conclusion = await self.node.verification.verify(verify, self.transport.peer, self.session.id)
        if self.session.state is State.CLOSED:
            return ()
        if self.session.is_registering:
            self._deadline.run()
        effects = signin.conclude(self._ask(unit.message), verify, conclusion)
        if self.session.account:
            self.node.hub.sign_in(self)
        return effects

    def land(self, flight: Flight, outcome: Outcome, due: list[Message], lazy: Iterable[Message] | None) -> None:
        """Take what the history said to a command; `advance` follows when the whole batch is delivered.

        due: how the client sees the records, now, in their place among everybody's. lazy: what it is told of them.
        """
        unit, append = flight.unit, flight.append
        verdict = outcome.verdict
        if verdict is Verdict.STALE and unit.attempts < MAX_ATTEMPTS:
            self._pipeline.land(unit, again=True)
            return
        self._pipeline.land(unit)
        if self.session.state is State.CLOSED:
            return
        if append.then is not None and verdict is Verdict.STORED:
            self._contain(partial(self._go_on, unit, append.then))
            return
        if verdict is Verdict.STORED or verdict is Verdict.REPEATED:
            words = [*chain.from_iterable(unit.lines), *due, *append.answer]
            if words or lazy is not None or unit.answer.label:
                self._finish(unit, words, lazy)
            return
        if verdict is Verdict.ABSENT and append.refusal is not None:
            self._refuse(unit, append.refusal)
        else:
            self._finish(unit, [word_verdict(self._ask(unit.message), verdict)])

    def _go_on(self, unit: Unit, then: Callable[[Ask], Iterable[Effect]]) -> None:
        """Go on with a command that has let its asker in."""
        effects = then(self._ask(unit.message))
        self.node.hub.sign_in(self)
        self._perform(unit, effects)

    # ── answers out ──

    def _finish(self, unit: Unit, due: list[Message], lazy: Iterable[Message] | None = None) -> None:
        """Send what a command is answered: `due` at once, whatever waits; `lazy` as the client reads."""
        now, later = unit.answer.take(
            due,
            lazy,
            labelled=unit.labelled,
            source=self.node.world.server_name,
            next_reference=self._next_batch,
        )
        self._contain(lambda: self.outlet.write(now))
        self.node.hub.touch(self)
        if later is not None:
            self.produce(later)

    def produce(self, lines: Iterable[Message]) -> None:
        """Write lines at the pace the client reads. (`outlet.Outlet.produce`)"""
        self.outlet.produce(lines)
        self._contain(self.outlet.draw)

    def release_messages(self) -> None:
        """Let what the client writes wait no longer: it has been shown what was written before."""
        self._pipeline.holds_messages = False
        self.advance()

    def end(self, reason: str) -> None:
        """Close with ERROR as the last words; nothing that comes in afterwards counts."""
        if self.session.state is State.CLOSED:
            return
        self.session.move(Trigger.ENDED)
        self._pipeline.clear()
        self.outlet.clear()
        self.transport.close(encode(Message("ERROR", (f"Closing link: {reason}",))))

    def revoke(self, reason: str) -> None:
        """Close because the right to be here was taken away."""
        self.end(reason)
        self.node.loop.call_later(REVOKED_SECONDS, self.transport.abort, "revoked")

    def ping(self) -> None:
        """Ask whether the client is still there."""
        self.pinged = True
        self.transport.write(encode(Message("PING", (self.node.world.server_name,))))
        self.node.hub.touch(self)

    # ── small things ──

    def _room(self) -> int:
        return self._allowance.bytes

    @property
    def _allowance(self) -> Allowance:
        return MEMBER if self.session.is_ready else STRANGER

    def _ask(self, message: Message) -> Ask:
        return Ask(self.session, message, self.node.world)

    def _variant(self) -> int:
        return render.variant_of(self.session.caps) | (FOLLOWED if self.follower is not None else 0)

    def _account_name(self) -> str:
        return self.node.world.directory.name_of(self.session.account) if self.session.account else ""

    def _next_batch(self) -> str:
        self._batches += 1
        return f"b{self._batches}"
