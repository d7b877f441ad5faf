"""The page on bots: its bot answers exactly once whatever breaks, and what it says of the module and the rows is so."""

from __future__ import annotations

import ast
import inspect
import json
import re
import runpy
import sys
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

import securechat.client as api
from securechat.plain import oneshot
from tests.architecture.test_imports import list_loaded, list_modules
from tests.scenario.people import Place, rows_of
from tests.scenario.processes import Program, Programs, port_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bots.md").read_text("utf-8")
BOT = ROOT / "docs" / "examples" / "echo_bot.py"
TERMINAL = {"prompt_toolkit", "curses", "securechat.plain.line", "securechat.plain.commands"}


class Household:
    """A server with alice and the bot robot, whose position file is `position`."""

    def __init__(self, programs: Programs, directory: Path) -> None:
        self.programs = programs
        self.data = directory / "data"
        self.server = programs.server(self.data)
        (self.address,) = self.server.wait_ready()
        programs.add_people(self.data, "alice", "robot")
        token = programs.admin(self.data, "token", "add", "robot", "--label", "bot")
        (directory / "robot.token").write_text(token.out)
        self.place = Place(programs, self.address, self.data / "ca.pem")
        self.position = directory / "robot.position"
        self._token = directory / "robot.token"

    def start_bot(self, program: Path = BOT) -> Program:
        ca, token = str(self.data / "ca.pem"), str(self._token)
        bot = self.programs.start(
            *(sys.executable, str(program), self.address, ca, "robot", token, "#general", str(self.position))
        )
        bot.wait_for("following #general")
        return bot

    def restart_server(self) -> None:
        self.server.kill()
        self.server = self.programs.server(self.data, port=port_of(self.address))
        self.server.wait_ready()

    def ask(self, text: str) -> None:
        self.place.send("alice", "#general", f"!echo {text}")

    def answers(self) -> Counter[str]:
        return Counter(row["text"] for row in self.place.read_history("alice", "#general") if row["sender"] == "robot")


def test_the_bot_answers_everything_once_whatever_is_killed(programs: Programs, tmp_path: Path) -> None:
    household = Household(programs, tmp_path)
    bot = household.start_bot()
    ears = household.place.follow("alice", "#general")
    household.ask("one")
    ears.wait_for("alice: one")
    household.restart_server()
    household.ask("two")
    ears.wait_for("alice: two")
    bot.kill()
    household.ask("three, while it is away")
    bot = household.start_bot()
    ears.wait_for("alice: three, while it is away")
    bot.kill()
    # As if it had been killed each time before it could write down how far it was.
    first = next(row["msgid"] for row in rows_of(ears) if row["text"] == "!echo one")
    household.position.write_text(first)
    household.start_bot()
    household.ask("four")
    ears.wait_for("alice: four")
    assert household.answers() == {
        "alice: two": 1,
        "alice: one": 1,
        "alice: three, while it is away": 1,
        "alice: four": 1,
    }


def test_control_a_bot_that_takes_fresh_ids_answers_twice(programs: Programs, tmp_path: Path) -> None:
    careless = tmp_path / "careless.py"
    source = BOT.read_text("utf-8")
    careless.write_text(source.replace("uuid.uuid5(uuid.NAMESPACE_OID, question.msgid)", "uuid.uuid4()"))
    assert careless.read_text() != source
    household = Household(programs, tmp_path)
    household.place.send("alice", "#general", "before")
    before = household.place.read_history("alice", "#general")[-1]["msgid"]
    bot = household.start_bot(careless)
    ears = household.place.follow("alice", "#general")
    household.ask("one")
    ears.wait_for("alice: one")
    bot.kill()
    household.position.write_text(before)
    household.start_bot(careless)
    ears.wait_for("robot", times=2)
    assert household.answers() == {"alice: one": 2}


def test_a_bot_whose_token_is_revoked_ends_with_one_line(programs: Programs, tmp_path: Path) -> None:
    household = Household(programs, tmp_path)
    bot = household.start_bot()
    (device,) = json.loads(programs.admin(household.data, "token", "list", "robot", "--json").out)
    assert programs.admin(household.data, "token", "revoke", device["id"]).code == 0
    assert bot.wait() == 1
    assert [line for line in bot.err if line.startswith("echo_bot: ")] == bot.err[1:]
    assert len(bot.err) == 2


