"""What records are ordered in: streams, named by text.

`c/<channel id>`, `d/<account id>/<account id>` (sorted), `a/<account id>`, and `s` for the server itself: its
administrative acts, invitations and revoked certificates, which are the audit trail.
"""

from __future__ import annotations

from typing import TypeAlias

StreamId: TypeAlias = str

SERVER: StreamId = "s"


def channel_stream(channel_id: str) -> StreamId:
    """Name the stream of a channel."""
    return f"c/{channel_id}"


def direct_stream(one: str, other: str) -> StreamId:
    """Name the stream of the direct conversation of two accounts (ids); the same whichever comes first."""
    return f"d/{min(one, other)}/{max(one, other)}"


def account_stream(account_id: str) -> StreamId:
    """Name the stream of an account."""
    return f"a/{account_id}"


def parties(stream: StreamId) -> tuple[str, str]:
    """Return the two account ids of a direct stream (the same id twice for notes to oneself)."""
    _, one, other = stream.split("/")
    return one, other


def other_party(stream: StreamId, account_id: str) -> str:
    """Return the account id at the other end of a direct stream from this one (itself for notes to oneself)."""
    one, other = parties(stream)
    return other if one == account_id else one
