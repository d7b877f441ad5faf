"""Who is told of what was said about messages: redactions and reactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from securechat.chat.events import Record, Redacted
from securechat.server.audiences import Groups, Members
from securechat.wire.capabilities import ECHO_MESSAGE, MESSAGE_REDACTION, MESSAGE_TAGS

if TYPE_CHECKING:
    from securechat.server.connection import Connection


def remark_audience(record: Record, groups: Groups, origin: Connection | None) -> Members:
    """Return who is told, of those who hear the conversation: who has negotiated what its line takes.

    Who redacts is told in any case: nothing else says that it was done. A reaction comes back as any TAGMSG does.
    (IRCv3 message-redaction, Command; message-tags, The TAGMSG tag-only message)
    """
    is_redaction = isinstance(record.event, Redacted)
    needed = MESSAGE_REDACTION if is_redaction else MESSAGE_TAGS
    audience = {each: None for members in groups.values() for each in members if each.session.has(needed)}
    if origin is not None and is_redaction:
        audience[origin] = None
    elif origin is not None and not origin.session.has(ECHO_MESSAGE):
        audience.pop(origin, None)
    return audience
