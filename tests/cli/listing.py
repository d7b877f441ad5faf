"""What a directory holds, so that before and after can be compared."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from securechat.storage.lock import LOCK_NAME


def list_directory(directory: Path) -> dict[str, tuple[str, str]]:
    """Return every path below a directory with its mode and a digest of its content; {} if there is no directory.

    Of the lock only its being there counts: it holds the process number of whoever tried last.
    """
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(directory.rglob("*")) if directory.is_dir() else []:
        status = path.lstat()
        is_kept = stat.S_ISREG(status.st_mode) and path.name != LOCK_NAME
        content = hashlib.sha256(path.read_bytes()).hexdigest() if is_kept else ""
        found[str(path.relative_to(directory))] = (stat.filemode(status.st_mode), content)
    return found
