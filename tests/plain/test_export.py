"""export as a process: everything, oldest first, in pages, once; whole, or an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.fakeserver import FakeServer
from tests.plain.program import Outcome, Program
from tests.scenario.people import Place
from tests.scenario.processes import PASSWORD, Programs, programs

__all__ = ["programs"]

MakeProgram = Callable[..., Program]


def texts(outcome: Outcome) -> list[str]:
    assert outcome.code == 0, outcome.err
    return [json.loads(line)["text"] for line in outcome.out.splitlines()]


async def test_export_prints_everything_page_by_page_and_ends(server: FakeServer, program: MakeProgram) -> None:
    for number in range(20):
        server.say("bob", "#general", f"text {number}")
    server.say("bob", "alice", "not of the channel")
    outcome = await program("export", "#general").run()
    assert texts(outcome) == [f"text {number}" for number in range(20)]
    assert json.loads(outcome.out.splitlines()[0]) == {
        "v": 1,
        "msgid": "m0001",
        "time": "2023-11-14T22:13:20.001Z",
        "target": "#general",
        "sender": "bob",
        "text": "text 0",
        "command": "PRIVMSG",
    }
    # Pages of three, as this server allows: nothing asks for more at once.
    asked = [line for guest in server.guests for line in guest.lines if "CHATHISTORY AFTER #general" in line]
    assert len(asked) == 8
    assert outcome.err == ""


@pytest.mark.parametrize("since", ["m0003", "2023-11-14T22:13:20.003Z"])
async def test_export_goes_on_behind_a_message_or_a_time(server: FakeServer, program: MakeProgram, since: str) -> None:
    for number in range(1, 11):
        server.say("bob", "#general", str(number))
    assert texts(await program("export", "#general", since=since).run()) == ["4", "5", "6", "7", "8", "9", "10"]


async def test_export_of_nothing_is_empty_and_0(server: FakeServer, program: MakeProgram) -> None:
    assert await program("export", "#general").run() == (0, "", "")
    server.say("bob", "#general", "the last one")
    assert await program("export", "#general", since="m0001").run() == (0, "", "")


async def test_several_conversations_and_all_of_them(server: FakeServer, program: MakeProgram) -> None:
    for number in range(1, 5):
        server.say("bob", "#general", f"channel {number}")
        server.say("bob", "alice", f"person {number}")
    both = texts(await program("export", "#general", "bob").run())
    assert [text for text in both if text.startswith("channel")] == [f"channel {number}" for number in range(1, 5)]
    assert [text for text in both if text.startswith("person")] == [f"person {number}" for number in range(1, 5)]
    server.say("carol", "alice", "later")
    assert sorted(texts(await program("export", "--all").run())) == [
        *(f"channel {number}" for number in range(1, 5)),
        "later",
        *(f"person {number}" for number in range(1, 5)),
    ]


async def test_an_export_survives_a_cut_in_its_middle(server: FakeServer, program: MakeProgram) -> None:
    for number in range(30):
        server.say("bob", "#general", str(number))
    answer, asked = server._on_chathistory, 0

    def cut_at_the_fifth(guest: object, params: list[str], tags: dict[str, str]) -> None:
        nonlocal asked
        asked += 1
        if asked == 5:
            server.cut_all()
        else:
            answer(guest, params, tags)  # type: ignore[arg-type]

    server._on_chathistory = cut_at_the_fifth  # type: ignore[method-assign]
    outcome = await program("export", "#general").run()
    assert texts(outcome) == [str(number) for number in range(30)]
    assert outcome.err.count("connection lost") == 1


async def test_an_export_that_cannot_be_whole_is_exit_1(server: FakeServer, program: MakeProgram) -> None:
    for number in range(5):
        server.say("bob", "#general", str(number))
    outcome = await program("export", "#general", since="m9999").run()
    assert outcome.code == 1
    assert outcome.err == "securechat-client: #general: the export would not be whole: Not found\n"
    assert outcome.out == ""


async def test_what_may_not_be_read_is_exit_1(program: MakeProgram) -> None:
    outcome = await program("export", "#secret").run()
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "securechat-client: #secret: Not found; are you a member, and is it written correctly?\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give a TARGET, or --all"),
        (("#general", "--all"), "not both"),
        (("#general", "bob", "--since", "m0001"), "a msgid belongs to one conversation"),
        (("--all", "--since", "m0001"), "a msgid belongs to one conversation"),
        (("#a,#b",), "neither one #channel"),
    ],
)
async def test_misuse_is_exit_2(program: MakeProgram, words: tuple[str, ...], said: str) -> None:
    outcome = await program("export", *words).run()
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_a_real_server_exports_all_of_several_channels(programs: Programs, tmp_path: Path) -> None:
    server = programs.server(tmp_path / "data")
    (address,) = server.wait_ready()
    programs.add_people(tmp_path / "data", "alice", "bob")
    place = Place(programs, address, tmp_path / "data" / "ca.pem")
    person = place.sit_down("alice")
    person.say(*(f"/join #room{number}" for number in range(1, 6)))
    for number in range(1, 6):
        person.program.wait_for(f"#room{number}: you are in")
        place.send("alice", f"#room{number}", f"in {number}")
    lines = [f"{number} {'x' * 300}" for number in range(1500)]
    place.send("alice", "#general", *lines)
    place.send("bob", "alice", "between us")

    done = programs.run("securechat-client", "export", "--all", *place.sign_in_options("alice"), stdin=f"{PASSWORD}\n")
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["text"] for row in rows if row["target"] == "#general"] == lines
    assert sorted(row["text"] for row in rows if row["target"] != "#general") == [
        "between us",
        *(f"in {number}" for number in range(1, 6)),
    ]

    middle = next(row["msgid"] for row in rows if row["text"] == lines[700])
    options = ["#general", "--since", middle, *place.sign_in_options("bob")]
    done = programs.run("securechat-client", "export", *options, stdin=f"{PASSWORD}\n")
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == lines[701:]


async def test_what_an_export_holds_does_not_grow_with_what_there_is(
    server: FakeServer, program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The peak of this program alone: what getrusage tells may be that of the process it was forked from.
    peak = "re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1]"
    measure = f"atexit.register(lambda: print({peak}, file=sys.stderr))"
    run = f"import atexit, pathlib, re, sys; {measure}; from securechat.cli.client import main; main()"
    monkeypatch.setattr(Program, "command", [Program.command[0], "-c", run])
    server.page = 100
    for number in range(10_000):
        server.say("bob", "#general", f"{number} {'x' * 400}")

    async def measure_peak(*words: str) -> int:
        """Return the most memory that a command held, in KiB."""
        outcome = await program(*words).run()
        assert outcome.code == 0
        assert outcome.out.count("\n") == (10 if "m9990" in words else 10_000)
        return int(outcome.err)

    little = await measure_peak("export", "#general", "--since", "m9990")
    much = await measure_peak("export", "#general")
    # Control: a command that holds everything until it has all of it.
    everything = await measure_peak("history", "#general", "--limit", "10000")
    assert much - little < (everything - little) / 4
