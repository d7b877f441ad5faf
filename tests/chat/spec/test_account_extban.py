"""IRCv3 account-extban: the tokens, and bans that are built from them. (Masks in full: tests/chat/test_bans.py)"""

from __future__ import annotations

import pytest

from tests.chat.spec.tokens import read_isupport
from tests.chat.stage import Stage


def test_who_publishes_accountextban_publishes_extban() -> None:
    tokens = read_isupport(Stage("alice"))
    prefix, _, types = tokens["EXTBAN"].partition(",")
    assert (prefix, set(types)) == ("~", {"a", "q", "t"})
    assert tokens["ACCOUNTEXTBAN"].split(",") == ["a", "account"]
    assert tokens["ACCOUNTEXTBAN"].split(",")[0] in types


@pytest.mark.parametrize("number", [0, 1])
def test_a_ban_built_from_the_tokens_matches_the_account_exactly(number: int) -> None:
    """`MODE #chat +b ~account:bob`."""
    stage = Stage("alice", "bob", "bobby")
    stage.channel("#chat", {"alice": "q", "bob": "", "bobby": ""})
    tokens = read_isupport(stage)
    name = tokens["ACCOUNTEXTBAN"].split(",")[number]
    stage.play(stage.enter("alice"), f"MODE #chat +b {tokens['EXTBAN'][0]}{name}:bob")
    assert stage.play(stage.enter("bob"), "PRIVMSG #chat :x").numerics == ["404"]
    assert stage.play(stage.enter("bobby"), "PRIVMSG #chat :x").numerics == []
