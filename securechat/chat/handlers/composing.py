"""Composing: messages of several lines. (IRCv3 multiline, draft/multiline)"""

from __future__ import annotations

from collections.abc import Iterable

from securechat.chat.ask import Ask
from securechat.chat.effects import Effect
from securechat.chat.handlers import playback, searching, talking
from securechat.chat.multiline import Composed
from securechat.wire import capabilities
from securechat.wire.names import fold


def batch(ask: Ask) -> Iterable[Effect]:
    """Put a message of several lines into a conversation; it was collected before it came here. (`pipeline`)"""
    composed = ask.message
    if not (ask.session.has(capabilities.MULTILINE) and ask.session.has(capabilities.BATCH)):
        raise ask.refuse_by_fail("MULTILINE_INVALID", "Negotiate draft/multiline and batch first")
    if not isinstance(composed, Composed) or composed.said is None:
        fault = composed.fault if isinstance(composed, Composed) else ("MULTILINE_INVALID", "No such batch is open")
        raise ask.refuse_by_fail(*fault)
    said = composed.said
    if searching.is_service(said.params[0]) or fold(said.params[0]) == playback.NAME:
        raise ask.refuse_by_fail("MULTILINE_INVALID", "A service takes one line")
    return talking.post(Ask(ask.session, said, ask.world))
