"""A client that believes nothing: it holds every line it receives against the IRCv3 texts, whatever it asked for.

It knows the capabilities from the ACKs it saw, and no module of the server's: what is allowed is written out here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from securechat.wire.message import Message, parse
from tests.server.harness import DEADLINE, RawClient

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
REFERENCE = re.compile(r"[A-Za-z0-9-]+")
CODE = re.compile(r"[A-Z][A-Z0-9_]*")
TAG = re.compile(r"(\+?[^=]+)(?:=(.*))?", re.DOTALL)
PERSON = re.compile(r"[^!@ ]+![^!@ ]+@[^!@ ]+")
SERVICES = ("Search!", "*playback!")
"""Nobody: no account is behind them."""
TAGS = {
    "time": "server-time",
    "msgid": "message-tags",
    "account": "account-tag",
    "bot": "message-tags",
    "batch": "batch",
    "label": "labeled-response",
    "draft/multiline-concat": "draft/multiline",
}
"""Each tag of the server's, and the capability without which it is not sent."""
COMMANDS = {
    "TAGMSG": "message-tags",
    "AWAY": "away-notify",
    "ACCOUNT": "account-notify",
    "CHGHOST": "chghost",
    "SETNAME": "setname",
    "REDACT": "draft/message-redaction",
    "RENAME": "draft/channel-rename",
    "METADATA": "draft/metadata-2",
    "BATCH": "batch",
    "ACK": "labeled-response",
}
"""Each command that is for those only who negotiated it."""
BATCHES = {
    "labeled-response": 0,
    "chathistory": 1,
    "draft/chathistory-targets": 0,
    "draft/isupport": 0,
    "draft/multiline": 1,
    "metadata": 1,
    "metadata-subs": 0,
    "securechat.internal/export": 0,
    "soju.im/search": 0,
    "znc.in/playback": 1,
}
"""Each type of batch and how many parameters it has."""


@dataclass
class Open:
    """A batch that has begun. inside: the batch that it is in, "" for none."""

    kind: str
    inside: str
    commands: list[str] = field(default_factory=list)