@pytest.mark.parametrize(
    ("text", "command", "own", "asks"),
    [
        ("!echo hi", "PRIVMSG", False, True),
        ("!echo hi", "NOTICE", False, False),
        ("!echo hi", "PRIVMSG", True, False),
        ("alice: !echo hi", "PRIVMSG", False, False),
    ],
)
def test_the_bot_takes_for_a_question_what_the_page_says(text: str, command: str, own: bool, asks: bool) -> None:
    bot = runpy.run_path(str(BOT))
    assert bot["is_question"](api.MessageSeen("#g", "#g", "bob", text, "m1", 0, command, own)) is asks


def test_the_bot_is_short_and_takes_nothing_that_is_not_promised() -> None:
    tree = ast.parse(BOT.read_text("utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module is not None]
    ours = {name.name for node in imports if node.module.startswith("securechat") for name in node.names}
    assert ours <= set(api.__all__)
    assert all(node.module in ("securechat.client",) for node in imports if node.module.startswith("securechat"))
    assert len(BOT.read_text("utf-8").splitlines()) < 80


def test_the_page_names_everything_in_all_and_all_of_it_is_documented() -> None:
    section = PAGE[PAGE.index("## In Python") :]
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", section))))
    assert sorted(set(api.__all__) - named) == []
    for name in api.__all__:
        if name != "Event":
            assert inspect.getdoc(getattr(api, name)), name


def test_every_method_of_the_link_on_the_page_is_there_typed_and_documented() -> None:
    named = re.findall(r"^\| `(\w+)\(", PAGE, re.MULTILINE)
    assert named == ["post", "confirm", "deliver", "ask_history", "ask_targets", "command"]
    for name in named:
        method = getattr(api.Link, name)
        assert inspect.getdoc(method), name
        parameters = inspect.signature(method).parameters.values()
        assert "return" in method.__annotations__, name
        assert all(each.name == "self" or each.annotation is not each.empty for each in parameters), name
    assert (resources.files("securechat") / "py.typed").is_file()


def test_the_rows_have_the_fields_of_the_page_in_its_order(capsys: pytest.CaptureFixture[str]) -> None:
    message = api.MessageSeen("bob", "alice", "bob", "grüße", "m1", 1_700_000_000_000)
    oneshot.print_message(message, as_json=True)
    row = json.loads(capsys.readouterr().out)
    assert list(row) == re.findall(r"^\| `(\w+)` \| (?:number|string) \|", PAGE, re.MULTILINE)
    assert row["v"] == 1


def test_neither_the_module_nor_the_one_shot_commands_load_anything_of_the_terminal() -> None:
    modules = [*list_modules("client"), "securechat.plain.oneshot", "securechat.plain.export", "securechat.cli.client"]
    assert list_loaded(*modules) & TERMINAL == set()
    # Control: the line mode is what loads it.
    assert "securechat.plain.commands" in list_loaded("securechat.plain.line")


@pytest.mark.parametrize("command", ["send", "history", "export"])
def test_a_one_shot_command_that_was_run_has_loaded_nothing_of_the_terminal(
    programs: Programs, tmp_path: Path, command: str
) -> None:
    household = Household(programs, tmp_path)
    listing = "import atexit, sys; atexit.register(lambda: print(*sorted(sys.modules), file=open(sys.argv.pop(), 'w')))"
    code = f"{listing}; from securechat.cli.client import client; client(sys.argv[1:-1], prog_name='securechat-client')"
    target = ["#general", "hello"] if command == "send" else ["#general"]
    words = [command, *target, "--server", household.address, "--ca", str(household.data / "ca.pem")]
    sign_in = ["--user", "robot", "--token-file", str(tmp_path / "robot.token")]
    run = programs.start(sys.executable, "-c", code, *words, *sign_in, str(tmp_path / "modules"))
    assert run.wait() == 0, run.err
    loaded = set((tmp_path / "modules").read_text().split())
    assert "securechat.client.link" in loaded
    assert loaded & TERMINAL == set()
