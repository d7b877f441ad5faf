"""A small stage for scenes of the core: one world, a history of a list, and people who say lines.

No socket, no loop, no database: `play` judges a line, puts what it appends into the history, and returns what happened.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from securechat.chat import signin
from securechat.chat.ask import Ask
from securechat.chat.commands import dispatch, split_targets
from securechat.chat.directory import Directory
from securechat.chat.effects import Append, Broadcast, Close, Effect, Purpose, Refusal, Send, Verify
from securechat.chat.event import Event
from securechat.chat.events import (
    Created,
    Joined,
    Posted,
    Record,
    Registered,
)
from securechat.chat.ports import AccountState, ChannelState, Snapshot
from securechat.chat.presence import Presence
from securechat.chat.session import Session, State
from securechat.chat.signals import AwaySet, BotMarked
from securechat.chat.streams import account_stream, channel_stream
from securechat.chat.world import World
from securechat.config import Chat, Config, Settings
from securechat.wire.message import Message, encode, parse

NOON = 1_795_262_400_000
"""2026-11-21T12:00:00.000Z, the time of everything that happens unless a test sets `now`, in ms since 1970."""
SERVER = "chat.example"


def told(lines: Iterable[Message]) -> list[str]:
    """Write lines as they go over the wire, their ends left out."""
    return [encode(line).decode().removesuffix("\r\n") for line in lines]


@dataclass
class Scene:
    """What came of a line: what its sender was told, what was stored, what else was asked for."""

    lines: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    @property
    def numerics(self) -> list[str]:
        """The commands of the lines, numerics mostly."""
        return [parse(line.encode()).command for line in self.lines]

    @property
    def closed(self) -> str | None:
        """Why the connection ends, None when it does not."""
        return next((effect.reason for effect in self.effects if isinstance(effect, Close)), None)

    @property
    def verify(self) -> Verify | None:
        """The credentials that are to be verified, None when there are none."""
        return next((effect for effect in self.effects if isinstance(effect, Verify)), None)


class Stage:
    """A world that begins with these people (ids: `id-<name>`) and nothing else."""

    def __init__(self, *people: str, server_name: str = SERVER, **settings: object) -> None:
        self.now = NOON
        self.records: list[Record] = []
        self._seqs: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self._sessions = itertools.count(1)
        self.directory = Directory(Snapshot([], []))
        self.world = World(
            directory=self.directory,
            presence=Presence(),
            settings=Settings(Config(chat=msgspec.convert(settings, Chat))),
            server_name=server_name,
            version="1",
            created="today",
            clock=lambda: self.now,
            new_id=lambda: f"n{next(self._ids)}",
            new_token=lambda: ("sct_token", "digest"),
            fault_of_password=lambda password, _name: None if len(password) >= 12 else "Too short",
        )
        for name in people:
            self.register(name)

    # ── the history ──

    def happen(self, stream: str, event: Event) -> Record:
        """Put an event into the history as the next of its stream."""
        self._seqs[stream] += 1
        number = len(self.records) + 1
        record = Record(stream, self._seqs[stream], f"m{number}", self.now, event)  # type: ignore[arg-type]
        self.records.append(record)
        self.directory.apply_record(record)
        return record

    def carry_out(self, append: Append) -> list[Event]:
        """Put what an append holds into the history; what it expects must hold."""
        for stream, epoch in append.expects:
            state = self.directory.accounts if stream[0] == "a" else self.directory.channels
            assert state[stream[2:]].epoch == epoch
        return [self.happen(stream, event).event for stream, event in append.entries]

    def register(self, name: str, role: str = "member") -> AccountState:
        """Make an account."""
        self.happen(account_stream(f"id-{name}"), Registered(name, role))
        return self.directory.accounts[f"id-{name}"]

    def channel(self, name: str, members: dict[str, str] | None = None, modes: str = "nt") -> ChannelState:
        """Make a channel `c-<name>` whose members (name to role) have joined in this order."""
        stream = channel_stream(f"c-{name}")
        first = next(iter(members or {"nobody": ""}))
        self.happen(stream, Created(name, f"id-{first}", modes))
        for member, role in (members or {}).items():
            self.happen(stream, Joined(f"id-{member}", role))
        return self.directory.channels[f"c-{name}"]

    def write_into(self, channel: ChannelState, author: str) -> None:
        """Have somebody post, so that the channel counts as written to."""
        self.happen(channel_stream(channel.id), Posted(f"id-{author}", "PRIVMSG", "hello"))

    def roles(self, name: str) -> dict[str, str]:
        """Return who is in a channel with which role, by nick."""
        channel = self.directory.channel_named(name)
        assert channel is not None
        return {self.directory.name_of(account): member.role for account, member in channel.members.items()}

    # ── people ──

    def stranger(self, state: State = State.NEW, caps: int = 0) -> Session:
        """Return a session that has not been welcomed, in any state."""
        session = Session(f"s{next(self._sessions)}")
        session.state = state
        session.caps = caps
        return session

    def enter(self, name: str, caps: int = 0, device: str = "") -> Session:
        """Return a session of an account that has signed in and been welcomed."""
        session = self.stranger(State.READY, caps)
        account = self.directory.account_named(name)
        assert account is not None
        session.account, session.nick, session.user, session.device = account.id, name, name, device
        self.world.presence.arrive(account.id, session.id)
        self.world.attendance.arrive(session, NOON)
        return session

    def judge(self, session: Session, line: str) -> list[Effect]:
        """Return what a line asks for. Raises: Refusal."""
        return dispatch(Ask(session, parse(line.encode()), self.world))

    def play(self, session: Session, *lines: str) -> Scene:
        """Judge lines, carry out what they ask for, and return what happened."""
        scene = Scene()
        for line in lines:
            for part in split_targets(parse(line.encode())):
                self._play(scene, session, part)
        return scene

    def conclude(self, session: Session, verify: Verify, conclusion: signin.Conclusion) -> Scene:
        """Hand in the verdict on credentials."""
        scene = Scene()
        commands = {Purpose.SASL: "AUTHENTICATE", Purpose.PASS: "USER", Purpose.INVITATION: "VERIFY"}
        command = commands.get(verify.purpose, "ACCOUNT")
        ask = Ask(session, Message(command), self.world)
        try:
            self._perform(scene, signin.conclude(ask, verify, conclusion), ask)
        except Refusal as refusal:
            scene.lines += told(refusal.replies)
        return scene

    def _play(self, scene: Scene, session: Session, message: Message) -> None:
        ask = Ask(session, message, self.world)
        try:
            self._perform(scene, dispatch(ask), ask)
        except Refusal as refusal:
            scene.lines += told(refusal.replies)

    def _perform(self, scene: Scene, effects: Iterable[Effect], ask: Ask) -> None:
        for effect in effects:
            scene.effects.append(effect)
            if isinstance(effect, Send):
                scene.lines += told(effect.lines)
            elif isinstance(effect, Append):
                scene.events += self.carry_out(effect)
                scene.lines += told(effect.answer)
                if effect.then is not None:
                    self._perform(scene, effect.then(ask), ask)
            elif isinstance(effect, Broadcast) and isinstance(effect.signal, AwaySet):
                self.world.presence.set_away(*effect.signal)
            elif isinstance(effect, Broadcast) and isinstance(effect.signal, BotMarked):
                self.world.attendance.mark_bot(effect.signal.account, on=effect.signal.on)
