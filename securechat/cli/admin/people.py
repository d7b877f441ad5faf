"""user: who has an account, under which name, with which password, and who has none any more."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from securechat.cli.admin.asking import ask, choose_password, confirm, secret_options, yes_option
from securechat.cli.admin.command import Group
from securechat.cli.admin.printing import json_option, print_json, print_line, print_table

if TYPE_CHECKING:
    from typing import TextIO

ROLES = ("member", "admin", "bot")
_role = click.option("--role", type=click.Choice(ROLES), default="member", show_default=True)


@click.group(
    cls=Group,
    examples=[
        ("user add alice", "asks for a password"),
        ("user import class.csv --tokens", "a whole class"),
        ("user list", ""),
        ("user disable bob", "until `user enable bob`"),
    ],
)
def user() -> None:
    """Add and list people, change passwords and names, let in and keep out."""


@user.command(
    "add",
    examples=[
        ("user add alice", "asks for a password"),
        ("user add bob --generate", "prints one"),
        ("user add robot --role bot --password-stdin < password.txt", "reads one"),
    ],
)
@click.argument("name")
@_role
@secret_options
@json_option
@click.pass_obj
def user_add(data: Path, name: str, role: str, password_stdin: bool, generate: bool, as_json: bool) -> None:
    """Add an account; without options the password is asked for."""
    from securechat.server.requests import NewPerson, UserAdd

    secret = choose_password(data, name, password_stdin, generate)
    made = ask(data, UserAdd([NewPerson(name, secret)], role))[0]
    if as_json:
        print_json(made)
        return
    click.echo(f"added {made['name']} ({role})", err=True)
    if made["secret"]:
        print_line(made["secret"])


@user.command("list", examples=[("user list", "a table"), ("user list --json", "for programs")])
@json_option
@click.pass_obj
def user_list(data: Path, as_json: bool) -> None:
    """List all accounts."""
    from securechat.server.requests import UserList

    rows = ask(data, UserList())
    if as_json:
        print_json(rows)
        return
    print_table(
        [
            {
                "name": row["name"],
                "role": row["role"],
                "state": _word_state(row),
                "devices": row["devices"],
                "since": row["created"][:10],
            }
            for row in rows
        ]
    )


def _word_state(row: dict[str, Any]) -> str:
    if not row["enabled"]:
        return "disabled"
    return "online" if row["connected"] else "offline"


@user.command(
    "import",
    examples=[
        ("user import class.csv", "makes the passwords that are missing"),
        ("user import class.csv --tokens > secrets.csv", "tokens instead: quicker"),
        ("user import class.csv --invitations > links.csv", "links to `join` by: nobody is added yet"),
        ("user import - < class.csv", "reads stdin"),
    ],
)
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.option("--tokens", is_flag=True, help="Make device tokens instead of passwords: quick, nothing to remember.")
@click.option(
    "--invitations", is_flag=True, help="Make an invitation for each name, good for 72 hours; print name,link."
)
@_role
@json_option
@click.pass_obj
def user_import(data: Path, file: TextIO, tokens: bool, invitations: bool, role: str, as_json: bool) -> None:
    """Add many people, all or none.

    FILE (or -, stdin) is CSV in UTF-8: a name and, if they have one, a password in each line; a first line `name` or
    `name,password` is a heading. Prints CSV, name,secret; the secret is empty where the list had a password.
    Whatever is wrong is told at once with its line, and then nobody is added.
    """
    from securechat.cli.admin.roster import add_roster, invite_roster, read_roster

    if tokens and invitations:
        raise click.UsageError("--tokens and --invitations exclude each other")
    name = "stdin" if file.name == "<stdin>" else file.name
    rows = read_roster(file, name)
    if invitations:
        made = invite_roster(data, name, rows, role=role)
    else:
        made = add_roster(data, name, rows, role=role, tokens=tokens)
    if as_json:
        print_json(made)
        return
    # A name or a secret that we make holds nothing that CSV would want in quotes; a link may, where it names several hosts.
    if made:
        print_line("\n".join(f"{person['name']},{_quote(person[_SECRET[invitations]])}" for person in made))


_SECRET = {False: "secret", True: "link"}


def _quote(cell: str) -> str:
    return f'"{cell}"' if "," in cell else cell


@user.command(
    "passwd",
    examples=[
        ("user passwd alice", "asks for the new one"),
        ("user passwd alice --generate", "prints one"),
        ("user passwd alice --password-stdin < password.txt", "reads one"),
    ],
)
@click.argument("name")
@secret_options
@json_option
@click.pass_obj
def user_passwd(data: Path, name: str, password_stdin: bool, generate: bool, as_json: bool) -> None:
    """Set a new password; the account's connections are closed and its tokens revoked."""
    from securechat.server.requests import Passwd

    made = ask(data, Passwd(name, choose_password(data, name, password_stdin, generate)))
    if as_json:
        print_json(made)
        return
    click.echo(f"password of {made['name']} changed", err=True)
    if made["secret"]:
        print_line(made["secret"])


