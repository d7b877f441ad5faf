"""Telling connected clients that what is offered has changed. (IRCv3 capability-negotiation, cap-notify)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from securechat.chat import render
from securechat.chat.ask import Ask
from securechat.chat.handlers.registration import revision_line
from securechat.chat.session import State
from securechat.wire.capabilities import CAP_NOTIFY
from securechat.wire.message import Message, encode

if TYPE_CHECKING:
    from securechat.server.node import Node


def revise_offer(node: Node, name: str, value: str | None) -> None:
    """Offer a capability with this value ("" for none) from now on, or (None) no more, and tell whom it concerns.

    Whoever had negotiated what is withdrawn has it no longer, told or not. Raises: ValueError, as `Offer.revise`.
    """
    revision = node.world.offer.revise(name, value)
    if revision is None:
        return
    for connection in list(node.connections):
        session = connection.session
        if session.state is State.CLOSED:
            continue
        if session.has(CAP_NOTIFY):
            line = revision_line(Ask(session, Message("CAP"), node.world), revision)
            connection.transport.write(encode(line))
            node.hub.touch(connection)
        if session.has(revision.bit):
            session.caps &= ~revision.bit
            if session.is_ready:
                kept = connection.variant & ~render.VARIANT
                node.hub.recast(connection, session.caps & render.VARIANT | kept)
