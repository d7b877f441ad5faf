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
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import structlog

from securechat.auth.passwords import PasswordChecker
from securechat.config import Config
from securechat.errors import ConfigError
from securechat.server.control import Control, require_free_place
from securechat.server.entrance import Entrance
from securechat.server.footprint import Footprint, occupy
from securechat.server.listener import ConnectionLimits, Listener, raise_descriptor_limit
from securechat.server.node import Node
from securechat.server.office import Office
from securechat.server.reloading import Change, compare, settle, tell
from securechat.server.renegotiation import revise_offer
from securechat.server.sanity import check_settings
from securechat.server.tls import build_context, check_context
from securechat.server.web import Site, own_origins
from securechat.storage.sqlite import FreeSpace, SqliteStore, check_database, free_bytes

log = structlog.get_logger()

SWITCH_INTERVAL = 0.0005
"""Seconds between thread switches: the writer thread must not keep the loop waiting (docs/decisions/0003)."""
DATABASE = "securechat.db"
RENEWAL_CHECK_SECONDS = 6 * 3600.0


class Endpoint(NamedTuple):
    """Where to listen; port 0: any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Setup:
    """What a server is started with.

    prepare: makes what a first start needs and returns the paths of certificate and key. Called with the data
        directory locked, every address taken and the database recognised; a start that fails later leaves no new file.
    names: host names and addresses that the server's own web pages are asked for by.
    read_ca: returns the certificate of our own CA, in PEM, once `prepare` was called; None where it is another's.
    read_config: reads the settings anew, for those of them that SIGHUP changes.
    renew: renews our own certificate when it is due and tells whether it did; None for certificates from elsewhere.
    spare_ipv6: leave IPv6 endpoints out on machines that have no IPv6.
    ready: told where connections are accepted, once they are.
    """

    data: Path
    config: Config
    listen: Sequence[Endpoint]
    server_name: str
    prepare: Callable[[], tuple[Path, Path]]
    ready: Callable[[Sequence[Endpoint]], None]
    names: Sequence[str] = ()
    read_ca: Callable[[], bytes] | None = None
    read_config: Callable[[], Config] | None = None
    renew: Callable[[], bool] | None = None
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
    store = SqliteStore.open(data / DATABASE, clock=_now, randbytes=os.urandom, space=space)
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
            require_free_place(setup.data)
            server.load_pair(setup.prepare())
            raise_descriptor_limit()
            sys.setswitchinterval(SWITCH_INTERVAL)
            async with open_node(setup.data, setup.config, setup.server_name, server.fail) as node:
                return await server.run(node, footprint)
    finally:
        server.stop_listening()


class _Server:
    """Listeners, signals and the certificate in use, around one node."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[int] = self._loop.create_future()
        self._listeners: list[Listener] = []
        self._pair: tuple[Path, Path] | None = None
        self._renewal: asyncio.TimerHandle | None = None
        self._node: Node | None = None
        self._site = Site()

    def bind(self) -> None:
        """Take every address."""
        limits = self._setup.config.limits
        strangers = ConnectionLimits(limits.strangers, limits.strangers_per_address)
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
            )
            listener.bind()
            self._listeners.append(listener)
        if not self._listeners:
            raise ConfigError("listen: every address is an IPv6 one and this machine has no IPv6; add another")

    def _make_receiver(self) -> Entrance:
        assert self._node is not None
        return Entrance(self._node, self._site)

    def load_pair(self, pair: tuple[Path, Path]) -> None:
        """Use a certificate and its key for connections accepted from now on.

        Raises: ConfigError; whatever served before goes on serving.
        """
        context = build_context(*pair, allow_tls12=self._config.allow_tls12)
        check_context(context)
        site = self._make_site()
        self._pair, self._site = pair, site
        for listener in self._listeners:
            listener.context = context

    @property
    def _config(self) -> Config:
        return self._setup.config if self._node is None else self._node.config

    def _make_site(self) -> Site:
        setup = self._setup
        own = own_origins(setup.names, dict.fromkeys(listener.address[1] for listener in self._listeners))
        return Site([*own, *self._config.web_origins], setup.read_ca() if setup.read_ca is not None else b"")

    async def run(self, node: Node, footprint: Footprint) -> int:
        """Serve until told to end."""
        self._node = node
        control = Control(Office(node, self._reload_everything), self._setup.data)
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
            self._setup.ready([Endpoint(*listener.address) for listener in self._listeners])
            self._schedule_renewal()
            return await self._ending
        finally:
            self.stop_listening()
            await control.stop()

    def stop_listening(self) -> None:
        """Accept no more."""
        if self._renewal is not None:
            self._renewal.cancel()
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
            self._reload_everything()

    def _reload_everything(self) -> list[Change]:
        """Read the settings and the certificate anew; return what differs.

        Raises: ConfigError when the settings cannot be used, and then all of them stay as they were.
        """
        assert self._node is not None
        try:
            changes = self._read_settings(self._node)
        except ConfigError as error:
            log.error("config not read, everything stays as it was", error=str(error))
            raise
        finally:
            self._reload()
        tell(changes)
        return changes

    def _read_settings(self, node: Node) -> list[Change]:
        if self._setup.read_config is None:
            return []
        config = self._setup.read_config()
        check_settings(config)
        changes = list(compare(node.config, config))
        node.settings.current = settle(node.config, config)
        revise_offer(node, "sts", f"duration={config.sts}")
        return changes

    def _reload(self) -> None:
        assert self._pair is not None
        try:
            self.load_pair(self._pair)
        except ConfigError as error:
            log.error("certificate not reloaded, the old one goes on serving", error=str(error))
        else:
            log.info("certificate reloaded", certificate=str(self._pair[0]))

    def _schedule_renewal(self) -> None:
        if self._setup.renew is not None:
            self._renewal = self._loop.call_later(RENEWAL_CHECK_SECONDS, self._renew)

    def _renew(self) -> None:
        assert self._setup.renew is not None
        try:
            renewed = self._setup.renew()
        except (OSError, ConfigError) as error:
            log.error("certificate not renewed", error=str(error))
        else:
            if renewed:
                self._reload()
        self._schedule_renewal()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _now() -> int:
    return time.time_ns() // 1_000_000
