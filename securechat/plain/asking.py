"""Questions to whoever sits at the terminal, and answers without a byte of what is typed after them."""

from __future__ import annotations

import os
import sys
from typing import Final

from securechat.errors import ConfigError
from securechat.plain.typed import find_stdin
from securechat.plain.visible import show

MAX_ANSWER: Final = 4096
"""Bytes of a password, a token, or any other answer."""


def is_somebody_there() -> bool:
    """Tell whether standard input is a terminal: whoever pipes something in cannot be asked."""
    return sys.stdin is not None and os.isatty(sys.stdin.fileno())


def ask(question: str) -> str:
    """Return what is typed; "" for nothing.

    Raises:
        EOFError: the terminal is gone, or Ctrl-D was typed. ConfigError: the answer is too long or no UTF-8.
    """
    if sys.stderr is not None:
        sys.stderr.write(question)
        sys.stderr.flush()
    try:
        answer = read_first_line(find_stdin(), "the answer")
    except OSError:
        raise EOFError from None
    try:
        return answer.decode()
    except UnicodeDecodeError:
        raise ConfigError("the answer is not UTF-8; set the terminal's encoding to it") from None


def ask_password(user: str, where: str) -> str:
    """Return a password that is typed without being shown.

    Raises:
        EOFError: the terminal is gone, or Ctrl-D was typed. ConfigError: it is no UTF-8.
    """
    return ask_unseen(f"Password of {show(user)} at {show(where)}: ", "the password")


def ask_unseen(question: str, what: str) -> str:
    """Return what is typed without being shown.

    what: what it is called in an error.

    Raises:
        EOFError: the terminal is gone, or Ctrl-D was typed. ConfigError: it is no UTF-8.
    """
    import getpass

    try:
        return getpass.getpass(question)
    except UnicodeDecodeError:
        raise ConfigError(f"{what} is not UTF-8; set the terminal's encoding to it") from None


def _read_byte(descriptor: int, source: str) -> bytes:
    try:
        return os.read(descriptor, 1)
    except OSError as error:
        if os.isatty(descriptor):
            raise
        raise ConfigError(f"{source} cannot be read: {error.strerror}") from None


def read_first_line(descriptor: int, source: str = "the first line of standard input") -> bytes:
    """Read one line and not a byte more: the rest is the text.

    source: what the line is called in an error.

    Raises:
        ConfigError: the line is longer than any secret. EOFError: there is none, on a terminal.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = _read_byte(descriptor, source)
        if not byte:
            if not line and os.isatty(descriptor):
                raise EOFError
            break
        line += byte
        if len(line) > MAX_ANSWER:
            raise ConfigError(f"{source} is too long to be a password or token")
    return bytes(line).rstrip(b"\r\n")
