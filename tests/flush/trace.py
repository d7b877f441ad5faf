"""What strace saw (`strace -f -y`): calls in the order in which they began and returned, and what that proves.

A thread stands still until strace has noted that a call of it returned. So if one thread's write follows from another
thread's flush, the trace has them in that order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

FLUSHES = ("fdatasync", "fsync")
SENDS = ("write", "writev", "sendto", "sendmsg")
WRITES = ("pwrite64", "pwritev", "write", "writev")
TRACED = sorted({"accept4", *FLUSHES, *SENDS, *WRITES})

_WHOLE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?( .*)?")
_BEGUN = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)(?:<(.*)>)?( .*)?")
_FILE = re.compile(r"\d+<([^>]*)>")
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")


@dataclass(frozen=True)
class Call:
    """A system call that returned.

    file: what its first argument is, as `-y` shows it. opened: the same of what it returned.
    began, returned: places in the trace.
    """

    name: str
    file: str
    arguments: str
    result: int
    opened: str
    began: int
    returned: int


def parse_calls(lines: Iterable[str]) -> list[Call]:
    """Return the calls of a trace in the order in which they began; those that never returned are left out."""
    calls: list[Call] = []
    begun: dict[str, tuple[int, str, str]] = {}
    for place, line in enumerate(lines):
        if found := _BEGUN.fullmatch(line):
            thread, name, arguments = found.groups()
            begun[thread] = place, name, arguments
        elif found := _RESUMED.fullmatch(line):
            thread, name, rest, result, opened, _ = found.groups()
            began, begun_name, arguments = begun.pop(thread)
            assert begun_name == name, line
            calls.append(_make_call(name, arguments + rest, result, opened, began, place))
        elif found := _WHOLE.fullmatch(line):
            _, name, arguments, result, opened, _ = found.groups()
            calls.append(_make_call(name, arguments, result, opened, place, place))
    return sorted(calls, key=lambda call: call.began)


def _make_call(name: str, arguments: str, result: str, opened: str | None, began: int, returned: int) -> Call:
    file = _FILE.match(arguments)
    return Call(name, file[1] if file else "", arguments, int(result), opened or "", began, returned)


@dataclass(frozen=True)
class Arrival:
    """A line with a message that a client got.

    port: the client's. offset: how many bytes the server had sent it on this connection before the first that carried
    some of the line (encrypted bytes, from the first of the handshake).
    """

    port: int
    offset: int
    text: str


@dataclass
class Timeline:
    """When each message was written, flushed and sent, by a trace of the server.

    flushes: of the WAL, those that succeeded.
    """

    calls: Sequence[Call]
    flushes: list[Call] = field(init=False)

    def __post_init__(self) -> None:
        self.flushes = [
            call for call in self.calls if call.name in FLUSHES and call.file.endswith("-wal") and call.result == 0
        ]
        self._writes = [call for call in self.calls if call.name in WRITES and call.file.endswith("-wal")]
        self._written: dict[str, Call | None] = {}
        self._sockets = {
            int(port[1]): call.opened
            for call in self.calls
            if call.name == "accept4" and (port := _PORT.search(call.arguments))
        }
        self._sent: dict[str, list[tuple[int, Call]]] = {}
        for call in self.calls:
            if call.name in SENDS and call.result > 0:
                ends = self._sent.setdefault(call.file, [])
                ends.append(((ends[-1][0] if ends else 0) + call.result, call))

    def fault(self, arrival: Arrival) -> str | None:
        """Tell why a message is not shown to have been flushed before it was sent; None when it is."""
        send = self._find_send(arrival)
        if send is None:
            return "no call sent it"
        write = self._find_write(arrival.text)
        if write is None or write.began > send.began:
            return "not written before it was sent"
        if not any(write.returned < flush.began and flush.returned < send.began for flush in self.flushes):
            return "not flushed between being written and being sent"
        return None

    def _find_send(self, arrival: Arrival) -> Call | None:
        """Return the call that sent the first byte after the offset."""
        sent = self._sent.get(self._sockets.get(arrival.port, ""), [])
        return next((call for end, call in sent if arrival.offset < end), None)

    def _find_write(self, text: str) -> Call | None:
        """Return the call that first wrote a message into the WAL."""
        if text not in self._written:
            self._written[text] = next((call for call in self._writes if text in call.arguments), None)
        return self._written[text]
