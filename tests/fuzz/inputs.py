"""Inputs of each kind, made from a seed: mostly well-formed, then spoilt. The same seed makes the same bytes."""

from __future__ import annotations

import random
import re
import ssl
import struct
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from tests.fuzz import words
from tests.server.harness import PASSWORD

POOL = [
    words.PEOPLE,
    words.CHANNELS,
    words.NUMBERS,
    words.TIMES,
    words.MODES,
    words.MASKS,
    words.WORDS,
    list(words.HOSTILE.values()),
]
ENDINGS = [b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\n\n"]
SPOILT = 0.3
"""The part of all inputs that is not as the grammar has it."""


@dataclass(frozen=True)
class Input:
    """Bytes for a connection. is_last: whatever is sent behind them would be taken for a part of them."""

    sent: bytes
    is_last: bool = False


def spoil(chance: random.Random, good: bytes) -> bytes:
    """Return bytes with a few of them changed, gone, doubled or put in; most of what was UTF-8 is so still."""
    spoilt = bytearray(good)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(spoilt) + 1)
        match chance.randrange(6):
            case 0:
                spoilt[at:at] = chance.randbytes(chance.randint(1, 4))
            case 1:
                del spoilt[at : at + chance.randint(1, 8)]
            case 2:
                spoilt[at:at] = spoilt[at : at + 16] * chance.randint(1, 20)
            case 3 if at < len(spoilt):
                spoilt[at] ^= 1 << chance.randrange(8)
            case 4:
                spoilt[at:at] = chance.choice(
                    (b"\0", b"\r", b"\n", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b" ", b":", b";", b"\\")
                )
            case _:
                del spoilt[at:]
    return bytes(spoilt) if chance.random() < 0.2 else bytes(spoilt).decode(errors="ignore").encode()


PLACES = {
    "room": words.CHANNELS,
    "who": words.PEOPLE,
    "number": words.NUMBERS,
    "time": words.TIMES,
    "mode": words.MODES,
    "mask": words.MASKS,
    "word": words.WORDS,
    "text": [*words.HOSTILE.values(), "hello", "y" * 450, "", ":", " "],
}
PLACE = re.compile(r"\{(\w+)\}")


def make_line(chance: random.Random) -> Input:
    """A command as it is meant or as nobody does; then, sometimes, spoilt."""
    if chance.random() < 0.6:
        line = PLACE.sub(lambda found: chance.choice(PLACES[found[1]]), chance.choice(words.SENTENCES)).encode()
    else:
        line = invent_line(chance)
    if chance.random() < 0.01:
        line = chance.randbytes(chance.choice((10, 600, 9000)))
    elif chance.random() < SPOILT:
        line = spoil(chance, line)
    return Input(line + chance.choice(ENDINGS))


def invent_line(chance: random.Random) -> bytes:
    """A command with parameters that might be its own, or are anybody's."""
    tags = ""
    if chance.random() < 0.4:
        keys = chance.choices(words.TAGS, k=chance.randint(1, 4))
        tags = "@" + ";".join(f"{key}={chance.choice(words.TAG_VALUES)}" for key in keys) + " "
    params = [chance.choice(chance.choice(POOL)) for _ in range(chance.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 6)))]
    if params and chance.random() < 0.2:
        params[0] = ",".join(chance.choices(words.CHANNELS + words.PEOPLE, k=chance.randint(2, 9)))
    if params and chance.random() < 0.6:
        params[0] = chance.choice(words.CHANNELS + words.PEOPLE)
    if params and chance.random() < 0.5:
        params[-1] = f":{params[-1]}"
    return f"{tags}{' '.join([chance.choice(words.COMMANDS), *params])}".encode()


