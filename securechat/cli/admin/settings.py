"""config: the file with the server's settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from securechat.cli.admin.command import Group
from securechat.cli.admin.printing import json_option, print_json, print_line

if TYPE_CHECKING:
    from securechat.config import Config
    from securechat.server.app import Endpoint


@click.group(
    cls=Group,
    examples=[
        ("config check", "the data directory's"),
        ("config reload", "after a change"),
        ("config example > new.toml", "all settings"),
    ],
)
def config() -> None:
    """Check the server's settings, or show what can be set."""


@config.command("check", examples=[("config check", "before a restart"), ("config check new.toml", "another file")])
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def config_check(data: Path, file: Path | None, as_json: bool) -> None:
    """Say whether a server could start with the settings in FILE, else in the data directory's config.toml."""
    from securechat.config import CONFIG, read_table
    from securechat.errors import ConfigError
    from securechat.pki.pem import is_present

    path = file or data / CONFIG
    is_there = file is not None or is_present(path)
    if not is_there and not data.is_dir():
        raise ConfigError(f"{data}: is no directory; name the server's data directory with --data")
    faults = find_faults(read_table(path) if is_there else {})
    if as_json:
        print_json({"file": str(path), "exists": is_there, "faults": faults})
    elif not faults:
        click.echo(f"{path}: {'good' if is_there else 'is not there, so every default holds'}", err=True)
    *others, last = faults or [""]
    if last:
        for fault in others:
            click.echo(f"securechat-admin: {path}: {fault}", err=True)
        raise ConfigError(f"{path}: {last}")


def find_faults(table: dict[str, Any]) -> list[str]:
    """Return why a server could not start with these settings, as TOML gives them; a line for each."""
    import msgspec

    from securechat import config as settings
    from securechat.server.sanity import find_unfit

    faults = settings.find_faults(table)
    if faults:
        return faults
    config = msgspec.convert(table, settings.Config)
    return list(dict.fromkeys([*find_unfit(config), *_faults_at_start(config)]))


def _faults_at_start(config: Config) -> Iterator[str]:
    from securechat.cli.server import parse_endpoint
    from securechat.errors import ConfigError
    from securechat.pki.names import parse_names
    from securechat.pki.pem import load_certificate
    from securechat.server.tls import build_context

    checks: list[Callable[[], object]] = [partial(parse_endpoint, text) for text in config.listen]
    checks.append(lambda: _require_apart([parse_endpoint(text) for text in config.listen]))
    if config.names:
        checks.append(lambda: parse_names(config.names))
    if bool(config.cert) != bool(config.key):
        yield "cert and key belong together; give both or neither"
    elif config.cert:
        checks.append(lambda: build_context(Path(config.cert), Path(config.key)))
    if config.client_ca:
        checks.append(lambda: load_certificate(Path(config.client_ca)))
    elif config.cert and any(",client-cert=" in text for text in config.listen):
        yield "listen: client-cert needs a CA: name the file of its certificate by client_ca"
    for check in checks:
        try:
            check()
        except ConfigError as error:
            yield str(error)


def _require_apart(endpoints: Sequence[Endpoint]) -> None:
    """Refuse an address that is named twice, however it is spelled. Raises: ConfigError."""
    from securechat.errors import ConfigError

    taken = [str(endpoint) for endpoint in endpoints if endpoint.port]
    if len(set(taken)) < len(taken):
        raise ConfigError("listen: the same address stands there twice; remove one")


@config.command("reload", examples=[("config reload", "after a change of config.toml")])
@json_option
@click.pass_obj
def config_reload(data: Path, as_json: bool) -> None:
    """Have the running server read its settings anew, as SIGHUP does, and say what changed."""
    from securechat.cli.admin.asking import ask
    from securechat.server.requests import ConfigReload

    changes = ask(data, ConfigReload())
    if as_json:
        print_json(changes)
        return
    for change in changes:
        later = " (from the next start on)" if change["restart"] else ""
        click.echo(f"{change['key']}: {_shown(change['was'])} -> {_shown(change['now'])}{later}", err=True)
    if not changes:
        click.echo("nothing changed", err=True)


def _shown(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=True)


@config.command("example", examples=[("config example", ""), ("config example > new.toml", "to begin from")])
def config_example() -> None:
    """Print a config file in which every setting stands with its default and what it means."""
    from securechat.config import example_config

    print_line(example_config().removesuffix("\n"))
