"""What is printed of what happens, and what is remembered of it, without a terminal and without a server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from securechat.client.events import Following, Joined, Listing, MessageSeen, NamesListed
from securechat.client.notebook import Notebook
from securechat.client.state import State
from securechat.plain.belongings import unpack
from securechat.plain.lookback import Found
from securechat.plain.settings import Settings
from securechat.plain.transcript import Transcript, mentions
from securechat.plain.wording import Piece

NOON = 1_700_049_600_000
DAY = 86_400_000


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Record:
    """A paper that remembers."""

    shows_pending = True

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.bells = 0

    def print(self, pieces: Sequence[Piece]) -> None:
        self.lines.append("".join(words for _, words in pieces))

    def rule(self, text: str) -> None:
        self.lines.append(f"-- {text} --")

    def warn(self, text: str) -> None:
        self.lines.append(text)

    def turn_day(self, day: str) -> None:
        self.lines.append(f"== {day}")

    def ring(self) -> None:
        self.bells += 1

    async def ask(self, question: str) -> str | None:
        return None

    async def ask_secret(self, question: str) -> str | None:
        return None


class Scene:
    """A transcript of alice's, who is in #x with bob, carol and dora."""

    def __init__(self, notebook: Notebook | None = None, settings: Settings | None = None) -> None:
        self.state = State()
        self.state.nick = "alice"
        self.paper = Record()
        self.noted = 0
        self.transcript = Transcript(self.state, self.paper, settings or Settings(), notebook, self._note)
        self.state.apply(Joined("#x", "alice", True))
        self.state.apply(NamesListed("#x", tuple(("", nick) for nick in ("dora", "alice", "carol", "bob"))))

    def hear(
        self, sender: str, text: str, where: str = "#x", *, at: int = NOON, old: bool = False, to: str = ""
    ) -> None:
        msgid = f"m{len(self.paper.lines)}"
        own = sender == "alice"
        self.transcript.show_event(
            MessageSeen(where, where, sender, text, msgid, at, own=own, replayed=old, reply_to=to)
        )

    def _note(self) -> None:
        self.noted += 1


def test_the_new_begins_behind_a_line_in_each_conversation_and_only_once(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "read.json")
    notebook.note("#x", NOON - DAY, "a")
    notebook.note("bob", NOON - DAY, "b")
    notebook.note("#y", NOON - DAY, "c")
    notebook.left = NOON - 60_000
    scene = Scene(notebook)
    scene.state.note_time(NOON)
    scene.hear("bob", "missed", old=True)
    scene.hear("bob", "missed too", old=True)
    scene.transcript.show_event(Following("#y"))
    scene.hear("bob", "nothing was missed here", "#y", old=True)
    scene.hear("bob", "live", "bob")
    scene.hear("bob", "older", "bob", old=True)
    assert scene.paper.lines == [
        "-- #x: new since 11:59 --",
        "== Wednesday, 15 November 2023",
        "12:00 #x <bob> missed",
        "12:00 #x <bob> missed too",
        "12:00 #y <bob> nothing was missed here",
        "12:00 bob <bob> live",
        "12:00 bob <bob> older",
    ]


def test_what_was_shown_is_noted_and_what_is_only_looked_at_again_is_not(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "read.json")
    scene = Scene(notebook)
    scene.hear("bob", "one")
    message = MessageSeen("#x", "#x", "bob", "later", "m9", NOON + 5)
    scene.transcript.show_found(Found("#x", (message,), is_all=False))
    assert (notebook.positions, scene.noted) == ({"#x": (NOON, "m0")}, 1)
    scene.state.note_position("#empty", 0)
    scene.transcript.show_event(Following("#empty"))
    assert notebook.positions["#empty"] == (0, "")


def test_looking_back_begins_before_what_is_in_sight_and_goes_on_before_what_was_found() -> None:
    scene = Scene()
    assert scene.transcript.before_what_is_seen("#x") == "*"
    for text in ("one", "two"):
        scene.hear("bob", text)
    assert scene.transcript.before_what_is_seen("#X") == "msgid=m0"
    scene.transcript.show_found(Found("#x", (MessageSeen("#x", "#x", "bob", "zero", "z", NOON),), is_all=False))
    assert scene.transcript.before_what_is_seen("#x") == "msgid=z"
    scene.transcript.show_found(Found("#x", (), is_all=True))
    assert scene.transcript.before_what_is_seen("#x") == "msgid=z"
    assert scene.transcript.before_what_is_seen("#y") == "*"
    assert scene.paper.lines[-2:] == [
        "-- #x: /history more shows what was before this",
        "-- #x: there is nothing earlier",
    ]


def test_before_there_is_a_connection_it_goes_by_what_was_known_last_time(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "read.json")
    for moment, name in enumerate(("#old", "bob", "#new", "#e\x1bvil")):
        notebook.note(name, moment, "m")
    scene = Scene(notebook)
    assert scene.transcript.channels_of_mine() == ["#x"]
    scene.state.channels.clear()
    assert scene.transcript.known() == ["#e\x1bvil", "#new", "bob", "#old"]
    assert scene.transcript.channels_of_mine() == ["#e\x1bvil", "#new", "#old"]
    assert scene.transcript.channels() == ["#new", "#old"]
    scene.transcript.forget_last_time()
    assert scene.transcript.channels_of_mine() == scene.transcript.known() == []


