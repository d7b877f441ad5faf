"""Errors, told apart by whose fault they are.

SecurechatError
├── ConfigError      the operator's: one plain line *what, where, remedy*, exit 2
├── ProtocolError    the peer's, not recoverable: last words, then the connection is closed
│   └── (wire.message.MalformedMessage, wire.message.InvalidUtf8 …)
├── StorageError     the disk's or the database's: fatal, the process ends
└── UnreachableError the other end cannot be reached: exit 3

A peer's recoverable mistake is no exception: a handler answers with `chat.effects.Refusal`.
"""

from __future__ import annotations


class SecurechatError(Exception):
    """The root of everything securechat raises on purpose."""


class ConfigError(SecurechatError):
    """The operator must change something; the text is one line that says what, where and the remedy."""


class ProtocolError(SecurechatError):
    """The peer broke the protocol beyond repair; the text is fit to be sent to it as last words."""


class StorageError(SecurechatError):
    """A commit failed for a reason that retrying would make worse; the process must end."""


class UnreachableError(SecurechatError):
    """The other end could not be reached, or its certificate was not accepted."""
