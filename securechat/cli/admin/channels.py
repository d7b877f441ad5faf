"""channel: which channels there are, who is in them and as what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from securechat.cli.admin.asking import ask, confirm, yes_option
from securechat.cli.admin.command import Group
from securechat.cli.admin.printing import json_option, print_json, print_table

ROLES = ("owner", "operator", "voice", "member")


def complete_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    """Return a channel's name as it is, however it was typed."""
    # An unquoted # begins a comment in a shell, so it may be left out.
    return name if name.startswith("#") else f"#{name}"


def _parse_days(_context: click.Context, _parameter: click.Parameter, text: str) -> int | None:
    if text in ("default", "forever"):
        return None if text == "default" else 0
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 36500):
        raise click.BadParameter("a number of days, default, or forever")
    return int(text)


_channel = click.argument("name", metavar="CHANNEL", callback=complete_name)


@click.group(
    cls=Group,
    examples=[
        ("channel list", ""),
        ("channel show general", "its # may be left out"),
        ("channel role general alice operator", ""),
    ],
)
def channel() -> None:
    """List, make and drop channels, and give roles in them."""


@channel.command("list", examples=[("channel list", "a table"), ("channel list --json", "for programs")])
@json_option
@click.pass_obj
def channel_list(data: Path, as_json: bool) -> None:
    """List all channels, secret ones too, with what they hold but not what was said."""
    from securechat.server.requests import ChannelList

    rows = ask(data, ChannelList())
    if as_json:
        print_json(rows)
        return
    titles = ("name", "members", "messages", "modes", "topic")
    print_table([{title: row[title] for title in titles} for row in rows])


@channel.command("show", examples=[("channel show general", ""), ("channel show '#general' --json", "")])
@_channel
@json_option
@click.pass_obj
def channel_show(data: Path, name: str, as_json: bool) -> None:
    """Show a channel's topic, modes and members with their roles."""
    from securechat.server.requests import ChannelShow

    shown = ask(data, ChannelShow(name))
    if as_json:
        print_json(shown)
        return
    shown["kept"] = _wording_of(shown["retention"])
    facts = ("name", "topic", "modes", "members", "messages", "created", "kept")
    print_table([{"fact": fact, "value": shown[fact]} for fact in facts])
    click.echo()
    print_table(_list_members(shown))


def _list_members(shown: dict[str, Any]) -> list[dict[str, str]]:
    """Return the members, those with most rights first."""
    rows = [{"member": member["name"], "role": member["role"]} for member in shown["people"]]
    return sorted(rows, key=lambda row: (ROLES.index(row["role"]), row["member"].lower()))


@channel.command("create", examples=[("channel create ops --owner alice", "")])
@_channel
@click.option("--owner", required=True, metavar="NAME", help="The account it belongs to.")
@json_option
@click.pass_obj
def channel_create(data: Path, name: str, owner: str, as_json: bool) -> None:
    """Make a channel that belongs to somebody, who is its first member."""
    from securechat.server.requests import ChannelCreate

    _tell(ask(data, ChannelCreate(name, owner)), f"{name} is made; it belongs to {owner}", as_json)


@channel.command(
    "drop", examples=[("channel drop ops", "asks first"), ("channel drop ops --yes", "asks nothing, for scripts")]
)
@_channel
@yes_option
@json_option
@click.pass_obj
def channel_drop(data: Path, name: str, yes: bool, as_json: bool) -> None:
    """Drop a channel for good: everybody is put out, and what was said there can be read no more."""
    from securechat.plain.visible import show
    from securechat.server.requests import ChannelDrop

    confirm(f"{show(name)} is dropped for good; nobody will be able to read what was said there.", yes)
    _tell(ask(data, ChannelDrop(name)), f"{name} is dropped", as_json)


@channel.command(
    "role",
    examples=[
        ("channel role general alice operator", ""),
        ("channel role general alice member", "takes every right back"),
    ],
)
@click.argument("name", metavar="CHANNEL", callback=complete_name)
@click.argument("member", metavar="NAME")
@click.argument("role", type=click.Choice(ROLES))
@json_option
@click.pass_obj
def channel_role(data: Path, name: str, member: str, role: str, as_json: bool) -> None:
    """Give a member of a channel a role in it; the last owner cannot be lowered."""
    from securechat.server.requests import ChannelRole

    _tell(ask(data, ChannelRole(name, member, role)), f"{member} is {role} in {name}", as_json)


@channel.command(
    "retention",
    examples=[
        ("channel retention general 30", "what is older than 30 days is deleted for good"),
        ("channel retention general forever", ""),
        ("channel retention general default", "as history.days says"),
    ],
)
@click.argument("name", metavar="CHANNEL", callback=complete_name)
@click.argument("days", metavar="DAYS|default|forever", callback=_parse_days)
@yes_option
@json_option
@click.pass_obj
def channel_retention(data: Path, name: str, days: int | None, yes: bool, as_json: bool) -> None:
    """Keep what is said in a channel for so many days; what is older by then is deleted for good, within a day."""
    from securechat.plain.visible import show
    from securechat.server.requests import ChannelRetention

    if days:
        confirm(f"What was said in {show(name)} more than {days} days ago is deleted for good.", yes)
    _tell(ask(data, ChannelRetention(name, days)), f"{name} is kept {_wording_of(days)}", as_json)


def _wording_of(days: int | None) -> str:
    if days is None:
        return "as all channels are"
    return f"{days} days" if days else "for ever"


def _tell(result: Any, sentence: str, as_json: bool) -> None:
    from securechat.plain.visible import show

    if as_json:
        print_json(result)
    else:
        click.echo(show(sentence), err=True)
