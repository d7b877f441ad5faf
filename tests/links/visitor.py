"""A device that cannot ask for history, visit after visit, and what was wrong with what it was told."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field

from securechat.wire.message import Message, parse
from securechat.wire.sasl import encode_plain

SIGN_IN_SECONDS = 20.0


@dataclass
class Visitor:
    """A device of an account. Who talks to it ends each text with a number that counts up within its conversation.

    seen: the newest number of each conversation it was ever told. settled: the newest before a PING whose PONG has
    certainly reached the server: the answer to a PING sent behind it came back; and when that was.
    """

    user: str
    secret: str
    caps: str
    trust: ssl.SSLContext
    seen: dict[str, int] = field(default_factory=dict)
    settled: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    visits: int = 0
    repeats: int = 0
    lines: int = 0

    async def visit(self, port: int, until: dict[str, int] | None = None) -> None:
        """Be there until the connection ends or, with `until`, all of these numbers were told."""
        self.visits += 1
        self._now: dict[str, int] = {}
        self._asked: list[dict[str, int]] = []
        try:
            async with asyncio.timeout(SIGN_IN_SECONDS):
                reader, self._writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=self.trust, server_hostname="localhost"
                )
        except (OSError, ssl.SSLError, TimeoutError):
            return
        self._send(f"CAP REQ :sasl {self.caps}".rstrip(), "AUTHENTICATE PLAIN")
        self._send(*(f"AUTHENTICATE {chunk}" for chunk in encode_plain(self.user, self.secret)))
        self._send("CAP END", "NICK x", "USER x 0 * :x")
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                self._take(parse(line.rstrip(b"\r\n")))
                if until is not None and all(self.seen.get(name, 0) >= number for name, number in until.items()):
                    return
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            self._writer.transport.abort()

    def forget_settled_since(self, time: float) -> None:
        """Count on nothing that was settled after a time of the loop: what was noted then may not have been kept."""
        for name, places in self.settled.items():
            self.settled[name] = [place for place in places if place[0] <= time]

    def _take(self, message: Message) -> None:
        match message.command:
            case "PING":
                self._asked.append(dict(self._now))
                self._send(f"PONG :{message.param(0)}", f"PING asked-{len(self._asked)}")
            case "PONG":
                now = asyncio.get_running_loop().time()
                for name, number in self._asked[int(message.params[-1].removeprefix("asked-")) - 1].items():
                    self.settled.setdefault(name, []).append((now, number))
            case "PRIVMSG":
                target = message.params[0]
                name = target if target[0] == "#" else message.source.partition("!")[0]
                self._hear(name, int(message.params[1].split()[-1]))
            case "FAIL" | "ERROR":
                if "going down" not in message.params[-1]:
                    self.faults.append(f"{self.user}: {message!r}")

    def _hear(self, name: str, number: int) -> None:
        self.lines += 1
        seen, before = self.seen.get(name, 0), self._now.get(name)
        settled = max((place for _, place in self.settled.get(name, ())), default=0)
        if before is not None and number != before + 1:
            self._fault(name, f"{number} after {before}")
        if before is None and number > seen + 1:
            self._fault(name, f"lost all from {seen + 1} to {number - 1}")
        if number <= settled:
            self._fault(name, f"{number} again, though it had everything up to {settled}")
        self.repeats += number <= seen
        self.seen[name] = max(seen, number)
        self._now[name] = number

    def _fault(self, name: str, text: str) -> None:
        self.faults.append(f"{self.user}, visit {self.visits}, {name}: {text}")

    def _send(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
