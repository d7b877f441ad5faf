"""Modern IRC, User Queries: WHO, WHOIS, WHOWAS; ISON and USERHOST. Nothing of it tells an address or a time of leaving."""

from __future__ import annotations

import pytest

from securechat.chat.events import Deleted, MetadataSet, Renamed
from securechat.chat.streams import account_stream
from tests.chat.stage import NOON, Stage


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob", "carol", "dave")
    stage.register("root", role="admin")
    stage.channel("#a", {"alice": "q", "bob": "o"})
    stage.channel("#closed", {"bob": "q"}, modes="int")
    stage.channel("#hidden", {"bob": "v", "dave": ""}, modes="nst")
    return stage


def ask(stage: Stage, nick: str, line: str) -> list[str]:
    session = stage.enter(nick)
    lines = stage.play(session, line).lines
    stage.world.attendance.depart(session, NOON - 3_600_000)
    stage.world.presence.depart(session.account, session.id)
    stage.world.presence.announce_gone(session.account, session.id)
    return [each.removeprefix(":chat.example ") for each in lines]


# ── WHO ──

WHO = [
    ("alice", "WHO bob", ["352 alice * bob securechat chat.example bob G :0 bob", "315 alice bob :End of WHO list"]),
    ("alice", "WHO b?b", ["352 alice * bob securechat chat.example bob G :0 bob", "315 alice b?b :End of WHO list"]),
    ("alice", "WHO root", ["352 alice * root securechat chat.example root G* :0 root", "315 alice root :End of WHO list"]),
    # "All visible users whose nickname matches": whom one shares a channel with.
    ("alice", "WHO *", [
        "352 alice * alice securechat chat.example alice H :0 alice", "352 alice * bob securechat chat.example bob G :0 bob",
        "315 alice * :End of WHO list",
    ]),
    ("carol", "WHO b*", ["315 carol b* :End of WHO list"]),
    ("carol", "WHO #hidden", ["315 carol #hidden :End of WHO list"]),
    ("carol", "WHO #closed", ["315 carol #closed :End of WHO list"]),
    ("carol", "WHO " + "*" * 101, ["315 carol " + "*" * 101 + " :End of WHO list"]),
    ("alice", "WHO 0", ["315 alice 0 :End of WHO list"]),
]  # fmt: skip


@pytest.mark.parametrize(("nick", "line", "expected"), WHO, ids=[line[:20] for _, line, _ in WHO])
def test_who(stage: Stage, nick: str, line: str, expected: list[str]) -> None:
    assert ask(stage, nick, line) == expected


# ── WHOIS ──


def test_whois_of_somebody_here(stage: Stage) -> None:
    stage.enter("bob")
    assert ask(stage, "alice", "WHOIS bob") == [
        "311 alice bob bob securechat * bob",
        "319 alice bob @#a",
        "312 alice bob chat.example securechat",
        f"317 alice bob 0 {NOON // 1000} :seconds idle, signon time",
        "330 alice bob bob :is logged in as",
        "671 alice bob :is using a secure connection",
        "318 alice bob :End of /WHOIS list",
    ]


def test_whois_counts_the_seconds_since_the_last_message(stage: Stage) -> None:
    bob = stage.stranger()
    bob.account = "id-bob"
    stage.world.attendance.arrive(bob, NOON - 600_000)
    bob.spoke = NOON - 90_500
    idle = [line for line in ask(stage, "alice", "WHOIS bob") if line.startswith("317")]
    assert idle == [f"317 alice bob 90 {(NOON - 600_000) // 1000} :seconds idle, signon time"]


def test_whois_of_somebody_gone_has_no_times(stage: Stage) -> None:
    assert ask(stage, "alice", "WHOIS root") == [
        "311 alice root root securechat * root",
        "312 alice root chat.example securechat",
        "301 alice root :Not connected",
        "313 alice root :is an administrator",
        "330 alice root root :is logged in as",
        "671 alice root :is using a secure connection",
        "318 alice root :End of /WHOIS list",
    ]


@pytest.mark.parametrize(
    ("nick", "channels"),
    [("alice", "@#a"), ("carol", "@#a"), ("dave", ":@#a +#hidden"), ("bob", ":@#a ~#closed +#hidden")],
)
def test_whois_names_the_channels_that_are_open_or_shared(stage: Stage, nick: str, channels: str) -> None:
    assert f"319 {nick} bob {channels}" in ask(stage, nick, "WHOIS bob")


