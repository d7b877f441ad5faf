"""What handlers look at: the state of the whole chat, its settings, and where clocks and chance come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from securechat.chat.attendance import Attendance
from securechat.chat.directory import Directory
from securechat.chat.marks import Marks
from securechat.chat.ports import AccountState, ChannelState
from securechat.chat.presence import Presence
from securechat.chat.streams import StreamId, other_party
from securechat.config import Config, Settings
from securechat.wire.offer import Offer

HISTORY_PAGE = 500
"""Messages one CHATHISTORY may ask for."""
TOPIC_LENGTH = 300
"""Bytes."""
REASON_LENGTH = 300
"""Bytes of a reason for KICK and PART, and of an AWAY text."""
TOKEN_LENGTH = 350
"""Bytes of what a PING asks to be sent back: leaves room for the server's name, twice."""
KEY_LENGTH = 32
"""Bytes."""
MODES_PER_COMMAND = 12
BANS_PER_CHANNEL = 100
"""Masks in each of the lists b, e and I."""
CHANNELS_PER_ACCOUNT = 500
INVITED_PER_CHANNEL = 1000
"""Accounts that may be invited into a channel and have not come yet."""
DEVICES_PER_ACCOUNT = 100
IGNORED_PER_ACCOUNT = 200
MONITORED_PER_SESSION = 100
TARGETS_PER_COMMAND = 8
REACTION_LENGTH = 64
"""Bytes of a reaction that is kept."""
REACTIONS_PER_MESSAGE = 20
"""Of one account, that stand at the same time."""
REACTION_CHANGES = 200
"""Reactions of one account to one message, given and taken back: all are looked at to tell which stand."""


@dataclass(frozen=True)
class World:
    """Read-only to handlers.

    server_name: the source of numerics.
    created: when the server started, as text for 003.
    clock: ms since 1970.
    new_id: a fresh random identifier, fit for a stream name.
    new_token: a fresh device token and its digest.
    fault_of_password: (password, account name) to the reason it may not be used, None when it may.
    offer: the capabilities clients are shown.
    attendance: since when people are here, when they last spoke, and who marked itself as a bot.
    marks: up to when each account has read what.
    """

    directory: Directory
    presence: Presence
    settings: Settings
    server_name: str
    version: str
    created: str
    clock: Callable[[], int]
    new_id: Callable[[], str]
    new_token: Callable[[], tuple[str, str]]
    fault_of_password: Callable[[str, str], str | None]
    offer: Offer = field(default_factory=Offer)
    attendance: Attendance = field(default_factory=Attendance)
    marks: Marks = field(default_factory=Marks)

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.settings.current

    def account(self, account_id: str) -> AccountState:
        """Return an account by id."""
        return self.directory.accounts[account_id]

    def visible_channel(self, name: str, account_id: str) -> ChannelState | None:
        """Return a channel by name, unless it is secret and the account no member: then it does not exist for it."""
        channel = self.directory.channel_named(name)
        if channel is None or ("s" in channel.modes and account_id not in channel.members):
            return None
        return channel

    def real_name(self, account: AccountState, viewer: str) -> str:
        """Return what an account is shown as beside its nick: to whom it shares a channel with, its display name."""
        display_name = account.metadata.get("display-name")
        if display_name and (account.id == viewer or self.directory.are_acquainted(account.id, viewer)):
            return display_name
        return account.name

    def is_bot(self, account: AccountState) -> bool:
        """Tell whether an account is shown as a bot: by its role, or by user mode B while it is here. (IRCv3 bot-mode)"""
        return account.role == "bot" or account.id in self.attendance.bots

    def userhost(self, account_id: str) -> str:
        """Return `nick!user@host` of an account: nothing in it but the name."""
        name = self.directory.name_of(account_id)
        return f"{name}!{name}@securechat"

    def conversation_name(self, stream: StreamId, viewer: str) -> str:
        """Return what a viewer (account id) calls a conversation: the channel's or the other party's name."""
        kind, _, rest = stream.partition("/")
        if kind == "c":
            return self.directory.name_of_channel(rest)
        return self.directory.name_of(other_party(stream, viewer))
