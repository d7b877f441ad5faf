"""To an outsider a secret channel does not exist: every answer is the one for a name nobody has taken."""

from __future__ import annotations

import pytest

from securechat.chat.events import BanSet, Invited, ModeSet, Posted, TopicSet
from securechat.chat.streams import channel_stream
from tests.chat.stage import Stage

COMMANDS = [
    "TOPIC {}",
    "TOPIC {} :mine now",
    "NAMES {}",
    "WHO {}",
    "MODE {}",
    "MODE {} b",
    "MODE {} +o carol",
    "MODE {} +k key",
    "PART {}",
    "PART {} :bye",
    "INVITE bob {}",
    "INVITE alice {}",
    "INVITE nobody {}",
    "KICK {} alice",
    "KICK {} bob",
    "KICK {} nobody",
    "PRIVMSG {} :hello",
    "NOTICE {} :hello",
    "TAGMSG {}",
    "LIST {}",
    "LIST {},#open",
    "LIST",
    "WHOIS alice",
    "LUSERS",
    "CHATHISTORY LATEST {} * 10",
    "CHATHISTORY BEFORE {} msgid=m1 10",
    "CHATHISTORY AFTER {} timestamp=2026-11-21T12:00:00.000Z 10",
    "CHATHISTORY AROUND {} msgid=m1 10",
    "CHATHISTORY BETWEEN {} msgid=m1 msgid=m2 10",
    "CHATHISTORY BEFORE {} nonsense 10",
]


def make_stage(secret_modes: str | None) -> Stage:
    """Alice and bob in #open and, unless the modes are None, in a channel #hidden with a topic and a past."""
    stage = Stage("alice", "bob", "carol")
    stage.channel("#open", {"alice": "q", "bob": ""})
    if secret_modes is not None:
        channel = stage.channel("#hidden", {"alice": "q", "bob": ""}, modes=secret_modes)
        stage.happen(channel_stream(channel.id), TopicSet("id-alice", "our plans"))
        stage.happen(channel_stream(channel.id), Posted("id-alice", "PRIVMSG", "psst"))
    return stage


def answers(secret_modes: str | None, command: str, *, name: str = "#hidden") -> list[str]:
    """Return what carol, who is nowhere a member, is told."""
    stage = make_stage(secret_modes)
    scene = stage.play(stage.enter("carol"), command.format(name))
    assert scene.events == []
    return scene.lines


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("modes", ["s", "nst", "is", "st"])
def test_an_outsider_is_told_the_same_whether_a_secret_channel_is_there_or_not(command: str, modes: str) -> None:
    assert answers(modes, command) == answers(None, command)
    assert answers(modes, command, name="#HIDDEN") == answers(None, command, name="#HIDDEN")


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if command.startswith(("TOPIC", "NAMES", "WHO {}"))]
)
def test_a_channel_that_is_not_secret_is_told_apart(command: str) -> None:
    """The control: the comparison does find a difference where there is one."""
    assert answers("n", command) != answers(None, command)


@pytest.mark.parametrize("command", ["PRIVMSG {} :hello", "MODE {}", "KICK {} alice", "LIST", "WHOIS alice", "PART {}"])
def test_a_closed_channel_is_no_secret(command: str) -> None:
    """The control, for the others."""
    assert answers("n", command) != answers(None, command)


@pytest.mark.parametrize(
    "hindrance",
    [
        ModeSet("id-alice", on="i"),
        ModeSet("id-alice", key="key"),
        ModeSet("id-alice", limit=1),
        BanSet("id-alice", "carol!*@*"),
    ],
)
@pytest.mark.parametrize("invited", [False, True])
def test_who_may_not_join_a_secret_channel_is_told_there_is_none(hindrance: ModeSet | BanSet, invited: bool) -> None:
    stage = make_stage("s")
    stream = channel_stream("c-#hidden")
    if invited and not (isinstance(hindrance, ModeSet) and hindrance.on):
        stage.happen(stream, Invited("id-carol", "id-alice"))
    stage.happen(stream, hindrance)
    scene = stage.play(stage.enter("carol"), "JOIN #hidden")
    assert scene.lines == [":chat.example 403 carol #hidden :No such channel"]
    assert scene.events == []


def test_nothing_of_a_secret_channel_is_in_any_answer() -> None:
    for command in COMMANDS:
        told = " ".join(answers("s", command, name="#HiDdEn"))
        assert "our plans" not in told
        assert "#hidden" not in told


def test_its_members_see_it() -> None:
    stage = make_stage("s")
    bob = stage.enter("bob")
    assert stage.play(bob, "NAMES #hidden").lines == [
        ":chat.example 353 bob @ #hidden :~alice bob",
        ":chat.example 366 bob #hidden :End of /NAMES list",
    ]
    assert ":chat.example 322 bob #hidden 2 :our plans" in stage.play(bob, "LIST").lines
    assert ":chat.example 319 bob alice :~#hidden ~#open" in stage.play(bob, "WHOIS alice").lines
    assert stage.play(bob, "PRIVMSG #hidden :yes").events == [Posted("id-bob", "PRIVMSG", "yes")]


# What an outsider sees of a channel that is closed but no secret: that it is there, and how many are in it.
@pytest.mark.parametrize("closing", [ModeSet("id-alice", on="i"), ModeSet("id-alice", key="key")])
def test_a_closed_channel_shows_an_outsider_neither_members_nor_topic(closing: ModeSet) -> None:
    stage = make_stage("n")
    stage.happen(channel_stream("c-#hidden"), closing)
    carol = stage.enter("carol")
    assert stage.play(carol, "NAMES #hidden").lines == [":chat.example 366 carol #hidden :End of /NAMES list"]
    assert stage.play(carol, "WHO #hidden").lines == [":chat.example 315 carol #hidden :End of WHO list"]
    assert stage.play(carol, "TOPIC #hidden").numerics == ["442"]
    assert stage.play(carol, "LIST #hidden").lines[1] == ":chat.example 322 carol #hidden 2 :"
    assert not any("#hidden" in line for line in stage.play(carol, "WHOIS alice").lines)
    assert stage.play(carol, "CHATHISTORY LATEST #hidden * 5").numerics == ["FAIL"]
