"""export: a channel as JSON lines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from securechat.cli.admin.asking import ask
from securechat.cli.admin.channels import complete_name
from securechat.cli.admin.command import Command
from securechat.cli.admin.printing import print_line


@click.command(
    "export",
    cls=Command,
    examples=[
        ("export general", "prints it"),
        ("export general general.jsonl", "into a new file that only you can read"),
    ],
)
@click.argument("name", metavar="CHANNEL", callback=complete_name)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def export(data: Path, name: str, file: Path | None) -> None:
    """Export what was said in a channel, one JSON object a line; the audit trail tells of it.

    Direct conversations are their people's: they export them with `/export` of the client.
    """
    import json

    from securechat.errors import ConfigError
    from securechat.storage.archive import written_whole

    if file is not None and file.exists():
        raise ConfigError(f"{file}: exists; name another file")
    with _rows(data, name) as rows:
        if file is None:
            for row in rows:
                print_line(json.dumps(row))
            return
        count = 0
        with written_whole(file) as stream:
            for row in rows:
                stream.write(json.dumps(row).encode() + b"\n")
                count += 1
    click.echo(f"{file}: {count} lines", err=True)


@contextlib.contextmanager
def _rows(data: Path, name: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Open a channel's rows, once it is on record that somebody looks at them."""
    import apsw

    from securechat.errors import ConfigError
    from securechat.server.app import DATABASE
    from securechat.server.requests import ChannelExport
    from securechat.storage.sqlite.conversation import conversation_rows
    from securechat.storage.sqlite.database import open_reader

    channel = ask(data, ChannelExport(name))
    try:
        with contextlib.closing(open_reader(data / DATABASE)) as reader:
            yield conversation_rows(reader, channel["stream"], channel["name"])
    except apsw.Error as error:
        raise ConfigError(f"{data / DATABASE}: cannot be read ({error}); run this as the server's user") from None
