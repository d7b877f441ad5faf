"""invite, invites, user reset, user role: who may make an account, and what may be done with one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from securechat.cli.admin.asking import ask
from securechat.cli.admin.command import Command, Group
from securechat.cli.admin.people import ROLES, user
from securechat.cli.admin.printing import json_option, print_json, print_line, print_table

if TYPE_CHECKING:
    from securechat.cli.links import Place

_DURATION = re.compile(r"([1-9][0-9]{0,5})([mhd])")
_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0}


def read_duration(_context: click.Context, _option: click.Parameter, value: str) -> float:
    """Return the hours that a duration has, as `30m`, `72h` or `7d`.

    Raises: click.BadParameter.
    """
    found = _DURATION.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no time; write for example 30m, 72h or 7d")
    return int(found[1]) * _HOURS[found[2]]


_qr = click.option("--qr", is_flag=True, help="Print it as a QR code too.")


@click.command(
    cls=Command,
    examples=[
        ("invite", "a link for one person"),
        ("invite alice --expires 24h", "for the name alice only"),
        ("invite --uses 30 --channel '#physics'", "for a class"),
        ("invite --irc", "what to type into WeeChat and others"),
    ],
)
@click.argument("name", required=False, default="")
@click.option("--role", type=click.Choice(ROLES), default="member", show_default=True)
@click.option("--channel", "channels", multiple=True, metavar="C", help="To be put into, besides the default ones.")
@click.option(
    *("--expires", "hours"),
    callback=read_duration,
    default="72h",
    metavar="TIME",
    show_default=True,
    help="How long it can be used.",
)
@click.option("--uses", type=click.IntRange(1), default=1, show_default=True, help="How many can use it.")
@click.option("--irc", is_flag=True, help="Print what to type into other people's IRC clients instead.")
@_qr
@json_option
@click.pass_obj
def invite(
    data: Path,
    name: str,
    role: str,
    channels: Sequence[str],
    hours: float,
    uses: int,
    irc: bool,
    qr: bool,
    as_json: bool,
) -> None:
    """Invite somebody: print a link for `securechat-client join`, by which they make an account.

    Whoever has the link can use it, so pass it on as you would a password. With NAME it is for that name only.
    """
    from securechat.server.requests import Invite

    if irc + qr + as_json > 1:
        raise click.UsageError("--irc, --qr and --json exclude each other")
    place = _find_place(data)
    made = ask(data, Invite(role, [_channel(each) for each in channels], hours, uses, name))
    if irc:
        _print_irc(place, made)
        return
    _print_link(place, made, qr, as_json, f"invitation {made['id']} for {_whom(made)}, until {_when(made)}")


@click.group(cls=Group, examples=[("invites list", "those that can be used"), ("invites revoke 4hr3vyatqmqpj6wt", "")])
def invites() -> None:
    """List invitations and take them back."""


@invites.command("list", examples=[("invites list", "a table"), ("invites list --json", "for programs")])
@json_option
@click.pass_obj
def invites_list(data: Path, as_json: bool) -> None:
    """List the invitations that can be used; their links are not kept."""
    from securechat.server.requests import InvitationList

    rows = ask(data, InvitationList())
    if as_json:
        print_json(rows)
        return
    print_table(
        [
            {
                "id": row["id"],
                "for": ("reset of " if row["resets"] else "") + (row["for"] or "anybody"),
                "role": "" if row["resets"] else row["role"],
                "channels": " ".join(row["channels"]),
                "uses": row["uses_left"],
                "expires": _when(row),
                "by": row["by"],
            }
            for row in rows
        ]
    )


@invites.command("revoke", examples=[("invites revoke 4hr3vyatqmqpj6wt", "an id that `invites list` shows")])
@click.argument("invitation_id", metavar="ID")
@json_option
@click.pass_obj
def invites_revoke(data: Path, invitation_id: str, as_json: bool) -> None:
    """Take an invitation back; accounts that were made by it stay."""
    from securechat.server.requests import InvitationRevoke

    done = ask(data, InvitationRevoke(invitation_id))
    if as_json:
        print_json(done)
    else:
        click.echo(f"invitation {invitation_id} is revoked", err=True)


@user.command(
    "reset", examples=[("user reset alice", "a link, for who lost password and devices"), ("user reset alice --qr", "")]
)
@click.argument("name")
@click.option(
    *("--expires", "hours"),
    callback=read_duration,
    default="24h",
    metavar="TIME",
    show_default=True,
    help="How long it can be used.",
)
@_qr
@json_option
@click.pass_obj
def user_reset(data: Path, name: str, hours: float, qr: bool, as_json: bool) -> None:
    """Print a link by which NAME gets in again; its use revokes the old password and all devices."""
    from securechat.server.requests import UserReset

    if qr and as_json:
        raise click.UsageError("--qr and --json exclude each other")
    place = _find_place(data)
    made = ask(data, UserReset(name, hours))
    _print_link(place, made, qr, as_json, f"reset of {made['name']}, until {_when(made)}")


@user.command("role", examples=[("user role alice admin", ""), ("user role robot bot", "")])
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@json_option
@click.pass_obj
def user_role(data: Path, name: str, role: str, as_json: bool) -> None:
    """Give an account another role."""
    from securechat.server.requests import UserRole

    done = ask(data, UserRole(name, role))
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done['name']} is {done['role']}, and was {done['was']}", err=True)


def invite_all(data: Path, names: Sequence[str], role: str) -> list[dict[str, str]]:
    """Make an invitation for each name, all or none; return names and links."""
    from securechat.server.requests import InviteAll

    place = _find_place(data)
    return [
        {"name": made["name"], "link": place.link(made["token"])} for made in ask(data, InviteAll(list(names), role))
    ]


def _find_place(data: Path) -> Place:
    from securechat.cli.links import find_place
    from securechat.cli.logs import configure_logs

    configure_logs("text", "critical")
    return find_place(data)


def _channel(name: str) -> str:
    return name if name.startswith("#") else f"#{name}"


def _when(row: dict[str, Any]) -> str:
    return f"{row['expires'][:16].replace('T', ' ')} UTC"


def _whom(made: dict[str, Any]) -> str:
    return made["name"] or ("anybody, once" if made["uses"] == 1 else f"anybody, {made['uses']} times")


def _print_link(place: Place, made: dict[str, Any], qr: bool, as_json: bool, words: str) -> None:
    link = place.link(made["token"])
    if as_json:
        print_json({**made, "link": link})
        return
    click.echo(words, err=True)
    print_line(link)
    if qr:
        from securechat.cli.codes import draw_code

        print_line(draw_code(link) or "(the terminal is too narrow for the QR code)")


def _print_irc(place: Place, made: dict[str, Any]) -> None:
    from securechat.cli.admin.ircsettings import irc_block
    from securechat.pki import authority

    fingerprint = authority.fingerprint(Path(place.ca).read_bytes()) if place.ca else ""
    click.echo(f"invitation {made['id']} for {_whom(made)}, until {_when(made)}", err=True)
    print_line(irc_block(place, place.link(made["token"]), name=made["name"], fingerprint=fingerprint))
