"""Logs on a standard error that takes nothing any more."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from securechat.cli.logs import configure_logs
import structlog

configure_logs({form!r}, "info")
log = structlog.get_logger()
for number in range(3):
    log.warning("the disk of this log is full", number=number)
print("went on")
"""
BY_ITSELF = "import os, sys\nos.write(2, b'x')\nprint('went on')\n"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("where", ["full disk", "closed"])
def test_a_log_that_cannot_be_written_stops_nothing(form: str, where: str) -> None:
    assert run(PROGRAM.format(form=form), where) == (0, "went on\n")


def test_control_a_write_to_that_log_does_fail() -> None:
    assert run(BY_ITSELF, "full disk")[1] == ""


def run(program: str, where: str) -> tuple[int, str]:
    """Run it as a service is run: with its streams buffered, whatever the tests' own are."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", program]
    if where == "full disk":
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, text=True, timeout=20, env=environment)
    else:
        closing = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
        done = subprocess.run(closing, stdout=subprocess.PIPE, text=True, timeout=20, env=environment)
    return done.returncode, done.stdout
