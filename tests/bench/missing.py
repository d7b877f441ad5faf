"""What this machine does not have."""

from __future__ import annotations


class Missing(Exception):
    """Something cannot be measured here, and why; the rest can."""
