"""Asking: the server for what is to be done, the person for a password or whether something is meant."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from securechat.errors import ConfigError, SecurechatError

if TYPE_CHECKING:
    from securechat.server.requests import Request

Body = TypeVar("Body", bound=Callable[..., Any])


class Unconfirmed(SecurechatError):
    """A person was asked whether something is meant, and did not say yes."""


def secret_options(body: Body) -> Body:
    """Add the ways a password is given: never in the command line, which everybody on a machine can read."""
    generate = click.option("--generate", is_flag=True, help="Make a password and print it.")
    from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")
    return from_stdin(generate(body))


def yes_option(body: Body) -> Body:
    """Add the option that answers `confirm` beforehand."""
    return click.option("--yes", is_flag=True, help="Do not ask; needed without a terminal.")(body)


def ask(data: Path, request: Request) -> Any:
    """Have a request carried out and return its result.

    Raises: SecurechatError.
    """
    from securechat.cli.errands import carry_out
    from securechat.cli.logs import configure_logs

    # Without a server the node runs in here: what it would log is no data, and the answer says what went wrong.
    configure_logs("text", "critical")
    return carry_out(data, request)


def choose_password(data: Path, name: str, password_stdin: bool, generate: bool) -> str:
    """Return the password to set for an account, "" to have one made.

    Raises: ConfigError, click.UsageError.
    """
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
    return _ask_password(data, name)


def _ask_password(data: Path, name: str) -> str:
    """Have a person type a password, and again while it is none that the server would take."""
    from securechat.auth.passwords import check_password
    from securechat.cli.errands import find_config, require_data_directory

    require_data_directory(data)
    config = find_config(data)
    minimum = config.limits.password_length
    question = f"Password, at least {minimum} characters"
    while True:
        secret = str(click.prompt(question, hide_input=True, confirmation_prompt=True, err=True))
        objection = check_password(secret, name=name, network=config.chat.network, minimum=minimum)
        if objection is None:
            return secret
        click.echo(f"{objection}; once more", err=True)


def confirm(what: str, yes: bool) -> None:
    """Have a person confirm what cannot be undone, unless that was done with --yes.

    Raises: Unconfirmed; click.UsageError where there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask whether that is meant; say so with --yes")
    click.echo(what, err=True)
    if not click.confirm("Go on?", err=True):
        raise Unconfirmed("nothing was changed")
