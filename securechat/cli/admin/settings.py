"""config: the file with the server's settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from securechat.cli.admin.command import Group
from securechat.cli.admin.printing import json_option, print_json, print_line

if TYPE_CHECKING:
    from securechat.config import Config


@click.group(
    cls=Group, examples=[("config check", "the data directory's"), ("config example > new.toml", "all settings")]
)
def config() -> None:
    """Check the server's settings, or show what can be set."""


@config.command("check", examples=[("config check", "before a restart"), ("config check new.toml", "another file")])
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def config_check(data: Path, file: Path | None, as_json: bool) -> None:
    """Say whether a server could start with the settings in FILE, else in the data directory's config.toml."""
    from securechat.config import CONFIG, Config, load_config
    from securechat.errors import ConfigError
    from securechat.pki.pem import is_present

    path = file or data / CONFIG
    is_there = file is not None or is_present(path)
    if not is_there and not data.is_dir():
        raise ConfigError(f"{data}: is no directory; name the server's data directory with --data")
    check_settings(load_config(path) if is_there else Config(), str(path))
    if as_json:
        print_json({"file": str(path), "exists": is_there})
    else:
        click.echo(f"{path}: {'good' if is_there else 'is not there, so every default holds'}", err=True)


def check_settings(config: Config, origin: str) -> None:
    """Refuse settings that a server could not start with, as it would; `origin` names their file.

    Raises: ConfigError.
    """
    from securechat.cli.server import parse_endpoint
    from securechat.errors import ConfigError
    from securechat.pki.names import parse_names
    from securechat.server.app import check_names
    from securechat.server.tls import build_context

    try:
        check_names(config)
        for text in config.listen:
            parse_endpoint(text)
        if config.names:
            parse_names(config.names)
        if bool(config.cert) != bool(config.key):
            raise ConfigError("cert and key belong together; give both or neither")
        if config.cert:
            build_context(Path(config.cert), Path(config.key))
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None


@config.command("example", examples=[("config example", ""), ("config example > new.toml", "to begin from")])
def config_example() -> None:
    """Print a config file in which every setting stands with its default and what it means."""
    from securechat.config import example_config

    print_line(example_config().removesuffix("\n"))
