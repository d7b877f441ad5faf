from __future__ import annotations

from tests.flush.smalldisk import small_disk
from tests.scenario.processes import programs

__all__ = ["programs", "small_disk"]
