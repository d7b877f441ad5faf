"""A small scripted server on real TLS: enough of a chat to test a client, and a record of every byte it was sent."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Self

import trustme

CAPS = (
    "sasl=PLAIN server-time message-tags echo-message batch labeled-response account-tag away-notify "
    "extended-join multi-prefix draft/chathistory securechat.internal/once"
)
BASE = 1_700_000_000_000


def write_time(ms: int) -> str:
    """Only for the minutes after `BASE`, 2023-11-14T22:13:20Z."""
    seconds, fraction = divmod(ms - BASE, 1000)
    minutes, seconds = divmod(20 + seconds, 60)
    return f"2023-11-14T22:{13 + minutes:02d}:{seconds:02d}.{fraction:03d}Z"


@dataclass
class Stored:
    """A message as the server keeps it."""

    msgid: str
    time: int
    target: str
    sender: str
    text: str
    id: str = ""

    def line(self, tags: str = "") -> str:
        return f"@time={write_time(self.time)};msgid={self.msgid}{tags} :{self.sender}!{self.sender}@securechat PRIVMSG {self.target} :{self.text}"


@dataclass
class Guest:
    """One connection."""

    writer: asyncio.StreamWriter
    nick: str = ""
    received: bytearray = field(default_factory=bytearray)
    lines: list[str] = field(default_factory=list)
    let_in: bool = False

    def tell(self, *lines: str) -> None:
        if not self.writer.is_closing():
            self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    def cut(self) -> None:
        self.let_in = False
        self.writer.transport.abort()


class FakeServer:
    """Knows alice, bob and carol, whose password is "secret"; everybody is in #general.

    cut_after_storing / cut_before_storing: message texts at which the connection is cut instead of an echo.
    deaf: answers nothing after the sign-in. greeting: what is sent before anything was asked.
    tokens: by the token, whose it is; ACCOUNT DEVICE ADD makes them. refusal: the answer to every sign-in instead.
    exported: the lines of an answer to ACCOUNT EXPORT behind the first two words, "CUT" for a connection that is lost.
    """

    def __init__(self, authority: trustme.CA, names: tuple[str, ...] = ("localhost", "127.0.0.1")) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.set_alpn_protocols(["irc"])
        authority.issue_cert(*names).configure_cert(self.context)
        self.guests: list[Guest] = []
        self.stored: list[Stored] = []
        self.passwords = {"alice": "secret", "bob": "secret", "carol": "secret"}
        self.tokens: dict[str, str] = {}
        self.labels: list[str] = []
        self.exported: list[str] = []
        self.refusal = ""
        self.cut_after_storing: set[str] = set()
        self.cut_before_storing: set[str] = set()
        self.forgotten: set[str] = set()
        self.refused: dict[str, str] = {}
        self.page = 3
        self.deaf = False
        self.greeting: bytes | None = None
        self.port = 0
        self.changed = asyncio.Event()
        self._batches = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for guest in self.guests:
            guest.cut()
        await asyncio.sleep(0)

    # For the tests

    def say(self, sender: str, target: str, text: str) -> Stored:
        """Store a message and show it to everybody who is here."""
        message = self._store(sender, target, text, "")
        for guest in self.guests:
            if guest.let_in and (target.startswith("#") or guest.nick in (target, sender)):
                guest.tell(message.line())
        return message

    def cut_all(self) -> None:
        for guest in self.guests:
            guest.cut()

    @property
    def received(self) -> bytes:
        return b"".join(bytes(guest.received) for guest in self.guests)

    @property
    def present(self) -> list[Guest]:
        return [guest for guest in self.guests if guest.let_in]

    async def until(self, true: object) -> None:
        """Wait until `true()` is."""
        assert callable(true)
        while not true():
            self.changed.clear()
            await self.changed.wait()

    # The chat

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guest = Guest(writer)
        self.guests.append(guest)
        try:
            if self.greeting is not None:
                writer.write(self.greeting)
                await writer.drain()
            while line := await reader.readline():
                guest.received += line
                guest.lines.append(line.decode().rstrip("\r\n"))
                self._answer(guest, guest.lines[-1])
                self.changed.set()
                if writer.transport.is_closing():
                    break
                await writer.drain()
        except (OSError, ValueError):
            pass
        finally:
            guest.let_in = False
            if not writer.is_closing():  # Closed twice, it could not be aborted any more (Python 3.11.2).
                writer.close()
            self.changed.set()

    def _answer(self, guest: Guest, line: str) -> None:
        tags, rest = _split_tags(line)
        words, colon, trailing = rest.partition(" :")
        command, *params = [*words.split(), *([trailing] if colon else [])]
        answer = getattr(self, f"_on_{command.lower()}", None)
        if answer is not None and not (self.deaf and guest.let_in):
            answer(guest, params, tags)

    def _on_cap(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        if params[0] == "LS":
            guest.tell(f":irc.test CAP * LS :{CAPS}")
        if params[0] == "REQ":
            guest.tell(f":irc.test CAP * ACK :{params[1]}")

    def _on_authenticate(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        if params[0] == "PLAIN":
            guest.tell("AUTHENTICATE +")
            return
        _, name, password = b64decode(params[0]).decode().split("\0")
        if self.refusal:
            guest.tell(self.refusal)
        elif self.passwords.get(name) == password or self.tokens.get(password) == name:
            guest.nick = name
            guest.tell(f":irc.test 903 {name} :SASL authentication successful")
        else:
            guest.tell(":irc.test 904 * :SASL authentication failed")

    def _on_user(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        nick = guest.nick
        guest.tell(
            f":irc.test 001 {nick} :Welcome",
            f":irc.test 005 {nick} CHATHISTORY={self.page} CHANTYPES=# :are supported by this server",
            f":irc.test 422 {nick} :No message of the day",
            f":{nick}!{nick}@securechat JOIN #general {nick} :{nick}",
            f":irc.test 332 {nick} #general :what we talk about",
            f":irc.test 333 {nick} #general bob 1700000000",
            f":irc.test 353 {nick} = #general :~bob {nick} +carol",
            f":irc.test 366 {nick} #general :End of names",
        )
        guest.let_in = True

    def _on_account(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        if params == ["EXPORT"]:
            self._export(guest)
            return
        if params[0] == "DELETE64":
            self._delete(guest, b64decode(params[1]).decode())
            return
        if params[:2] != ["DEVICE", "ADD"]:
            guest.tell(":irc.test FAIL ACCOUNT UNKNOWN_SUBCOMMAND :Use another")
            return
        token = f"sct_{len(self.tokens) + 2}{'a' * 51}"
        self.tokens[token] = guest.nick
        self.labels.append(params[2])
        guest.tell(f":irc.test NOTE ACCOUNT DEVICE_ADDED d{len(self.tokens)} {token} :Sign in with this token")

    def _export(self, guest: Guest) -> None:
        guest.tell(":irc.test BATCH +x securechat.internal/export")
        for line in self.exported:
            if line == "CUT":
                guest.writer.close()
                return
            guest.tell(f"@batch=x :irc.test NOTE ACCOUNT {line}")
        guest.tell(":irc.test BATCH -x")

    def _delete(self, guest: Guest, password: str) -> None:
        if self.passwords.get(guest.nick) != password:
            guest.tell("FAIL ACCOUNT INVALID_CREDENTIALS DELETE :The password is wrong")
            return
        del self.passwords[guest.nick]
        self.tokens = {token: name for token, name in self.tokens.items() if name != guest.nick}
        guest.tell(f":irc.test NOTE ACCOUNT DELETED {guest.nick} :Your account is deleted", "ERROR :deleted")
        guest.writer.close()

    def _on_ping(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        guest.tell(f":irc.test PONG irc.test {params[0]}")

    def _on_quit(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        guest.tell("ERROR :bye")
        guest.writer.close()

    def _on_privmsg(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        target, text = params
        if text in self.cut_before_storing:
            self.cut_before_storing.discard(text)
            guest.cut()
            return
        if text in self.refused:
            guest.tell(f"@label={tags['label']} :irc.test {self.refused[text]}")
            return
        key = tags["securechat.internal/id"]
        known = [message for message in self.stored if message.id == key]
        message = known[0] if known else self._store(guest.nick, target, text, key)
        if text in self.cut_after_storing:
            self.cut_after_storing.discard(text)
            guest.cut()
            return
        guest.tell(message.line(f";label={tags['label']}"))
        if not known:
            for other in self.guests:
                if other is not guest and other.let_in and (target.startswith("#") or other.nick == target):
                    other.tell(message.line())

    def _on_chathistory(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        subcommand, target, bound, limit = params
        count = min(int(limit), self.page)
        if subcommand == "TARGETS":
            self._tell_batch(guest, tags, "draft/chathistory-targets", self._targets(guest, target, count))
            return
        if target not in ("#general", *self.passwords):
            guest.tell(f"@label={tags['label']} FAIL CHATHISTORY INVALID_TARGET {subcommand} {target} :Not found")
            return
        readable = [message for message in self.stored if _is_of(message, guest.nick, target)]
        start = _find(readable, bound)
        if start is None or bound.removeprefix("msgid=") in self.forgotten:
            guest.tell(f"@label={tags['label']} FAIL CHATHISTORY MESSAGE_ERROR {subcommand} {target} :Not found")
            return
        if subcommand == "AFTER":
            found = readable[start:][:count]
        else:
            found = (readable if bound == "*" else readable[: start - 1])[-count:]
        self._tell_batch(guest, tags, f"chathistory {target}", [message.line() for message in found])

    def _targets(self, guest: Guest, after: str, count: int) -> list[str]:
        latest: dict[str, int] = {}
        for message in self.stored:
            if message.target.startswith("#"):
                latest[message.target] = message.time
            elif guest.nick in (message.sender, message.target):
                latest[message.sender if message.target == guest.nick else message.target] = message.time
        found = sorted(
            (time, name) for name, time in latest.items() if write_time(time) > after.removeprefix("timestamp=")
        )
        return [f":irc.test CHATHISTORY TARGETS {name} {write_time(time)}" for time, name in found[:count]]

    def _tell_batch(self, guest: Guest, tags: dict[str, str], kind: str, lines: list[str]) -> None:
        self._batches += 1
        ref = f"b{self._batches}"
        guest.tell(f"@label={tags['label']} :irc.test BATCH +{ref} {kind}")
        for line in lines:
            guest.tell(f"@batch={ref};{line[1:]}" if line[0] == "@" else f"@batch={ref} {line}")
        guest.tell(f":irc.test BATCH -{ref}")

    def _store(self, sender: str, target: str, text: str, key: str) -> Stored:
        number = len(self.stored) + 1
        message = Stored(f"m{number:04d}", BASE + number, target, sender, text, key)
        self.stored.append(message)
        return message


def _split_tags(line: str) -> tuple[dict[str, str], str]:
    if not line.startswith("@"):
        return {}, line
    head, _, rest = line[1:].partition(" ")
    return dict(pair.partition("=")[::2] for pair in head.split(";")), rest


def _is_of(message: Stored, nick: str, target: str) -> bool:
    return message.target == target if target[0] == "#" else {message.sender, message.target} == {nick, target}


def _find(messages: list[Stored], bound: str) -> int | None:
    """Return how many messages come up to the bound, it included."""
    if bound == "*":
        return len(messages)
    kind, _, value = bound.partition("=")
    if kind == "timestamp":
        return sum(write_time(message.time) <= value for message in messages)
    return next((number + 1 for number, message in enumerate(messages) if message.msgid == value), None)
