"""Whatever somebody puts into a field, what others get is one line, well-formed, and shows as what it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from securechat.config import Chat, Config, Limits
from securechat.wire.sasl import encode_plain
from tests.adversarial.unguarded import without
from tests.fuzz.oracle import judged, listening
from tests.fuzz.words import HOSTILE
from tests.links.remote import Remote
from tests.scenario.processes import PASSWORD, Programs, port_of
from tests.server.harness import RawClient, RunningServer, running_server
from tests.server.witness import Witness
from tests.terminal.screen import Terminal, foreign_controls

CAPS = (
    "server-time message-tags echo-message batch labeled-response account-tag away-notify extended-join setname "
    "draft/multiline draft/message-redaction draft/channel-rename draft/metadata-2 draft/chathistory "
    "draft/event-playback invite-notify standard-replies soju.im/search extended-monitor"
)
MARKS = "z" + "\u0301" * 10_000
"""Ten thousand combining marks: too long for any line, so what fits is sent, and all of it as well."""
TEXTS = {**HOSTILE, "marks that fit": MARKS[:120], "all marks": MARKS}
BYTES = {
    "CR": b"a\rQUIT :b",
    "LF": b"a\nQUIT :b",
    "NUL": b"a\0b",
    "CR LF": b"a\r\nPRIVMSG #general :forged",
    "no UTF-8": b"a\xff\xed\xa0\x80\xc0\xafb",
}
"""What no field can carry: it ends the line, or spoils it."""
FIELDS = [
    *(
        "PRIVMSG #general :{}",
        "NOTICE #general :{}",
        "PRIVMSG #general,wanda :{}",
        "PRIVMSG {} :x",
        "PRIVMSG wanda :\x01ACTION {}\x01",
    ),
    *(
        "TOPIC #open :{}",
        "PART #open :{}",
        "JOIN #open",
        "JOIN #{}",
        "JOIN #open {}",
        "AWAY :{}",
        "AWAY",
        "SETNAME :{}",
        "NICK {}",
        "USER {} 0 * :{}",
    ),
    *(
        "KICK #open wanda :{}",
        "INVITE wanda #open",
        "INVITE {} #open",
        "MODE #open +k {}",
        "MODE #open -k {}",
        "MODE #open +b {}",
        "MODE #open -b {}",
    ),
    *(
        "MODE #open {}",
        "RENAME #open #{} :x",
        "RENAME #open #open2 :{}",
        "RENAME #open2 #open :{}",
        "METADATA * SET display-name :{}",
    ),
    *(
        "METADATA * SET pronouns :{}",
        "METADATA * SET {} :x",
        "METADATA * GET {}",
        "MONITOR + {}",
        "WHO {}",
        "WHOIS {}",
        "WHOWAS {}",
        "ISON {}",
    ),
    *(
        "LIST {}",
        "NAMES {}",
        "SEARCH text={}",
        "SEARCH in=#general;text={}",
        "PRIVMSG Search :{}",
        "PRIVMSG *playback :{}",
        "CHATHISTORY LATEST {} * 5",
    ),
    *(
        "CHATHISTORY LATEST #general {} 5",
        "MARKREAD {}",
        "MARKREAD #general {}",
        "REDACT #general {} :x",
        "REDACT #general x :{}",
        "PING :{}",
        "PONG :{}",
    ),
    *(
        "CAP REQ :{}",
        "CAP {}",
        "AUTHENTICATE {}",
        "REGISTER {} * {}",
        "VERIFY {} {}",
        "ACCOUNT IGNORE {}",
        "ACCOUNT DEVICE ADD {}",
        "ACCOUNT {}",
        "HELP {}",
    ),
    *(
        "@label={} PRIVMSG #general :x",
        "@+x={} TAGMSG #general",
        "@{}=x PRIVMSG #general :x",
        "@+draft/react={};+reply=x TAGMSG #general",
    ),
    *(
        "@msgid={} PRIVMSG #general :x",
        "BATCH +{} draft/multiline #general",
        "BATCH +1 {} #general",
        "KILL wanda :{}",
        "WALLOPS :{}",
        "OPER {} {}",
        "{}",
        "{} x",
    ),
]
QUIT = "QUIT :{}"


def lines_with(text: str) -> Iterator[bytes]:
    """Yield a line for each field with `text` in it."""
    for field in FIELDS:
        yield field.replace("{}", text).encode() + b"\r\n"


def hostile_lines() -> Iterator[bytes]:
    """Yield every field with every text, and what no field can carry in the middle of each."""
    for text in TEXTS.values():
        yield from lines_with(text)
    for middle in BYTES.values():
        yield from (field.replace("{}", "@@").encode().replace(b"@@", middle) + b"\r\n" for field in FIELDS)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    config = Config(chat=Chat(absence=60), limits=Limits(rate=0))
    async with running_server(tmp_path, config) as server:
        await server.add("wanda", "mallory")
        yield server


async def say_all(server: RunningServer) -> Witness:
    """Attack: mallory says all of it, again from the start whenever the connection has ended; return who heard it."""
    witness = await judged(server, "wanda", CAPS)
    await witness.ask("JOIN #open", "MODE #open -nt", "METADATA * SUB display-name pronouns", "MONITOR + mallory")
    mallory = await judged(server, "mallory", CAPS)
    mallory.judge.nick = "*"
    for number, line in enumerate(hostile_lines()):
        mallory.send_bytes(line)
        if number % 20 == 19 or b"\nQUIT" in line or b"\rQUIT" in line:
            try:
                await mallory.fence()
            except (EOFError, ConnectionError):
                mallory = await judged(server, "mallory", CAPS)
            await witness.fence()
    assert [fault for fault in mallory.judge.faults if not fault.startswith("numeric")] == []
    for text in HOSTILE.values():
        mallory.send(QUIT.replace("{}", text))
        await mallory.ended()
        mallory = await judged(server, "mallory", CAPS)
    await witness.fence()
    return witness


async def test_what_others_get_is_one_well_formed_line_each_and_so_is_the_log(server: RunningServer) -> None:
    """Expected: lines of at most 512 bytes and tags, UTF-8, that parse; no forged one; nothing but one line an event."""
    with listening() as ear:
        witness = await say_all(server)
    assert witness.judge.faults == []
    assert ear.faults == []
    said = [line for line in witness.seen if line.command == "PRIVMSG" and line.params[0] == "#general"]
    assert {line.source for line in said} == {"mallory!mallory@securechat"}
    texts = {line.params[1] for line in said}
    assert set(HOSTILE.values()) | {TEXTS["marks that fit"], "a", "forged"} <= texts
    assert not any(MARKS[:1000] in line.params[-1] for line in witness.seen if line.params)
    assert [line for line in witness.seen if line.command == "QUIT"] == []


async def test_control_an_encoder_that_escapes_nothing_is_found(server: RunningServer) -> None:
    with without("lines-that-are-encoded"):
        witness = await judged(server, "wanda", CAPS)
        mallory = await judged(server, "mallory", CAPS)
        await mallory.ask("@+x=a\\sPRIVMSG\\s#general\\s:forged\\:b PRIVMSG #general :x")
        await witness.fence()
    (heard,) = [line for line in witness.seen if line.command == "PRIVMSG" or "forged" in str(line.params)]
    assert heard.params != ("#general", "x")


def unhurried(directory: Path) -> tuple[str, str]:
    """Return the option for settings that slow down nobody who says much."""
    (directory / "config.toml").write_text("[limits]\nrate = 0\n")
    return "--config", str(directory / "config.toml")


TEXT_LOG = re.compile(r"timestamp='[0-9T:.-]+Z' level='[a-z]+' event='")


async def try_to_sign_in(port: int, ca: Path) -> None:
    """Attack: names that are none, in every way to say who one is."""
    context = ssl.create_default_context(cafile=str(ca))
    for name in HOSTILE.values():
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        stranger = RawClient(reader, writer)
        stranger.send("CAP REQ :sasl", f"REGISTER {name} * {PASSWORD}", f"VERIFY {name} 1", "AUTHENTICATE PLAIN")
        stranger.send(*(f"AUTHENTICATE {chunk}" for chunk in encode_plain(name, PASSWORD)), "CAP END")
        stranger.send(f"PASS :{name}:{PASSWORD}", f"NICK {name}", f"USER {name} 0 * :{name}")
        with contextlib.suppress(EOFError, ConnectionError, ssl.SSLError):
            await stranger.fence()
        writer.transport.abort()


@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_real_log_has_one_line_an_event_at_every_level(programs: Programs, tmp_path: Path, form: str) -> None:
    """Attack: hostile names and texts, signed in and before. Expected: each line of the log begins as one does."""
    data = tmp_path / "data"
    server = programs.server(data, "--log-level", "debug", "--log-format", form, *unhurried(tmp_path))
    port = port_of(server.wait_ready()[0])
    programs.add_people(data, "mallory")
    remote = Remote(port, data / "ca.pem")
    mallory = await remote.sign_in("mallory")
    for text in HOSTILE.values():
        mallory.send_bytes(b"".join(line for line in lines_with(text) if b"ACCOUNT DELETE" not in line))
        await mallory.fence()
    await try_to_sign_in(port, data / "ca.pem")
    await remote.end_all()
    server.wait_for("refused", times=50)
    # What stands before is said to the operator at the first start.
    (begun,) = [at for at, line in enumerate(server.err) if line.startswith("listening on ")]
    logged = server.err[begun + 1 :]
    assert len(logged) > 100
    for line in logged:
        assert TEXT_LOG.match(line) if form == "text" else isinstance(json.loads(line), dict), line
        assert foreign_controls(line.encode()) == []


async def test_our_client_shows_all_of_it_inert(programs: Programs, tmp_path: Path) -> None:
    """Attack: the same, at somebody's terminal. Expected: no control byte but the client's own reaches it.

    Control: tests/terminal/test_hostile.py, with a client that shows text as it came.
    """
    data, token = tmp_path / "data", tmp_path / "token"
    port = port_of(programs.server(data, *unhurried(tmp_path)).wait_ready()[0])
    programs.add_people(data, "mallory", "wanda")
    secret = programs.admin(data, "token", "add", "wanda", "--label", "terminal").out
    token.touch(0o600)
    token.write_text(secret)
    command = [sys.executable, "-c", "from securechat.cli.client import main; main()", "--user", "wanda"]
    command += ["--server", f"localhost:{port}", "--ca", str(data / "ca.pem"), "--token-file", str(token)]
    environment = {"TERM": "xterm-256color", "PATH": os.environ["PATH"], "TZ": "UTC", "LANG": "C.UTF-8"}
    terminal = Terminal(command, {**environment, "HOME": str(tmp_path)}, columns=100)
    try:
        await asyncio.to_thread(terminal.wait_for, "members:")
        terminal.type("/set bell off\r")
        await asyncio.to_thread(terminal.wait_for, "bell is off")
        mallory = await Remote(port, data / "ca.pem").sign_in("mallory")
        for text in HOSTILE.values():
            mallory.send_bytes(b"".join(lines_with(text)))
            await mallory.fence()
        mallory.send("PRIVMSG #general :this is the end")
        await asyncio.to_thread(terminal.wait_for, "this is the end")
        mallory.writer.transport.abort()
    finally:
        await asyncio.to_thread(terminal.kill)
    # The joiner inside of an emoji is no control there: tests/plain/test_visible.py says where it is one.
    assert set(foreign_controls(terminal.recorded)) <= {"\u200d"}
    assert "^[]52;c;" in terminal.text
    assert "[bold red]x[/]" in terminal.text
