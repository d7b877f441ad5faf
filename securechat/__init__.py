"""A group chat a team hosts itself: IRCv3 over TLS, accounts for everybody, durable ordered history."""

__version__ = "0.1.0"

RELEASED = "2026-11-22"
"""The day this version was made: a clock that shows an earlier one is wrong."""
