"""The certificate that a server shows: loaded for its listeners, watched, renewed in time; who is told before it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import NamedTuple, TypeAlias

import structlog

from securechat.config import Config
from securechat.errors import ConfigError
from securechat.server.tls import Demand, build_context, trust_clients_of

log = structlog.get_logger()

LOOK_SECONDS = 60.0
"""How often it is looked whether the files have changed: who renews them need tell nobody."""
RENEWAL_CHECK_SECONDS = 6 * 3600.0
WARNING_SECONDS = 24 * 3600.0
WARNING_DAYS = 14
"""How long before its end a certificate is warned of, once a day."""

Pair: TypeAlias = tuple[Path, Path]
"""The files of a certificate and its private key."""


class Shown(NamedTuple):
    """What is known of a certificate that may be served.

    expires: seconds since 1970. lacks: names and addresses of the server that it is not for. remedy: what helps then.
    """

    expires: float
    lacks: tuple[str, ...] = ()
    remedy: str = ""


class Certificates:
    """Keeps the certificate in use current.

    demands: what listeners ask of clients; there is a context for each.
    config: returns the settings in force.
    own_ca: the certificate of our own CA; None where there is none.
    examine: tells of a pair whether it may be served now. Raises: ConfigError when not. None: any pair may be.
    renew: renews our own certificate when it is due and tells whether it did; None for certificates from elsewhere.
    reload: called when the pair is to be loaded anew.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        config: Callable[[], Config],
        *,
        demands: Collection[Demand],
        own_ca: Path | None,
        examine: Callable[[Pair], Shown] | None,
        renew: Callable[[], bool] | None,
        reload: Callable[[], object],
    ) -> None:
        self._loop = loop
        self._config = config
        self._demands = demands
        self._own_ca = own_ca
        self._examine = examine
        self._renew = renew
        self._reload = reload
        self._stamp: tuple[object, ...] = ()
        self._shown: Shown | None = None
        self._next_renewal = self._next_warning = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.pair: Pair | None = None

    def load(self, pair: Pair) -> dict[Demand, SSLContext]:
        """Return a fresh context for each demand; it is for connections accepted from now on.

        Raises: ConfigError; whatever served before goes on serving.
        """
        self._stamp = _stamp_of(pair)
        config = self._config()
        client_ca = self._read_client_ca(config) if any(self._demands) else b""
        contexts = {
            demand: build_context(*pair, allow_tls12=config.allow_tls12, demand=demand, client_ca=client_ca)
            for demand in self._demands
        }
        shown = None if self._examine is None else self._examine(pair)
        if shown is not None and shown.lacks and (self._shown is None or self._shown.lacks != shown.lacks):
            log.warning("the certificate is not for all our names", lacks=", ".join(shown.lacks), remedy=shown.remedy)
        self.pair, self._shown = pair, shown
        self._next_warning = 0.0
        return contexts

    def check_client_ca(self, config: Config) -> None:
        """Refuse settings by which no client's certificate could be verified. Raises: ConfigError."""
        if any(self._demands):
            trust_clients_of(SSLContext(PROTOCOL_TLS_SERVER), self._read_client_ca(config))

    def days_left(self) -> float | None:
        """Return in how many days the certificate in use ends, fewer than 0 when it has; None where nobody knows."""
        return None if self._shown is None else (self._shown.expires - time.time()) / 86400

    def start(self) -> None:
        """Look after it from now on."""
        self._next_renewal = self._loop.time() + RENEWAL_CHECK_SECONDS
        self._look()

    def stop(self) -> None:
        """Look after it no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _read_client_ca(self, config: Config) -> bytes:
        path = Path(config.client_ca) if config.client_ca else self._own_ca
        if path is None:
            raise ConfigError("listen: client-cert needs a CA: name the file of its certificate by client_ca")
        try:
            return path.read_bytes()
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
            raise ConfigError(f"client_ca: {path}: {reason} - name a file that can be read") from None

    def _look(self) -> None:
        now = self._loop.time()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
        if now >= self._next_renewal:
            self._next_renewal = now + RENEWAL_CHECK_SECONDS
            self._renew_own()
        if self.pair is not None and _stamp_of(self.pair) != self._stamp:
            self._reload()
        if now >= self._next_warning:
            self._next_warning = now + WARNING_SECONDS
            self._warn()

    def _renew_own(self) -> None:
        try:
            if self._renew is not None:
                self._renew()
        except (OSError, ConfigError) as error:
            log.error("certificate not renewed", error=str(error))

    def _warn(self) -> None:
        days = self.days_left()
        if days is not None and days < WARNING_DAYS:
            told = "the certificate ends soon" if days > 0 else "the certificate has expired: clients refuse it"
            say = log.warning if days > 0 else log.error
            say(told, certificate=str(self.pair and self.pair[0]), days=int(days // 1))


def _stamp_of(pair: Pair) -> tuple[object, ...]:
    """Return what changes when one of the files does."""
    stamps: list[object] = []
    for path in pair:
        try:
            status = path.stat()
        except OSError:
            stamps.append(None)
        else:
            # The time of change too: who mends the mode of a key changes nothing else.
            stamps.append((status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(stamps)
