"""What a person can choose with /set, and where it is remembered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from securechat.client.notebook import read_private
from securechat.client.private import write_private

LEAST_WIDTH: Final = 20
"""Narrower terminals get lines of this width, and break them themselves."""
MOST_WIDTH: Final = 1000

_CLOCK: Final = re.compile(r"(%[HMSIp]|[ -$&-~]){1,12}")


@dataclass(slots=True)
class Settings:
    """bell: ring for mentions and direct messages. time: as strftime has it. width: 0 for the terminal's."""

    bell: bool = True
    colour: bool = True
    time: str = "%H:%M"
    width: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """values: what it can be, in words; read: returns the value that a text means, or raises ValueError."""

    values: str
    read: Callable[[str], Any]


def list_settings(settings: Settings) -> list[str]:
    """Return a line for each setting: what it is and what it can be."""
    return [
        f"{name} is {_word(name, getattr(settings, name))} (can be: {setting.values})"
        for name, setting in SETTINGS.items()
    ]


def change(settings: Settings, name: str, text: str) -> str:
    """Set one to what a text means, and return a line that says so.

    Raises:
        ValueError: there is no such setting, or it cannot be that; the text says what can be.
    """
    setting = SETTINGS.get(name.lower())
    if setting is None:
        raise ValueError(f"there is no setting {name}; there are {', '.join(SETTINGS)}")
    try:
        value = setting.read(text)
    except ValueError:
        raise ValueError(f"{name} can be: {setting.values}") from None
    setattr(settings, name.lower(), value)
    return f"{name.lower()} is {_word(name.lower(), value)} now"


def load(path: Path | None) -> Settings:
    """Return what is remembered; what makes no sense is as if it had never been set."""
    settings = Settings()
    content = None if path is None else read_private(path)
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        return settings
    for name in SETTINGS:
        if isinstance(found, dict) and isinstance(found.get(name), str):
            try:
                change(settings, name, found[name])
            except ValueError:
                pass
    return settings


def save(path: Path, settings: Settings) -> None:
    """Remember the settings.

    Raises:
        OSError: the file could not be written.
    """
    words = {name: _word(name, getattr(settings, name)) for name in SETTINGS}
    write_private(path, json.dumps(words).encode())


def _read_switch(text: str) -> bool:
    return {"on": True, "off": False}[text.lower()] if text.lower() in ("on", "off") else _fail()


def _read_clock(text: str) -> str:
    return text if _CLOCK.fullmatch(text) else _fail()


def _read_width(text: str) -> int:
    if text.lower() == "auto":
        return 0
    width = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else _fail()
    return width if LEAST_WIDTH <= width <= MOST_WIDTH else _fail()


def _fail() -> Any:
    raise ValueError


def _word(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "auto" if name == "width" and not value else str(value)


SETTINGS: Final[dict[str, Setting]] = {
    "bell": Setting("on, off", _read_switch),
    "colour": Setting("on, off", _read_switch),
    "time": Setting("%H:%M, %H:%M:%S, %I:%M %p or the like", _read_clock),
    "width": Setting(f"auto, or {LEAST_WIDTH} to {MOST_WIDTH}", _read_width),
}
