from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from securechat.pki import authority, signing
from tests.pki.handshake import NAMES, NOW


@pytest.fixture(autouse=True)
def any_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests sign by clocks that show a time before this version was made."""
    monkeypatch.setattr(signing, "EARLIEST", datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A directory with an authority and a server certificate, made just now."""
    authority.init(tmp_path / "pki", NAMES, now=NOW)
    return tmp_path / "pki"
