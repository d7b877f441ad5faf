"""backup and restore: everything a server needs, as one file."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from securechat.cli.admin.command import DIRECTORY, Command
from securechat.cli.admin.printing import json_option, print_json

if TYPE_CHECKING:
    from securechat.storage.archive import Manifest

_STEPS = 1000
"""Of the progress bar, which is not drawn for every piece of a large file."""
_file = click.argument("file", type=click.Path(path_type=Path))


@click.command(
    "backup",
    cls=Command,
    examples=[
        ("backup chat.tar", "while the chat is busy, or when no server runs"),
        ("backup --replace /backups/chat.tar", "the same name every night"),
    ],
)
@_file
@click.option("--replace", is_flag=True, help="Replace FILE if it is there, once the new one is whole.")
@json_option
@click.pass_obj
def backup(data: Path, file: Path, replace: bool, as_json: bool) -> None:
    """Back up database, CA, keys, certificates and settings into FILE, which only you can read."""
    from securechat.cli.errands import tell_server
    from securechat.cli.saving import back_up, files_elsewhere
    from securechat.server.requests import BackupTaken

    manifest = back_up(data, file, replace=replace, meter=_show_progress)
    tell_server(data, BackupTaken(str(file.absolute()).encode("utf-8", "backslashreplace").decode()))
    _tell(manifest, file, as_json, f"{file}: {_count(manifest)}; keep it as you keep the keys that are in it")
    for name in files_elsewhere(data, manifest):
        click.echo(f"not in it, though the settings name it: {name}", err=True)


@click.command(
    "restore",
    cls=Command,
    examples=[
        ("restore chat.tar --data /srv/chat", "into a new or empty directory"),
        ("restore chat.tar --check", "is it whole? changes nothing"),
    ],
)
@_file
@click.option("--data", "into", type=DIRECTORY, help="Directory to make of it, new or empty; else the data directory.")
@click.option("--check", is_flag=True, help="Only see whether it could be restored.")
@json_option
@click.pass_obj
def restore(data: Path, file: Path, into: Path | None, check: bool, as_json: bool) -> None:
    """Make a data directory of a backup, after everything in it was checked; nothing is ever overwritten."""
    from securechat.cli import saving
    from securechat.plain.programs import find_command

    if check:
        manifest = saving.check_backup(file, meter=_show_progress)
        _tell(manifest, file, as_json, f"{file}: whole; made {manifest.created}, {_count(manifest)}")
        return
    target = into or data
    manifest = saving.restore(target, file, meter=_show_progress)
    _tell(manifest, file, as_json, f"{target}: restored as of {manifest.created}, {_count(manifest)}")
    click.echo(
        "Passwords, devices and bans are those of that time: what was taken from somebody since, take again.", err=True
    )
    click.echo(f"Next: {find_command('securechat-server')} --data {_word(target)}", err=True)


def _word(path: Path) -> str:
    import shlex

    return shlex.quote(str(path.absolute()))


def _count(manifest: Manifest) -> str:
    conversations = sum(name[:2] in ("c/", "d/") for name in manifest.streams)
    size = sum(member.size for member in manifest.members)
    return f"{conversations} conversations, {len(manifest.members)} files, {size} bytes"


def _tell(manifest: Manifest, file: Path, as_json: bool, sentence: str) -> None:
    if as_json:
        members = [{"name": each.name, "size": each.size, "sha256": each.sha256} for each in manifest.members]
        print_json({"file": str(file), "created": manifest.created, "schema": manifest.schema, "members": members})
    else:
        click.echo(sentence, err=True)


@contextlib.contextmanager
def _show_progress(total: int) -> Iterator[Callable[[int], None]]:
    """Draw a bar on a terminal's stderr, and nothing elsewhere."""
    if not sys.stderr.isatty() or not total:
        yield lambda _bytes: None
        return
    with click.progressbar(length=total, file=sys.stderr, update_min_steps=max(1, total // _STEPS)) as bar:
        yield bar.update
        # What the last step left undrawn.
        bar.update_min_steps = 1
        bar.update(total - bar.pos)
