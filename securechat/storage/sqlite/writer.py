"""The one thread that writes: it commits whatever has queued, then tells the followers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import apsw

from securechat.chat.durations import Durations
from securechat.chat.ports import Outcome, Submission, Verdict
from securechat.errors import StorageError
from securechat.storage.delivery import Follower, share_of
from securechat.storage.retention import FOR_EVER, Retention
from securechat.storage.sqlite import erasure
from securechat.storage.sqlite.batch import Batch
from securechat.storage.sqlite.expiring import Expiring
from securechat.storage.sqlite.indexing import Indexing
from securechat.storage.sqlite.positions import Notes
from securechat.storage.sqlite.space import LOOK_SECONDS, FreeSpace

T = TypeVar("T")

MAX_BATCH: Final = 1024
"""Appends in one transaction: what is committed together is delivered together, and a reader's queue is not endless."""

QUIET_SECONDS: Final = 1.0
"""How long nothing must have been asked for until the index of words is seen to: many messages share one step then."""
REST_SECONDS: Final = 0.002
"""Between its steps, in which the loop gets the interpreter."""


class Writer:
    """Owner of the writing connection, the queue before it and the followers behind it.

    Whatever queues during one commit is the next transaction (group commit). After a failure nothing is written any
    more: what could not be flushed must not be tried again. While `space` does not suffice, what would be stored is
    refused, and what was stored before is found all the same.

    commits: how long transactions took, from their beginning to the flush.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        clock: Callable[[], int],
        randbytes: Callable[[int], bytes],
        space: FreeSpace,
        retention: Retention = FOR_EVER,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._randbytes = randbytes
        self._space = space
        self.notes = Notes()
        self.commits = Durations()
        self._followers: list[Follower] = []
        self._failure: StorageError | None = None
        self._closing = False
        self._settling = erasure.Settling()
        self._indexing = Indexing(connection)
        self._expiring = Expiring(connection, retention, clock, time.monotonic())
        self._quiet = False
        self._waiting = threading.Condition()
        self._submissions: list[tuple[Follower, Submission]] = []
        self._jobs: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="securechat-writer", daemon=True)
        self._thread.start()

    def submit(self, submissions: list[tuple[Follower, Submission]]) -> None:
        """Queue appends and whose they are, from any thread."""
        with self._waiting:
            self._submissions += submissions
            self._waiting.notify()

    def call(self, work: Callable[[apsw.Connection], T]) -> Future[T]:
        """Have `work` done on the writing connection, outside of any transaction, after everything queued by now."""
        future: Future[T] = Future()

        def job() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work(self._connection))
                except BaseException as error:
                    future.set_exception(error)

        with self._waiting:
            if self._closing:
                future.set_exception(StorageError("the history is closed"))
            else:
                self._jobs.append(job)
                self._waiting.notify()
        return future

    def follow(self, follower: Follower, load: Callable[[apsw.Connection], T]) -> Future[T]:
        """Have the state loaded and the follower told of every batch from there on."""

        def work(connection: apsw.Connection) -> T:
            if self._failure is not None:
                raise self._failure
            state = load(connection)
            self._followers.append(follower)
            return state

        return self.call(work)

    def leave(self, follower: Follower) -> Future[None]:
        """Commit what is queued, then tell the follower nothing any more."""

        def work(_connection: apsw.Connection) -> None:
            if follower in self._followers:
                self._followers.remove(follower)

        return self.call(work)

    def keep_notes(self) -> Future[None]:
        """Write the notes that no batch has taken along; without room for them they go on waiting."""

        def work(_connection: apsw.Connection) -> None:
            self.notes.is_expected = False
            if self._failure is None and self.notes:
                self._write([])

        return self.call(work)

    def stop(self) -> Future[None]:
        """Commit what is queued, close the connection and end the thread."""
        with self._waiting:
            future = self.call(apsw.Connection.close)
            self._closing = True
        return future

    def _run(self) -> None:
        while not (self._closing and not self._jobs):
            # Nobody may be asking to store anything when there is room again: somebody must go and look.
            submissions, jobs = self._take(self._patience())
            if submissions and self._failure is None:
                self._write(submissions)
            if self._failure is None:
                self._settle()
            for job in jobs:
                job()
            self._quiet = not (submissions or jobs)
            if not jobs:
                self._index()
                self._expire()

    def _patience(self) -> float | None:
        """Return after how many seconds there is something to look after, though nobody asks; None: nothing."""
        now = time.monotonic()
        patiences = [self._settling.patience(now)]
        if self._failure is None:
            patiences.append(self._expiring.patience(now) or (REST_SECONDS if self._quiet else QUIET_SECONDS))
        if not self._space.suffices():
            patiences.append(LOOK_SECONDS)
        elif self._indexing.is_due and self._failure is None:
            patiences.append(REST_SECONDS if self._quiet else QUIET_SECONDS)
        return min((patience for patience in patiences if patience is not None), default=None)

    def _index(self) -> None:
        """Do a little for the index of words, when nobody asks for anything or it is far behind."""
        indexing = self._indexing
        if self._failure is not None or not (indexing.is_urgent or (self._quiet and indexing.is_due)):
            return
        try:
            if self._space.suffices():
                indexing.step()
        except (apsw.FullError, apsw.BusyError):
            self._roll_back()
            self._space.doubt()
        except Exception as error:
            self._fail(error)

    def _expire(self) -> None:
        """Take away a little of what is older than it is to be kept, when nobody asks for anything or for too long."""
        now, expiring = time.monotonic(), self._expiring
        if self._failure is not None or expiring.patience(now) or not (self._quiet or expiring.is_late(now)):
            return
        try:
            expiring.step(now)
        except (apsw.FullError, apsw.BusyError):
            self._roll_back()
            self._space.doubt()
        except Exception as error:
            self._fail(error)

    def _settle(self) -> None:
        try:
            self._settling.proceed(self._connection, time.monotonic())
        except Exception as error:
            self._fail(error)

    def _take(self, patience: float | None) -> tuple[list[tuple[Follower, Submission]], list[Callable[[], None]]]:
        """Wait for something to do, and come back with nothing after so many seconds."""
        with self._waiting:
            if not self._submissions and not self._jobs:
                self._waiting.wait(patience)
            submissions, self._submissions = self._submissions[:MAX_BATCH], self._submissions[MAX_BATCH:]
            if self._submissions:
                return submissions, []
            jobs, self._jobs = self._jobs, []
            return submissions, jobs

    def _write(self, submissions: list[tuple[Follower, Submission]]) -> None:
        try:
            try:
                begun = time.perf_counter()
                batch = self._judge(submissions)
                self._commit(batch)
                self.commits.add(time.perf_counter() - begun)
            except (apsw.FullError, apsw.BusyError):
                self._roll_back()
                self._space.doubt()
                outcomes = [(follower, Outcome(each, Verdict.UNAVAILABLE)) for follower, each in submissions]
            else:
                outcomes = batch.outcomes
                self._indexing.note(batch.touched, len(outcomes))
                if batch.erases:
                    erasure.scrub(self._connection)
                if batch.redacts:
                    self._settling.note(time.monotonic())
                if batch.retains:
                    self._expiring.note(time.monotonic())
            self._deliver(outcomes)
        except Exception as error:
            self._fail(error)

    def _judge(self, submissions: list[tuple[Follower, Submission]]) -> Batch:
        self._connection.execute("BEGIN IMMEDIATE")
        batch = Batch(self._connection, self._clock, self._randbytes, may_store=self._space.suffices())
        if self.notes and self._space.suffices():
            # Before what is judged: a device that is revoked there is to be forgotten with them.
            batch.notes = self.notes.write(self._connection)
        for follower, submission in submissions:
            batch.judge(follower, submission)
        batch.write_back()
        return batch

    def _commit(self, batch: Batch) -> None:
        self._connection.execute("COMMIT")
        self.notes.forget(batch.notes)
        batch.hold_lanes()

    def _roll_back(self) -> None:
        # SQLite rolls some failures back by itself.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _deliver(self, outcomes: list[tuple[Follower, Outcome]]) -> None:
        for follower in list(self._followers):
            if share := share_of(follower, outcomes):
                self._tell(follower, follower.deliver, share)

    def _fail(self, error: Exception) -> None:
        self._failure = StorageError(f"the history cannot be written any more: {error!r}")
        self._failure.__cause__ = error
        for follower in list(self._followers):
            self._tell(follower, follower.fail, self._failure)
        # Closing would flush the WAL once more to take it back; the next start reads it.
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)

    def _tell(self, follower: Follower, say: Callable[[Any], None], what: object) -> None:
        try:
            follower.loop.call_soon_threadsafe(say, what)
        except RuntimeError:
            # The node's loop has ended without leaving: there is nobody to tell.
            self._followers.remove(follower)
