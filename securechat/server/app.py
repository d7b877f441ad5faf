"""A server from start to end: data directory, database, node, control socket, listeners, signals."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog

from securechat import __version__
from securechat.auth.passwords import PasswordChecker
from securechat.config import Config
from securechat.errors import ConfigError
from securechat.server.auditing import TrailKeeper
from securechat.server.certificates import Certificates, Pair, Shown
from securechat.server.control import Control, require_free_place
from securechat.server.entrance import Entrance
from securechat.server.footprint import Footprint, occupy
from securechat.server.listener import Listener, raise_descriptor_limit
from securechat.server.metrics_page import MetricsPage
from securechat.server.node import Node
from securechat.server.office import Office
from securechat.server.preface import parse_balancers
from securechat.server.reloading import Change, compare, settle, tell
from securechat.server.renegotiation import revise_offer
from securechat.server.requests import Perform
from securechat.server.sanity import check_settings
from securechat.server.strangers import find_room
from securechat.server.tls import Demand
from securechat.server.web import Site, own_origins
from securechat.server.whereabouts import Whereabouts
from securechat.storage.archive import require_restored
from securechat.storage.retention import Retention
from securechat.storage.sqlite import FreeSpace, SqliteStore, check_database, free_bytes

if TYPE_CHECKING:
    from securechat.server.metrics import LoopDelay

log = structlog.get_logger()

SWITCH_INTERVAL = 0.0005
"""Seconds between thread switches: the writer thread must not keep the loop waiting (docs/decisions/0003)."""
DATABASE = "securechat.db"


class Endpoint(NamedTuple):
    """Where to listen; port 0: any free one. client_cert: whether clients are asked for a certificate of their own."""

    host: str
    port: int
    client_cert: Demand = ""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Setup:
    """What a server is started with.

    prepare: makes what a first start needs and returns the paths of certificate and key. Called with the data
        directory locked, every address taken and the database recognised; a start that fails later leaves no new file.
    names: host names and addresses that the server's own web pages are asked for by.
    link_names: those of them that links lead to; none: all.
    ca: the certificate of the CA, in PEM, that clients can have from us once `prepare` was called; None: they know it.
    own_ca: the certificate of our own CA; clients' certificates must be from it where no setting says otherwise.
    read_config: reads the settings anew, for those of them that SIGHUP changes.
    renew: renews our own certificate when it is due and tells whether it did; None for certificates from elsewhere.
    examine: tells of a certificate and its key whether they may be served now. Raises: ConfigError when not.
    spare_ipv6: leave IPv6 endpoints out on machines that have no IPv6.
    ready: told where connections are accepted, once they are, and how to have administrative acts carried out.
    """

    data: Path
    config: Config
    listen: Sequence[Endpoint]
    server_name: str
    prepare: Callable[[], tuple[Path, Path]]
    ready: Callable[[Sequence[Endpoint], Perform], Awaitable[None]]
    names: Sequence[str] = ()
    link_names: Sequence[str] = ()
    ca: Path | None = None
    own_ca: Path | None = None
    read_config: Callable[[], Config] | None = None
    renew: Callable[[], bool] | None = None
    examine: Callable[[Pair], Shown] | None = None
    spare_ipv6: bool = False


@contextlib.asynccontextmanager
async def open_node(
    data: Path, config: Config, server_name: str, failed: Callable[[Exception], None]
) -> AsyncIterator[Node]:
    """Open the database of a data directory, whose lock the caller holds, and run a node on it.

    config: its names checked. Raises: ConfigError.
    """
    mark = config.limits.free_space

    def note_turn(room: bool, free: int) -> None:
        told = "there is room on the disk again: storing goes on" if room else "the disk is nearly full: read-only"
        # Told in the thread that writes, which must outlive a log that nobody takes.
        with contextlib.suppress(OSError):
            log.warning(told, free=free, mark=mark)

    space = FreeSpace(mark, lambda: free_bytes(data), note_turn)
    kept = Retention(config.history.days, config.history.direct_days)
    store = SqliteStore.open(data / DATABASE, clock=_now, randbytes=os.urandom, space=space, retention=kept)
    try:
        passwords = PasswordChecker()
        node = Node(config, store.attach(), passwords, server_name=server_name, randbytes=os.urandom, failed=failed)
        await node.start()
        try:
            yield node
        finally:
            await node.close()
    finally:
        await store.close()


async def serve(setup: Setup) -> int:
    """Run until SIGTERM or SIGINT and return the process's exit code: 0, or 1 when the storage failed.

    Raises: ConfigError, before anything is served.
    """
    check_settings(setup.config)
    server = _Server(setup)
    try:
        server.bind()
        with occupy(setup.data) as footprint:
            check_database(setup.data / DATABASE)
            require_restored(setup.data, DATABASE)
            require_free_place(setup.data)
            server.load_pair(setup.prepare())
            sys.setswitchinterval(SWITCH_INTERVAL)
            async with open_node(setup.data, setup.config, setup.server_name, server.fail) as node:
                return await server.run(node, footprint)
    finally:
        server.stop_listening()


class _Server:
    """Listeners, signals and the certificate in use, around one node."""

    _keeper: TrailKeeper

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[int] = self._loop.create_future()
        self._listeners: list[Listener] = []
        self._demands: dict[Listener, Demand] = {}
        self._node: Node | None = None
        self._site = Site()
        self._page: MetricsPage | None = None
        self._loop_delay: LoopDelay | None = None
        self.certificates = Certificates(
            self._loop,
            lambda: self._config,
            demands={"", *(endpoint.client_cert for endpoint in setup.listen)},
            own_ca=setup.own_ca,
            examine=setup.examine,
            renew=setup.renew,
            reload=self._reload,
        )

    def bind(self) -> None:
        """Take every address."""
        limits = self._setup.config.limits
        strangers = find_room(limits, raise_descriptor_limit())
        for endpoint in self._setup.listen:
            if self._setup.spare_ipv6 and ":" in endpoint.host and not _has_ipv6():
                continue
            listener = Listener(
                self._loop,
                endpoint.host,
                endpoint.port,
                receivers=self._make_receiver,
                limits=strangers,
                handshake_timeout=limits.handshake,
                queue_limit=limits.send_queue,
                balancers=parse_balancers(self._setup.config.balancers),
            )
            listener.bind()
            self._listeners.append(listener)
            self._demands[listener] = endpoint.client_cert
        if self._setup.config.metrics.listen:
            self._page = MetricsPage(self._loop, self._setup.config.metrics)
            if self._page.listener is not None:
                self._demands[self._page.listener] = ""
        if not self._listeners:
            raise ConfigError("listen: every address is an IPv6 one and this machine has no IPv6; add another")

    def _make_receiver(self) -> Entrance:
        assert self._node is not None
        return Entrance(self._node, self._site)

    def load_pair(self, pair: tuple[Path, Path]) -> None:
        """Use a certificate and its key for connections accepted from now on.

        Raises: ConfigError; whatever served before goes on serving.
        """
        # Pages count whatever becomes of the pair.
        self._site = self._make_site()
        contexts = self.certificates.load(pair)
        for listener, demand in self._demands.items():
            listener.context = contexts[demand]

    @property
    def _config(self) -> Config:
        return self._setup.config if self._node is None else self._node.config

    def _make_site(self) -> Site:
        setup = self._setup
        own = own_origins(setup.names, dict.fromkeys(listener.address[1] for listener in self._listeners))
        return Site([*own, *self._config.web_origins], _read_ca(setup.ca) if setup.ca is not None else b"")

    async def run(self, node: Node, footprint: Footprint) -> int:
        """Serve until told to end."""
        self._node = node
        self._keeper = TrailKeeper(node)
        office = Office(node, self)
        control = Control(office, self._setup.data)
        await control.start()
        footprint.keep()
        self._loop.add_signal_handler(signal.SIGTERM, self._end, 0)
        self._loop.add_signal_handler(signal.SIGINT, self._end, 0)
        self._loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        # What exists now lives as long as the process: the collector need not look at it again.
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
        try:
            for listener in self._listeners:
                listener.start()
            node.whereabouts = self._whereabouts()
            await self._keeper.begin(__version__)
            await self._setup.ready(self._endpoints(), office.perform)
            if self._page is not None:
                await self._begin_metrics(self._page, node)
            self.certificates.start()
            return await self._ending
        finally:
            self.stop_listening()
            await control.stop()
            await self._keeper.end()

    async def _begin_metrics(self, page: MetricsPage, node: Node) -> None:
        # Nobody else needs what it is written with.
        from securechat.server.metrics import Figures, LoopDelay, make_report

        self._loop_delay = LoopDelay(self._loop)
        figures = Figures(node, self._setup.data, self.certificates.days_left, self._loop_delay.durations)
        await page.start(make_report(figures))

    def _whereabouts(self) -> Whereabouts:
        setup = self._setup
        # Who is invited has no certificate yet.
        first, *_ = sorted(self._listeners, key=lambda listener: self._demands[listener] == "required")
        return Whereabouts(list(setup.link_names or setup.names), first.address[1], str(setup.ca or ""))

    def stop_listening(self) -> None:
        """Accept no more."""
        if self._page is not None:
            self._page.stop()
        if self._loop_delay is not None:
            self._loop_delay.stop()
        self.certificates.stop()
        for listener in self._listeners:
            listener.stop()

    def fail(self, _error: Exception) -> None:
        """End with exit code 1: what is asked to be stored would not be."""
        self._end(1)

    def _end(self, code: int) -> None:
        if not self._ending.done():
            self._ending.set_result(code)

    def _hang_up(self) -> None:
        # The log has said what is wrong.
        with contextlib.suppress(ConfigError):
            self.reload()

    def listening(self) -> list[str]:
        """Return where connections are accepted, each as HOST:PORT."""
        return [str(endpoint) for endpoint in self._endpoints()]

    def certificate(self) -> str:
        """Return the path of the certificate in use."""
        assert self.certificates.pair is not None
        return str(self.certificates.pair[0].absolute())

    def _endpoints(self) -> list[Endpoint]:
        return [Endpoint(*listener.address) for listener in self._listeners]

    def reload(self) -> list[Change]:
        """Read the settings and the certificate anew; return what differs.

        Raises: ConfigError when the settings cannot be used, and then all of them stay as they were; or when the
            certificate cannot.
        """
        assert self._node is not None
        try:
            changes = self._read_settings(self._node)
        except ConfigError as error:
            log.error("config not read, everything stays as it was", error=str(error))
            self._reload()
            raise ConfigError(f"{error}; everything stays as it was") from None
        fault = self._reload()
        tell(changes)
        self._keeper.enter("config reload", ", ".join(change.key for change in changes))
        if fault is not None:
            raise ConfigError(f"the settings are read, but the old certificate goes on serving: {fault}")
        return changes

    def _read_settings(self, node: Node) -> list[Change]:
        if self._setup.read_config is None:
            return []
        config = self._setup.read_config()
        check_settings(config)
        self.certificates.check_client_ca(config)
        changes = list(compare(node.config, config))
        node.settings.current = settle(node.config, config)
        revise_offer(node, "sts", f"duration={config.sts}")
        return changes

    def _reload(self) -> str | None:
        """Load the pair anew; return why that cannot serve."""
        pair = self.certificates.pair
        assert pair is not None
        try:
            self.load_pair(pair)
        except ConfigError as error:
            log.error("certificate not reloaded, the old one goes on serving", error=str(error))
            return str(error)
        log.info("certificate reloaded", certificate=str(pair[0]))
        return None


def _read_ca(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _now() -> int:
    return time.time_ns() // 1_000_000
