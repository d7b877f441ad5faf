"""docs/protocol.md and the code list the same: what one of them has and the other has not fails here."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from securechat.chat.bans import ACCOUNT_NAMES, EXTBANS, read_mask
from securechat.chat.commands import COMMANDS
from securechat.chat.directory import Directory
from securechat.chat.handlers import account, history, metadata, modes, monitoring, searching
from securechat.chat.ports import Snapshot
from securechat.chat.profile import KEYS
from securechat.chat.replay import replayed
from securechat.chat.replies import USER_MODES, isupport_tokens
from securechat.config import Config
from securechat.server.rates import BYTES_PER_COMMAND, EXTRA
from securechat.wire.capabilities import CAPABILITIES
from securechat.wire.offer import Offer
from tests.architecture.test_readme import resolve

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text("utf-8")
SOURCES = sorted(path for package in ("chat", "server") for path in (ROOT / "securechat" / package).rglob("*.py"))
LONGEST_LINE = 128

# ── the page ──


def written_rows(page: str, head: str) -> list[str]:
    """Return the rows of a table as they are written; `head` is its first line."""
    lines = page.splitlines()
    assert lines.count(head) == 1, f"there is not one table {head}"
    body = lines[lines.index(head) + 2 :]
    end = next((place for place, line in enumerate(body) if not line.startswith("|")), len(body))
    return body[:end]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def listed(page: str, head: str) -> list[str]:
    """Return what stands in backticks in the first column, each up to its parameters, which are no names."""
    names = [name for row in written_rows(page, head) for name in re.findall(r"`([^`]+)`", cells(row)[0])]
    return [name.split(" ")[0] for name in names if not name.startswith("<")]


# ── the code ──

Names = dict[str, object]


@cache
def read_sources() -> dict[Path, list[ast.AST]]:
    return {path: list(ast.walk(ast.parse(path.read_text("utf-8")))) for path in SOURCES}


def list_calls(*called: str) -> Iterator[tuple[ast.Call, Names]]:
    """Yield the calls of functions and methods of these names, and what the names of the module around mean."""
    for path, nodes in read_sources().items():
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for node in nodes:
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in called:
                yield node, vars(module)


def text_of(node: ast.expr, names: Names) -> str:
    """Return the text that an expression is, "" where that cannot be told without running it."""
    value = names.get(node.id) if isinstance(node, ast.Name) else getattr(node, "value", None)
    return value if isinstance(value, str) else ""


@cache
def note_codes() -> set[str]:
    return {text_of(call.args[0], names) for call, names in list_calls("note") if len(call.args) > 1} - {""}


@cache
def fail_codes() -> set[str]:
    """Return the codes that are given to `fail` and its like, and whatever else is written as only codes are."""
    given = {text_of(call.args[0], names) for call, names in list_calls("fail", "refuse_by_fail") if call.args}
    nodes = (node for path, nodes in read_sources().items() if "chat" in path.parts for node in nodes)
    texts = {str(node.value) for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    looking_so = {text for text in texts if re.fullmatch(r"[A-Z]+(_[A-Z0-9]+)+", text)}
    # The second word of REGISTER's own answer.
    return (looking_so | given) - {"", "VERIFICATION_REQUIRED"} - note_codes()


@cache
def batch_types() -> set[str]:
    """Return the types of all batches that are opened."""
    opened = {text_of(call.args[1], names) for call, names in list_calls("open_batch")}
    for call, _ in list_calls("batched"):
        kind = call.args[2]
        assert isinstance(kind, ast.Tuple)
        opened.add(text_of(kind.elts[0], {}))
    named = {
        text_of(each.value, {}) for call, _ in list_calls("replayed") for each in call.keywords if each.arg == "kind"
    }
    return (opened | named | {history_batch()}) - {""}


def history_batch() -> str:
    """Return the type that replay has unless another is named."""
    return str(inspect.signature(replayed).parameters["kind"].default)


def offered() -> list[str]:
    offer = Offer({"sts": f"duration={Config().sts}"})
    for capability in CAPABILITIES.values():
        offer.revise(capability.name, capability.value)
    return offer.lines(302, 100_000)[0].split(" ")


TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "| command | here |": lambda: COMMANDS,
    "| capability | here |": offered,
    "| CHATHISTORY | |": lambda: history._PARAMETERS,
    "| METADATA | |": lambda: metadata._SUBCOMMANDS,
    "| MONITOR | |": lambda: monitoring._MODIFIERS,
    "| attribute | |": lambda: searching._ATTRIBUTES,
    "| key | value |": lambda: KEYS,
    "| mode | with | |": lambda: modes.FLAGS + modes.VARIABLE,
    "| mode | |": lambda: USER_MODES,
    "| subcommand | answer |": lambda: account._SUBCOMMANDS,
    "| token | |": lambda: isupport_tokens(Config().chat.network),
    "| type | what it holds |": batch_types,
    "| FAIL | of | when |": fail_codes,
    "| NOTE | of |": note_codes,
    "| what | at most |": lambda: LIMITS,
    "| setting | unless set |": lambda: SETTINGS,
}
"""Each table by its first line, and what the code knows of that."""

SETTINGS = {
    "limits.handshake": Config().limits.handshake,
    "limits.sign_in": Config().limits.sign_in,
    "limits.silence": Config().limits.silence,
    "limits.send_queue": Config().limits.send_queue,
    "limits.strangers_per_address": Config().limits.strangers_per_address,
    "limits.strangers": Config().limits.strangers,
    "limits.connections_per_account": Config().limits.connections_per_account,
    "limits.owned_channels": Config().limits.owned_channels,
    "limits.rate": Config().limits.rate,
    "limits.burst": Config().limits.burst,
    "limits.password_length": Config().limits.password_length,
    "chat.absence": Config().chat.absence,
    "chat.redaction_window": Config().chat.redaction_window,
}
LIMITS = {
    "line without its tags, CR LF included": "wire.framing.MAX_REST",
    "tags of a client's line": "wire.framing.MAX_CLIENT_TAGS",
    "tags of the server's line": "wire.framing.MAX_TAGS",
    "WebSocket message": "server.websocket.MAX_MESSAGE",
    "fragments of one": "server.websocket.MAX_FRAGMENTS",
    "head of a web request": "server.web.MAX_HEAD",
    "SASL response": "wire.sasl.MAX_MESSAGE",
    "SASL response in one AUTHENTICATE": "wire.sasl.MAX_CHUNK",
    "wrong credentials on a connection": "chat.signin.MAX_REJECTIONS",
    "bytes of a connection before it has signed in": "server.allowance.STRANGER_BYTES",
    "commands of a connection before it has signed in": "server.allowance.STRANGER_COMMANDS",
    "PING token": "chat.world.TOKEN_LENGTH",
    "targets of a command": "chat.world.TARGETS_PER_COMMAND",
    "account name": "wire.names.NICK_LENGTH",
    "password": "auth.passwords.MAXIMUM_BYTES",
    "device label": "wire.names.DEVICE_LENGTH",
    "channel name": "wire.names.CHANNEL_LENGTH",
    "topic": "chat.world.TOPIC_LENGTH",
    "reason, AWAY and WALLOPS text": "chat.world.REASON_LENGTH",
    "key of a channel": "chat.world.KEY_LENGTH",
    "modes with a parameter in a MODE": "chat.world.MODES_PER_COMMAND",
    "masks in each list of a channel": "chat.world.BANS_PER_CHANNEL",
    "mask in a list": "chat.bans.MASK_LENGTH",
    "time of a mask": "chat.bans.MOST_MINUTES",
    "slow mode": "chat.handlers.modes.SLOWEST",
    "former names of a channel": "chat.channel.FORMER_NAMES",
    "pause between two names of a channel": "chat.handlers.renaming.PAUSE_SECONDS",
    "channels of an account": "chat.world.CHANNELS_PER_ACCOUNT",
    "invited into a channel, and not come yet": "chat.world.INVITED_PER_CHANNEL",
    "devices of an account": "chat.world.DEVICES_PER_ACCOUNT",
    "ignored by an account": "chat.world.IGNORED_PER_ACCOUNT",
    "nicks watched by a connection": "chat.world.MONITORED_PER_SESSION",
    "nicks of a USERHOST": "chat.handlers.looking.NICKS_PER_USERHOST",
    "people shown by WHO of a mask": "chat.handlers.looking.WHO_LIMIT",
    "mask of WHO, LIST or a server": "wire.mask.MAX_MASK",
    "masks of a LIST": "chat.handlers.listing.MAX_MASKS",
    "messages in a page of CHATHISTORY": "chat.world.HISTORY_PAGE",
    "lines of a message": "chat.multiline.MAX_LINES",
    "bytes of a message of several lines": "chat.multiline.MAX_BYTES",
    "reaction": "chat.world.REACTION_LENGTH",
    "reactions of an account to a message": "chat.world.REACTIONS_PER_MESSAGE",
    "changes of them": "chat.world.REACTION_CHANGES",
    "display name": "chat.profile.NAME_LENGTH",
    "metadata value": "chat.profile.VALUE_LENGTH",
    "keys subscribed to by a connection": "chat.profile.MAX_SUBSCRIPTIONS",
    "read marks of an account": "chat.marks.MARKS_PER_ACCOUNT",
    "devices whose place is kept": "chat.arrears.DEVICES_REMEMBERED",
    "device name that tells replays apart": "server.replay.DEVICE_LENGTH",
    "messages of a conversation for a new device": "server.replay.FIRST",
    "messages of a conversation for a returning device": "server.replay.MOST",
    "messages to a PING of replay": "server.replay.LINES_TO_PING",
    "time to a PING of replay": "server.replay.SECONDS_TO_PING",
    "PINGs of replay without an answer": "server.replay.PINGS_AHEAD",
    "messages of a conversation from `*playback`": "server.playback.MOST",
    "conversations played by `*playback`": "server.playback.CONVERSATIONS",
    "conversations named by `*playback`": "chat.handlers.playback.MAX_LISTED",
    "messages found when no limit is said": "chat.handlers.searching.USUAL_PAGE",
    "messages found": "chat.handlers.searching.LARGEST_PAGE",
    "messages found by `/msg Search`": "chat.handlers.searching.SERVICE_PAGE",
    "words searched for": "chat.searchwords.MAX_WORDS",
    "time for a search": "storage.sqlite.finding.SEARCH_SECONDS",
    "part of a row of an export": "chat.export.PART_LENGTH",
}
"""Each limit as the page calls it, and the constant that is enforced."""
NO_LIMITS = {
    "chat.export.VERSION",
    "chat.handlers.playback.FOREVER",
    "chat.searchwords.MOST_LETTERS",
    "chat.searchwords.MIN_PREFIX",
    "server.replay.FOLLOWED",
    "server.replay.READS_AT_ONCE",
    "server.websocket.PIECE",
    "server.websocket.TURN_SECONDS",
}
"""Numbers of the same modules that no client can come up against."""


def names_on(page: str, head: str) -> list[str]:
    if head == "| what | at most |":
        return [cells(row)[0] for row in written_rows(page, head)]
    return listed(page, head)


def differences(page: str, head: str) -> set[str]:
    """Return what stands on one side alone, or twice on the page."""
    names, known = names_on(page, head), set(TABLES[head]())
    twice = {name for name in names if names.count(name) > 1} - {"DEVICE"}
    return set(names) ^ known | twice


@pytest.mark.parametrize("head", TABLES)
def test_a_table_lists_all_that_the_code_knows_and_nothing_else(head: str) -> None:
    assert differences(PAGE, head) == set()


@pytest.mark.parametrize("head", TABLES)
def test_control_a_row_that_is_missing_or_too_much_is_noticed(head: str) -> None:
    for row in written_rows(PAGE, head):
        # Two rows tell of ACCOUNT DEVICE.
        assert differences(PAGE.replace(f"\n{row}\n", "\n"), head) or row.startswith("| `DEVICE ")
    assert differences(PAGE.replace(f"\n{row}\n", f"\n{row}\n| `no-such` | | |\n"), head)


@pytest.mark.parametrize("head", TABLES)
def test_control_something_new_or_gone_in_the_code_is_noticed(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    *others, last = known = list(TABLES[head]())
    monkeypatch.setitem(TABLES, head, lambda: [*known, "no-such"])
    assert differences(PAGE, head) == {"no-such"}
    monkeypatch.setitem(TABLES, head, lambda: others)
    assert differences(PAGE, head) == {last}


# ── numbers ──


def number_in(cell: str) -> float:
    return float(re.findall(r"[\d,]+(?:\.\d+)?", cell)[0].replace(",", ""))


def wrong_numbers(page: str) -> list[str]:
    limits = [cells(row) for row in written_rows(page, "| what | at most |")]
    settings = [cells(row) for row in written_rows(page, "| setting | unless set |")]
    wrong = [what for what, most in limits if number_in(most) != resolve(f"securechat.{LIMITS[what]}")]
    return wrong + [name for name, text in settings if number_in(text) != SETTINGS[name.strip("`")]]


def test_every_limit_on_the_page_is_the_one_that_is_enforced() -> None:
    assert wrong_numbers(PAGE) == []


def test_control_another_number_is_noticed() -> None:
    assert wrong_numbers(PAGE.replace("| topic | 300 bytes |", "| topic | 400 bytes |")) == ["topic"]
    assert wrong_numbers(PAGE.replace("10 seconds for the TLS", "1 second for the TLS")) == ["`limits.handshake`"]


def test_every_cost_on_the_page_is_the_one_that_is_taken() -> None:
    rows = [cells(row) for row in written_rows(PAGE, "| what | costs |")]
    extra = {name: number_in(cost) for names, cost in rows for name in names.split(", ") if cost.endswith("more")}
    assert extra == EXTRA
    assert [cells for cells in rows if not cells[1].endswith("more")] == [
        ["a line, and a command for each target of a list", "1"],
        [f"{BYTES_PER_COMMAND} bytes, of whatever", "1"],
    ]


MODULES = sorted({name.rpartition(".")[0] for name in LIMITS.values() if not name.startswith(("auth", "storage"))})


@pytest.mark.parametrize("module", MODULES)
def test_no_number_of_these_modules_is_forgotten(module: str) -> None:
    tree = ast.parse((ROOT / "securechat" / f"{module.replace('.', '/')}.py").read_text("utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    names = {f"{module}.{each.targets[0].id if isinstance(each, ast.Assign) else each.target.id}" for each in assigned}  # type: ignore[attr-defined,union-attr]
    public = {name for name in names if "._" not in name and type(resolve(f"securechat.{name}")) in (int, float)}
    assert public - set(LIMITS.values()) - NO_LIMITS == set()


# ── what has no table of its own on one side ──


def test_extended_bans_are_listed_with_both_their_names_and_both_can_be_typed() -> None:
    rows = [cells(row) for row in written_rows(PAGE, "| extban | also | |")]
    names = {row[0][2]: re.findall(r"`~(\w+)`", row[1])[0] for row in rows}
    assert set(names) == set(EXTBANS)
    directory = Directory(Snapshot([], []))
    for short, long in names.items():
        rest = {"t": "5:bob", "q": "bob"}.get(short)
        if rest is None:
            assert (short, long) == ACCOUNT_NAMES
        else:
            assert read_mask(f"~{short}:{rest}", directory) == read_mask(f"~{long}:{rest}", directory)


def test_isupport_and_the_table_of_modes_name_the_same_letters() -> None:
    tokens = dict(token.partition("=")[::2] for token in isupport_tokens("n"))
    in_isupport = set(tokens["CHANMODES"].replace(",", "") + re.findall(r"\((\w+)\)", tokens["PREFIX"])[0])
    assert in_isupport == set(listed(PAGE, "| mode | with | |"))


def test_every_command_a_failure_is_told_of_exists() -> None:
    words = {
        word for row in written_rows(PAGE, "| FAIL | of | when |") for word in re.findall(r"[A-Z]{3,}", cells(row)[1])
    }
    assert words <= set(COMMANDS)


def test_lines_of_the_page_are_no_longer_than_they_may_be() -> None:
    assert [line for line in PAGE.splitlines() if len(line) > LONGEST_LINE] == []
