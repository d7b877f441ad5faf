"""IRCv3 WHOX: exactly the fields asked for, in the order of the text, with a token and its placeholders."""

from __future__ import annotations

import pytest

from securechat.chat.events import MetadataSet, Posted
from securechat.chat.streams import account_stream
from tests.chat.stage import NOON, Stage


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob", "carol")
    stage.register("root", role="admin")
    stage.register("robo", role="bot")
    stage.channel("#a", {"alice": "q", "bob": "o", "robo": "v"})
    stage.enter("bob")
    return stage


FIELDS = [
    # The text's two examples.
    ("WHO bob %cuhnar", "* bob securechat bob bob bob"),
    ("WHO bob %afnt,42", "42 bob H bob"),
    # RPL_WHOSPCRPL (354): the order is the text's, whatever the client's.
    ("WHO bob %tcuihsnflar,7", "7 * bob 255.255.255.255 securechat chat.example bob H 0 bob bob"),
    ("WHO bob %ralfnshiuct,7", "7 * bob 255.255.255.255 securechat chat.example bob H 0 bob bob"),
    # Fields that are no standard ones: hops and operator level, which clients ask for and count on; others are ignored.
    ("WHO bob %nfdo", "bob H 0 n/a"),
    ("WHO bob %nxyz!", "bob"),
    ("WHO bob %nnnn", "bob"),
    ("WHO root %nf", "root G*"),
    ("WHO robo %nf", "robo GB"),
    ("WHO bob %tn,123", "123 bob"),
    # The token: at most three digits.
    ("WHO bob %tn,1234", "0 bob"),
    ("WHO bob %tn,x", "0 bob"),
    ("WHO bob %tn", "0 bob"),
    ("WHO bob %tn,٣", "0 bob"),
    ("WHO bob %l", "0"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "fields"), FIELDS, ids=[line for line, _ in FIELDS])
def test_exactly_the_requested_fields_are_answered_in_the_order_of_the_text(
    stage: Stage, line: str, fields: str
) -> None:
    """RPL_WHOSPCRPL (354) numeric reply."""
    lines = stage.play(stage.enter("alice"), line).lines
    mask = line.split()[1]
    assert lines == [f":chat.example 354 alice {fields}", f":chat.example 315 alice {mask} :End of WHO list"]


def test_a_channel_is_answered_with_its_name_and_its_roles(stage: Stage) -> None:
    lines = stage.play(stage.enter("alice"), "WHO #a %tcnf,1").lines
    assert lines == [
        ":chat.example 354 alice 1 #a alice H~",
        ":chat.example 354 alice 1 #a bob H@",
        ":chat.example 354 alice 1 #a robo G+B",
        ":chat.example 315 alice #a :End of WHO list",
    ]


def test_no_fields_at_all_are_an_answer_for_each_person_all_the_same(stage: Stage) -> None:
    """Servers MUST NOT send RPL_WHOREPLY."""
    assert stage.play(stage.enter("alice"), "WHO #a %").numerics == ["354", "354", "354", "315"]
    assert stage.play(stage.enter("alice"), "WHO #a").numerics == ["352", "352", "352", "315"]


def test_flags_before_the_percent_sign_are_those_of_who(stage: Stage) -> None:
    """Extended WHO command: additional flags before the percent character; RFC 1459, 4.5.1: o."""
    alice = stage.enter("alice")
    assert stage.play(alice, "WHO root o%n").lines[0] == ":chat.example 354 alice root"
    assert stage.play(alice, "WHO #a o%n").numerics == ["315"]
    assert stage.play(alice, "WHO root o").numerics == ["352", "315"]
    assert stage.play(alice, "WHO bob o").numerics == ["315"]


def test_the_real_name_is_shown_to_whom_one_shares_a_channel_with(stage: Stage) -> None:
    stage.happen(account_stream("id-bob"), MetadataSet("display-name", "Bob B."))
    assert stage.play(stage.enter("alice"), "WHO bob %nr").lines[0] == ":chat.example 354 alice bob :Bob B."
    assert stage.play(stage.enter("carol"), "WHO bob %nr").lines[0] == ":chat.example 354 carol bob bob"


def test_a_token_says_nothing_of_who_is_not_there(stage: Stage) -> None:
    stage.channel("#s", {"bob": "q"}, modes="nst")
    carol = stage.enter("carol")
    assert stage.play(carol, "WHO #s %tna,5").lines == [":chat.example 315 carol #s :End of WHO list"]
    assert stage.play(carol, "WHO #none %tna,5").lines == [":chat.example 315 carol #none :End of WHO list"]


def test_the_token_stands_in_isupport(stage: Stage) -> None:
    """ISUPPORT token: WHOX, without a value."""
    assert any(" WHOX" in line for line in stage.play(stage.enter("alice"), "ISUPPORT").lines)


def test_a_message_ends_the_silence(stage: Stage) -> None:
    bob = stage.enter("bob")
    scene = stage.play(bob, "PRIVMSG alice :hello")
    assert isinstance(scene.events[0], Posted)
    assert bob.spoke == NOON
