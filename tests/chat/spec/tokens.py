"""What a client learns from the 005 lines."""

from __future__ import annotations

from tests.chat.stage import Stage


def read_isupport(stage: Stage, name: str = "alice") -> dict[str, str]:
    """Return the ISUPPORT tokens that somebody is shown, by name."""
    tokens: dict[str, str] = {}
    for line in stage.play(stage.enter(name), "ISUPPORT").lines:
        _, numeric, _, *words = line.removesuffix(" :are supported by this server").split(" ")
        if numeric == "005":
            tokens |= {word.partition("=")[0]: word.partition("=")[2] for word in words}
    return tokens
