"""The running chat without its listeners: state, history, hub, sign-in checks and presence timers."""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from securechat import __version__
from securechat.auth.passwords import PasswordChecker, check_password
from securechat.auth.tokens import create_token, digest_token
from securechat.chat.ask import Ask
from securechat.chat.attendance import Attendance
from securechat.chat.directory import Directory
from securechat.chat.effects import Append, Effect, ReadHistory
from securechat.chat.marks import Marks
from securechat.chat.ports import (
    History,
    Lane,
    Outcome,
    Submission,
    Verdict,
)
from securechat.chat.presence import Presence
from securechat.chat.signals import AwaySet, MarkSet, PingAnswered, Signal
from securechat.chat.world import World
from securechat.config import Config, Settings
from securechat.errors import StorageError
from securechat.server.admission import Admission
from securechat.server.errand import Errand
from securechat.server.expiries import Expiries
from securechat.server.exports import Exports
from securechat.server.hub import Hub
from securechat.server.lookups import look_up
from securechat.server.pause import Pause
from securechat.server.rates import Rates
from securechat.server.reading import Reading
from securechat.server.revocations import Revocations
from securechat.server.signins import SignIns
from securechat.server.verification import Verification
from securechat.server.vigil import Vigil
from securechat.server.whereabouts import Whereabouts
from securechat.wire.message import Message
from securechat.wire.offer import Offer
from securechat.wire.times import format_time

if TYPE_CHECKING:
    from securechat.server.connection import Connection
    from securechat.server.entrance import Entrance

log = structlog.get_logger()

SETTLE_SECONDS = 2.0
"""How long a server that ends waits for what is being committed."""
ANNOUNCED_AT_ONCE = 20
"""Absences announced in one turn of the loop after a restart."""


