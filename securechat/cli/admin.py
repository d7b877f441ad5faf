"""securechat-admin: accounts, tokens and certificates; the same whether the server runs or not."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from securechat import __version__
from securechat.cli.exits import one_line_errors
from securechat.config import default_data_directory
from securechat.errors import ConfigError

if TYPE_CHECKING:
    from securechat.server.office import Request

PROGRAM = "securechat-admin"
# A line with a lone backspace tells click to leave the lines after it as they are.
HELP = """Administer a securechat server, whether it runs or not.

\b
securechat-admin user add alice              asks for a password
securechat-admin user add bob --generate     prints one
securechat-admin user import class.csv --tokens
securechat-admin user passwd alice           asks for a new one
securechat-admin user disable bob            shuts bob out until `user enable bob`
securechat-admin token add alice --label laptop
securechat-admin cert show
"""
_secret_options = (
    click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin."),
    click.option("--generate", is_flag=True, help="Make a password and print it."),
)


@click.group(name=PROGRAM, help=HELP)
@click.option("--data", type=click.Path(path_type=Path), help="Data directory.  [env: SECURECHAT_DATA]")
@click.version_option(__version__, prog_name=PROGRAM)
@click.pass_context
def cli(context: click.Context, data: Path | None) -> None:
    """Gather the commands."""
    context.obj = data or default_data_directory()


def main() -> None:
    """Run the command line."""
    with one_line_errors(PROGRAM):
        cli()


def ask(data: Path, request: Request) -> Any:
    """Have a request carried out and return its result.

    Raises: SecurechatError.
    """
    from securechat.cli.errands import carry_out
    from securechat.cli.logs import configure_logs

    # Without a server the node runs in here: what it would log is no data, and the answer says what went wrong.
    configure_logs("text", "critical")
    return carry_out(data, request)


def _secret_from(password_stdin: bool, generate: bool) -> str:
    """Return the password to set, "" to have one made."""
    if password_stdin and generate:
        raise click.UsageError("--password-stdin and --generate exclude each other")
    if generate:
        return ""
    if password_stdin:
        secret = sys.stdin.readline().rstrip("\r\n")
        if not secret:
            raise ConfigError("stdin: the first line is to be the password, and it is empty")
        return secret
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for a password; use --password-stdin or --generate")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _show(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print rows as a table for people, or one JSON array."""
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        return
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


# ── user ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@cli.group()
def user() -> None:
    """Add and list people, change passwords, let in and keep out."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(["member", "admin", "bot"]), default="member", show_default=True)
@_secret_options[0]
@_secret_options[1]
@click.pass_obj
def user_add(data: Path, name: str, role: str, password_stdin: bool, generate: bool) -> None:
    """Add an account; without options the password is asked for."""
    from securechat.server.office import NewPerson, UserAdd

    secret = _secret_from(password_stdin, generate)
    made = ask(data, UserAdd([NewPerson(name, secret)], role))
    click.echo(f"added {made[0]['name']} ({role})", err=True)
    if made[0]["secret"]:
        click.echo(made[0]["secret"])


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def user_list(data: Path, as_json: bool) -> None:
    """List all accounts."""
    from securechat.server.office import UserList

    _show(ask(data, UserList()), as_json)


@user.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.option("--tokens", is_flag=True, help="Make device tokens instead of passwords: quick, nothing to remember.")
@click.pass_obj
def user_import(data: Path, file: Any, tokens: bool) -> None:
    """Add many people, all or none: CSV with a name and, if they have one, a password in each line.

    Prints CSV: name,secret. FILE may be - for stdin.
    """
    import csv

    from securechat.server.office import NewPerson, UserAdd

    try:
        rows = [row for row in csv.reader(file) if row and row[0].strip()]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{file.name}: is not CSV in UTF-8 ({error}); save it as that") from None
    people = [NewPerson(row[0].strip(), row[1] if len(row) > 1 else "") for row in rows]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for made in ask(data, UserAdd(people, tokens=tokens)):
        writer.writerow((made["name"], made["secret"]))


@user.command("passwd")
@click.argument("name")
@_secret_options[0]
@_secret_options[1]
@click.pass_obj
def user_passwd(data: Path, name: str, password_stdin: bool, generate: bool) -> None:
    """Set a new password; the account's connections are closed and its tokens revoked."""
    from securechat.server.office import Passwd

    made = ask(data, Passwd(name, _secret_from(password_stdin, generate)))
    click.echo(f"password of {made['name']} changed", err=True)
    if made["secret"]:
        click.echo(made["secret"])


@user.command("disable")
@click.argument("name")
@click.pass_obj
def user_disable(data: Path, name: str) -> None:
    """Close an account's connections and let it sign in no more."""
    from securechat.server.office import SetEnabled

    click.echo(f"{ask(data, SetEnabled(name, False))['name']} is disabled", err=True)