def make_sasl(chance: random.Random) -> Input:
    """An attempt to sign in that must not succeed: the password is never the right one, nor one cut away from it."""
    secret = chance.choice(
        (PASSWORD[4:], PASSWORD[::-1], PASSWORD.upper(), "x", "", "sct_" + "a" * 52, "y" * 1025, "z" * 6000)
    )
    user = chance.choice((*words.PEOPLE, "mallory0@phone", "mallory0@", "@", "mallory0\0"))
    response = b"\0".join(part.encode() for part in (chance.choice(("", "", user, "witness")), user, secret))
    if chance.random() < SPOILT:
        response = spoil(chance, response).replace(PASSWORD.encode(), b"")
    text = b64encode(response)
    if chance.random() < SPOILT:
        text = spoil(chance, text).translate(None, b"\r\n") or b"="
    size = chance.choice((400, 400, 400, 399, 401, 1, 7)) if len(text) < 2000 else 400
    chunks = [text[at : at + size] for at in range(0, max(len(text), 1), size)][:60]
    if len(chunks[-1]) == 400 or chance.random() < 0.1:
        chunks.append(chance.choice((b"+", b"*", b"", b"=")))
    mechanism = chance.choice((*[b"PLAIN"] * 8, b"EXTERNAL", b"SCRAM-SHA-256", b"plain", b"*", b"+", b""))
    lines = [b"AUTHENTICATE " + part for part in (mechanism, *chunks)]
    match chance.randrange(12):
        case 0:
            lines = [b"PASS " + user.encode() + b":" + secret.encode()[:400], b"NICK x", b"USER x 0 * :x"]
        case 1:
            lines = [b"REGISTER " + user.encode() + b" * :" + secret.encode()[:400]]
        case 2:
            lines = [b"VERIFY " + user.encode() + b" " + text[:300]]
        case 3:
            lines.insert(
                chance.randrange(len(lines) + 1),
                chance.choice((b"CAP END", b"CAP REQ :-sasl", b"QUIT", b"AUTHENTICATE *", b"NICK x")),
            )
    return Input(b"\r\n".join(lines) + b"\r\n")


def make_frame(chance: random.Random) -> Input:
    """A WebSocket frame, masked as a client's is. (RFC 6455, 5.2)"""
    text = (
        make_line(chance).sent.rstrip(b"\r\n")
        if chance.random() < 0.8
        else chance.randbytes(chance.choice((0, 3, 126, 5000)))
    )
    opcode = chance.choice((*[1] * 14, *[2] * 6, 0, 8, 9, 9, 10))
    if opcode >= 8:
        text = text[:125]
    if opcode == 8 and chance.random() < 0.5:
        text = struct.pack("!H", chance.choice((1000, 1005, 1006, 3000, 999, 65535))) + text[:100]
    first = (
        (0 if chance.random() < 0.04 else 0x80)
        | (chance.choice((0x10, 0x40, 0x70)) if chance.random() < 0.02 else 0)
        | opcode
    )
    length, is_last = len(text), False
    if chance.random() < 0.03:
        length, is_last = chance.choice((length + 9, 65_536, 1 << 40, (1 << 63) + 5)), True
    size, mask = (0 if chance.random() < 0.02 else 0x80), chance.randbytes(4)
    if length < 126 and chance.random() < 0.98:
        head = struct.pack("!BB", first, size | length)
    elif length < 65_536 and chance.random() < 0.98:
        head = struct.pack("!BBH", first, size | 126, length)
    else:
        head = struct.pack("!BBQ", first, size | 127, length)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    return Input(head + mask + masked if size else head + text, is_last)


