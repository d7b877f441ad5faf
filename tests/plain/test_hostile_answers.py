"""Hostile text in what is said a second time: quoted, waiting for its echo, or the name of what is new."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

from securechat.client.address import Address
from securechat.client.events import MessageSeen
from securechat.client.link import Link
from securechat.client.notebook import Notebook
from securechat.client.outbox import Outgoing
from securechat.client.trust import build_context
from securechat.plain.line import Talk
from securechat.plain.terminal import Desk
from securechat.plain.wording import compose_message, word_action
from tests.plain.test_transcript import Scene

NOON = 1_700_049_600_000
EVIL = "\x1b]52;c;ZXZpbA==\x07\x9b\u202e"
SHOWN = "^[]52;c;ZXZpbA==^G<U+009B><U+202E>"


def compose(answered: MessageSeen | None) -> str:
    answer = MessageSeen("#x", "#x", "alice", "yes", "m2", NOON, reply_to="m1")
    return "".join(words for _, words in compose_message(answer, answered=answered))


@pytest.mark.parametrize(
    ("sender", "text", "quoted"),
    [
        ("bob", EVIL, f"(to bob: {SHOWN})"),
        (EVIL, "hi", f"(to {SHOWN}: hi)"),
        ("bob", word_action(EVIL), f"(to bob: {SHOWN})"),
        # Cut before it is made visible, so that the cut never ends within a code.
        ("bob", "\x1b" * 40, f"(to bob: {'^[' * 28}..)"),
    ],
)
def test_what_is_quoted_is_made_visible_too(sender: str, text: str, quoted: str) -> None:
    said = compose(MessageSeen("#x", "#x", sender, text, "m1", NOON))
    assert said.endswith(f"<alice> {quoted} yes")
    assert said.isprintable()


def test_control_without_what_it_answers_there_is_nothing_to_quote() -> None:
    assert compose(None).endswith("<alice> (an answer) yes")


def test_every_field_of_a_message_is_made_visible() -> None:
    plain = MessageSeen("#x", "#x", "bob", "hi", "m1", NOON)
    for name in ("conversation", "sender", "text"):
        said = "".join(words for _, words in compose_message(dataclasses.replace(plain, **{name: EVIL})))
        assert SHOWN in said
        assert said.isprintable()


async def test_what_waits_for_its_echo_is_made_visible(ca_file: Path) -> None:
    link = Link(Address("localhost"), "alice", "secret", build_context(ca_file))
    link.outbox.add(Outgoing("1", f"#{EVIL}", EVIL))
    link.outbox.add(Outgoing("2", "#x", word_action(EVIL)))
    assert Talk(link).pending() == [f".. #{SHOWN} {SHOWN}", f".. #x {SHOWN}"]


def test_the_line_where_the_new_begins_is_made_visible(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "read.json")
    notebook.note("#\x1b[2J", NOON - 1, "m0")
    scene = Scene(notebook)
    scene.hear("bob", "missed", "#\x1b[2J", old=True)
    assert scene.paper.lines[0].startswith("-- #^[[2J: new since ")


def test_where_one_talks_is_made_visible_in_the_prompt(ca_file: Path) -> None:
    desk = Desk.__new__(Desk)
    desk._talk = Talk(Link(Address("localhost"), "alice", "secret", build_context(ca_file)))
    desk._talk.current = f"#{EVIL}"
    desk._screen = SimpleNamespace(width=200)  # type: ignore[assignment]
    assert "".join(part[1] for part in desk._word_prompt()) == f"[#{SHOWN}, offline] "
