"""What to type for a program: a name that the shell finds, or a path that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from securechat.plain.programs import find_command

NAME = "securechat-client"


def put(directory: Path, name: str) -> Path:
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("on_path", "beside", "typed"),
    [(True, True, NAME), (True, False, NAME), (False, True, "'{}/my bin/securechat-client'"), (False, False, NAME)],
)
def test_a_program_is_named_so_that_it_can_be_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, on_path: bool, beside: bool, typed: str
) -> None:
    monkeypatch.setattr("sys.argv", [str(put(tmp_path / "my bin", "securechat-server")), "--listen", "x"])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    if on_path:
        put(tmp_path / "bin", NAME)
    if beside:
        put(tmp_path / "my bin", NAME)
    assert find_command(NAME) == typed.format(tmp_path)
