"""Administrative errands about the server's settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from securechat.chat.administration import Impossible
from securechat.errors import ConfigError
from securechat.server.reloading import Change
from securechat.server.requests import Answers, ConfigReload, Result


class SettingsDesk:
    """Carries out what is asked about settings; `reload` reads them anew, None where no server runs."""

    def __init__(self, reload: Callable[[], Sequence[Change]] | None) -> None:
        self._reload = reload

    def answers(self) -> Answers:
        """Return what answers each kind of request."""
        return {ConfigReload: self._config_reload}

    async def _config_reload(self, _request: ConfigReload) -> Result:
        if self._reload is None:
            raise Impossible("no server runs here; the next one reads its settings when it starts")
        try:
            return [change._asdict() for change in self._reload()]
        except ConfigError as error:
            raise Impossible(f"{error}; everything stays as it was") from None
