"""docs/protocol.md and the code say the same: what one of them lists and the other does not know fails here."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path

import pytest

from securechat.chat import world
from securechat.chat.bans import EXTBANS
from securechat.chat.commands import COMMANDS
from securechat.chat.handlers import account, history, masks, metadata, modes, monitoring, searching
from securechat.chat.profile import KEYS
from securechat.chat.replies import USER_MODES, isupport_tokens, welcome_lines
from securechat.config import Config
from securechat.wire.capabilities import CAPABILITIES
from securechat.wire.offer import Offer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text("utf-8")
SOURCES = sorted([*(ROOT / "securechat/chat").rglob("*.py"), *(ROOT / "securechat/server").rglob("*.py")])
NAMED = re.compile(r"`([^`]+)`")
CODE = re.compile(r"[A-Z]+(_[A-Z0-9]+)+")

# ── the page ──


def read_rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of a table's rows, found by what the head of its first column says (or the section's own name)."""
    lines = page.splitlines()
    heads = [place for place, line in enumerate(lines) if re.match(rf"\| {re.escape(heading)} \|", line)]
    assert len(heads) == 1, f"there is not one table of {heading}"
    rows = []
    for line in lines[heads[0] + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def names_in(page: str, heading: str) -> list[str]:
    """Return what stands in backticks in the first column of a table."""
    return [name for row in read_rows(page, heading) for name in NAMED.findall(row[0])]


def sections(page: str, heading: str) -> str:
    """Return what stands under a heading of the third rank."""
    return page.split(f"\n### {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]


# ── the code ──


def calls() -> Iterator[tuple[str, ast.Call, dict[str, object]]]:
    """Yield each call in the sources that word answers: what is called, and what the names of its module mean."""
    for source in SOURCES:
        module = importlib.import_module(".".join(source.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func
                yield getattr(called, "attr", getattr(called, "id", "")), node, vars(module)


def text_of(node: ast.expr, names: dict[str, object]) -> str:
    """Return the text that an expression is, as far as it can be told without running it."""
    value = names.get(node.id) if isinstance(node, ast.Name) else getattr(node, "value", None)
    return value if isinstance(value, str) else ""


def codes(*worded_by: str) -> set[str]:
    """Return the codes that are the first argument of these methods of Ask."""
    found = {text_of(call.args[0], names) for name, call, names in calls() if name in worded_by and call.args}
    return found - {""}


def fail_codes() -> set[str]:
    """Return every code of FAIL: those given to a method, and whatever else in the sources is written like one."""
    said = {text_of(call.args[2], names) for name, call, names in calls() if name == "say" and len(call.args) > 2}
    constants = {
        node.value
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
    }
    handed_on = codes("fail", "refuse_by_fail") | {each for each in said if CODE.fullmatch(each)}
    return (handed_on | constants) - codes("note")


def batch_types() -> set[str]:
    """Return the types of all batches that are opened."""
    found = set()
    for name, call, names in calls():
        if name == "open_batch" and len(call.args) > 1:
            found.add(text_of(call.args[1], names))
        elif name == "batched":
            kind = call.args[2]
            found.add(text_of(kind.elts[0], names) if isinstance(kind, ast.Tuple) else "")
        found |= {text_of(each.value, names) for each in call.keywords if name == "replayed" and each.arg == "kind"}
    return found - {""}


def offered() -> list[str]:
    shown = Offer({"sts": f"duration={Config().sts}"}).lines(302, 1 << 16)
    return shown[0].split(" ")


def channel_modes() -> list[str]:
    return [*modes.FLAGS, *modes.ROLES, *masks.LISTS, *(letter for letter in "klW")]


TABLES: dict[str, Callable[[], list[str]]] = {
    "command": lambda: list(COMMANDS),
    "capability": offered,
    "CHATHISTORY": lambda: list(history._PARAMETERS),
    "METADATA": lambda: list(metadata._SUBCOMMANDS),
    "attribute": lambda: list(searching._ATTRIBUTES),
    "key": lambda: list(KEYS),
    "extban": lambda: [f"~{letter}" for letter in EXTBANS],
    "token": lambda: isupport_tokens(Config().chat.network),
    "type": lambda: sorted(batch_types()),
    "FAIL": lambda: sorted(fail_codes()),
    "NOTE": lambda: sorted(codes("note")),
    "subcommand": lambda: list(account._SUBCOMMANDS),
}
