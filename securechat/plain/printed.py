"""Lines on standard output and standard error, whatever state these are in."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

from securechat.errors import SecurechatError


class OutputLost(SecurechatError):
    """Standard output takes nothing: what was to be seen is not."""


def print_line(line: str) -> None:
    """Print one line at once.

    Raises:
        OutputLost: standard output is closed, or its disk is full.
        BrokenPipeError: nobody reads any more.
    """
    if sys.stdout is None:
        raise OutputLost("standard output is closed")
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        _drop_output()
        raise OutputLost(f"standard output: {error.strerror}") from error


def warn(line: str) -> None:
    """Print one line on standard error at once, where there is one."""
    if sys.stderr is not None:
        # What nobody can read is no reason to stop, or to end with another exit code.
        with suppress(OSError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def _drop_output() -> None:
    """Let what is buffered go nowhere: Python would try to write it once more on its way out, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
