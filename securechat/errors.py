"""Errors, told apart by whose fault they are.

SecurechatError
├── ConfigError      the operator's: one plain line *what, where, remedy*, exit 2
├── ProtocolError    the peer's, not recoverable: last words, then the connection is closed
│   └── (wire.message.MalformedMessage, wire.message.InvalidUtf8 …)
├── StorageError     the disk's or the database's: fatal, the process ends
└── NoEntryError     a client does not get in: its `fault` says why and decides the exit code, `remedy` what to do
    ├── UnreachableError  no connection to the other end that could be trusted, or none at the moment
    └── (client.errors.SignInError)

A peer's recoverable mistake is no exception: a handler answers with `chat.effects.Refusal`.
"""

from __future__ import annotations

import enum


class Fault(enum.Enum):
    """What keeps a client out. (docs/decisions/0007-exit-codes.md)"""

    UNREACHABLE = "nobody answers"
    UNKNOWN_CA = "the certificate is from a CA that is not trusted"
    WRONG_NAME = "the certificate is for another name"
    EXPIRED = "the certificate has expired"
    NOT_YET_VALID = "the certificate is not valid yet"
    NO_TLS = "the other end does not speak TLS"
    OLD_TLS = "the other end does not offer TLS 1.3"
    CERTIFICATE = "the certificate is faulty in another way"
    CREDENTIALS = "the name or the password is wrong"
    DISABLED = "the account is disabled"
    TRY_LATER = "too many are signing in"
    REFUSED = "the server says no for another reason"


class SecurechatError(Exception):
    """The root of everything securechat raises on purpose."""


class ConfigError(SecurechatError):
    """The operator must change something; the text is one line that says what, where and the remedy."""


class ProtocolError(SecurechatError):
    """The peer broke the protocol beyond repair; the text is fit to be sent to it as last words."""


class StorageError(SecurechatError):
    """A commit failed for a reason that retrying would make worse; the process must end."""


class NoEntryError(SecurechatError):
    """A client does not get in.

    cause: one line that says why. remedy: one line that says what to do, "" where nothing is known to help.
    fault: which of the faults it is.
    """

    def __init__(self, cause: str, remedy: str = "", fault: Fault = Fault.UNREACHABLE) -> None:
        super().__init__(cause)
        self.remedy = remedy
        self.fault = fault


class UnreachableError(NoEntryError):
    """The other end could not be reached, or its certificate was not accepted; nothing was sent to it."""
