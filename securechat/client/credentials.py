"""Where a device's token is kept: in the keyring of the desktop where there is one that works, else in a private file.

A keyring that is broken, locked or waits for somebody who is not there must not stop a client: it is asked from a
thread that may be left behind, and whatever it raises counts as "there is no keyring".
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from securechat.client.address import Address
from securechat.client.private import make_private_directory, write_private
from securechat.client.profile import FILE, KEYRING
from securechat.errors import ConfigError

SERVICE: Final = "securechat"
TOKEN_FILE: Final = "token"  # noqa: S105
KEYRING_PATIENCE: Final = 10.0
"""Seconds for the keyring to answer, a question of its own to whoever sits there included."""
MAX_TOKEN: Final = 4096

_Result = TypeVar("_Result")
# Whoever has waited for it once does not wait again.
_given_up = threading.Event()


class Credentials:
    """The token of one account on one server.

    home: the account's directory, which holds the file.
    """

    def __init__(self, home: Path, address: Address, user: str) -> None:
        self.path = home / TOKEN_FILE
        self._name = f"{user}@{address}"

    def find(self, place: str) -> str:
        """Return the token kept in a place, `keyring` or `file`; "" when there is none."""
        if place == KEYRING:
            return _ask_keyring(lambda keyring: keyring.get_password(SERVICE, self._name)) or ""
        if place == FILE:
            with contextlib.suppress(OSError, UnicodeDecodeError), self.path.open("rb") as file:
                return file.read(MAX_TOKEN).decode().strip()
        return ""

    def keep(self, token: str) -> str:
        """Keep a token and return where: `keyring` or `file`.

        Raises:
            ConfigError: neither takes it.
        """
        if _ask_keyring(lambda keyring: _put(keyring, self._name, token)):
            self._remove_file()
            return KEYRING
        try:
            make_private_directory(self.path.parent)
            write_private(self.path, token.encode() + b"\n")
        except OSError as error:
            raise ConfigError(f"{self.path}: the token cannot be kept there ({error.strerror})") from None
        return FILE

    def forget(self, place: str) -> None:
        """Remove the token from where it is kept."""
        if place == KEYRING:
            _ask_keyring(lambda keyring: keyring.delete_password(SERVICE, self._name))
        self._remove_file()

    def _remove_file(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink()


def _put(keyring: Any, name: str, token: str) -> bool:
    """Store a token and see whether it is there: the backend for "no keyring" takes everything and keeps nothing."""
    keyring.set_password(SERVICE, name, token)
    return bool(keyring.get_password(SERVICE, name) == token)


def _ask_keyring(question: Callable[[Any], _Result]) -> _Result | None:
    """Return what the keyring answers, None when it does not."""
    if _given_up.is_set():
        return None
    answers: list[_Result] = []

    def ask() -> None:
        # Backends raise what their desktop raises, and those in Rust panics: there is no common root but this.
        with contextlib.suppress(BaseException):
            import keyring

            answers.append(question(keyring))

    thread = threading.Thread(target=ask, daemon=True, name="keyring")
    thread.start()
    thread.join(KEYRING_PATIENCE)
    if thread.is_alive():
        _given_up.set()
    return answers[0] if answers else None
