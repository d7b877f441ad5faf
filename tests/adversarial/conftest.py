from __future__ import annotations

from tests.scenario.processes import programs

__all__ = ["programs"]
