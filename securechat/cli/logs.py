"""Where logs go and how they look: stderr, one line an event, nothing in it that could forge another."""

from __future__ import annotations

import logging
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from securechat.server.addresses import shorten_address

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

LONGEST_VALUE = 2000
"""Characters of what is logged beside an event; of a traceback the last so many times five."""
ADDRESS = "peer"
"""Under which name people's addresses are logged, and under no other."""

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)


def begin_logs(form: str, level: str, addresses: str) -> None:
    """Set up the logs of a server: its own and everybody else's. The arguments are those of `configure_logs`."""
    configure_logs(form, level, addresses)
    adopt_other_logs(level)


def print_beside(line: str) -> None:
    """Say something to whoever starts a server, where the logs go; like them it stops nobody when nobody takes it."""
    _Stderr().write(f"{line}\n")


def configure_logs(form: str, level: str, addresses: str = "full") -> None:
    """Set up structlog; `form` is text or json, `level` a name of `logging`'s.

    addresses: how much of a person's address is logged, `full`, `prefix` or `none`. (`addresses.shorten_address`)
    """

    def limit_addresses(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if ADDRESS in event:
            event[ADDRESS] = shorten_address(str(event[ADDRESS]), addresses)
        return event

    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if addresses != "full":
        processors.append(limit_addresses)
    structlog.configure(
        processors=[*processors, _tame_values, _renderer(form)],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=_Stderr()),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )


def adopt_other_logs(level: str) -> None:
    """Have what Python, asyncio and libraries say go the same way: each a line like ours, its words in a field.

    level: a name of `logging`'s.
    """
    root = logging.getLogger()
    root.handlers[:] = [_Adopted()]
    root.setLevel(max(getattr(logging, level.upper()), logging.INFO))
    logging.captureWarnings(True)
    log = structlog.get_logger()

    def tell_of_thread(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_value is not None:
            name = "" if failure.thread is None else failure.thread.name
            log.error("a thread has failed", thread=name, exc_info=failure.exc_value)

    def tell_of_unraisable(failure: sys.UnraisableHookArgs) -> None:
        log.error("an error could not be raised", where=repr(failure.object), exc_info=failure.exc_value)

    threading.excepthook = tell_of_thread
    sys.unraisablehook = tell_of_unraisable


def _renderer(form: str) -> Processor:
    if form == "json":
        # In ASCII, whatever there is in it: what is no type of JSON by its repr.
        return structlog.processors.JSONRenderer()
    # By their repr strings hold no control character, no ESC and no sign that turns the direction of writing.
    return structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], repr_native_str=True)


def _tame_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Make texts of what is no plain value, for nobody knows what its repr holds, and cut what is too long."""
    for field, value in event.items():
        if field == "exception":
            event[field] = value if len(value) <= 5 * LONGEST_VALUE else "…" + value[-5 * LONGEST_VALUE :]
        elif not isinstance(value, bool | int | float | None):
            event[field] = _tame(value)
    return event


def _tame(value: object) -> object:
    text = value if isinstance(value, str) else repr(value)
    if isinstance(value, list | tuple | dict) and len(text) <= LONGEST_VALUE and text.isprintable():
        return value
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"


class _Adopted(logging.Handler):
    """Passes on what was logged by Python's own `logging`."""

    def emit(self, record: logging.LogRecord) -> None:
        # Between two levels that we have, the lower one.
        level = max(level for level in _LEVELS if level <= max(record.levelno, logging.DEBUG))
        details: dict[str, Any] = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            details["exc_info"] = record.exc_info
        structlog.get_logger().log(level, "a library says", **details)


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
