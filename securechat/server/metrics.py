"""The figures of a running server, read when somebody asks: nothing is counted here that costs a message anything."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from securechat import __version__
from securechat.chat.durations import Durations
from securechat.storage.sqlite import free_bytes

if TYPE_CHECKING:
    from securechat.server.node import Node

LOOK_SECONDS = 0.25
"""How often it is looked how late the loop is."""


class LoopDelay:
    """How late the loop does what is due: what everybody waits for beside their own work."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.durations = Durations()
        self._loop = loop
        self._due = loop.time() + LOOK_SECONDS
        self._timer = loop.call_at(self._due, self._look)

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        self.durations.add(max(0.0, now - self._due))
        self._due = now + LOOK_SECONDS
        self._timer = self._loop.call_at(self._due, self._look)


class Figures(Collector):
    """Reads the figures of one node.

    data: the data directory. days_left: of the certificate in use, None where nobody knows. delay: of the loop.
    """

    def __init__(self, node: Node, data: Path, days_left: Callable[[], float | None], delay: Durations) -> None:
        self._node = node
        self._data = data
        self._days_left = days_left
        self._delay = delay

    def collect(self) -> Iterable[Metric]:
        """Yield every figure. (prometheus_client, custom collectors)"""
        build = GaugeMetricFamily("securechat_build_info", "Which version runs.", labels=["version", "python"])
        build.add_metric([__version__, platform.python_version()], 1)
        yield build
        yield from self._connections()
        yield from self._sign_ins()
        yield from self._traffic()
        yield from self._state()

    def _connections(self) -> Iterable[Metric]:
        node = self._node
        ready = sum(connection.session.is_ready for connection in node.connections)
        family = GaugeMetricFamily("securechat_connections", "Connections, by how far they are.", labels=["state"])
        family.add_metric(["signed-in"], ready)
        family.add_metric(["signing-in"], len(node.connections) - ready)
        family.add_metric(["undecided"], len(node.entrances))
        yield family
        queued = sum(connection.transport.queued for connection in node.connections)
        yield GaugeMetricFamily("securechat_queue_bytes", "Bytes that wait for readers.", queued)

    def _sign_ins(self) -> Iterable[Metric]:
        node = self._node
        family = CounterMetricFamily(
            "securechat_sign_ins", "Credentials that were shown, by what became of them.", labels=["result", "how"]
        )
        for labels, count in sorted(node.sign_ins.tally.items()):
            family.add_metric(list(labels), count)
        yield family
        yield CounterMetricFamily(
            "securechat_throttled", "Passwords refused unchecked: guessing.", node.verification.guard.refused
        )
        yield GaugeMetricFamily(
            "securechat_password_queue", "Passwords that wait to be checked.", node.passwords.waiting
        )

    def _traffic(self) -> Iterable[Metric]:
        hub = self._node.hub
        yield CounterMetricFamily("securechat_messages", "Messages that were stored and delivered.", hub.messages)
        yield CounterMetricFamily(
            "securechat_deliveries", "Messages times the connections that they went to.", hub.deliveries
        )
        yield _histogram(
            "securechat_commit_seconds",
            "How long transactions took, from their beginning to the flush.",
            self._node.history.commits,
        )
        yield _histogram(
            "securechat_loop_delay_seconds", "How late the loop was, looked at four times a second.", self._delay
        )

    def _state(self) -> Iterable[Metric]:
        directory = self._node.world.directory
        accounts = sum(not account.deleted for account in directory.accounts.values())
        yield GaugeMetricFamily("securechat_accounts", "Accounts, deleted ones not counted.", accounts)
        yield GaugeMetricFamily("securechat_channels", "Channels.", len(directory.channels))
        yield GaugeMetricFamily(
            "securechat_disk_free_bytes", "Free on the disk with the data directory.", free_bytes(self._data)
        )
        days = self._days_left()
        if days is not None:
            yield GaugeMetricFamily(
                "securechat_certificate_days", "Until the certificate in use ends; below 0: it has.", days
            )


def make_report(figures: Figures) -> Callable[[], bytes]:
    """Return what writes the figures, and those of the process, as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(figures)
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


def _histogram(name: str, documentation: str, durations: Durations) -> Metric:
    counts = list(accumulate(durations.counts))
    bounds = [*map(str, durations.bounds), "+Inf"]
    return HistogramMetricFamily(
        name, documentation, buckets=list(zip(bounds, counts, strict=True)), sum_value=durations.total
    )
