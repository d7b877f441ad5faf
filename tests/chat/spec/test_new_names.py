"""IRCv3 account-notify and chghost: an account's new name changes its account name and its user too."""

from __future__ import annotations

import pytest

from securechat.chat.events import Renamed
from securechat.chat.newnames import identity_lines
from securechat.chat.streams import account_stream
from securechat.wire.capabilities import ACCOUNT_NOTIFY, ACCOUNT_TAG, CHGHOST, EXTENDED_JOIN, MESSAGE_TAGS, SERVER_TIME
from tests.chat.stage import Stage, told

NEW_USER = ":alicia!alice@securechat CHGHOST alicia securechat"
NEW_ACCOUNT = ":alicia!alicia@securechat ACCOUNT alicia"


@pytest.mark.parametrize(
    ("caps", "lines"),
    [
        (0, []),
        (SERVER_TIME | MESSAGE_TAGS | ACCOUNT_TAG | EXTENDED_JOIN, []),
        (CHGHOST, [NEW_USER]),
        (ACCOUNT_NOTIFY, [NEW_ACCOUNT]),
        (CHGHOST | ACCOUNT_NOTIFY, [NEW_USER, NEW_ACCOUNT]),
        (ACCOUNT_NOTIFY | ACCOUNT_TAG, [f"@account=alicia {NEW_ACCOUNT}"]),
        (CHGHOST | SERVER_TIME, [f"@time=2026-11-21T12:00:00.000Z {NEW_USER}"]),
    ],
)
def test_after_the_nick_everybody_is_told_what_it_negotiated(caps: int, lines: list[str]) -> None:
    """account-notify, Description; chghost, The CHGHOST message."""
    stage = Stage("alice")
    event = Renamed("alicia", "alice")
    record = stage.happen(account_stream("id-alice"), event)
    assert told(identity_lines(record, event, stage.world, caps)) == lines