def test_whois_shows_a_display_name_to_whom_one_shares_a_channel_with(stage: Stage) -> None:
    stage.happen(account_stream("id-bob"), MetadataSet("display-name", "Bob B."))
    assert ask(stage, "alice", "WHOIS bob")[0] == "311 alice bob bob securechat * :Bob B."
    assert ask(stage, "bob", "WHOIS bob")[0] == "311 bob bob bob securechat * :Bob B."
    assert ask(stage, "carol", "WHOIS bob")[0] == "311 carol bob bob securechat * bob"


def test_whois_takes_a_server_before_the_nick(stage: Stage) -> None:
    assert ask(stage, "alice", "WHOIS chat.example bob")[0].startswith("311 alice bob ")
    assert ask(stage, "alice", "WHOIS bob bob")[0].startswith("311 alice bob ")
    assert ask(stage, "alice", "WHOIS") == ["431 alice :No nickname given"]
    assert ask(stage, "alice", "WHOIS zoe") == ["401 alice zoe :No such nick", "318 alice zoe :End of /WHOIS list"]


# ── WHOWAS ──


def test_whowas_shows_who_is_and_who_was_without_any_time(stage: Stage) -> None:
    stage.happen(account_stream("id-bob"), Renamed("robert", "bob"))
    end = "369 alice {} :End of WHOWAS"
    server = "312 alice {} chat.example securechat"
    for nick in ("bob", "robert", "BOB"):
        assert ask(stage, "alice", f"WHOWAS {nick}") == [
            f"314 alice {nick} robert securechat * robert", server.format(nick), end.format(nick),
        ]  # fmt: skip
    assert ask(stage, "alice", "WHOWAS carol") == [
        "314 alice carol carol securechat * carol", server.format("carol"), end.format("carol"),
    ]  # fmt: skip


def test_whowas_of_a_deleted_account_does_not_lead_to_what_it_wrote(stage: Stage) -> None:
    stage.happen(account_stream("id-carol"), Deleted())
    shown = stage.directory.accounts["id-carol"].name
    lines = ask(stage, "alice", "WHOWAS carol")
    assert lines[0] == "314 alice carol carol securechat * :A deleted account"
    assert not any(shown in line for line in lines)


@pytest.mark.parametrize("nick", ["zoe", "al1ce", "b_ob", "c*"])
def test_whowas_of_a_name_that_was_nobodys_is_406_and_the_end(stage: Stage, nick: str) -> None:
    assert ask(stage, "alice", f"WHOWAS {nick} 3") == [
        f"406 alice {nick} :There was no such nickname",
        f"369 alice {nick} :End of WHOWAS",
    ]


def test_whowas_needs_a_nick(stage: Stage) -> None:
    assert ask(stage, "alice", "WHOWAS") == ["431 alice :No nickname given"]


# ── ISON, USERHOST ──


def test_ison_names_who_is_here(stage: Stage) -> None:
    """RFC 2812, 4.9."""
    stage.enter("bob")
    assert ask(stage, "alice", "ISON Bob carol zoe :alice bob") == ["303 alice :bob alice"]
    assert ask(stage, "alice", "ISON carol") == ["303 alice :"]


def test_userhost_shows_up_to_five(stage: Stage) -> None:
    """Modern IRC, USERHOST; AWAY: as the character + or -."""
    stage.enter("bob")
    stage.play(stage.enter("carol"), "AWAY :lunch")
    assert ask(stage, "alice", "USERHOST Bob carol zoe root dave alice") == [
        "302 alice :bob=+bob@securechat carol=-carol@securechat root*=-root@securechat dave=-dave@securechat"
    ]
    assert ask(stage, "alice", "USERHOST zoe") == ["302 alice :"]


def test_no_answer_tells_an_address(stage: Stage) -> None:
    """Modern IRC leaves 338, 378, 379 and 276 to the server: none of them is sent, and WHOX's ip is the placeholder."""
    stage.enter("bob")
    for line in ("WHOIS bob", "WHO bob", "WHOWAS bob", "USERHOST bob"):
        numerics = {each.split()[0] for each in ask(stage, "alice", line)}
        assert numerics.isdisjoint({"276", "338", "378", "379"})
