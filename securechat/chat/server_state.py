"""What the stream of the server has made: the state behind `Directory.server`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from securechat.chat.events import Record


class ServerState(msgspec.Struct):
    """What is known of the server as a whole; no secrets."""

    epoch: int = 0


def apply_record(state: ServerState, record: Record) -> None:
    """Fold one record of the server's stream, in the order of the history, into its state."""
    state.epoch += record.event.restricts
