from __future__ import annotations

from pathlib import Path

import pytest

from securechat.pki import authority
from tests.pki.handshake import NAMES, NOW


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A directory with an authority and a server certificate, made just now."""
    authority.init(tmp_path / "pki", NAMES, now=NOW)
    return tmp_path / "pki"