@user.command("disable", examples=[("user disable bob", "")])
@click.argument("name")
@json_option
@click.pass_obj
def user_disable(data: Path, name: str, as_json: bool) -> None:
    """Close an account's connections and let it sign in no more."""
    _set_enabled(data, name, False, as_json)


@user.command("enable", examples=[("user enable bob", "")])
@click.argument("name")
@json_option
@click.pass_obj
def user_enable(data: Path, name: str, as_json: bool) -> None:
    """Let a disabled account sign in again."""
    _set_enabled(data, name, True, as_json)


def _set_enabled(data: Path, name: str, enabled: bool, as_json: bool) -> None:
    from securechat.server.requests import SetEnabled

    done = ask(data, SetEnabled(name, enabled))
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done['name']} is {'enabled' if enabled else 'disabled'}", err=True)


@user.command("rename", examples=[("user rename alice alicia", "")])
@click.argument("name", metavar="OLD")
@click.argument("new_name", metavar="NEW")
@json_option
@click.pass_obj
def user_rename(data: Path, name: str, new_name: str, as_json: bool) -> None:
    """Give an account another name, in the history too; nobody can ever get the old one."""
    from securechat.server.requests import UserRename

    done = ask(data, UserRename(name, new_name))
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done['was']} is now called {done['name']}", err=True)


@user.command(
    "delete",
    examples=[
        ("user delete bob", "keeps what bob wrote"),
        ("user delete bob --erase", "erases it"),
        ("user delete bob --yes", "asks nothing, for scripts"),
    ],
)
@click.argument("name")
@click.option("--erase", is_flag=True, help="Erase the text of every message of theirs; else it stays.")
@yes_option
@json_option
@click.pass_obj
def user_delete(data: Path, name: str, erase: bool, yes: bool, as_json: bool) -> None:
    """Delete an account for good: its password, devices and memberships.

    Its messages stay, under a name that says that the account is deleted, or are erased. Nobody can ever get its name.
    To keep somebody out for a time, disable the account instead.
    """
    from securechat.plain.visible import show
    from securechat.server.requests import UserDelete

    what = "is erased" if erase else "stays, under a name that says so"
    confirm(f"{show(name)} is deleted for good; what they wrote {what}.", yes)
    done = ask(data, UserDelete(name, erase))
    if as_json:
        print_json(done)
        return
    what = "is erased" if done["erased"] else f"stays, from {done['shown_as']}"
    click.echo(f"{done['name']} is deleted; what they wrote {what}", err=True)


def short_forms() -> list[click.Command]:
    """Return commands that also go without `user` before them, for scripts that were written so."""
    shorts = [copy.copy(command) for command in (user_passwd, user_disable, user_enable)]
    for short in shorts:
        short.hidden = True
    return shorts
