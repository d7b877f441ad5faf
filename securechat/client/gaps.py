"""Fills what was missed, in order: history first, the live lines that came meanwhile behind it.

A conversation has a gap from the moment a connection is (re)made, or a channel joined, until CHATHISTORY AFTER its
last seen message has come to an empty page. Nothing is remembered of a gap when the connection is lost: positions
move only with what was let through, so the next connection asks again from there. (Promise C5)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from securechat.client.events import (
    Event,
    Following,
    GapSuspected,
    HistoryFailed,
    HistoryPage,
    HistoryRequest,
    Joined,
    Left,
    MessageSeen,
    SignedIn,
    TargetsPage,
    TargetsRequest,
)
from securechat.client.state import State
from securechat.client.translate import is_channel
from securechat.wire.names import fold

MAX_GAPS: Final = 2000
MAX_HELD: Final = 10_000
"""Live lines held back in all gaps together; beyond it they are dropped and read from history."""
MAX_IN_FLIGHT: Final = 8
"""Requests waiting for their answer at once, so that a person in many channels does not flood the server."""
RECENT_TARGETS: Final = 20
"""Direct conversations whose last messages are shown at the first sign-in."""
MARGIN: Final = 60_000
"""Milliseconds asked for twice: what conversations commit side by side is not in order of time between them."""

UNASKABLE: Final = "UNASKABLE"
"""Our own code of a `HistoryFailed` for a request that no line can carry."""

_GIVE_UP: Final = frozenset({"INVALID_TARGET", "ACCOUNT_REQUIRED", "NEED_MORE_PARAMS", "403", "442"})


@dataclass(slots=True)
class _Gap:
    """subcommand: AFTER fills; LATEST shows the last messages, or only notes where the end is.

    again: lines held back were dropped, so that history must be asked once more, whatever it answers now.
    """

    conversation: str
    subcommand: str
    bound: str
    asked: bool = False
    again: bool = False
    fell_back: bool = False
    held: list[MessageSeen] = field(default_factory=list)


class Gaps:
    """Puts history before live lines.

    backlog: messages of each conversation to show when nothing is known of it yet.
    follow: the conversations to fill, or None for all.
    """

    def __init__(self, state: State, backlog: int = 0, follow: Collection[str] | None = None) -> None:
        self._state = state
        self._backlog = backlog
        self._follow = None if follow is None else {fold(name): name for name in follow}
        self._page = 1
        self._gaps: dict[str, _Gap] = {}
        self._held = 0
        self._in_flight = 0
        self._targets: TargetsRequest | None = None
        self._targets_asked = False
        self._found: dict[str, tuple[str, int]] = {}
        self._since: int | None = None

    def follows(self, conversation: str) -> bool:
        """Tell whether this conversation is one of those asked for."""
        return self._follow is None or fold(conversation) in self._follow

    def take(self, event: Event) -> list[Event]:
        """Take what a session told and return what may be shown now, in order."""
        match event:
            case SignedIn():
                return self._begin_all(event)
            case Joined() if event.own:
                self._begin(event.channel)
            case Left() if event.own:
                self._drop(event.channel)
            case MessageSeen():
                return self._take_message(event)
            case HistoryPage() if event.request.filling:
                return self._take_page(event)
            case TargetsPage() if event.request.filling:
                return self._take_targets(event)
            case HistoryFailed(request=TargetsRequest(filling=True)):
                self._in_flight -= 1
                self._targets = None
                return [GapSuspected("*", event.reason or event.code)]
            case HistoryFailed(request=HistoryRequest() as request) if request.filling:
                return self._fall_back(event, request)
            case _:
                pass
        return [event]

    def take_requests(self) -> list[HistoryRequest | TargetsRequest]:
        """Return what to ask the server now."""
        requests: list[HistoryRequest | TargetsRequest] = []
        if self._targets is not None and not self._targets_asked:
            self._targets_asked = True
            requests.append(self._targets)
        for gap in self._gaps.values():
            if self._in_flight + len(requests) >= MAX_IN_FLIGHT:
                break
            if not gap.asked:
                gap.asked = True
                limit = self._page if gap.subcommand == "AFTER" or gap.fell_back else max(1, self._backlog)
                limit = min(limit, self._page)
                requests.append(HistoryRequest(gap.subcommand, gap.conversation, gap.bound, limit, filling=True))
        self._in_flight += len(requests)
        return requests

    # Beginnings and ends

    def _begin_all(self, event: SignedIn) -> list[Event]:
        self._page = event.page
        self._gaps.clear()
        self._held = self._in_flight = 0
        self._found.clear()
        self._since = self._state.latest_time
        self._targets = None
        if self._follow is None:
            self._ask_targets(0 if self._since is None else max(0, self._since - MARGIN))
            for channel in list(self._state.channels.values()):
                self._begin(channel.name)
        else:
            for name in self._follow.values():
                self._begin(name)
        return [event]

    def _begin(self, conversation: str) -> None:
        key = fold(conversation)
        if key in self._gaps or len(self._gaps) >= MAX_GAPS or not self.follows(conversation):
            return
        position = self._state.position(conversation)
        if position is not None:
            self._gaps[key] = _Gap(conversation, "AFTER", position.bound)
        elif not is_channel(conversation) and self._follow is None and self._since is not None:
            # A direct conversation that began while we were away.
            self._state.note_position(conversation, max(0, self._since - MARGIN))
            self._begin(conversation)
        else:
            self._gaps[key] = _Gap(conversation, "LATEST", "*")

    def _drop(self, conversation: str) -> None:
        gap = self._gaps.pop(fold(conversation), None)
        if gap is not None:
            self._held -= len(gap.held)

    def _finish(self, gap: _Gap) -> list[Event]:
        self._drop(gap.conversation)
        return [*gap.held, Following(gap.conversation)]

    # Live lines

    def _take_message(self, message: MessageSeen) -> list[Event]:
        if not self.follows(message.conversation):
            return []
        untold = self._targets is not None and not is_channel(message.conversation)
        if untold and (self._since is not None or self._backlog):
            # It is not known yet whether earlier messages of this person are to be shown first.
            self._begin(message.conversation)
        gap = self._gaps.get(fold(message.conversation))
        if gap is None:
            return [message]
        if self._held >= MAX_HELD:
            self._held -= len(gap.held)
            gap.held.clear()
            gap.again = True
            return []
        gap.held.append(message)
        self._held += 1
        return []

    # Answers

    def _take_page(self, page: HistoryPage) -> list[Event]:
        self._in_flight -= 1
        gap = self._gaps.get(fold(page.request.target))
        if gap is None or gap.bound != page.request.bound or gap.subcommand != page.request.subcommand:
            return []
        gap.asked = False
        messages = [message for message in page.messages if fold(message.conversation) == fold(gap.conversation)]
        if gap.subcommand == "LATEST":
            return self._take_latest(gap, messages)
        # The echo of a repeated message can be older than the gap's end, so meeting it proves nothing.
        held = {message.msgid for message in gap.held if message.msgid and not message.replayed}
        meets_live = any(message.msgid in held for message in messages)
        if messages and not meets_live and not any(self._is_new(message) for message in messages):
            # Going on from here, a server that repeats itself would be asked for ever.
            return [GapSuspected(gap.conversation, "the server repeats itself"), *self._finish(gap)]
        next_bound = _bound_after(messages) or gap.bound
        if meets_live or (next_bound == gap.bound and not gap.again):
            return [*messages, *self._finish(gap)]
        # The next request is made after the lines were dropped, so it finds them.
        gap.bound, gap.again = next_bound, False
        return list(messages)

    def _is_new(self, message: MessageSeen) -> bool:
        return not message.msgid or not self._state.has_seen(message.msgid)

    def _take_latest(self, gap: _Gap, messages: list[MessageSeen]) -> list[Event]:
        shown: list[Event] = []
        if self._backlog or gap.fell_back:
            shown += [*_held_before(messages, gap.held), *messages]
        elif messages:
            self._state.note_position(gap.conversation, messages[-1].time, messages[-1].msgid)
        if not messages:
            # Nothing was said so far: whatever comes is missing until it is seen.
            self._state.note_position(gap.conversation, 0)
        if gap.again:
            gap.subcommand, gap.bound, gap.again = "AFTER", _bound_after(messages) or "timestamp=" + _EPOCH, False
            return shown
        return [*shown, *self._finish(gap)]

    def _fall_back(self, event: HistoryFailed, request: HistoryRequest) -> list[Event]:
        self._in_flight -= 1
        gap = self._gaps.get(fold(request.target))
        if gap is None:
            return []
        if event.code == UNASKABLE:
            return [GapSuspected(gap.conversation, event.reason), *self._finish(gap)]
        if event.code in _GIVE_UP or gap.subcommand == "LATEST":
            self._drop(gap.conversation)
            return [event, *gap.held]
        gap.subcommand, gap.bound, gap.asked, gap.fell_back = "LATEST", "*", False, True
        return [GapSuspected(gap.conversation, event.reason or event.code)]

    # Direct conversations

    def _ask_targets(self, after: int) -> None:
        self._targets = TargetsRequest(after, self._page)
        self._targets_asked = False

    def _take_targets(self, page: TargetsPage) -> list[Event]:
        self._in_flight -= 1
        if self._targets != page.request:
            return []
        known = len(self._found)
        for name, time in page.targets:
            if len(self._found) < MAX_GAPS:
                self._found.setdefault(fold(name), (name, time))
        if len(self._found) > known:
            # A page excludes its bound: a millisecond earlier, for two conversations can share one.
            self._ask_targets(max(0, max(time for _, time in page.targets) - 1))
            return []
        self._targets = None
        self._state.note_time(max((time for _, time in self._found.values()), default=0))
        people = [(time, name) for name, time in self._found.values() if not is_channel(name)]
        self._found.clear()
        if self._since is None:
            self._note_baseline(sorted(people))
        else:
            for _, name in people:
                self._begin(name)
        return []

    def _note_baseline(self, people: list[tuple[int, str]]) -> None:
        shown = people[-RECENT_TARGETS:] if self._backlog else []
        for _, name in shown:
            self._begin(name)
        for time, name in people[: len(people) - len(shown)]:
            self._state.note_position(name, time)


_EPOCH: Final = "1970-01-01T00:00:00.000Z"


def _bound_after(messages: list[MessageSeen]) -> str:
    named = [message.msgid for message in messages if message.msgid]
    return f"msgid={named[-1]}" if named else ""


def _held_before(page: list[MessageSeen], held: list[MessageSeen]) -> list[MessageSeen]:
    """Return the live lines from before a page of the latest: more was said meanwhile than it holds."""
    msgids = [message.msgid for message in held]
    first = page[0].msgid if page else ""
    return held[: msgids.index(first)] if first and first in msgids else []
