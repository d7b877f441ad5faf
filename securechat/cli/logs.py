"""Where logs go and how they look: stderr, one line an event, nothing in it that could forge another."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress

import structlog


def configure_logs(form: str, level: str) -> None:
    """Set up structlog; `form` is text or json, `level` a name of `logging`'s."""
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.processors.KeyValueRenderer(
            key_order=["timestamp", "level", "event"], repr_native_str=True
        )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=_Stderr()),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )


class _Stderr:
    """Standard error as far as it takes anything: a log on a full disk, or whose reader has gone, stops nobody's talk.

    Written past its buffer: what could not be written would be tried again at the end, and change the exit code.
    """

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            if sys.stderr is not None:
                os.write(sys.stderr.fileno(), text.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """Do nothing: nothing waits."""