@user.command("enable")
@click.argument("name")
@click.pass_obj
def user_enable(data: Path, name: str) -> None:
    """Let a disabled account sign in again."""
    from securechat.server.office import SetEnabled

    click.echo(f"{ask(data, SetEnabled(name, True))['name']} is enabled", err=True)


for _command in (user_passwd, user_disable, user_enable):
    # The same without `user` before it, for scripts that were written so.
    _short = copy.copy(_command)
    _short.hidden = True
    cli.add_command(_short)


# ── token ────────────────────────────────────────────────────────────────────────────────────────────────────────


@cli.group()
def token() -> None:
    """Give and take device tokens: accepted wherever a password is."""


@token.command("add")
@click.argument("name")
@click.option("--label", required=True, help="What the device is called.")
@click.pass_obj
def token_add(data: Path, name: str, label: str) -> None:
    """Make a token for one of NAME's devices and print it; it is shown only once."""
    from securechat.server.office import TokenAdd

    made = ask(data, TokenAdd(name, label))
    click.echo(f"device {made['id']} ({made['label']})", err=True)
    click.echo(made["secret"])


@token.command("list")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def token_list(data: Path, name: str, as_json: bool) -> None:
    """List NAME's devices that have a token."""
    from securechat.server.office import TokenList

    _show(ask(data, TokenList(name)), as_json)


@token.command("revoke")
@click.argument("device_id", metavar="ID")
@click.pass_obj
def token_revoke(data: Path, device_id: str) -> None:
    """Revoke a device's token; its connections are closed."""
    from securechat.server.office import TokenRevoke

    ask(data, TokenRevoke(device_id))
    click.echo(f"device {device_id} is revoked", err=True)


# ── cert ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@cli.group()
def cert() -> None:
    """Make and show certificates."""


_out = click.option(
    "--out", type=click.Path(path_type=Path), help="Directory of the certificates; else the data directory."
)


@cert.command("init")
@click.option("--name", "names", multiple=True, metavar="HOST", help="Name or address people connect to.")
@click.option("--constrain", is_flag=True, help="Bind the CA itself to these names: a new name needs a new CA file.")
@_out
@click.pass_obj
def cert_init(data: Path, names: Sequence[str], constrain: bool, out: Path | None) -> None:
    """Make a CA, unless there is one, and a server certificate for the names (default: this machine's)."""
    from datetime import UTC, datetime

    from securechat.cli.first_start import default_names
    from securechat.pki import authority
    from securechat.pki.files import make_private_directory

    directory = out or data
    if not directory.exists():
        make_private_directory(directory)
    names = names or default_names()
    made = authority.init(directory, names, now=datetime.now(UTC), constrain=names if constrain else None)
    for path in made:
        click.echo(str(path))
    if not made:
        click.echo(f"{directory}: everything is there and current", err=True)


@cert.command("renew")
@click.option("--force", is_flag=True, help="Renew even if it is not due.")
@_out
@click.pass_obj
def cert_renew(data: Path, force: bool, out: Path | None) -> None:
    """Renew the server certificate under the same CA; a running server takes it on SIGHUP."""
    from datetime import UTC, datetime

    from securechat.pki import authority

    renewed = authority.renew(out or data, datetime.now(UTC), force=force)
    click.echo("renewed; send SIGHUP to a running server" if renewed else "not due yet; --force renews it", err=True)


@cert.command("issue")
@click.argument("kind", type=click.Choice(["server"]))
@click.option("--name", "names", multiple=True, required=True, metavar="HOST", help="Name or address.")
@click.option("--to", "to", type=click.Path(path_type=Path), required=True, help="Directory for server.pem and .key.")
@_out
@click.pass_obj
def cert_issue(data: Path, kind: str, names: Sequence[str], to: Path, out: Path | None) -> None:
    """Issue a certificate for another server, signed by the same CA."""
    from datetime import UTC, datetime

    from securechat.pki import authority
    from securechat.pki.files import make_private_directory

    del kind
    if not to.exists():
        make_private_directory(to)
    for path in authority.issue(out or data, names, out=to, now=datetime.now(UTC)):
        click.echo(str(path))


@cert.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_out
@click.pass_obj
def cert_show(data: Path, as_json: bool, out: Path | None) -> None:
    """Show the CA's and the server's certificate: names, dates, fingerprint."""
    from datetime import UTC, datetime

    from securechat.pki import authority

    rows = []
    for name in (authority.CA_CERTIFICATE, authority.SERVER_CERTIFICATE):
        facts = authority.facts((out or data) / name, now=datetime.now(UTC))
        rows.append(
            {
                "file": name,
                "names": ", ".join(facts.names) or facts.subject,
                "from": facts.not_before.date().isoformat(),
                "until": facts.not_after.date().isoformat(),
                "days_left": facts.days_left,
                "sha256": facts.fingerprint,
            }
        )
    _show(rows, as_json)
