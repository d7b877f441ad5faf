"""docs/operations.md tells every command of securechat-admin, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import click

from tests.cli.tree import walk

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


def known_commands() -> set[str]:
    """Return what is typed for each command; groups, and short forms such as `passwd`, count for what they lead to.

    A group that does something by itself is a command too.
    """
    return {
        name
        for name, command in walk()
        if not command.hidden and (not isinstance(command, click.Group) or command.invoke_without_command)
    }


def told_commands(page: str, known: set[str]) -> tuple[set[str], set[str]]:
    """Return the commands of a page that are known, and the beginnings of those that are not."""
    told, strange = set(), set()
    for typed in re.findall(r"securechat-admin (?:--data \S+ )?([a-z][a-z-]*(?: [a-z][a-z-]*)*)", page):
        words = typed.split()
        found = next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in known), None)
        if found is None:
            strange.add(typed)
        else:
            told.add(found)
    return told, strange


def test_every_command_is_told_and_none_that_is_not_there() -> None:
    known = known_commands()
    assert "user add" in known
    assert told_commands(PAGE, known) == (known, set())


def test_control_a_page_that_lacks_one_or_invents_one_is_found() -> None:
    known = known_commands()
    told, strange = told_commands(PAGE.replace("user list", "user lsit"), known)
    assert "user list" not in told
    assert any(each.startswith("user lsit") for each in strange)
