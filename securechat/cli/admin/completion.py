"""completion: what a shell needs so that Tab completes commands and options."""

from __future__ import annotations

import click

from securechat.cli.admin.command import PROGRAM, Command

SHELLS = ("bash", "zsh", "fish")
ASKING = "_SECURECHAT_ADMIN_COMPLETE"
"""The variable in the environment by which a shell's script asks for completions."""


@click.command(
    cls=Command,
    examples=[
        ('eval "$(securechat-admin completion bash)"', "in ~/.bashrc"),
        ('eval "$(securechat-admin completion zsh)"', "in ~/.zshrc, after compinit"),
        ("securechat-admin completion fish | source", "in ~/.config/fish/config.fish"),
    ],
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script by which a shell completes commands and options."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(context.find_root().command, {}, PROGRAM, ASKING).source())