class Node:
    """One running server's state and what acts on it.

    history: not started yet. randbytes: as `os.urandom`.
    failed: called with the reason when the history can no longer be trusted to store anything.
    """

    world: World
    hub: Hub

    def __init__(
        self,
        config: Config,
        history: History,
        passwords: PasswordChecker,
        *,
        server_name: str,
        randbytes: Callable[[int], bytes],
        failed: Callable[[Exception], None],
    ) -> None:
        self.settings = Settings(config)
        self.history = history
        self.passwords = passwords
        self.exports = Exports(history)
        self.whereabouts: Whereabouts | None = None
        self.connections: dict[Connection, None] = {}
        self.entrances: dict[Entrance, None] = {}
        self.loop = asyncio.get_running_loop()
        self.rates = Rates(self.loop, self.settings)
        self.vigil = Vigil(self.loop, self.settings, self.connections)
        self._server_name = server_name
        self._randbytes = randbytes
        self._failed = failed
        self._ids = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._errands: set[asyncio.Future[Outcome]] = set()
        self._has_failed = False
        self._refusal: StorageError | None = None
        self._flush_due = False
        self._pause = Pause(self.loop.time)
        self._closed = False

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.settings.current

    async def start(self) -> None:
        """Load the state and follow the history from there."""
        snapshot = await self.history.start(self._follow, self._fail)
        self.world = World(
            directory=Directory(snapshot),
            presence=Presence(),
            settings=self.settings,
            server_name=self._server_name,
            version=__version__,
            created=format_time(self._clock()),
            clock=self._clock,
            new_id=self._new_id,
            new_token=self._new_token,
            fault_of_password=self._fault_of_password,
            offer=Offer({"sts": f"duration={self.config.sts}"}),
            attendance=Attendance(self._clock(), int(self.config.chat.absence * 1000)),
            marks=Marks(snapshot.marks),
        )
        self.hub = Hub(self.world, self._schedule_flush)
        self.reading = Reading(self)
        self.sign_ins = SignIns(self)
        self.verification = Verification(self, snapshot.guesses)
        self.hub.observers.append(self.verification.guard.follow)
        self.admission = Admission(self)
        self.hub.observers.append(self.admission.follow)
        self.revocations = Revocations(self)
        self.hub.observers.append(self.revocations.follow)
        self.hub.expiries = Expiries(self.world, self.loop, self.append)
        self._expect_everybody()
        self.vigil.start()

    async def close(self) -> None:
        """Tell everybody what is still on its way, end every connection and let go of the history.

        May be called again.
        """
        if self._closed:
            return
        self._closed = True
        self.vigil.stop()
        if not self._has_failed:
            await self.sign_ins.rejections.settle()
            await self._settle()
        for entrance in list(self.entrances):
            entrance.decide()
        for connection in list(self.connections):
            connection.end("the server is going down")
        for task in list(self._tasks):
            task.cancel()
        # What was submitted before this still has its outcome.
        self._refusal = self._refusal or StorageError("the server is going down and stores nothing any more")
        await self.history.close()
        self.admission.close()
        self.revocations.close()
        self.passwords.close()

    async def _settle(self) -> None:
        """Wait until all that was submitted by now has its outcome: an echo is kinder than an unknown."""
        try:
            await asyncio.wait_for(self._submit(Append(())), SETTLE_SECONDS)
        except TimeoutError:
            log.warning("the history gave no answer before the end")
        except StorageError as error:
            log.warning("the history failed at the end", error=str(error))

    def next_connection_id(self) -> str:
        """Return a name for a new connection, as logs show it."""
        return f"c{next(self._ids)}"

    # ── the history ──

    def _follow(self, outcomes: Sequence[Outcome]) -> None:
        if self._has_failed:
            return
        try:
            self.hub.follow(outcomes)
        except Exception as error:
            # A state that has missed a record would judge wrongly from here on: better to start again from the disk.
            self._give_up(error)
            log.exception("a committed batch could not be followed")

    def _fail(self, error: Exception) -> None:
        # Said last: a disk that fails may be the one that the log is written to.
        self._give_up(error)
        log.error("storage failed", error=str(error))

    def _give_up(self, error: Exception) -> None:
        """Store nothing from here on, and tell who still waits for an outcome that there will be none."""
        self._has_failed = True
        self._refusal = StorageError("storage has failed and nothing is stored any more; the server's log says why")
        for future in list(self._errands):
            if not future.done():
                future.set_exception(StorageError("storage failed meanwhile; see afterwards whether it was done"))
        self._failed(error)

    def _submit(self, append: Append) -> asyncio.Future[Outcome]:
        """Queue an append that no connection asked for.

        Raises: StorageError, at once or from the future.
        """
        if self._refusal is not None:
            raise self._refusal
        future: asyncio.Future[Outcome] = self.loop.create_future()
        self._errands.add(future)
        future.add_done_callback(self._errands.discard)
        self.history.submit(Submission(append, Lane(), Errand(future)))
        return future

    async def append(self, build: Callable[[], Append | None]) -> Outcome | None:
        """Put what `build` returns into the history; it is built again as long as the state has moved on meanwhile.

        Returns None when there was nothing to do. Raises: whatever `build` raises, and StorageError.
        """
        while True:
            append = build()
            if append is None:
                return None
            outcome = await self._submit(append)
            if outcome.verdict is Verdict.UNAVAILABLE:
                raise StorageError("the disk is full; nothing was stored")
            if outcome.verdict is not Verdict.STALE:
                return outcome

    async def read(self, ask: Ask, effect: ReadHistory, reference: str) -> Iterable[Effect]:
        """Read history for a command and have it go on with what was found.

        Raises: Refusal.
        """
        assert effect.then is not None
        return effect.then(ask, await look_up(self.history, effect.query), reference)

    # ── coming and going ──

    def welcome(self, connection: Connection) -> Iterator[Message]:
        """Note that a client has come in; return how it is shown its channels."""
        session = connection.session
        log.info("signed in", connection=session.id, account=self.world.account(session.account).name)
        change = self.world.presence.arrive(session.account, session.id, session.away)
        if change is not None:
            self.hub.announce_absence(change)
        return self.hub.arrive(connection)

    def forget(self, connection: Connection) -> None:
        """Note that a connection has ended; after the last one of an account its absence is announced in time."""
        session = connection.session
        if not session.account:
            return
        self.hub.depart(connection)
        presence = self.world.presence
        if not presence.has(session.account, session.id):
            return
        change = presence.depart(session.account, session.id)
        if change is not None:
            self.hub.announce_absence(change)
        if presence.lingers(session.account, session.id):
            self.loop.call_later(self.config.chat.absence, self._announce_gone, session.account, session.id)

    # ── presence ──

    def broadcast(self, signal: Signal, origin: Connection) -> None:
        """Tell others what nothing keeps."""
        if isinstance(signal, MarkSet | PingAnswered):
            self.reading.take(signal, origin)
            return
        if not isinstance(signal, AwaySet):
            self.hub.pass_on(signal, origin)
            return
        change = self.world.presence.set_away(*signal)
        if change is not None:
            self.hub.announce_absence(change)

    def _announce_gone(self, account: str, session: str) -> None:
        change = self.world.presence.announce_gone(account, session)
        if change is not None:
            self.hub.announce_absence(change)

    def _expect_everybody(self) -> None:
        """Count everybody as here for the time of an absence: after a restart people return, and need no fanfare."""
        accounts = list(self.world.directory.accounts)
        for account in accounts:
            self.world.presence.linger(account)
        self.loop.call_later(self.config.chat.absence, self._announce_missing, accounts)

    def _announce_missing(self, accounts: list[str]) -> None:
        for account in accounts[:ANNOUNCED_AT_ONCE]:
            self._announce_gone(account, "")
        if accounts[ANNOUNCED_AT_ONCE:]:
            self.loop.call_soon(self._announce_missing, accounts[ANNOUNCED_AT_ONCE:])

    # ── the loop ──

    def run(self, connection: Connection, work: Coroutine[Any, Any, None]) -> None:
        """Run what a connection waits for; an error of ours ends that connection and no other."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._finished(connection, done))

    def _finished(self, connection: Connection, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("internal error", connection=connection.session.id, exc_info=task.exception())
            connection.end("internal error")

    def _schedule_flush(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            pause = self._pause.remaining
            if pause:
                self.loop.call_later(pause, self._flush)
            else:
                self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        self._pause.follow(self.hub.flush)

    # ── ports of the world ──

    def _clock(self) -> int:
        return time.time_ns() // 1_000_000

    def _new_id(self) -> str:
        return base64.b32encode(self._randbytes(10)).decode().lower()

    def _new_token(self) -> tuple[str, str]:
        token = create_token(self._randbytes)
        return token, digest_token(token)

    def _fault_of_password(self, password: str, name: str) -> str | None:
        config = self.config
        minimum = config.limits.password_length
        return check_password(password, name=name, network=config.chat.network, minimum=minimum)
