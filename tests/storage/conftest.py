"""The stores under contract. A new implementation is one more entry of FACTORIES and nothing else."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from securechat.chat.ports import Store
from securechat.storage.memory import MemoryStore
from securechat.storage.retention import FOR_EVER, Retention
from securechat.storage.sqlite import SqliteStore
from tests.storage.nodes import Clock, Node


def make_memory(_directory: Path, clock: Clock, retention: Retention = FOR_EVER) -> Store:
    return MemoryStore(clock, random.Random(1).randbytes, retention)


def make_sqlite(directory: Path, clock: Clock, retention: Retention = FOR_EVER) -> Store:
    path = directory / "history.db"
    return SqliteStore.open(path, clock=clock, randbytes=random.Random(1).randbytes, retention=retention)


FACTORIES: dict[str, Callable[[Path, Clock], Store]] = {"memory": make_memory, "sqlite": make_sqlite}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=FACTORIES)
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    store = FACTORIES[request.param](tmp_path, clock)
    yield store
    await store.close()


@pytest.fixture
def join_node(store: Store) -> Callable[[], Awaitable[Node]]:
    """Attach one more node to the store."""
    return lambda: Node(store.attach()).start()


@pytest.fixture
async def node(store: Store) -> Node:
    return await Node(store.attach()).start()
