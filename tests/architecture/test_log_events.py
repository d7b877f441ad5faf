"""What is logged: every event is in operations.md with its level and fields, and addresses are in no field but `peer`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGERS = {"log", "_log"}


class Line(NamedTuple):
    """A call that logs."""

    where: str
    levels: frozenset[str]
    events: frozenset[str]
    fields: frozenset[str]


def texts(node: ast.expr, function: ast.AST) -> frozenset[str]:
    """Return the texts that an expression can be: one that stands there, or those a name was given nearby."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return frozenset({node.value})
    if isinstance(node, ast.IfExp):
        return texts(node.body, function) | texts(node.orelse, function)
    if isinstance(node, ast.Name):
        given = [
            each.value
            for each in ast.walk(function)
            if isinstance(each, ast.Assign) and any(isinstance(t, ast.Name) and t.id == node.id for t in each.targets)
        ]
        return frozenset().union(*(texts(value, function) for value in given)) if given else frozenset()
    return frozenset()


def levels(call: ast.Call, function: ast.AST) -> frozenset[str]:
    """Return at which levels a call logs; none when it logs nothing."""
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        is_logger = call.func.value.id in LOGGERS and call.func.attr in LEVELS
        return frozenset({"error" if call.func.attr == "exception" else call.func.attr}) if is_logger else frozenset()
    if isinstance(call.func, ast.Name) and call.func.id == "say":
        chosen = [
            each.value
            for each in ast.walk(function)
            if isinstance(each, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "say" for t in each.targets)
        ]
        attributes = (each for value in chosen for each in ast.walk(value) if isinstance(each, ast.Attribute))
        return frozenset(each.attr for each in attributes) & LEVELS
    return frozenset()


def logged() -> Iterator[Line]:
    for package in ("server", "storage", "cli", "chat", "auth", "pki"):
        for path in sorted((ROOT / "securechat" / package).rglob("*.py")):
            tree = ast.parse(path.read_text())
            functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            seen: set[ast.Call] = set()
            # The innermost function first: names mean what they mean there.
            for function in reversed(functions):
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and call not in seen and (at := levels(call, function)):
                        seen.add(call)
                        fields = {keyword.arg for keyword in call.keywords if keyword.arg}
                        where = f"{path.relative_to(ROOT)}:{call.lineno}"
                        yield Line(where, at, texts(call.args[0], function), frozenset(fields - {"exc_info"}))


def documented() -> dict[str, tuple[set[str], set[str]]]:
    """Return levels and fields by event, as the table of operations.md has them."""
    section = (ROOT / "docs/operations.md").read_text().partition("\n## Logs\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([a-z, ]+) \| ([^|]*)\|", section, re.MULTILINE)
    return {
        event: (set(level.replace(" ", "").split(",")), set(re.findall(r"`([a-z_]+)`", fields)))
        for event, level, fields in rows
    }


def test_every_event_that_is_logged_is_documented_with_its_levels_and_fields() -> None:
    lines = list(logged())
    assert len(lines) >= 30
    found: dict[str, tuple[set[str], set[str]]] = {}
    for line in lines:
        assert line.events, f"{line.where}: what it logs cannot be read"
        for event in line.events:
            known = found.setdefault(event, (set(), set()))
            known[0].update(line.levels)
            known[1].update(line.fields)
    table = documented()
    assert table.pop("a library says") == ({"asitsays"}, {"logger", "message"})
    assert sorted(found) == sorted(table)
    for event, (at, fields) in found.items():
        assert fields == table[event][1], event
        assert at >= table[event][0], event


def test_addresses_are_logged_as_peer_and_under_no_other_name() -> None:
    suspicious = {"address", "addr", "ip", "host", "client", "remote", "source"}
    assert not [line.where for line in logged() if line.fields & suspicious]


def test_control_a_line_with_two_texts_is_read() -> None:
    tree = ast.parse(
        'def tell(x):\n    told = "one" if x else "two"\n    say = log.info if x else log.error\n    say(told, a=1)'
    )
    (function,) = tree.body
    (call,) = [each for each in ast.walk(tree) if isinstance(each, ast.Call)]
    assert levels(call, function) == {"info", "error"}
    assert texts(call.args[0], function) == {"one", "two"}
