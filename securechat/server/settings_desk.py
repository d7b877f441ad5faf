"""Administrative errands about the running server and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from securechat import __version__
from securechat.chat.administration import Impossible
from securechat.errors import ConfigError
from securechat.server.reloading import Change
from securechat.server.requests import Answers, ConfigReload, Result, ServerStatus


class Running(Protocol):
    """The server around a node."""

    def reload(self) -> Sequence[Change]:
        """Read the settings and the certificate anew; return what differs.

        Raises: ConfigError.
        """

    def listening(self) -> Sequence[str]:
        """Return where connections are accepted, each as HOST:PORT."""

    def certificate(self) -> str:
        """Return the path of the certificate in use."""


class SettingsDesk:
    """Carries out what is asked about the server itself; `running` is None where the admin tool does the work alone."""

    def __init__(self, running: Running | None) -> None:
        self._running = running

    def answers(self) -> Answers:
        """Return what answers each kind of request."""
        return {ConfigReload: self._config_reload, ServerStatus: self._server_status}

    async def _config_reload(self, _request: ConfigReload) -> Result:
        if self._running is None:
            raise Impossible("no server runs here; the next one reads its settings when it starts")
        try:
            return [change._asdict() for change in self._running.reload()]
        except ConfigError as error:
            raise Impossible(str(error)) from None

    async def _server_status(self, _request: ServerStatus) -> Result:
        if self._running is None:
            return None
        return {
            "version": __version__,
            "listening": list(self._running.listening()),
            "certificate": self._running.certificate(),
        }
