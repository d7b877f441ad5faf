"""The root of all events."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The root of all events; a subclass's name is its tag in storage and never changes."""

    secret_fields: ClassVar[tuple[str, ...]] = ()

    @property
    def restricts(self) -> bool:
        """Whether somebody loses a right by this event."""
        return False
