"""Which pairs of certificate and key a server may show."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from securechat.errors import ConfigError
from securechat.pki import authority
from securechat.pki.names import find_missing
from securechat.pki.pairs import require_private, require_servable
from tests.pki.handshake import NAMES, NOW


def test_a_pair_that_holds_now_is_servable_and_says_for_whom_and_until_when(made: Path) -> None:
    shown = require_servable(made / "server.pem", made / "server.key", NOW)
    assert shown.names == ("chat.example.org", "127.0.0.1", "::1")
    assert shown.not_after == (NOW + timedelta(days=90)).replace(microsecond=0)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (timedelta(days=90), "server.pem: expired on 20"),
        (timedelta(days=5000), "server.pem: expired on 20"),
        (timedelta(minutes=-6), "server.pem: is not valid before 20"),
    ],
)
def test_one_that_is_over_or_not_begun_is_not(made: Path, after: timedelta, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        require_servable(made / "server.pem", made / "server.key", NOW + after)
    assert f"{made}/{words}" in str(refused.value)


@pytest.mark.parametrize(
    ("mode", "owner", "refused"),
    [
        (0o600, 0, False),
        (0o400, 0, False),
        (0o640, 0, False),
        (0o600, 1234, False),
        (0o640, 1234, True),
        (0o660, 0, True),
        (0o604, 0, True),
        (0o644, 1234, True),
        (0o602, 0, True),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_group_may_read_a_key_that_is_roots_and_nobody_else_any(
    tmp_path: Path, mode: int, owner: int, refused: bool
) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"")
    os.chown(key, owner, 2345)
    key.chmod(mode)
    if not refused:
        require_private(key)
        return
    with pytest.raises(ConfigError, match=f"chmod 600 {key}"):
        require_private(key)


@pytest.mark.parametrize(
    ("wanted", "covered", "missing"),
    [
        ([], [], []),
        (["chat.example.org"], ["chat.example.org"], []),
        (["CHAT.example.org."], ["chat.example.org"], []),
        (["chat.example.org", "192.0.2.7"], ["chat.example.org"], ["192.0.2.7"]),
        (["chat.example.org"], ["*.example.org"], []),
        (["a.chat.example.org", "example.org"], ["*.example.org"], ["a.chat.example.org", "example.org"]),
        (["[::1]", "0:0:0:0:0:0:0:2"], ["::1"], ["::2"]),
        (["127.0.0.1"], ["*.0.0.1.example"], ["127.0.0.1"]),
        (["*.example.org"], ["*.example.org"], []),
        (["a.org"], [], ["a.org"]),
    ],
)
def test_the_names_that_a_certificate_lacks(wanted: list[str], covered: list[str], missing: list[str]) -> None:
    assert find_missing(wanted, covered) == missing


def test_a_certificate_of_ours_covers_what_it_was_made_for(made: Path) -> None:
    assert find_missing(NAMES, authority.facts(made / "server.pem", now=NOW).names) == []
