"""Modern IRC, Server Queries: MOTD, LUSERS, VERSION, INFO, ADMIN, TIME, LINKS, STATS, HELP."""

from __future__ import annotations

import pytest

from securechat.chat.commands import COMMANDS
from tests.chat.stage import NOON, Stage


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", network="lab", contact="olga@example.org")
    stage.register("root", role="admin")
    stage.register("anna", role="admin")
    return stage


ANSWERS = [
    ("INFO", [
        "371 alice :securechat 1: a group chat that people run themselves",
        "371 alice :IRCv3 over TLS; nobody without an account; what was said is kept, once and in one order",
        "371 alice :This is lab on chat.example, started today",
        "374 alice :End of INFO list",
    ]),
    ("ADMIN", [
        "256 alice chat.example :Administrative info", "257 alice :Network: lab",
        "258 alice :Administrators: anna root", "259 alice olga@example.org",
    ]),
    ("TIME", ["391 alice chat.example 1795262400 0 :2026-11-21 12:00:00 UTC"]),
    ("LINKS", ["364 alice * chat.example :0 lab", "365 alice * :End of /LINKS list"]),
    ("STATS u", ["242 alice :Server Up 2 days 3:04:05", "219 alice u :End of /STATS report"]),
    ("STATS o", ["219 alice o :End of /STATS report"]),
    ("STATS uptime", ["242 alice :Server Up 2 days 3:04:05", "219 alice u :End of /STATS report"]),
    ("STATS :", ["219 alice * :End of /STATS report"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), ANSWERS, ids=[line for line, _ in ANSWERS])
def test_asking_about_the_server(stage: Stage, line: str, expected: list[str]) -> None:
    stage.world.attendance.start = NOON - (2 * 86_400 + 3 * 3_600 + 4 * 60 + 5) * 1000
    assert stage.play(stage.enter("alice"), line).lines == [f":chat.example {each}" for each in expected]


def test_without_administrators_or_a_contact_it_says_what_there_is() -> None:
    lines = (stage := Stage("alice")).play(stage.enter("alice"), "ADMIN").lines
    assert lines[2:] == [
        ":chat.example 258 alice :Administrators: nobody",
        ":chat.example 259 alice :Ask one of them by PRIVMSG",
    ]


FOR_A_SERVER = ["MOTD {}", "LUSERS * {}", "VERSION {}", "INFO {}", "ADMIN {}", "TIME {}", "STATS u {}"]


@pytest.mark.parametrize("line", FOR_A_SERVER)
def test_the_server_may_be_named_and_another_is_not_known(stage: Stage, line: str) -> None:
    """MOTD, <target>: ERR_NOSUCHSERVER; VERSION: wildcards are allowed, and a client's nick stands for its server."""
    alice = stage.enter("alice")
    for target in ("chat.example", "CHAT.*", "*", "root"):
        assert "402" not in stage.play(alice, line.format(target)).numerics
    for target in ("other.example", "*.org", "zoe", "*" * 101):
        shown = target if len(target) < 200 else "*"
        assert stage.play(alice, line.format(target)).lines == [f":chat.example 402 alice {shown} :No such server"]


# ── HELP ──


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_its_help(stage: Stage, name: str) -> None:
    """HELP: 704, then 705 of which the first SHOULD be empty, then 706."""
    lines = stage.play(stage.enter("alice"), f"HELP {name.lower()}").lines
    assert lines[0] == f":chat.example 704 alice {name} :The command {name}"
    assert lines[1] == f":chat.example 705 alice {name} :"
    assert lines[2].startswith(f":chat.example 705 alice {name} ")
    assert lines[2].removeprefix(f":chat.example 705 alice {name} ").removeprefix(":").split()[0] == name
    assert lines[3].startswith(f":chat.example 706 alice {name} :")
    assert lines[3][-1] == "."
    assert len(lines) == 4
    assert max(map(len, lines)) <= 300


@pytest.mark.parametrize("name", sorted(name for name, command in COMMANDS.items() if command.minimum))
def test_what_needs_parameters_names_them(name: str) -> None:
    assert COMMANDS[name].syntax


def test_help_alone_names_every_command(stage: Stage) -> None:
    lines = stage.play(stage.enter("alice"), "HELP").lines
    assert lines[0] == ":chat.example 704 alice * Commands"
    assert lines[-1] == ":chat.example 706 alice * :HELP <command> tells how one is used"
    words = " ".join(line.partition(" * ")[2].removeprefix(":") for line in lines[1:-1]).split()
    assert words == sorted(COMMANDS)


def test_help_on_nothing_there_is(stage: Stage) -> None:
    lines = stage.play(stage.enter("alice"), "HELP FNORD").lines
    assert lines == [":chat.example 524 alice FNORD :There is no help on this; HELP lists the commands"]
