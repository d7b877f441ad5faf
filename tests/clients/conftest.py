from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenario.people import Place
from tests.scenario.processes import Programs, port_of, programs

__all__ = ["programs"]


@pytest.fixture
def settings() -> str:
    """The server's config.toml; a test that wants others parametrizes it."""
    return ""


@pytest.fixture
def place(programs: Programs, tmp_path: Path, settings: str) -> Place:
    """A server with the accounts alice, who has a stock client, and bob, who has ours."""
    data, config = tmp_path / "data", tmp_path / "config.toml"
    config.write_text(settings)
    port = port_of(programs.server(data, "--config", str(config)).wait_ready()[0])
    programs.add_people(data, "alice", "bob")
    return Place(programs, f"localhost:{port}", data / "ca.pem")


@pytest.fixture
def strange_ca(programs: Programs, tmp_path: Path) -> Path:
    """The CA of somebody else, of the same names."""
    assert programs.admin(tmp_path / "strange", "cert", "init").code == 0
    return tmp_path / "strange" / "ca.pem"
