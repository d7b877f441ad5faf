"""The history in one SQLite file: one thread writes whole batches, others read.

Knows SQLite, its files and its errors. Must not know who may do what, nor anything of the nodes that follow it but
where to hand their outcomes.
"""

from __future__ import annotations

from securechat.storage.sqlite.database import check_database
from securechat.storage.sqlite.space import FreeSpace, free_bytes
from securechat.storage.sqlite.store import SqliteStore

__all__ = ["FreeSpace", "SqliteStore", "check_database", "free_bytes"]
