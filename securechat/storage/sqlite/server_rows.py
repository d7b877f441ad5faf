"""What concerns the server as a whole as rows, by the records of its own stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from securechat.chat.events import Record
from securechat.chat.server_events import Administered
from securechat.chat.server_state import ServerState
from securechat.chat.streams import SERVER
from securechat.storage.sqlite.rows import Rows


class ServerRows(Rows):
    """Folds the records of the server."""

    def _administered(self, _key: int, _record: Record, _event: Administered) -> None:
        """Change nothing: the record says all that there is."""


SERVER_FOLDS: dict[type, Callable[[Any, int, Record, Any], None]] = {
    Administered: ServerRows._administered,
}


def load_server(connection: apsw.Connection) -> ServerState:
    """Return the server's own state."""
    row = connection.execute("SELECT epoch FROM streams WHERE name = ?", (SERVER,)).fetchone()
    return ServerState(epoch=0 if row is None else row[0])
