"""What a client is told when the history did not take what it asked to store."""

from __future__ import annotations

from securechat.chat.ask import Ask
from securechat.chat.ports import Verdict
from securechat.wire.message import Message


def word_verdict(ask: Ask, verdict: Verdict) -> Message:
    """Return what is said of a verdict that is neither that it is stored nor that it was before."""
    if verdict is Verdict.REDACTED:
        return ask.fail("MESSAGE_REDACTED", "It was stored, and what it said is gone since")
    if verdict is Verdict.MISMATCHED:
        return ask.fail("ID_REUSED", "This id was used for another message")
    if verdict is Verdict.UNAVAILABLE:
        return ask.fail("READ_ONLY", "The server's disk is full; nothing was stored, try later")
    return ask.fail("TRY_AGAIN", "Too much is changing here at once; nothing was stored")
