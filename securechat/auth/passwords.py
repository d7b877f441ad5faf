"""Passwords: which may be used, and argon2id (RFC 9106) off the loop in a bounded pool of its own."""

from __future__ import annotations

import base64
import os
import unicodedata
from dataclasses import dataclass, field

import argon2
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from securechat.auth.commonness import is_common
from securechat.auth.pool import HashingPool, Overloaded
from securechat.auth.tokens import PREFIX, is_token

MINIMUM_CHARACTERS = 12
MAXIMUM_BYTES = 1024

# Controls, surrogates, separators of lines and paragraphs, and what Unicode has not assigned: its normal form could
# change with a newer Python, and the password would be lost (RFC 8264, 4.3).
_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp", "Cn"})
_TYPE_NAMES = {argon2.Type.D: "argon2d", argon2.Type.I: "argon2i", argon2.Type.ID: "argon2id"}


@dataclass(frozen=True)
class PasswordVerdict:
    """Whether the password was right, and what to store instead of its verifier when that is out of date."""

    ok: bool
    new_verifier: str | None = field(default=None, repr=False)


_REFUSED = PasswordVerdict(ok=False)


def prepare_password(text: str) -> str:
    """Bring a password into its one form: every kind of space becomes U+0020, then NFC (RFC 8265, 4.2.2)."""
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return unicodedata.normalize("NFC", spaced)


def check_password(text: str, *, name: str = "", network: str = "", minimum: int = MINIMUM_CHARACTERS) -> str | None:
    """Return the reason why a new password may not be used, fit to be shown to its owner, or None.

    Args:
        text: The password as it was typed.
        name: The account's name, which is no password.
        network: The name of this chat, by which nobody's password gets any better.
        minimum: Characters it needs.

    """
    too_long = f"a password may have at most {MAXIMUM_BYTES} bytes"
    # Nothing gets that much shorter in its one form; who sends a million is told without looking closely.
    if len(text) > 4 * MAXIMUM_BYTES:
        return too_long
    prepared = prepare_password(text)
    if any(unicodedata.category(character) in _UNFIT for character in prepared):
        return "a password may not contain control characters"
    if len(prepared) < minimum:
        return f"a password needs at least {minimum} characters"
    if len(prepared.encode()) > MAXIMUM_BYTES:
        return too_long
    if is_token(prepared):
        return f"a password may not begin with {PREFIX}"
    if name and prepared.casefold() == name.casefold():
        return "a password may not be the account's name"
    if is_common(prepared, (name, network, "securechat")):
        return "a password may not be one of the first that are guessed: take several words that do not belong together"
    return None


class PasswordChecker:
    """Hashes and verifies passwords in threads of its own, so that the loop never waits for argon2.

    Neither a password nor a verifier appears in any `repr`, exception or log line of this class.
    """

    def __init__(
        self,
        *,
        threads: int = 2,
        parameters: argon2.Parameters = RFC_9106_LOW_MEMORY,
        queue_limit: int = 1024,
    ) -> None:
        """Make the pool.

        Args:
            threads: How many passwords are worked on at once; each takes `parameters.memory_cost` KiB meanwhile.
            parameters: For new verifiers; what was made with others is replaced at the next sign-in.
            queue_limit: How many may wait for a thread, in each of two lines.

        """
        self._hasher = argon2.PasswordHasher.from_parameters(parameters)
        self._dummy = _make_dummy(parameters)
        self._pool = HashingPool(threads, queue_limit)

    @property
    def waiting(self) -> int:
        """How many passwords wait for a thread; those being worked on are not counted."""
        return self._pool.waiting

    def estimate(self, line: int, number: int) -> float:
        """Return how many seconds a check takes behind so many others, by one of the last, whichever `number` picks."""
        took = self._pool.took_together if line else self._pool.took_alone
        return took[number % len(took)] * (1 + line / self._pool.threads)

    async def verify(self, verifier: str | None, secret: str, *, first: bool = False) -> PasswordVerdict:
        """Check a password; it takes as long for an account that does not exist as for one that does.

        Args:
            verifier: What is stored of the account; None when it is unknown or disabled.
            secret: The password as it was sent.
            first: Before everybody else's who waits, but for others of whom that was said.

        Raises:
            Overloaded: The queue is full, or memory is short; says nothing about the password.

        """
        return await self._pool.submit(lambda: self._verify(verifier, _encode(secret)), first=first)

    async def hash(self, secret: str, *, first: bool = False) -> str:
        """Make the verifier to store of a password that `check_password` accepted; `first` as in `verify`.

        Raises:
            Overloaded: The queue is full, or memory is short.

        """
        return await self._pool.submit(lambda: self._hash(_encode(secret)), first=first)

    def close(self) -> None:
        """End the threads; waits for what is being worked on and cancels what waits."""
        self._pool.close()

    def _verify(self, verifier: str | None, secret: bytes) -> PasswordVerdict:
        if verifier is None:
            return self._refuse(secret)
        try:
            self._hasher.verify(verifier, secret)
        except VerifyMismatchError:
            return _REFUSED
        except (VerificationError, ValueError):
            # Nothing was computed: the verifier is malformed (or memory is short, and then it is for the dummy too).
            return self._refuse(secret)
        if self._hasher.check_needs_rehash(verifier):
            return PasswordVerdict(ok=True, new_verifier=self._hash(secret))
        return PasswordVerdict(ok=True)

    def _refuse(self, secret: bytes) -> PasswordVerdict:
        try:
            self._hasher.verify(self._dummy, secret)
        except VerifyMismatchError:
            return _REFUSED
        except VerificationError as error:
            raise Overloaded("a password could not be checked: is there memory left?") from error
        return _REFUSED

    def _hash(self, secret: bytes) -> str:
        try:
            return self._hasher.hash(secret)
        except HashingError as error:
            raise Overloaded("a password could not be hashed: is there memory left?") from error


def _encode(secret: str) -> bytes:
    # Lone surrogates, which no accepted password has, become bytes that match nothing: an error would quote them.
    return prepare_password(secret).encode("utf-8", "surrogatepass")


def _make_dummy(parameters: argon2.Parameters) -> str:
    # A verifier of the right cost that no password has; made up, since hashing one would delay every start.
    costs = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
    salt, digest = _format_random(parameters.salt_len), _format_random(parameters.hash_len)
    return f"${_TYPE_NAMES[parameters.type]}$v={parameters.version}${costs}${salt}${digest}"


def _format_random(length: int) -> str:
    return base64.b64encode(os.urandom(length)).decode("ascii").rstrip("=")
