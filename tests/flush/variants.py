"""The server, broken on purpose: `python -m tests.flush.variants VARIANT …`, the rest as for securechat-server."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from securechat.cli.server import main
from securechat.storage.sqlite import database
from tests.controls.broken import deliver_before_commit, patch


def flush_at_checkpoints_only() -> None:
    """Open the database with synchronous=NORMAL, as most programs with a WAL do: a commit waits for no disk."""
    insist = database._insist

    def insist_on_less(connection: Any, path: Any, pragma: str, asked: str, expected: Any) -> None:
        if pragma == "synchronous":
            asked, expected = "normal", 1
        insist(connection, path, pragma, asked, expected)

    patch(database, _insist=insist_on_less)


VARIANTS: dict[str, Callable[[], None]] = {
    "synchronous-normal": flush_at_checkpoints_only,
    # So long that who is told first was written to before the disk was, however busy the machine.
    "delivery-before-commit": partial(deliver_before_commit, 0.05),
}

if __name__ == "__main__":
    VARIANTS[sys.argv.pop(1)]()
    main()
