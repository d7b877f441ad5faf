"""What securechat-admin says of itself: every command, its examples, and that no secret is ever an argument."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import pytest

from securechat.cli.admin import cli
from securechat.cli.admin.command import PROGRAM, Command
from tests.cli.tree import invocations, walk

COMMANDS = {
    "": "",
    "user": "",
    "user add": "NAME --role --password-stdin --generate --json",
    "user list": "--json",
    "user import": "FILE --tokens --invitations --role --json",
    "user passwd": "NAME --password-stdin --generate --json",
    "user disable": "NAME --json",
    "user enable": "NAME --json",
    "user rename": "OLD NEW --json",
    "user delete": "NAME --erase --yes --json",
    "user reset": "NAME --expires --qr --json",
    "user role": "NAME ROLE --json",
    "invite": "NAME --role --channel --expires --uses --irc --qr --json",
    "invites": "",
    "invites list": "--json",
    "invites revoke": "ID --json",
    "passwd": "NAME --password-stdin --generate --json",
    "disable": "NAME --json",
    "enable": "NAME --json",
    "token": "",
    "token add": "NAME --label --json",
    "token list": "NAME --json",
    "token revoke": "ID --json",
    "channel": "",
    "channel list": "--json",
    "channel show": "CHANNEL --json",
    "channel create": "CHANNEL --owner --json",
    "channel drop": "CHANNEL --yes --json",
    "channel role": "CHANNEL NAME ROLE --json",
    "channel retention": "CHANNEL DAYS|DEFAULT|FOREVER --yes --json",
    "backup": "FILE --replace --json",
    "restore": "FILE --data --check --json",
    "export": "CHANNEL FILE",
    "cert": "",
    "cert init": "--name --constrain --out --json",
    "cert renew": "--force --out --json",
    "cert issue": "",
    "cert issue server": "--name --to --out --json",
    "cert issue client": "NAME --device --to --out --json",
    "cert list": "--json",
    "cert revoke": "SERIAL|FILE --json",
    "cert crl": "--days --out",
    "cert show": "--out --json",
    "config": "",
    "config check": "FILE --json",
    "config reload": "--json",
    "config example": "",
    "audit": "--since --limit --json",
    "audit verify": "--head --json",
    "doctor": "--json",
    "install-service": "--show --user --name --low-port",
    "completion": "SHELL",
}
"""Every command and what it takes, as people and scripts rely on it."""
TAKES_WORDS = {
    "NAME",
    "FILE",
    "OLD",
    "NEW",
    "ID",
    "CHANNEL",
    "ROLE",
    "SHELL",
    "SERIAL|FILE",
    "DAYS|DEFAULT|FOREVER",
} | {
    "--device",
    "--days",
    "--data",
    "--user",
    "--role",
    "--label",
    "--owner",
    "--name",
    "--out",
    "--to",
    "--channel",
    "--expires",
    "--uses",
    "--since",
    "--limit",
    "--head",
}
"""What may be followed or replaced by a word of the caller's: none of it is a secret."""
TREE = list(walk())


def spell(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return (parameter.metavar or parameter.name or "").upper()
    return parameter.opts[-1]


def find_secret_parameters(commands: Iterable[tuple[str, click.Command]]) -> list[str]:
    """Return what takes a word from the command line that is not known to be harmless."""
    return [
        f"{path} {spell(parameter)}".strip()
        for path, command in commands
        for parameter in command.params
        if not (isinstance(parameter, click.Option) and parameter.is_flag) and spell(parameter) not in TAKES_WORDS
    ]


def test_the_commands_and_what_they_take_are_those_promised() -> None:
    found = {path: " ".join(spell(parameter) for parameter in command.params) for path, command in walk()}
    found[""] = found[""].replace("--data --version", "")
    assert found == COMMANDS


def test_no_secret_is_ever_an_argument() -> None:
    assert find_secret_parameters(walk()) == []


def test_control_a_secret_in_the_command_line_is_found() -> None:
    @click.command("add")
    @click.option("--password")
    @click.option("--password-stdin", is_flag=True)
    @click.argument("token")
    def add() -> None: ...

    assert find_secret_parameters([("add", add)]) == ["add --password", "add TOKEN"]


@pytest.mark.parametrize(("path", "command"), TREE, ids=[path or PROGRAM for path, _ in TREE])
@pytest.mark.parametrize("columns", [60, 80])
def test_help_shows_examples_before_options_and_fits(
    path: str, command: Command, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    context = click.Context(command, info_name=f"{PROGRAM} {path}".strip(), parent=None)
    shown = command.get_help(context)
    assert command.examples
    assert shown.index("Examples:") < shown.index("Options:")
    if "Commands:" in shown:
        assert shown.index("Examples:") < shown.index("Commands:")
    for line, _ in command.examples:
        assert line in shown, "an example stands in one piece, to be copied"
    lines = [line for line in shown.splitlines() if PROGRAM not in line]
    assert [line for line in lines if len(line) > columns] == []


def record_leaves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have every command only note that it was reached, once its arguments were understood."""
    reached: list[str] = []

    def note(path: str) -> None:
        # A group that does something by itself is called before its commands too.
        if click.get_current_context().invoked_subcommand is None:
            reached.append(path)

    for path, command in walk():
        if not isinstance(command, click.Group) or command.invoke_without_command:
            monkeypatch.setattr(command, "callback", lambda path=path, **_options: note(path))
    return reached


def run_example(line: str) -> None:
    for arguments in invocations(line):
        cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)


@pytest.mark.parametrize(("path", "command"), TREE, ids=[path or PROGRAM for path, _ in TREE])
def test_every_example_is_understood_and_of_its_command(
    path: str, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "class.csv").write_text("")
    for line, _ in command.examples:
        reached = record_leaves(monkeypatch)
        run_example(line)
        assert len(reached) == 1, line
        assert path in reached[0], line


@pytest.mark.parametrize(
    "line",
    [
        "securechat-admin user add alice --pasword-stdin",
        "cat x | securechat-admin user adds alice",
        "securechat-admin channel role general alice king > file",
        'eval "$(securechat-admin completion csh)"',
    ],
)
def test_control_an_example_that_is_not_understood_is_found(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record_leaves(monkeypatch)
    with pytest.raises(click.UsageError):
        run_example(line)


def test_groups_without_a_command_show_their_help(capsys: pytest.CaptureFixture[str]) -> None:
    for path, command in walk():
        if isinstance(command, click.Group) and not command.invoke_without_command:
            with pytest.raises(click.UsageError) as shown:
                cli.main(path.split(), prog_name=PROGRAM, standalone_mode=False)
            assert "Commands:" in show_error(shown.value, capsys)


def show_error(error: Any, capsys: pytest.CaptureFixture[str]) -> str:
    error.show()
    return str(capsys.readouterr().err)