def test_a_line_says_when_the_day_changes() -> None:
    scene = Scene()
    for at in (NOON, NOON + 1, NOON + DAY, NOON + DAY + 1, NOON):
        scene.hear("bob", "x", at=at)
    days = [(i, line) for i, line in enumerate(scene.paper.lines) if line.startswith("==")]
    assert days == [
        (0, "== Wednesday, 15 November 2023"),
        (3, "== Thursday, 16 November 2023"),
        (6, "== Wednesday, 15 November 2023"),
    ]


HEARD = [
    ("alice: look", {}, "12:00 #x >> <bob> alice: look", 1),
    ("for ALICE.", {}, "12:00 #x >> <bob> for ALICE.", 1),
    ("malice and alices", {}, "12:00 #x <bob> malice and alices", 0),
    ("alice: look", {"old": True}, "12:00 #x >> <bob> alice: look", 0),
    ("psst", {"where": "bob"}, "12:00 bob <bob> psst", 1),
]


@pytest.mark.parametrize(("text", "how", "line", "bells"), HEARD)
def test_a_mention_is_marked_and_rings_when_it_is_said(
    text: str, how: dict[str, object], line: str, bells: int
) -> None:
    scene = Scene()
    scene.hear("bob", text, **how)  # type: ignore[arg-type]
    assert scene.paper.lines[-1] == line
    assert scene.paper.bells == bells
    quiet = Scene(settings=Settings(bell=False))
    quiet.hear("bob", text, **how)  # type: ignore[arg-type]
    assert (quiet.paper.lines[-1], quiet.paper.bells) == (line, 0)


def test_oneself_is_never_mentioned_and_an_answer_to_oneself_is_a_mention() -> None:
    scene = Scene()
    scene.hear("alice", "I, alice, ask what this long sentence is about")
    assert scene.paper.bells == 0
    scene.hear("bob", "nothing", to="m0")
    scene.hear("bob", "what?", to="unknown")
    assert scene.paper.lines[2:] == [
        "12:00 #x >> <bob> (to alice: I, alice, ask what this long..) nothing",
        "12:00 #x <bob> (an answer) what?",
    ]
    assert scene.paper.bells == 1


def test_names_are_offered_by_who_spoke_last_then_who_is_here_then_the_rest() -> None:
    scene = Scene()
    scene.hear("eve", "from elsewhere", "eve")
    scene.hear("bob", "first")
    scene.hear("carol", "second")
    scene.hear("alice", "myself")
    scene.hear("e\x1bvil", "unseen")
    assert scene.transcript.nicks("#x") == ["carol", "bob", "dora", "eve"]
    assert scene.transcript.nicks("eve")[0] == "eve"


def test_channels_are_those_one_is_in_and_those_that_were_listed() -> None:
    scene = Scene()
    scene.transcript.show_event(Listing("channels", "", (("#y", "1", ""), ("#X", "1", ""), ("#\x1b", "1", ""))))
    assert scene.transcript.channels() == ["#X", "#y"]


def test_messages_are_found_by_number_by_name_and_as_the_last_to_oneself() -> None:
    scene = Scene()
    assert scene.transcript.latest_to_me() is None
    scene.hear("bob", "alice?")
    scene.hear("carol", "here too", "#y")
    scene.hear("bob", "two")
    scene.hear("alice", "mine")
    found = [
        scene.transcript.latest_to_me(),
        scene.transcript.numbered(1, "#x"),
        scene.transcript.numbered(2, "#X"),
        scene.transcript.latest_of("BOB", "#x"),
        scene.transcript.latest_of("carol", "#x"),
    ]
    assert [message.text for message in found if message] == ["alice?", "two", "alice?", "two", "here too"]
    assert [scene.transcript.numbered(n, "#x") for n in (0, 3)] == [None, None]


@pytest.mark.parametrize(
    ("text", "nick", "named"),
    [("bob", "bob", True), ("hi Bob!", "bob", True), ("bob-b", "bob", False), ("bob_", "bob", False), ("x", "", False)],
)
def test_a_name_is_a_word_of_its_own(text: str, nick: str, named: bool) -> None:
    assert mentions(text, nick) is named


def test_what_is_kept_and_damaged_is_complained_of_and_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "read.json").write_text("?")
    (tmp_path / "outbox-1.jsonl").write_text("?\n")
    (tmp_path / "settings.json").write_text("?")
    belongings = unpack(tmp_path)
    assert [complaint.partition(": ")[0].partition(" is ")[0] for complaint in belongings.complaints] == [
        f"{tmp_path}/read.json",
        f"{tmp_path}/outbox-1.jsonl",
    ]
    assert belongings.settings == Settings()
    belongings.pack()
    again = unpack(tmp_path)
    assert again.complaints == []
    assert (again.notebook is not None, again.journal is not None) == (True, True)


def test_without_a_place_to_keep_things_it_is_said_once_and_goes_on(tmp_path: Path) -> None:
    belongings = unpack(tmp_path / "missing")
    assert len(belongings.complaints) == 1
    assert belongings.complaints[0].endswith("what you write is lost if this client is killed")
    assert not belongings.make_outbox().is_kept
    belongings.pack()
    assert unpack(None).complaints == []
