"""What every process of ours does first, so that nothing it makes or leaves behind can be read by others."""

from __future__ import annotations

import os
import resource
from contextlib import suppress


def keep_private() -> None:
    """Make files for their owner alone whatever the umask was, and leave no core dump: keys and passwords are in it."""
    os.umask(0o077)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
