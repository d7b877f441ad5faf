"""securechat-admin: accounts, channels and certificates; the same whether the server runs or not.

Knows what an administrator types and reads. Must not know how anything is done: that is the server's office, or `pki`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from securechat import __version__
from securechat.cli.admin.audit import audit
from securechat.cli.admin.backups import backup, restore
from securechat.cli.admin.certificates import cert
from securechat.cli.admin.channels import channel
from securechat.cli.admin.checkup import doctor
from securechat.cli.admin.command import DIRECTORY, PROGRAM, Group
from securechat.cli.admin.completion import ASKING, completion
from securechat.cli.admin.conversations import export
from securechat.cli.admin.invitations import invite, invites
from securechat.cli.admin.people import short_forms, user
from securechat.cli.admin.service import install_service
from securechat.cli.admin.settings import config
from securechat.cli.admin.tokens import token
from securechat.cli.exits import INTERRUPTED, one_line_errors


@click.group(
    cls=Group,
    name=PROGRAM,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=[
        ("invite", "a link by which somebody makes an account"),
        ("user add alice", "asks for a password"),
        ("user add bob --generate", "prints one"),
        ("user import class.csv --tokens", "a whole class"),
        ("user disable bob", "until `user enable bob`"),
        ("token add alice --label laptop", "prints a token"),
        ("channel show general", "who is in it"),
        ("cert show", "days left, fingerprints"),
    ],
)
@click.option("--data", type=DIRECTORY, help="Data directory.  [env: SECURECHAT_DATA]")
@click.version_option(__version__, prog_name=PROGRAM)
@click.pass_context
def cli(context: click.Context, data: Path | None) -> None:
    """Administer a securechat server, whether it runs or not."""
    if data is None:
        from securechat.config import default_data_directory

        data = default_data_directory()
    context.obj = data


for _command in (
    *(
        user,
        invite,
        invites,
        token,
        channel,
        cert,
        config,
        audit,
        backup,
        restore,
        export,
        doctor,
        install_service,
        completion,
    ),
    *short_forms(),
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line."""
    with one_line_errors(PROGRAM):
        try:
            cli.main(prog_name=PROGRAM, complete_var=ASKING, standalone_mode=False)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(INTERRUPTED)
