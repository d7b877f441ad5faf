"""audit: who did what to the server, its people and its channels, and whether that record is whole."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from securechat.cli.admin.asking import ask
from securechat.cli.admin.command import Group
from securechat.cli.admin.printing import json_option, print_json, print_line, print_table
from securechat.errors import SecurechatError

_AGO = re.compile(r"([0-9]{1,6})([mhdw])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Damaged(SecurechatError):
    """The audit trail is not what the server has written."""


def _read_moment(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    """Read a time as ms since 1970: a date, a date and time (UTC unless it says otherwise), or how long ago, as `3d`."""
    if not text:
        return 0
    if ago := _AGO.fullmatch(text):
        return int((time.time() - int(ago[1]) * _SECONDS[ago[2]]) * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r}: write 2026-11-22, 2026-11-22T14:00Z, or 3d for three days ago") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples=[
        ("audit", "the last 50 records"),
        ("audit --since 3d --limit 500", ""),
        ("audit --since 2026-11-22T14:00Z --json", "for programs"),
        ("audit verify", "is it whole?"),
    ],
)
@click.option(
    "--since",
    metavar="TIME",
    default="",
    callback=_read_moment,
    help="Only what happened then or later: a date, a time, or 3d, 12h.",
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="The newest so many.")
@json_option
@click.pass_context
def audit(context: click.Context, since: int, limit: int, as_json: bool) -> None:
    """Show the audit trail: what administrators did, and sign-ins that were rejected."""
    if context.invoked_subcommand is not None:
        return
    from securechat.server.requests import AuditList

    trail = ask(context.obj, AuditList(limit, since))
    if as_json:
        print_json(trail["records"])
        return
    columns = ("seq", "time", "what", "target", "by", "detail", "address")
    print_table([{column: row[column] for column in columns} for row in trail["records"]])


@audit.command(
    "verify",
    examples=[
        ("audit verify", "prints the head: keep it elsewhere"),
        ("audit verify --head 17:c0ffee…", "a head that was kept, or that the log told"),
    ],
)
@click.option("--head", default="", metavar="SEQ:HASH", help="What an earlier `audit verify`, or the log, said.")
@json_option
@click.pass_obj
def audit_verify(data: Path, head: str, as_json: bool) -> None:
    """Go over the whole trail: was a record changed, removed or put in? Exit code 1 if so.

    That the newest records were removed, or the whole trail made anew, shows only against a head that was kept where
    nobody who can write the database can write.
    """
    from securechat.plain.visible import show
    from securechat.server.requests import AuditVerify

    found = ask(data, AuditVerify(head))
    if as_json:
        print_json(found)
    else:
        for fault in found["faults"]:
            click.echo(show(f"record {fault['seq']}: {fault['text']}"), err=True)
        print_line(found["head"])
    if found["faults"]:
        raise Damaged("the audit trail is not as it was stored")
    if not as_json:
        count = "1 record" if found["records"] == 1 else f"{found['records']} records"
        click.echo(f"{count}, all as they were stored", err=True)
