"""IRCv3 userhost-in-names and multi-prefix: what NAMES and the JOIN show of who is in a channel."""

from __future__ import annotations

import pytest

from securechat.chat.events import Left, Renamed
from securechat.chat.roster import draw_names
from securechat.chat.streams import account_stream, channel_stream
from securechat.wire.capabilities import MULTI_PREFIX, USERHOST_IN_NAMES
from tests.chat.stage import Stage

PEOPLE = {"alice": "q", "bob": "o", "carol": "v", "dave": ""}


@pytest.fixture
def stage() -> Stage:
    stage = Stage(*PEOPLE)
    stage.channel("#a", PEOPLE)
    return stage


def test_names_carry_the_full_mask_for_who_negotiated_it(stage: Stage) -> None:
    """userhost-in-names, Description: its example."""
    full = "~alice!alice@securechat @bob!bob@securechat +carol!carol@securechat dave!dave@securechat"
    lines = stage.play(stage.enter("alice", USERHOST_IN_NAMES), "NAMES #a").lines
    assert lines[0] == f":chat.example 353 alice = #a :{full}"
    assert (
        stage.play(stage.enter("alice"), "NAMES #a").lines[0] == ":chat.example 353 alice = #a :~alice @bob +carol dave"
    )


def test_both_forms_are_kept_and_both_follow_the_members(stage: Stage) -> None:
    channel = stage.directory.channels["c-#a"]
    for full in (False, True):
        first, second = (list(draw_names(stage.directory, channel, 400, full=full)) for _ in range(2))
        assert [id(line) for line in first] == [id(line) for line in second]
    stage.happen(channel_stream("c-#a"), Left("id-dave"))
    stage.happen(account_stream("id-bob"), Renamed("bobby", "bob"))
    assert list(draw_names(stage.directory, channel, 400)) == ["~alice @bobby +carol"]
    assert list(draw_names(stage.directory, channel, 400, full=True)) == [
        "~alice!alice@securechat @bobby!bobby@securechat +carol!carol@securechat"
    ]


def test_full_names_too_fit_their_lines() -> None:
    people = {f"{'n' * 29}{i:03d}": "o" for i in range(60)}
    stage = Stage(*people, server_name="s" * 59 + ".com")
    stage.channel("#" + "é" * 31 + "c", people)
    session = stage.enter("n" * 29 + "007", USERHOST_IN_NAMES)
    lines = stage.play(session, "NAMES #" + "é" * 31 + "c").lines
    assert max(len(line.encode()) for line in lines) <= 510
    assert sum(line.count("!") for line in lines) == 60


def test_with_one_role_at_a_time_all_prefixes_are_the_one(stage: Stage) -> None:
    """multi-prefix, Description: NAMES and WHO carry all prefixes in their order; nobody here holds two."""
    lines = stage.play(stage.enter("alice", MULTI_PREFIX), "NAMES #a", "WHO #a").lines
    assert lines[0] == ":chat.example 353 alice = #a :~alice @bob +carol dave"
    assert [line.split()[8] for line in lines if " 352 " in line] == ["H~", "G@", "G+", "G"]
