"""What a server says when it starts: at the first start everything, and how its first administrator comes in."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from securechat import __version__
from securechat.cli import checks
from securechat.cli.codes import draw_code
from securechat.cli.links import describe_place
from securechat.cli.logs import print_beside
from securechat.config import Config
from securechat.errors import ConfigError, SecurechatError
from securechat.pki import authority
from securechat.pki.files import write_private
from securechat.plain.programs import find_command
from securechat.server.app import Endpoint
from securechat.server.requests import InvitationList, InvitationRevoke, Invite, Perform, UserList, Where

INVITATION_FILE = "first-invitation.txt"
"""Where the first administrator's invitation is when nobody is there to read it from the terminal."""
INVITATION_HOURS = 24


def look_before_the_first_start(data: Path, config: Config, listen: Sequence[Endpoint], names: Sequence[str]) -> None:
    """Say of what a server needs whether it is well, or what the remedy is.

    Raises: ConfigError with the first thing that keeps it from starting.
    """
    findings = [
        *(checks.check_port(endpoint.host, endpoint.port) for endpoint in listen),
        *checks.check_names(names),
        checks.check_clock(datetime.now(UTC)),
        checks.check_disk(data, config.limits.free_space),
        checks.check_ownership(data),
    ]
    for finding in findings:
        print_beside(finding.line())
    for finding in findings:
        if finding.fatal:
            raise ConfigError(f"{finding.seen}; {finding.remedy}")


def start_line(data: Path, certificate: Path) -> str:
    """Return what runs, where, and until when its certificate holds."""
    facts = authority.facts(certificate, now=datetime.now(UTC))
    until = f"{facts.not_after:%Y-%m-%d} ({facts.days_left} days)"
    return (
        f"securechat {__version__}, data in {data.absolute()}, certificate for {', '.join(facts.names)} until {until}"
    )


async def welcome_first_admin(data: Path, perform: Perform) -> list[str]:
    """Return how the first administrator comes in, as long as there is none and no way in is open; else nothing.

    What it says goes to a terminal where stdout and stderr are one, otherwise into a file for nobody else.
    """
    path = data / INVITATION_FILE
    if any(person["role"] == "admin" for person in await perform(UserList())):
        path.unlink(missing_ok=True)
        return []
    if any(invitation["role"] == "admin" for invitation in await perform(InvitationList())):
        # It was on a terminal that has gone, perhaps, or the power went before it was anywhere.
        another = f"{find_command('securechat-admin')} --data {shlex.quote(str(data))} invite --role admin"
        return [] if path.exists() else [f"no administrator has come in yet; another invitation: {another}"]
    try:
        place = describe_place(await perform(Where()))
        made = await perform(Invite(role="admin", uses=1, hours=INVITATION_HOURS))
    except SecurechatError as error:
        return [f"no invitation was made: {error}"]
    link = place.link(made["token"])
    how = [
        f"Next: {find_command('securechat-client')} join",
        f"and paste this invitation, for one administrator, good for {INVITATION_HOURS} hours",
    ]
    # A stream that was closed before the start is None.
    if not all(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr)):
        try:
            write_private(path, f"{link}\n".encode())
        except ConfigError as error:
            # One that nobody can read would keep the next start from making another.
            await perform(InvitationRevoke(made["id"]))
            return [f"no invitation was made: {error}"]
        return [how[0], f"{how[1]}, which is in {path.absolute()}"]
    return [*how, "", f"  {link}", "", *draw_code(link).splitlines()]