class Judge:
    """Collects what is wrong with the lines that one client is sent in `faults`; `labels` counts each label.

    caps: what was negotiated so far. bots: the accounts that are known as such.
    """

    def __init__(self, nick: str, *, caps: Iterable[str] = (), bots: Iterable[str] = ()) -> None:
        self.nick = nick
        self.caps = set(caps)
        self.bots = frozenset(bots)
        self.faults: list[str] = []
        self.labels: dict[str, int] = {}
        self.batches: dict[str, Open] = {}

    def hear(self, raw: bytes) -> Message:
        """Judge the next line, its ending included, and return it read."""
        line = parse(raw.rstrip(b"\r\n"))
        rules = (
            self._tags_fault,
            self._command_fault,
            self._batch_fault,
            self._place_fault,
            self._shape_fault,
            self._author_fault,
        )
        for fault in (_length_fault(raw), _order_fault(raw), *(rule(line) for rule in rules)):
            if fault:
                self.faults.append(f"{fault}: {raw.decode().rstrip()} [{' '.join(sorted(self.caps))}]")
        if line.command == "CAP" and line.param(1) == "ACK":
            self._negotiate(line.params[-1].split())
        return line

    def _negotiate(self, words: list[str]) -> None:
        for word in words:
            if word[0] == "-":
                self.caps.discard(word[1:])
            else:
                self.caps.add(word)

    def _has(self, capability: str) -> bool:
        needed = {"labeled-response", "draft/multiline"} & {capability}
        return capability in self.caps and (not needed or "batch" in self.caps)

    def _tags_fault(self, line: Message) -> str:
        """Message-tags, Capability negotiation; server-time, message-ids, bot-mode: the values."""
        for key in line.tags:
            if key[0] == "+":
                if "message-tags" not in self.caps:
                    return f"{key} without message-tags"
            elif key not in TAGS:
                return f"unknown tag {key}"
            elif not self._has(TAGS[key]):
                return f"{key} without {TAGS[key]}"
        if "time" in line.tags and not TIME.fullmatch(line.tags["time"]):
            return "no time"
        if line.tags.get("bot"):
            return "MUST NOT send this tag with a value"
        return ""

    def _command_fault(self, line: Message) -> str:
        needed = COMMANDS.get(line.command)
        return f"without {needed}" if needed and not self._has(needed) else ""

    def _batch_fault(self, line: Message) -> str:
        """Batch, The BATCH verb: what begins ends, once, and in the same batch that it began in."""
        if line.command != "BATCH":
            return ""
        sign, reference = line.params[0][0], line.params[0][1:]
        if not REFERENCE.fullmatch(reference):
            return "reference tag"
        if sign == "+":
            kind, *params = line.params[1:]
            fault = "open already" if reference in self.batches else ""
            self.batches[reference] = Open(kind, line.tags.get("batch", ""))
            return fault or ("" if BATCHES.get(kind) == len(params) else "type and parameters")
        ended = self.batches.pop(reference, None)
        if sign != "-" or len(line.params) != 1 or ended is None:
            return "ends nothing"
        if any(each.inside == reference for each in self.batches.values()):
            return "a batch in it is still open"
        return "" if line.tags.get("batch", "") == ended.inside else "MUST refer to the same batch"

    def _place_fault(self, line: Message) -> str:
        """Labels stand outside of batches; in a batch stands only what its type holds."""
        label, reference = line.tags.get("label"), line.tags.get("batch")
        if label is not None:
            self.labels[label] = self.labels.get(label, 0) + 1
        if reference is None:
            return "005 outside" if line.command == "005" and {"draft/extended-isupport", "batch"} <= self.caps else ""
        if reference not in self.batches:
            return "its batch is not open"
        if label is not None:
            return "label inside a batch"
        return self._content_fault(self.batches[reference], line)

    def _content_fault(self, batch: Open, line: Message) -> str:
        batch.commands.append(line.command)
        if batch.kind == "chathistory" and "draft/event-playback" not in self.caps:
            held = {"PRIVMSG", "NOTICE", "BATCH"}
        else:
            held = {
                "draft/isupport": {"005"},
                "draft/multiline": {"PRIVMSG", "NOTICE"},
                "draft/chathistory-targets": {"CHATHISTORY"},
                "metadata-subs": {"772"},
                "metadata": {"METADATA", "761", "766", "FAIL"},
            }.get(batch.kind, {line.command})
        return "" if line.command in held else f"in a {batch.kind}"

    def _shape_fault(self, line: Message) -> str:
        """The parameters of what looks different with a capability."""
        params, command = line.params, line.command
        if command == "353" and any(("!" in name) != ("userhost-in-names" in self.caps) for name in params[3].split()):
            return "userhost-in-names"
        if command.isdigit():
            return "" if params[0] in (self.nick, "*") and line.source == "chat.example" else "numeric"
        if command in ("FAIL", "WARN", "NOTE"):
            return "" if len(params) >= 3 and CODE.fullmatch(params[1]) and params[-1] else "standard reply"
        if command == "JOIN":
            return "" if len(params) == (3 if "extended-join" in self.caps else 1) else "extended-join"
        if command == "RENAME":
            return "" if len(params) == 3 else "MUST always include the third parameter"
        if command == "MARKREAD":
            return "" if params[1] == "*" or TIME.fullmatch(params[1].removeprefix("timestamp=")) else "timestamp"
        if command == "INVITE":
            return "" if params[0] == self.nick or "invite-notify" in self.caps else "without invite-notify"
        return ""

    def _author_fault(self, line: Message) -> str:
        """Account-tag, bot-mode: on all commands sent by a user, by a bot. Of a message of several lines: on its opening."""
        if not PERSON.fullmatch(line.source) or line.source.startswith(SERVICES):
            return ""
        around, nick = self.batches.get(line.tags.get("batch", "")), line.source.partition("!")[0]
        if (around and around.kind == "draft/multiline") or (line.command == "BATCH" and line.params[0][0] == "-"):
            return ""
        if "account-tag" in self.caps and line.tags.get("account") != nick:
            return "no account tag"
        return "no bot tag" if "message-tags" in self.caps and nick in self.bots and "bot" not in line.tags else ""


class Witness(RawClient):
    """A client with a judge for all that it reads."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, judge: Judge) -> None:
        super().__init__(reader, writer)
        self.judge = judge

    async def next(self) -> Message:
        """Return the next line, judged."""
        async with asyncio.timeout(DEADLINE):
            raw = await self.reader.readline()
        if not raw:
            raise EOFError
        line = self.judge.hear(raw)
        if line.command == "PING":
            self.send(f"PONG :{line.param(0)}")
        self.seen.append(line)
        return line


def _length_fault(raw: bytes) -> str:
    """Message-tags, Size limit: 512 for the rest, CR LF included; what the server adds has at most 4094."""
    tags, rest = raw.split(b" ", 1) if raw[:1] == b"@" else (b"", raw)
    if not raw.endswith(b"\r\n") or len(rest) > 512:
        return "length"
    own = [tag for tag in tags[1:].split(b";") if not tag.startswith(b"+")]
    return "too many tags" if len(b";".join(own)) > 4094 else ""


def _order_fault(raw: bytes) -> str:
    """Message-tags: MUST be included before client-only tags; individual tag keys a maximum of once per message."""
    if raw[:1] != b"@":
        return ""
    found = [TAG.fullmatch(tag) for tag in raw.decode().split(" ", 1)[0][1:].split(";")]
    keys = [each[1] if each else "" for each in found]
    if len(set(keys)) < len(keys) or "" in keys:
        return "tag twice"
    return "" if keys == sorted(keys, key=lambda key: key[0] == "+") else "client-only tag first"
