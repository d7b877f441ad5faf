"""`python -O` takes every assert out: no check may be one."""

from __future__ import annotations

import ast
import asyncio
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from securechat.wire.message import Message
from tests.links.remote import Remote
from tests.scenario.processes import Programs, port_of
from tests.server.harness import RawClient

SOURCES = sorted((Path(__file__).parents[2] / "securechat").rglob("*.py"))
PURE = {"isinstance", "issubclass", "len", "all", "any", "callable", "hasattr"}
"""Functions that change nothing and wait for nothing."""
OPTIMISED = (sys.executable, "-O", "-c", "from securechat.cli.server import main; main()")


def acting_asserts(source: str) -> Iterator[int]:
    """Yield the line of each assert that does something besides looking."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert):
            for part in ast.walk(node.test):
                acts = isinstance(part, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom)
                if acts or (isinstance(part, ast.Call) and ast.unparse(part.func) not in PURE):
                    yield node.lineno


def debug_only(source: str) -> Iterator[int]:
    """Yield the line of each use of `__debug__`, and of each assert whose error somebody catches."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id == "__debug__":
            yield node.lineno
        if isinstance(node, ast.ExceptHandler) and node.type is not None and "AssertionError" in ast.unparse(node.type):
            yield node.lineno


def test_no_assert_does_anything_but_look() -> None:
    found = {
        path.name: [*acting_asserts(text), *debug_only(text)] for path in SOURCES if (text := path.read_text("utf-8"))
    }
    assert len(found) > 100
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    ["assert take()", "assert (x := 1)", "assert isinstance(read(), int)", "async def f():\n    assert await g()"],
)
def test_control_an_assert_that_acts_is_found(source: str) -> None:
    assert list(acting_asserts(source)) != []
    assert list(acting_asserts("assert isinstance(x, int) and len(x) > 2, describe(x)")) == []
    assert list(debug_only("try:\n    f()\nexcept AssertionError:\n    pass")) == [3]


async def converse(programs: Programs, data: Path, program: tuple[str, ...]) -> dict[str, list[str]]:
    """Have a first conversation, and be refused what is to be refused; return the answers by what was asked."""
    server = programs.server(data, program=program)
    port = port_of(server.wait_ready()[0])
    programs.add_people(data, "alice", "bob")
    remote = Remote(port, data / "ca.pem")
    alice, bob = [await remote.sign_in(name) for name in ("alice", "bob")]
    context = ssl.create_default_context(cafile=str(data / "ca.pem"))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    stranger = RawClient(reader, writer)
    answers = {
        "stranger": commands(
            await stranger.ask("PRIVMSG #general :x", "JOIN #general", "CHATHISTORY LATEST #general * 5")
        )
    }
    stranger.send("PASS :bob:wrong horse battery", "NICK bob", "USER bob 0 * :bob")
    answers["wrong password"] = commands(await stranger.ended())
    answers["talk"] = commands(await alice.ask("PRIVMSG #general :hello"))
    answers["heard"] = commands(await bob.fence())
    answers["no right"] = commands(await bob.ask("KICK #general alice", "MODE #general +m", "KILL alice :x"))
    answers["secret"] = commands(await alice.ask("JOIN #plans", "MODE #plans +s"))[-1:]
    answers["outside"] = commands(await bob.ask("PRIVMSG #plans :x", "CHATHISTORY LATEST #plans * 5", "TOPIC #plans"))
    answers["kick"] = commands(await alice.ask("KICK #general bob"))
    answers["kicked"] = commands(await bob.ask("PRIVMSG #general :x"))
    await stranger.close()
    await remote.end_all()
    assert not any("Traceback" in line for line in server.err)
    return answers


def commands(lines: list[Message]) -> list[str]:
    return [line.command for line in lines if line.command != "AWAY"]


async def test_the_server_without_its_asserts_refuses_the_same(programs: Programs, tmp_path: Path) -> None:
    """Attack: what nobody may, against a server started with -O. Expected: the answers that the docs give."""
    assert await converse(programs, tmp_path / "data", OPTIMISED) == {
        "stranger": ["451", "451", "451"],
        "wrong password": ["464", "ERROR"],
        "talk": ["PRIVMSG"],
        "heard": ["PRIVMSG"],
        "no right": ["482", "482", "481"],
        "secret": ["MODE"],
        "outside": ["403", "FAIL", "403"],
        "kick": ["KICK"],
        "kicked": ["KICK", "404"],
    }


async def test_control_the_option_does_take_asserts_out(programs: Programs) -> None:
    done = programs.start(sys.executable, "-O", "-c", "assert False\nprint('went on')")
    assert done.wait() == 0
    assert done.out == ["went on"]
