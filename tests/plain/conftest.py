"""A CA that the tests trust, and a server that it vouches for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from tests.client.fakeserver import FakeServer


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return the CA of the tests."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """Return the file that a client is given to trust."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
async def server(authority: trustme.CA) -> AsyncIterator[FakeServer]:
    """Yield a server that listens as localhost."""
    async with FakeServer(authority) as server:
        yield server
