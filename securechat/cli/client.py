"""The command `securechat-client`: reads options, calls `plain`, turns outcomes into exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

import securechat
from securechat.cli.exits import INTERRUPTED, exit_code
from securechat.errors import NoEntryError, SecurechatError

if TYPE_CHECKING:
    from securechat.plain.access import Access


# A line with a lone backspace tells click to leave the lines after it as they are.
TALK_HELP: Final = """Talk on a securechat server. What is missing is asked for and remembered.

\b
securechat-client
securechat-client chat.example:6697 --ca ca.pem --user alice
securechat-client chat.example --show-handshake
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


EXPORT_HELP: Final = """Print all messages of a #channel, or with a person, as JSON lines, oldest first, and end.

\b
securechat-client export '#general' --server chat.example --user robot --token-file token > general.jsonl
securechat-client export '#general' --since MSGID --server chat.example --user robot --token-file token >> general.jsonl
securechat-client export --mine > mine.jsonl
"""


JOIN_HELP: Final = """Get an account by an invitation, which is asked for: arguments can be read by others on this computer.

\b
securechat-client join
securechat-client join --user alice < invitation
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
        formatter.write_usage(ctx.command_path, "join [LINK] [OPTIONS]", prefix=" " * 7)
        formatter.write_usage(ctx.command_path, "send|tail|history|export TARGET … [OPTIONS]", prefix=" " * 7)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the unnamed form, then the commands."""
        self.commands["talk"].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


Body = Callable[..., None]


def sign_in_options(server: bool) -> Callable[[Body], Body]:
    """Return a decorator that adds the options every form takes."""
    options = [
        click.option(
            "--ca",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The CA to trust; else the profile's, else the system's.",
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
@click.option("--show-handshake", is_flag=True, help="Print what TLS agrees on and who vouches for whom, and end.")
def talk(host: str | None, server: str | None, plain: bool, show_handshake: bool, **sign_in: Any) -> None:
    """Talk, line by line: what is typed is said in the current channel; /help lists the commands."""
    if host and server and host != server:
        raise click.UsageError(f"two servers: {host} and {server}; for a message: send TARGET TEXT")

    if show_handshake:
        from securechat.plain.shown_handshake import print_handshake

        run_to_exit(lambda: print_handshake(host or server, sign_in["ca"]))
    run_signed_in(talk_by_line, host or server, lasting=True, **sign_in)


async def talk_by_line(access: Access) -> int:
    """Run the line mode."""
    from securechat.plain.line import talk

    return await talk(access)


@client.command(help=JOIN_HELP, short_help="Get an account by an invitation, and talk.")
@click.argument("link", required=False)
@click.option(
    "--ca", type=click.Path(path_type=Path), metavar="FILE", help="The CA to trust; else the one of the invitation."
)
@click.option("--user", metavar="NAME", help="What to be known by.")
def join(link: str | None, ca: Path | None, user: str | None) -> None:
    """Redeem an invitation; at a terminal, go on talking."""

    def work() -> int:
        from securechat.plain.asking import is_somebody_there
        from securechat.plain.joining import join

        access = join(link, user, ca)
        return run_again(talk_by_line, access.with_home(), lasting=True) if is_somebody_there() else 0

    run_to_exit(work)


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


@client.command(help=EXPORT_HELP, short_help="Print whole conversations.")
@click.argument("targets", metavar="TARGET...", nargs=-1)
@sign_in_options(server=True)
@click.option("--all", "every", is_flag=True, help="Every channel and person that you may read.")
@click.option("--mine", is_flag=True, help="Your account's data and all you ever wrote, instead.")
@click.option("--since", metavar="MSGID|TIME", help="Only what came after this message (of one TARGET) or time.")
def export(
    targets: tuple[str, ...], every: bool, mine: bool, since: str | None, server: str | None, **sign_in: Any
) -> None:
    """Keep what was said."""
    if not (every or mine or targets):
        raise click.UsageError("give a TARGET, or --all, or --mine")
    if every + mine + bool(targets) > 1:
        raise click.UsageError("give either a TARGET or --all or --mine, not both")
    if mine and since is not None:
        raise click.UsageError("--mine is always all of it: leave out --since")

    async def run(access: Access) -> int:
        from securechat.plain.export import export, export_mine

        return await (export_mine(access) if mine else export(access, targets, since))

    run_signed_in(run, server, **sign_in)


def run_signed_in(
    run: Callable[[Access], Coroutine[Any, Any, int]],
    server: str | None,
    *,
    ca: Path | None,
    user: str | None,
    password_stdin: bool,
    token_file: Path | None,
    lasting: bool = False,
) -> None:
    """Put the access together, run a coroutine with it, and exit with the code that its outcome deserves.

    lasting: the coroutine can be run again with another access, and wants a home to keep things in.
    """
    from securechat.plain.access import build_access

    def work() -> int:
        access = build_access(server, ca, user, from_stdin=password_stdin, token_file=token_file)
        return run_again(run, access.with_home() if lasting else access, lasting=lasting)

    run_to_exit(work)


def run_again(run: Callable[[Access], Coroutine[Any, Any, int]], access: Access, *, lasting: bool) -> int:
    """Run a coroutine with an access; if that lasts, again by password when the token is not accepted any more."""
    import asyncio

    from securechat.plain.access import forget_rejected_token, sign_in_by_password

    while True:
        try:
            return asyncio.run(run(access))
        except NoEntryError as error:
            if not forget_rejected_token(access, error) or not lasting:
                raise
        access = sign_in_by_password(access)


def run_to_exit(work: Callable[[], int]) -> None:
    """Do something and exit: with the code it returns, or with that of what went wrong, said in plain lines."""
    import logging

    # A lost link is told in our words; asyncio would warn once more for each line that was on its way.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    # A name that the terminal's encoding lacks is no reason to stop.
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = work()
    except SecurechatError as error:
        code = complain(error)
    except (KeyboardInterrupt, EOFError):
        code = INTERRUPTED
    sys.exit(code)


def complain(error: SecurechatError) -> int:
    """Print an expected failure, one line for its cause and one for the remedy where there is one; return its code."""
    from securechat.plain.printed import warn
    from securechat.plain.visible import show

    warn(f"securechat-client: {show(str(error))}")
    if isinstance(error, NoEntryError) and error.remedy:
        warn(f"securechat-client: what to do: {show(error.remedy)}")
    return exit_code(error)


def main() -> None:
    """Run the command line."""
    client(prog_name="securechat-client")
