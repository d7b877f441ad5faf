"""How a command ends: one line on stderr and the exit code that goes with whose fault it was."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from securechat.errors import ConfigError, SecurechatError, UnreachableError

FAILED = 1
USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130


@contextmanager
def one_line_errors(program: str) -> Iterator[None]:
    """Turn errors made on purpose into one line and an exit code. Everything else is a bug and keeps its traceback."""
    try:
        yield
    except ConfigError as error:
        _end(program, error, USAGE)
    except UnreachableError as error:
        _end(program, error, UNREACHABLE)
    except SecurechatError as error:
        _end(program, error, FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _end(program: str, error: Exception, code: int) -> None:
    print(f"{program}: {error}", file=sys.stderr)  # noqa: T201
    sys.exit(code)