def make_request(chance: random.Random) -> Input:
    """An HTTP request, up to an empty line."""
    verb = chance.choice(
        ("GET", "GET", "GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "PRI", "get", "G\u00cbT", "")
    )
    path = chance.choice(
        (
            "/",
            "/",
            "/",
            "/ca.pem",
            "/healthz",
            "/../../etc/passwd",
            "*",
            "http://localhost/",
            "/%00",
            "/?" + "x" * 3000,
            "/\u202e",
            "",
        )
    )
    fields = [
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    extra = [
        "Host: evil",
        "Content-Length: 9999999",
        "Transfer-Encoding: chunked",
        "Origin: https://evil.example",
        "Expect: 100-continue",
        ": x",
        "X:" + "y" * 9000,
    ]
    extra += [
        "Sec-WebSocket-Protocol: text.ircv3.net, " + "z," * 50,
        'Sec-WebSocket-Extensions: permessage-deflate; x="',
        "Cookie: \x1b[2J",
        "X: \u202e",
        " folded",
        "Upgrade",
    ]
    chosen = [field for field in fields if chance.random() < 0.9] + chance.sample(extra, chance.choice((0, 0, 1, 2, 5)))
    chance.shuffle(chosen)
    request = "\r\n".join(
        [f"{verb} {path} HTTP/{chance.choice(('1.1', '1.1', '1.1', '1.0', '2.0', '0.9', 'x'))}", *chosen]
    ).encode()
    if chance.random() < SPOILT:
        request = spoil(chance, request)
    return Input(request + b"\r\n\r\n")


@cache
def client_hello() -> bytes:
    """Return how a client of this Python begins."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["irc"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def make_hello(chance: random.Random) -> Input:
    """What a TLS connection begins with, or what somebody thinks it might."""
    hello = bytearray(client_hello())
    hello[11:43] = chance.randbytes(32)
    match chance.randrange(8):
        case 0:
            return Input(chance.randbytes(chance.choice((1, 5, 300, 20_000))), is_last=True)
        case 1:
            head = struct.pack(
                "!BBBH",
                chance.choice((20, 21, 22, 23, 24)),
                3,
                chance.randrange(6),
                chance.choice((0, 1, 512, 16_384, 65_535)),
            )
            return Input(head + chance.randbytes(chance.choice((0, 2, 512))), is_last=True)
        case 2:
            return Input(
                chance.choice(
                    (
                        b"GET / HTTP/1.1\r\n\r\n",
                        b"NICK x\r\nUSER x 0 * :x\r\n",
                        b"STARTTLS\r\n",
                        b"\x80\x2e\x01\0\x02\0\x15\0\0",
                    )
                ),
                is_last=True,
            )
        case 3:
            return Input(bytes(hello) + chance.randbytes(chance.randint(1, 400)), is_last=True)
        case 4:
            return Input(bytes(hello[: chance.randrange(len(hello))]), is_last=True)
        case _:
            return Input(spoil(chance, bytes(hello)), is_last=True)


PROXY_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def make_proxy(chance: random.Random) -> Input:
    """A header of the PROXY protocol, version 2 mostly, and perhaps a ClientHello behind it."""
    family, addresses = chance.choice(((0x11, 12), (0x21, 36), (0x31, 216), (0x00, 0), (0x12, 12), (0xFF, 4)))
    block = chance.randbytes(addresses) + chance.randbytes(chance.choice((0, 0, 3, 600)))
    length = len(block) if chance.random() < 0.8 else chance.choice((0, 1, 11, 65_535))
    header = (
        PROXY_SIGNATURE
        + struct.pack("!BBH", chance.choice((0x20, 0x21, 0x21, 0x21, 0x11, 0x2F, 0x00)), family, length)
        + block
    )
    if chance.random() < 0.1:
        header = chance.choice(
            (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"PROXY UNKNOWN\r\n", b"PROXY " + b"x" * 200, PROXY_SIGNATURE * 3)
        )
    if chance.random() < SPOILT:
        header = spoil(chance, header)
    return Input(header + (client_hello() if chance.random() < 0.5 else b""), is_last=True)


MAKERS: dict[str, Callable[[random.Random], Input]] = {
    "lines": make_line,
    "sasl": make_sasl,
    "frames": make_frame,
    "http": make_request,
    "tls": make_hello,
    "proxy": make_proxy,
}
SHARES = {"lines": 68, "sasl": 10, "frames": 14, "http": 3, "tls": 4, "proxy": 1}
"""How many of a hundred inputs are of each kind: those that take a handshake each are fewer."""
