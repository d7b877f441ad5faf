"""doctor: what is well and what is not, with the remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from securechat.cli.admin.command import Command
from securechat.cli.admin.printing import json_option, print_json, print_line


@click.command(
    cls=Command,
    examples=[("doctor", "is everything well?"), ("doctor --json", "for a monitor; exit code 1 when it is not")],
)
@json_option
@click.pass_obj
def doctor(data: Path, as_json: bool) -> None:
    """Look a server over: clock, disk, permissions, settings, certificate, database, and whether it can be reached."""
    from securechat.cli.doctor import look_over
    from securechat.cli.exits import FAILED
    from securechat.cli.logs import configure_logs

    configure_logs("text", "critical")
    findings = []
    for finding in look_over(data):
        findings.append(finding)
        if not as_json:
            print_line(finding.line())
    if as_json:
        rows = [
            {"what": each.what, "ok": each.ok, "seen": each.seen, "remedy": "" if each.ok else each.remedy}
            for each in findings
        ]
        print_json(rows)
    if not all(finding.ok for finding in findings):
        sys.exit(FAILED)
