"""The command `securechat-client`: reads options, calls `plain`, turns outcomes into exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

import securechat
from securechat.cli.exits import FAILED, INTERRUPTED, UNREACHABLE, USAGE
from securechat.errors import ConfigError, SecurechatError, UnreachableError

if TYPE_CHECKING:
    from securechat.plain.access import Access


# A line with a lone backspace tells click to leave the lines after it as they are.
TALK_HELP: Final = """Talk on a securechat server.

\b
securechat-client chat.example:6697 --ca ca.pem --user alice
echo "backup done" | securechat-client send '#ops' --server chat.example --user robot --token-file token
"""
SEND_HELP: Final = """Send TEXT, or each line of stdin, to a #channel or a person; exit 0 only when all of it is stored.

\b
securechat-client send '#general' hello --server chat.example --user alice --token-file token
(cat password; uptime) | securechat-client send bob --server chat.example --user alice --password-stdin
"""
TAIL_HELP: Final = """Print the messages of a #channel, or with a person, as they come; across reconnects without a gap.

\b
securechat-client tail '#general' --json --server chat.example --user robot --token-file token
"""
HISTORY_HELP: Final = """Print the last messages of a #channel, or with a person, oldest first.

\b
securechat-client history bob --limit 20 --server chat.example --user alice --token-file token
"""


class TalkUnlessNamed(click.Group):
    """A group whose `talk` command needs no name: what is no command is its HOST or its options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `talk` before arguments that name no command."""
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "--version")):
            args = ["talk", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both forms."""
        formatter.write_usage(ctx.command_path, "[HOST[:PORT]] [OPTIONS]")
        formatter.write_usage(ctx.command_path, "send|tail|history TARGET … [OPTIONS]", prefix=" " * 7)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the unnamed form, then the commands."""
        self.commands["talk"].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


Body = Callable[..., None]


def sign_in_options(server: bool) -> Callable[[Body], Body]:
    """Return a decorator that adds the options every form takes."""
    options = [
        click.option(
            "--ca", type=click.Path(path_type=Path), metavar="FILE", help="The CA to trust; else the system's."
        ),
        click.option("--user", metavar="NAME", help="Your account's name."),
        click.option("--password-stdin", is_flag=True, help="The first line of stdin is the password or token."),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="A file that holds a password or token.",
        ),
    ]
    if server:
        options.insert(0, click.option("--server", metavar="HOST[:PORT]", help="The server; port 6697 unless given."))

    def decorate(body: Body) -> Body:
        for option in reversed(options):
            body = option(body)
        return body

    return decorate


@click.group(cls=TalkUnlessNamed, help=TALK_HELP, context_settings={"help_option_names": ["--help"]})
@click.version_option(securechat.__version__, message="securechat-client %(version)s")
def client() -> None:
    """Gather the commands."""


@client.command(hidden=True)
@click.argument("host", metavar="[HOST[:PORT]]", required=False)
@click.option("--server", metavar="HOST[:PORT]", help="The same as HOST.")
@sign_in_options(server=False)
@click.option("--plain", is_flag=True, help="Line mode, also where a full-screen client would start.")
def talk(host: str | None, server: str | None, plain: bool, **sign_in: Any) -> None:
    """Talk, line by line: what is typed is said in the current channel; /help lists the commands."""
    if host and server and host != server:
        raise click.UsageError(f"two servers: {host} and {server}; for a message: send TARGET TEXT")

    async def run(access: Access) -> int:
        from securechat.plain.line import talk

        return await talk(access)

    run_signed_in(run, host or server, **sign_in)


@client.command(help=SEND_HELP, short_help="Send messages and wait until they are stored.")
@click.argument("target")
@click.argument("text", required=False)
@sign_in_options(server=True)
@click.option(
    "--id", "message_id", metavar="UUID", help="Repeat an earlier attempt: what it stored is not stored again."
)
def send(target: str, text: str | None, message_id: str | None, server: str | None, **sign_in: Any) -> None:
    """Send one message or many."""

    async def run(access: Access) -> int:
        from securechat.plain.oneshot import send

        return await send(access, target, text, message_id)

    run_signed_in(run, server, **sign_in)


@client.command(help=TAIL_HELP, short_help="Print messages as they come.")
@click.argument("target")
@sign_in_options(server=True)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line: msgid, time, target, sender, text, command."
)
@click.option("--since", metavar="MSGID|TIME", help="Begin with what came after this message or time.")
def tail(target: str, as_json: bool, since: str | None, server: str | None, **sign_in: Any) -> None:
    """Follow a conversation."""

    async def run(access: Access) -> int:
        from securechat.plain.oneshot import tail

        return await tail(access, target, since, as_json=as_json)

    run_signed_in(run, server, **sign_in)


@client.command(help=HISTORY_HELP, short_help="Print the last messages.")
@click.argument("target")
@sign_in_options(server=True)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many messages.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line: msgid, time, target, sender, text, command."
)
def history(target: str, limit: int, as_json: bool, server: str | None, **sign_in: Any) -> None:
    """Look back."""

    async def run(access: Access) -> int:
        from securechat.plain.oneshot import history

        return await history(access, target, limit, as_json=as_json)

    run_signed_in(run, server, **sign_in)


def run_signed_in(
    run: Callable[[Access], Coroutine[Any, Any, int]],
    server: str | None,
    *,
    ca: Path | None,
    user: str | None,
    password_stdin: bool,
    token_file: Path | None,
) -> None:
    """Put the access together, run a coroutine with it, and exit with the code that its outcome deserves."""
    import asyncio

    from securechat.plain.access import build_access

    # A name that the terminal's encoding lacks is no reason to stop.
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        access = build_access(server, ca, user, from_stdin=password_stdin, token_file=token_file)
        code = asyncio.run(run(access))
    except ConfigError as error:
        code = complain(error, USAGE)
    except UnreachableError as error:
        code = complain(error, UNREACHABLE)
    except SecurechatError as error:
        code = complain(error, FAILED)
    except (KeyboardInterrupt, EOFError):
        code = INTERRUPTED
    sys.exit(code)


def complain(error: Exception, code: int) -> int:
    """Print an expected failure as one line and return its exit code."""
    from securechat.plain.visible import show

    click.echo(f"securechat-client: {show(str(error))}", err=True)
    return code


def main() -> None:
    """Run the command line."""
    client(prog_name="securechat-client")
