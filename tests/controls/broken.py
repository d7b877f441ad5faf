"""A pytest plugin that breaks the product on purpose: `-p tests.controls.broken`, the variant in SECURECHAT_BROKEN.

Each variant takes one rule out of the code, the way somebody could have written it; the suite must notice.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from securechat.auth.throttle import Leave, Throttle
from securechat.chat import policy
from securechat.storage.sqlite import SqliteStore
from securechat.storage.sqlite import audit as sqlite_audit
from securechat.storage.sqlite import batch as sqlite_batch
from securechat.storage.sqlite.batch import Batch
from securechat.storage.sqlite.writer import Writer
from tests.adversarial import unguarded


def deliver_before_commit(pause: float = 0.0) -> None:
    """Tell the followers first, and write to the disk when they had so many seconds to read, or while they do."""
    commit, deliver = Writer._commit, Writer._deliver

    def deliver_and_commit(self: Any, batch: Batch) -> None:
        deliver(self, batch.outcomes)
        self.told = batch.outcomes
        time.sleep(pause)
        commit(self, batch)

    def deliver_the_rest(self: Any, outcomes: Any) -> None:
        if outcomes is not self.told:
            deliver(self, outcomes)

    patch(Writer, _commit=deliver_and_commit, _deliver=deliver_the_rest)


def check_no_epochs() -> None:
    """Trust what the submitter saw."""
    patch(Batch, _epochs_hold=lambda self, append: True)


def store_ids_again() -> None:
    """Store a message as often as it is sent."""
    patch(Batch, _find_once=lambda self, once: None)
    patch(sqlite_batch, _INSERT_ONCE=sqlite_batch._INSERT_ONCE.replace("INSERT", "INSERT OR REPLACE"))


def number_at_submission() -> None:
    """Take the seq from a counter when an append is submitted, rather than in the transaction that stores it."""
    submit, judge = SqliteStore.submit, Batch._judge
    taken: dict[int, list[int]] = {}

    def submit_numbered(self: Any, follower: Any, submission: Any) -> None:
        if not hasattr(self, "counters"):
            self.counters = defaultdict(int)
        numbers = taken[id(submission)] = []
        for entry in submission.append.entries:
            self.counters[entry.stream] += 1
            numbers.append(self.counters[entry.stream])
        submit(self, follower, submission)

    def judge_numbered(self: Any, submission: Any) -> Any:
        self.numbers = iter(taken.pop(id(submission)))
        return judge(self, submission)

    patch(SqliteStore, submit=submit_numbered)
    patch(Batch, _judge=judge_numbered, _next_seq=lambda self, head: next(self.numbers))


def let_everybody_read() -> None:
    """Let anybody read anything."""
    patch(policy, readable=lambda access: (policy.Span(1),), may_read=lambda access, record: True)


def count_no_guesses() -> None:
    """Check whatever password is given."""
    patch(Throttle, may_try=lambda self, attempt: Leave.GIVEN, withdrawn=lambda self, attempt: None)


def count_guesses_afterwards() -> None:
    """Let a wrong password count only once it was found to be wrong."""
    may_try, withdrawn = Throttle.may_try, Throttle.withdrawn

    def try_for_nothing(self: Any, attempt: Any) -> Any:
        leave = may_try(self, attempt)
        if leave is Leave.GIVEN:
            withdrawn(self, attempt)
        return leave

    patch(Throttle, may_try=try_for_nothing, withdrawn=lambda self, attempt: None)


def tie_records_to_nothing() -> None:
    """Give each record of the audit trail a hash of its own, whatever came before it."""
    link_of = sqlite_audit.link_of
    patch(sqlite_audit, link_of=lambda _before, *content: link_of(bytes(32), *content))


VARIANTS: dict[str, Callable[[], None]] = {
    "delivery-before-commit": deliver_before_commit,
    "epochs-not-checked": check_no_epochs,
    "ids-not-unique": store_ids_again,
    "seq-outside-transaction": number_at_submission,
    "may-read-says-yes": let_everybody_read,
    "audit-not-chained": tie_records_to_nothing,
    "guesses-not-counted": count_no_guesses,
    "guesses-counted-afterwards": count_guesses_afterwards,
    **{name: partial(remove, pytest.MonkeyPatch()) for name, remove in unguarded.CHECKS.items()},
}


def patch(owner: object, **replacements: object) -> None:
    """Replace attributes that exist: a variant that patches nothing would prove nothing."""
    for name, replacement in replacements.items():
        assert hasattr(owner, name), f"{owner} has no {name} to break"
        setattr(owner, name, replacement)


def pytest_configure() -> None:
    VARIANTS[os.environ["SECURECHAT_BROKEN"]]()
