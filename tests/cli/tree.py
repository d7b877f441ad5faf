"""Every command of securechat-admin, walked as click has them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

from securechat.cli.admin import cli
from securechat.cli.admin.command import PROGRAM, Command


def walk(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Command]]:
    """Yield each command and group with what is typed for it, "" for the program itself; hidden ones too."""
    assert isinstance(command, Command), path
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, (*path, name))


def invocations(line: str) -> list[list[str]]:
    """Return the arguments of each call of securechat-admin in a line that a shell is to read."""
    apart = re.sub(r'"?\$\((.*?)\)"?', r"; \1 ;", line)
    lexer = shlex.shlex(apart, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    calls: list[list[str]] = []
    words = list(lexer)
    while PROGRAM in words:
        words = words[words.index(PROGRAM) + 1 :]
        end = next((i for i, word in enumerate(words) if re.fullmatch(r"[();<>|&]+", word)), len(words))
        calls.append(words[:end])
        words = words[end:]
    return calls
