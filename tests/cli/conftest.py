from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.site import Site
from tests.scenario.processes import Programs, programs

__all__ = ["programs"]


@pytest.fixture(params=["running", "stopped"])
def site(request: pytest.FixtureRequest, programs: Programs, tmp_path: Path) -> Site:
    """A data directory, once with its server running and once without."""
    return Site(programs, tmp_path / "data", running=request.param == "running")
