"""SETNAME: the realname, which is the display name of the account. (IRCv3 setname)"""

from __future__ import annotations

from collections.abc import Iterable

from securechat.chat import profile, render
from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, Send
from securechat.chat.events import MetadataSet
from securechat.chat.handlers import metadata
from securechat.wire.capabilities import SETNAME


def setname(ask: Ask) -> Iterable[Effect]:
    """Take another realname; a client that did not negotiate `setname` is told nothing. (IRCv3 setname, Description)"""
    knows, given = ask.session.has(SETNAME), ask.param(0)
    name = profile.tidy_value(profile.DISPLAY_NAME, given)
    if name is None:
        if not knows:
            return ()
        text = f"A realname has 1 to {profile.NAME_LENGTH} bytes and nothing in it that is drawn as nothing"
        raise ask.refuse_by_fail("INVALID_REALNAME", text)
    account = ask.account
    if account.metadata.get(profile.DISPLAY_NAME) != name:
        return metadata.state(ask, MetadataSet(profile.DISPLAY_NAME, name))
    if not knows:
        return ()
    world = ask.world
    return [Send([render.person_message(world, account.id, "SETNAME", (name,), world.clock(), ask.session.caps)])]
