"""One connection's conversation with the server, without the connection: bytes in, events out, bytes to be sent.

`signin` does its beginning; then answers are matched to what was asked by their labels, and everything else becomes
an event. (IRCv3 labeled-response, echo-message, batch, chathistory)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from securechat.client.errors import LineTooLong, Unsendable
from securechat.client.events import (
    Acknowledged,
    Closed,
    Event,
    Failed,
    HistoryFailed,
    HistoryPage,
    HistoryRequest,
    NamesListed,
    Noticed,
    Refused,
    Renamed,
    TargetsPage,
    TargetsRequest,
)
from securechat.client.listings import Listings
from securechat.client.outbox import Delivery, Outgoing
from securechat.client.signin import Phase, SignIn, last_words
from securechat.client.translate import (
    REPLY_TAG,
    is_channel,
    read_members,
    read_message,
    read_msgid,
    read_target,
    to_event,
)
from securechat.errors import ProtocolError
from securechat.wire.batch import Batch, BatchCollector
from securechat.wire.framing import MAX_CLIENT_TAGS, MAX_REST, MAX_TAGS, LineSplitter, Overlong
from securechat.wire.message import Message, UnencodableMessage, encode, encode_tags, parse
from securechat.wire.names import fold, split_userhost
from securechat.wire.numerics import RPL_ENDOFNAMES, RPL_ISUPPORT, RPL_NAMREPLY, RPL_TOPICWHOTIME
from securechat.wire.times import format_time

ONCE_TAG: Final = "securechat.internal/id"
MAX_BATCHED: Final = 12_000
"""Lines held in open batches: a page of 100 messages of 100 lines each, and more than any answer to a labelled command."""
MAX_REQUESTS: Final = 4096
MAX_MEMBERS: Final = 10_000
MAX_UNHELD: Final = 8
"""Batches open at once whose lines are told as they come."""
EXPORT_BATCH: Final = "securechat.internal/export"
FAR_FUTURE: Final = "9999-12-31T23:59:59.999Z"

_Request = HistoryRequest | TargetsRequest | Outgoing


class ClientSession:
    """Signs in, matches answers to what was asked, and turns everything else into events.

    user: account name, or `account@device`.
    secret: password or token; sent once and only in answer to the server's challenge.
    clock: milliseconds since 1970, for lines without a time of their own.
    """

    def __init__(self, user: str, secret: str, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._splitter = LineSplitter(MAX_TAGS, MAX_REST)
        self._batches = BatchCollector(max_messages=MAX_BATCHED)
        self._unheld: set[str] = set()
        self._out: list[bytes] = []
        self._userhost = ""
        self._requests: dict[str, _Request] = {}
        self._labels = 0
        self._names: tuple[str, list[tuple[str, str]]] = ("", [])
        self._listings = Listings()
        self._sign_in = SignIn(user, secret, self._put)

    def __repr__(self) -> str:
        return f"ClientSession({self.nick!r}, {self.phase.name})"

    @property
    def phase(self) -> Phase:
        """How far the session has come."""
        return self._sign_in.phase

    @property
    def nick(self) -> str:
        """Our name: what the server called us, before that what we call ourselves."""
        return self._sign_in.nick

    @property
    def page(self) -> int:
        """Messages of history to ask for at once."""
        return self._sign_in.page

    # What goes out

    def outgoing(self) -> bytes:
        """Return what is to be written, once."""
        written = b"".join(self._out)
        self._out.clear()
        return written

    def send_message(self, message: Outgoing) -> None:
        """Ask the server to store and deliver a message; `Acknowledged` or `Refused` answers.

        Raises:
            LineTooLong, Unsendable: as `check_message`.
        """
        self.check_message(message)
        tags = {ONCE_TAG: message.id}
        if message.reply_to:
            tags[REPLY_TAG] = message.reply_to
        self._ask(message.command, (message.target, message.text), message, tags)

    def check_message(self, message: Outgoing) -> None:
        """Check that a message can be sent at all.

        Raises:
            LineTooLong: it does not fit.
            Unsendable: it is empty, or holds what no line can carry.
        """
        if not message.text:
            raise Unsendable("an empty message cannot be sent")
        try:
            encode(Message(message.command, (message.target, message.text)))
        except UnencodableMessage as error:
            raise Unsendable(f"cannot be sent: {error}") from error
        excess = len(message.text.encode()) - self.room_for(message.target, message.command)
        if excess > 0:
            raise LineTooLong(excess)

    def room_for(self, target: str, command: str = "PRIVMSG") -> int:
        """Return how many bytes of text fit, once the server has put our name before them."""
        userhost = self._userhost or f"{self.nick}!{self.nick}@securechat"
        return MAX_REST - len(f":{userhost} {command} {target} :\r\n".encode(errors="replace"))

    def ask(self, request: HistoryRequest | TargetsRequest) -> None:
        """Ask for either.

        Raises:
            LineTooLong, Unsendable: the request fits into no line.
        """
        if isinstance(request, TargetsRequest):
            self.ask_targets(request)
        else:
            self.ask_history(request)

    def ask_history(self, request: HistoryRequest) -> None:
        """Ask for a page; `HistoryPage` or `HistoryFailed` answers. (IRCv3 chathistory)"""
        params = (request.subcommand, request.target, request.bound, str(request.limit))
        self._ask("CHATHISTORY", params, request, {})

    def ask_targets(self, request: TargetsRequest) -> None:
        """Ask which conversations have messages after a time; `TargetsPage` or `HistoryFailed` answers."""
        after = f"timestamp={format_time(request.after)}"
        params = ("TARGETS", after, f"timestamp={FAR_FUTURE}", str(request.limit))
        self._ask("CHATHISTORY", params, request, {})

    def send_command(self, command: str, *params: str) -> None:
        """Send any other command.

        Raises:
            LineTooLong: it does not fit.
            Unsendable: it holds what no line can carry.
        """
        self._put(command, *params)

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._put("PING", "alive")

    def _ask(self, command: str, params: tuple[str, ...], request: _Request, tags: dict[str, str]) -> None:
        if len(self._requests) >= MAX_REQUESTS:
            raise Unsendable("too much is waiting for an answer of the server")
        self._labels += 1
        label = str(self._labels)
        self._put(command, *params, tags={**tags, "label": label})
        self._requests[label] = request

    def _put(self, command: str, *params: str, tags: dict[str, str] | None = None) -> None:
        try:
            line = encode(Message(command, params))
            head = encode_tags(tags or {})
        except UnencodableMessage as error:
            raise Unsendable(f"cannot be sent: {error}") from error
        excess = max(len(line) - MAX_REST, len(head) - MAX_CLIENT_TAGS)
        if excess > 0:
            raise LineTooLong(excess)
        self._out.append(head + line)

    # What comes in

    def receive(self, data: bytes) -> list[Event]:
        """Take the next bytes of the server and return what they tell.

        Raises:
            ProtocolError: the server broke the protocol beyond repair; close the connection.
        """
        events: list[Event] = []
        for line in self._splitter.feed(data):
            if self.phase is Phase.ENDED:
                break
            if isinstance(line, Overlong):
                if self.phase is Phase.ACTIVE:
                    events.append(Noticed("", "a line of the server was too long and is skipped"))
                continue
            try:
                message = parse(line)
            except ProtocolError:
                # A line that cannot be read says nothing; those around it still count.
                continue
            if message.command == "BATCH" and self._is_unheld(message):
                continue
            for item in self._batches.feed(message):
                events += self._take(item, item.tags.get("label", ""))
        return events

    def _is_unheld(self, line: Message) -> bool:
        """Tell whether a BATCH line opens or closes a batch without a limit, whose lines no memory is to hold."""
        ref = line.param(0)[1:]
        if line.param(0)[:1] == "-" and ref in self._unheld:
            self._unheld.discard(ref)
            return True
        if line.param(0)[:1] == "+" and line.param(1) == EXPORT_BATCH and len(self._unheld) < MAX_UNHELD:
            self._unheld.add(ref)
            return True
        return False

    def _take(self, item: Message | Batch, label: str) -> list[Event]:
        if isinstance(item, Message) and item.command in _ALWAYS:
            return _ALWAYS[item.command](self, item)
        if self.phase is Phase.WELCOMED and (isinstance(item, Batch) or not item.command.isdigit()):
            return [*self._sign_in.activate(), *self._take(item, label)]
        if isinstance(item, Batch):
            return self._take_batch(item, label) if self.phase is Phase.ACTIVE else []
        if self.phase is not Phase.ACTIVE:
            return self._sign_in.take(item)
        answered = self._take_answer(item, label) if label in self._requests else None
        if answered is not None:
            return answered
        step = _STEPS.get(item.command, ClientSession._translate)
        return step(self, item)

    def _take_batch(self, batch: Batch, label: str) -> list[Event]:
        request = self._requests.get(label)
        lines = [item for item in batch.messages if isinstance(item, Message)]
        if batch.kind == "chathistory":
            seen = [read_message(line, self.nick, self._clock(), replayed=True) for line in lines]
            messages = tuple(message for message in seen if message is not None)
            if isinstance(request, HistoryRequest):
                del self._requests[label]
                return [HistoryPage(request, messages)]
            return list(messages)
        if batch.kind == "draft/chathistory-targets" and isinstance(request, TargetsRequest):
            del self._requests[label]
            targets = tuple(target for line in lines if (target := read_target(line)) is not None)
            return [TargetsPage(request, targets)]
        events: list[Event] = []
        for item in batch.messages:
            events += self._take(item, label)
        return events

    def _take_answer(self, line: Message, label: str) -> list[Event] | None:
        """Match a labelled line to what was asked; None when it is no answer but a remark on the way."""
        request = self._requests[label]
        event = to_event(line, self.nick, self._clock())
        if isinstance(event, Failed):
            del self._requests[label]
            if isinstance(request, Outgoing):
                return [Refused(request.id, event.code, event.reason)]
            return [HistoryFailed(request, event.code, event.reason)]
        if isinstance(request, Outgoing) and line.command in ("PRIVMSG", "NOTICE"):
            # A repeat of what was stored long ago gets the first echo again: its place is not here.
            repeat = request.delivery is Delivery.UNKNOWN
            echo = read_message(line, self.nick, self._clock(), replayed=repeat)
            if echo is not None and echo.own:
                del self._requests[label]
                return [Acknowledged(request.id, read_msgid(line)), echo]
        return None

    def _translate(self, line: Message) -> list[Event]:
        listed = self._listings.take(line)
        if listed is not None:
            return listed
        event = to_event(line, self.nick, self._clock())
        return [] if event is None else [event]

    def _support(self, line: Message) -> list[Event]:
        return self._sign_in.note_support(line)

    def _pong(self, line: Message) -> list[Event]:
        self._out.append(encode(Message("PONG", line.params[-1:])))
        return []

    def _skip(self, line: Message) -> list[Event]:
        return []

    def _error(self, line: Message) -> list[Event]:
        self._sign_in.phase = Phase.ENDED
        return [Closed(last_words(line))]

    def _names_part(self, line: Message) -> list[Event]:
        if len(line.params) < 4:
            return []
        channel, members = self._names
        if fold(channel) != fold(line.params[2]):
            self._names = channel, members = line.params[2], []
        members += read_members(line.params[3])[: MAX_MEMBERS - len(members)]
        return []

    def _names_end(self, line: Message) -> list[Event]:
        channel, members = self._names
        self._names = ("", [])
        if fold(channel) == fold(line.param(1)):
            return [NamesListed(channel, tuple(members))] if channel else []
        # An end without a beginning: there is no such channel, or nobody in it that we may see.
        return [NamesListed(line.param(1), ())] if is_channel(line.param(1)) else []

    def _rename(self, line: Message) -> list[Event]:
        events = self._translate(line)
        for event in events:
            if isinstance(event, Renamed) and event.own:
                # From here on echoes come from the new name, and less fits behind it.
                self._sign_in.nick, self._userhost = event.new_nick, ""
        return events

    def _join(self, line: Message) -> list[Event]:
        nick, user, host = split_userhost(line.source)
        if user and host and fold(nick) == fold(self.nick):
            self._userhost = line.source
        return self._translate(line)


_Step = Callable[[ClientSession, Message], list[Event]]

_ALWAYS: Final[dict[str, _Step]] = {
    "PING": ClientSession._pong,
    "PONG": ClientSession._skip,
    "ACK": ClientSession._skip,
    "ERROR": ClientSession._error,
}
_STEPS: Final[dict[str, _Step]] = {
    RPL_ISUPPORT: ClientSession._support,
    RPL_TOPICWHOTIME: ClientSession._skip,
    RPL_NAMREPLY: ClientSession._names_part,
    RPL_ENDOFNAMES: ClientSession._names_end,
    "JOIN": ClientSession._join,
    "NICK": ClientSession._rename,
    "CAP": ClientSession._skip,
}
