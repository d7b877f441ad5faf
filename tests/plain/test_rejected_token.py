"""The token that is kept for a device, when the server does not take it: forgotten only when that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from securechat.client.address import Address
from securechat.client.credentials import Credentials
from securechat.client.profile import account_directory
from securechat.errors import Fault, NoEntryError
from securechat.plain import access as module
from securechat.plain.access import Access, forget_rejected_token

TOKEN = "sct_" + "a" * 52
ADDRESS = Address("chat.example")


@pytest.mark.parametrize(
    ("fault", "place", "somebody", "forgotten"),
    [
        (Fault.CREDENTIALS, "file", True, True),
        (Fault.CREDENTIALS, "file", False, False),
        (Fault.CREDENTIALS, "", True, False),
        (Fault.DISABLED, "file", True, False),
        (Fault.TRY_LATER, "file", True, False),
        (Fault.UNREACHABLE, "file", True, False),
        (Fault.UNKNOWN_CA, "file", True, False),
    ],
)
def test_a_token_is_forgotten_only_when_it_is_what_was_refused_and_somebody_can_do_without_it(
    client_home: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, place: str, somebody: bool, forgotten: bool
) -> None:
    monkeypatch.setattr(module, "is_somebody_there", lambda: somebody)
    kept = Credentials(account_directory(client_home, ADDRESS, "alice"), ADDRESS, "alice")
    assert kept.keep(TOKEN) == "file"
    access = Access(ADDRESS, None, "alice", TOKEN, place=place)
    assert forget_rejected_token(access, NoEntryError("no", fault=fault)) is forgotten
    assert kept.find("file") == ("" if forgotten else TOKEN)
