"""token: device tokens, accepted wherever a password is."""

from __future__ import annotations

from pathlib import Path

import click

from securechat.cli.admin.asking import ask
from securechat.cli.admin.command import Group
from securechat.cli.admin.printing import json_option, print_json, print_line, print_table


@click.group(
    cls=Group,
    examples=[
        ("token add robot --label ops > token", "a file for --token-file"),
        ("token list robot", ""),
        ("token revoke 4hr3vyatqmqpj6wt", ""),
    ],
)
def token() -> None:
    """Give and take device tokens: accepted wherever a password is."""


@token.command("add", examples=[("token add alice --label laptop", ""), ("token add robot --label ops > token", "")])
@click.argument("name")
@click.option("--label", required=True, help="What the device is called.")
@json_option
@click.pass_obj
def token_add(data: Path, name: str, label: str, as_json: bool) -> None:
    """Make a token for one of NAME's devices and print it; it is shown only once."""
    from securechat.server.requests import TokenAdd

    made = ask(data, TokenAdd(name, label))
    if as_json:
        print_json(made)
        return
    click.echo(f"device {made['id']} ({made['label']})", err=True)
    print_line(made["secret"])


@token.command("list", examples=[("token list alice", "")])
@click.argument("name")
@json_option
@click.pass_obj
def token_list(data: Path, name: str, as_json: bool) -> None:
    """List NAME's devices that have a token."""
    from securechat.server.requests import TokenList

    rows = ask(data, TokenList(name))
    if as_json:
        print_json(rows)
    else:
        print_table([{"id": row["id"], "since": row["created"][:10], "label": row["label"]} for row in rows])


@token.command("revoke", examples=[("token revoke 4hr3vyatqmqpj6wt", "an id that `token list` shows")])
@click.argument("device_id", metavar="ID")
@json_option
@click.pass_obj
def token_revoke(data: Path, device_id: str, as_json: bool) -> None:
    """Revoke a device's token; its connections are closed."""
    from securechat.server.requests import TokenRevoke

    done = ask(data, TokenRevoke(device_id))
    if as_json:
        print_json(done)
    else:
        click.echo(f"device {device_id} is revoked", err=True)
