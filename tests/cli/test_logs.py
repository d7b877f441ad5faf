"""Logs: on a standard error that takes nothing any more, with hostile values in every field, and of what others say."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from securechat.cli.logs import configure_logs
import structlog

configure_logs({form!r}, "info")
log = structlog.get_logger()
for number in range(3):
    log.warning("the disk of this log is full", number=number)
print("went on")
"""
BY_ITSELF = "import os, sys\nos.write(2, b'x')\nprint('went on')\n"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("where", ["full disk", "closed"])
def test_a_log_that_cannot_be_written_stops_nothing(form: str, where: str) -> None:
    assert run(PROGRAM.format(form=form), where) == (0, "went on\n")


def test_control_a_write_to_that_log_does_fail() -> None:
    assert run(BY_ITSELF, "full disk")[1] == ""


def run(program: str, where: str) -> tuple[int, str]:
    """Run it as a service is run: with its streams buffered, whatever the tests' own are."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", program]
    if where == "full disk":
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, text=True, timeout=20, env=environment)
    else:
        closing = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
        done = subprocess.run(closing, stdout=subprocess.PIPE, text=True, timeout=20, env=environment)
    return done.returncode, done.stdout


HOSTILE = [
    "a\nlevel='error' event='forged'",
    "a\r\nb",
    "\x1b]0;owned\x07\x1b[2J",
    "\x9b31m",
    "right\u202eto left\u2066",
    "line\u2028and paragraph\u2029",
    "nul\x00 tab\t del\x7f",
    "\ud800 alone",
    '"}\n{"event": "forged"}',
    "' event='forged",
    "\u200bzero\ufeffwidth",
    "x" * 100_000,
]
FORGER = """
import sys
from securechat.cli.logs import adopt_other_logs, configure_logs
import structlog

configure_logs({form!r}, "debug", {addresses!r})
adopt_other_logs("debug")
log = structlog.get_logger()
hostile = {hostile!r}


class Strange:
    def __repr__(self):
        return "strange\\n\\x1b[2J"


for text in hostile:
    log.warning("an event", peer=text, account=text, reason=text, error=ValueError(text), listed=[text], table={{text: text}})
    log.info("an object", value=Strange())
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("an error of ours", where=text)
"""


def printed(form: str, addresses: str = "full") -> bytes:
    """Return what stderr takes of a program that logs hostile values in every field."""
    program = FORGER.format(form=form, addresses=addresses, hostile=HOSTILE)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_whatever_is_logged_an_event_is_one_line_and_acts_on_no_terminal(form: str) -> None:
    output = printed(form).decode()
    lines = output.split("\n")
    assert lines.pop() == ""
    assert len(lines) == 3 * len(HOSTILE)
    for line in lines:
        assert line.isprintable()
        assert len(line) < 60_000
    starts = {line.partition("event=")[2].partition("'")[2].partition("'")[0] for line in lines}
    if form == "text":
        assert starts == {"an event", "an object", "an error of ours"}


def test_a_line_of_json_says_what_was_logged_cut_where_it_is_long() -> None:
    lines = [json.loads(line) for line in printed("json").splitlines()]
    events = [line for line in lines if line["event"] == "an event"]
    assert [line["account"] for line in events[:-1]] == HOSTILE[:-1]
    assert events[-1]["account"] == "x" * 2000 + "…"
    assert {line["event"] for line in lines} == {"an event", "an object", "an error of ours"}
    assert lines[2]["exception"].startswith("Traceback (most recent call last):\n")


def test_control_a_renderer_that_escapes_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    program = FORGER.format(form="text", addresses="full", hostile=HOSTILE)
    broken = "import securechat.cli.logs as logs\nlogs._renderer = lambda form: lambda *call: ' '.join(map(str, call[2].values()))\n"
    done = subprocess.run([sys.executable, "-c", broken + program], capture_output=True, timeout=20)
    lines = done.stderr.decode("utf-8", "replace").split("\n")
    assert len(lines) > 3 * len(HOSTILE) + 1
    assert not all(line.isprintable() for line in lines)


@pytest.mark.parametrize(("addresses", "peer"), [("full", "203.0.113.7"), ("prefix", "203.0.113.0/24"), ("none", "")])
def test_as_much_of_an_address_is_logged_as_the_settings_say(addresses: str, peer: str) -> None:
    program = (
        "from securechat.cli.logs import configure_logs\nimport structlog\n"
        f"configure_logs('json', 'info', {addresses!r})\n"
        "structlog.get_logger().info('connected', connection='c1', peer='203.0.113.7')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20)
    line = json.loads(done.stderr)
    assert (line["peer"], line["connection"]) == (peer, "c1")


OTHERS = """
import asyncio, logging, threading, warnings
from securechat.cli.logs import adopt_other_logs, configure_logs

configure_logs("json", "info")
adopt_other_logs("info")
warnings.warn("careful\\nforged")
logging.getLogger("websockets.server").info("hello %s", "there\\x1b[2J")
logging.getLogger("x").log(25, "between two levels")
logging.getLogger("x").debug("not asked for")


def fail():
    raise RuntimeError("in a thread\\nforged")


class Unraisable:
    def __del__(self):
        raise RuntimeError("in a destructor\\nforged")


thread = threading.Thread(target=fail, name="writer")
thread.start()
thread.join()
Unraisable()


async def main():
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0.01)


asyncio.run(main())
"""


def test_what_python_and_libraries_say_goes_the_same_way_a_line_each() -> None:
    done = subprocess.run([sys.executable, "-c", OTHERS], capture_output=True, timeout=20)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    told = [(line["event"], line["level"], line.get("logger") or line.get("thread") or "") for line in lines]
    assert told == [
        ("a library says", "warning", "py.warnings"),
        ("a library says", "info", "websockets.server"),
        ("a library says", "info", "x"),
        ("a thread has failed", "error", "writer"),
        ("an error could not be raised", "error", ""),
        ("a library says", "error", "asyncio"),
    ]
    assert "careful\nforged" in lines[0]["message"]
    assert lines[1]["message"] == "hello there\x1b[2J"
    assert all("forged" in lines[number]["exception"] for number in (3, 4, 5))
