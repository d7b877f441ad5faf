"""One command being judged: who asks, what, and in which world; and how to word an answer."""

from __future__ import annotations

from securechat.chat.effects import Refusal
from securechat.chat.ports import AccountState, ChannelState
from securechat.chat.session import Session
from securechat.chat.world import World
from securechat.wire import numerics
from securechat.wire.message import Message

MAX_MIDDLE = 200
"""Bytes of a peer's own text that an answer repeats before its last parameter."""


class Ask:
    """What a handler gets."""

    __slots__ = ("message", "session", "world")

    def __init__(self, session: Session, message: Message, world: World) -> None:
        self.session = session
        self.message = message
        self.world = world

    @property
    def account(self) -> AccountState:
        """The asker's account; only after signing in."""
        return self.world.directory.accounts[self.session.account]

    @property
    def nick(self) -> str:
        """What the client is called at the moment: `*` before it has a name."""
        session = self.session
        return self.account.name if session.is_ready else session.nick or "*"

    def param(self, i: int, default: str = "") -> str:
        """Return parameter `i` of the command, or `default`."""
        return self.message.param(i, default)

    def reply(self, numeric: str, *params: str) -> Message:
        """Word a numeric for the asker."""
        return Message(numeric, (self.nick, *_middles(params)), self.world.server_name)

    def say(self, command: str, *params: str) -> Message:
        """Word any other line that comes from the server."""
        return Message(command, _middles(params), self.world.server_name)

    def fail(self, code: str, *context_and_text: str) -> Message:
        """Word a FAIL for this command. (IRCv3 standard-replies)"""
        return self.say("FAIL", self.message.command, code, *context_and_text)

    def note(self, code: str, *context_and_text: str) -> Message:
        """Word a NOTE for this command. (IRCv3 standard-replies)"""
        return self.say("NOTE", self.message.command, code, *context_and_text)

    def refuse(self, numeric: str, *params: str, reason: str = "") -> Refusal:
        """Word a refusal by numeric; to be raised."""
        return Refusal(self.reply(numeric, *params), reason=reason)

    def refuse_by_fail(self, code: str, *context_and_text: str, reason: str = "") -> Refusal:
        """Word a refusal by FAIL; to be raised."""
        return Refusal(self.fail(code, *context_and_text), reason=reason)

    def channel(self, name: str) -> ChannelState:
        """Return the channel of that name.

        Raises: Refusal (403) when there is none that the asker may know of.
        """
        channel = self.world.visible_channel(name, self.session.account)
        if channel is None:
            raise self.refuse(numerics.ERR_NOSUCHCHANNEL, name or "*", "No such channel")
        return channel

    def member_channel(self, name: str) -> ChannelState:
        """Return the channel of that name that the asker is a member of.

        Raises: Refusal, 403 or 442.
        """
        channel = self.channel(name)
        if self.session.account not in channel.members:
            raise self.refuse(numerics.ERR_NOTONCHANNEL, channel.name, "You're not on that channel")
        return channel

    def someone(self, nick: str) -> AccountState:
        """Return the account of that name.

        Raises: Refusal (401).
        """
        account = self.world.directory.account_named(nick)
        if account is None:
            raise self.refuse(numerics.ERR_NOSUCHNICK, nick or "*", "No such nick")
        return account

    def fits(self, text: str, limit: int) -> str:
        """Return `text` when it has at most `limit` bytes.

        Raises: Refusal (417): nothing is ever cut.
        """
        if len(text.encode()) > limit:
            raise self.refuse(numerics.ERR_INPUTTOOLONG, f"Text is longer than {limit} bytes")
        return text


def _middles(params: tuple[str, ...]) -> tuple[str, ...]:
    """Return parameters with `*` for every one but the last that could not stand there.

    Answers repeat what the peer sent, which may hold a space or be empty where only a trailing parameter could.
    """
    middles = [
        text if text and text[0] != ":" and " " not in text and len(text.encode()) <= MAX_MIDDLE else "*"
        for text in params[:-1]
    ]
    return (*middles, *params[-1:])
