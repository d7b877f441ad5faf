"""Commands and groups whose help shows examples before the options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PROGRAM = "securechat-admin"
_WHOLE = 1000
"""Characters: more than a sentence has."""

Example: TypeAlias = tuple[str, str]
"""What to type after the program's name, or a whole line with that name in it; and what it does, if that needs words."""


class Directory(click.Path):
    """A directory, there or still to be made; a shell completes it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)
        self.name = "dir"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leave it to the shell, which is to look for directories."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="dir")]


DIRECTORY = Directory()


class Command(click.Command):
    """A command with examples.

    examples: at least one; each is a line to be copied, `securechat-admin` in front.
    """

    def __init__(self, *arguments: Any, examples: Sequence[Example], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples = tuple((line if PROGRAM in line else f"{PROGRAM} {line}", remark) for line, remark in examples)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what it does, then the examples, before all options."""
        super().format_help_text(ctx, formatter)
        write_examples(formatter, self.examples)


class Group(Command, click.Group):
    """A group of commands, with examples of them."""

    command_class = Command
    group_class = type

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with the whole first sentence on it; click would cut it to one line."""
        shown = [command for command in self.commands.values() if not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl([(command.name or "", command.get_short_help_str(_WHOLE)) for command in shown])


def write_examples(formatter: click.HelpFormatter, examples: Sequence[Example]) -> None:
    """Write lines to be copied, as they are; remarks stand beside them, or above where that would be too wide."""
    formatter.write_paragraph()
    formatter.write_heading("Examples")
    widest = max(len(line) for line, _ in examples)
    is_narrow = any(widest + len(remark) + 6 > formatter.width for _, remark in examples)
    for line, remark in examples:
        if not remark:
            formatter.write(f"  {line}\n")
        elif is_narrow:
            formatter.write(f"  # {remark}\n  {line}\n")
        else:
            formatter.write(f"  {line.ljust(widest)}  # {remark}\n")
