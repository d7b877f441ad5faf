"""How a command ends: a plain line on stderr and the exit code that goes with whose fault it was."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from securechat.errors import ConfigError, Fault, NoEntryError, SecurechatError

FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
INTERRUPTED: Final = 130

FAULTS: Final[dict[Fault, int]] = {
    Fault.UNREACHABLE: UNREACHABLE,
    Fault.UNKNOWN_CA: 10,
    Fault.WRONG_NAME: 11,
    Fault.EXPIRED: 12,
    Fault.NOT_YET_VALID: 13,
    Fault.NO_TLS: 14,
    Fault.OLD_TLS: 15,
    Fault.CERTIFICATE: 16,
    Fault.CREDENTIALS: 20,
    Fault.DISABLED: 21,
    Fault.TRY_LATER: 22,
    Fault.REFUSED: FAILED,
}
"""The exit code of each fault that keeps a client out. (docs/decisions/0007-exit-codes.md)"""


def exit_code(error: SecurechatError) -> int:
    """Return the exit code that an expected failure deserves."""
    if isinstance(error, NoEntryError):
        return FAULTS[error.fault]
    return USAGE if isinstance(error, ConfigError) else FAILED


@contextmanager
def one_line_errors(program: str) -> Iterator[None]:
    """Turn errors made on purpose into one line and an exit code. Everything else is a bug and keeps its traceback."""
    try:
        yield
    except SecurechatError as error:
        print(f"{program}: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
