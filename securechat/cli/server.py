"""securechat-server: the command line of the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from securechat import __version__
from securechat.cli.exits import one_line_errors
from securechat.config import CONFIG, DEFAULT_PORT, Config, default_data_directory, load_config
from securechat.errors import ConfigError

if TYPE_CHECKING:
    from securechat.cli.first_start import GivenCertificate, OwnCertificates
    from securechat.server.app import Endpoint
    from securechat.server.certificates import Pair, Shown
    from securechat.server.requests import Perform
    from securechat.server.tls import Demand

PROGRAM = "securechat-server"
# A line with a lone backspace tells click to leave the lines after it as they are.
HELP = """Run a securechat server.

\b
securechat-server                                    everything in the default data directory
securechat-server --data /srv/chat --name chat.example.org
securechat-server --cert fullchain.pem --key privkey.pem --listen 0.0.0.0:6697

The first start on an empty data directory makes a CA, a certificate, the database and config.toml.
"""


@click.command(name=PROGRAM, help=HELP)
@click.option("--data", type=click.Path(path_type=Path), help="Data directory.  [env: SECURECHAT_DATA]")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    envvar="SECURECHAT_CONFIG",
    help="Config file; else DATA/config.toml.  [env: SECURECHAT_CONFIG]",
)
@click.option("--listen", multiple=True, metavar="HOST:PORT", help="Where to listen; may be given several times.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="Name or address people connect to.")
@click.option("--cert", type=click.Path(path_type=Path), help="Certificate from elsewhere (PEM); needs --key.")
@click.option("--key", type=click.Path(path_type=Path), help="Private key of that certificate.")
@click.option("--storage", default="sqlite", metavar="URL", help="sqlite, in the data directory.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.version_option(__version__, prog_name=PROGRAM)
def main(
    data: Path | None,
    config_path: Path | None,
    listen: Sequence[str],
    names: Sequence[str],
    cert: Path | None,
    key: Path | None,
    storage: str,
    log_format: str,
    log_level: str,
) -> None:
    """Run the command line."""
    with one_line_errors(PROGRAM):
        if storage != "sqlite":
            raise ConfigError("--storage: only sqlite is built in so far; leave the option out")
        data = data or default_data_directory()
        read = partial(_read, data, config_path, listen, names, cert, key)
        config, endpoints, names, pair = read()
        _run(data, config, lambda: read()[0], endpoints, not listen, names, pair, log_format, log_level)


def _read(
    data: Path,
    config_path: Path | None,
    listen: Sequence[str],
    names: Sequence[str],
    cert: Path | None,
    key: Path | None,
) -> tuple[Config, list[Endpoint], Sequence[str], Pair | None]:
    """Read the settings, and what they and the flags make where a server could not start with them otherwise.

    Raises: ConfigError.
    """
    from securechat.pki.names import parse_names

    config = _load_config(data, config_path)
    names = tuple(names) or tuple(config.names)
    if names:
        parse_names(names)
    return config, [parse_endpoint(text) for text in listen or config.listen], names, _given_pair(cert, key, config)


def _run(
    data: Path,
    config: Config,
    read_config: Callable[[], Config],
    endpoints: list[Endpoint],
    spare_ipv6: bool,
    names: Sequence[str],
    pair: tuple[Path, Path] | None,
    log_format: str,
    log_level: str,
) -> None:
    import asyncio
    import sys

    from securechat.cli.greeting import look_before_the_first_start, start_line, welcome_first_admin
    from securechat.cli.links import reachable_names
    from securechat.cli.logs import begin_logs, print_beside
    from securechat.cli.privacy import keep_private
    from securechat.cli.serving import examiner
    from securechat.pki.authority import CA_CERTIFICATE, SERVER_CERTIFICATE
    from securechat.server.app import DATABASE, Setup, serve

    keep_private()
    begin_logs(log_format, log_level, config.logs.addresses)
    examine = examiner(names, endpoints, is_own=pair is None)
    certificates = _choose_certificates(data, names, pair, examine)
    if not (data / DATABASE).exists():
        look_before_the_first_start(data, config, endpoints, certificates.names())

    async def tell(listening: Sequence[Endpoint], perform: Perform) -> None:
        certificate = pair[0] if pair else data / SERVER_CERTIFICATE
        lines = certificates.first_words() or [start_line(data, certificate)]
        for line in [*lines, *await welcome_first_admin(data, perform)]:
            print_beside(line)
        for endpoint in listening:
            print_beside(f"listening on {endpoint}")

    setup = Setup(
        data,
        config,
        endpoints,
        _server_name(names),
        prepare=certificates.prepare,
        names=certificates.names(),
        link_names=names or reachable_names(certificates.names(), [endpoint.host for endpoint in endpoints]),
        read_config=read_config,
        ca=certificates.ca(),
        own_ca=data / CA_CERTIFICATE if pair is None else None,
        examine=examine,
        renew=certificates.renew,
        spare_ipv6=spare_ipv6,
        ready=tell,
    )
    sys.exit(asyncio.run(serve(setup)))


def _choose_certificates(
    data: Path, names: Sequence[str], pair: Pair | None, examine: Callable[[Pair], Shown]
) -> GivenCertificate | OwnCertificates:
    from securechat.cli.first_start import GivenCertificate, OwnCertificates
    from securechat.server.tls import build_context

    if pair is None:
        return OwnCertificates(data, names)
    # A pair that cannot serve is found before anything is made.
    build_context(*pair)
    examine(pair)
    return GivenCertificate(data, pair, names)


def parse_endpoint(text: str) -> Endpoint:
    """Read HOST:PORT, an IPv6 host in brackets; without a port the default one.

    Raises: ConfigError.
    """
    from securechat.server.app import Endpoint

    where, *options = text.split(",")
    demand = _read_demand(text, options)
    host, colon, port = where.rpartition(":")
    if not colon or where.endswith("]"):
        host, port = where, str(DEFAULT_PORT)
    if not (port.isascii() and port.isdigit() and int(port) <= 65535) or not host:
        raise ConfigError(f"--listen {text}: write HOST:PORT, for example 0.0.0.0:6697 or [::]:6697")
    if ":" in host and not host.startswith("["):
        raise ConfigError(f"--listen {text}: put an IPv6 address in brackets, for example [::1]:6697")
    return Endpoint(host.strip("[]"), int(port), demand)


def _read_demand(text: str, options: Sequence[str]) -> Demand:
    match list(options):
        case []:
            return ""
        case ["client-cert=optional"]:
            return "optional"
        case ["client-cert=required"]:
            return "required"
    known = "client-cert=optional or client-cert=required"
    raise ConfigError(f"--listen {text}: unknown option {','.join(options)!r}; behind HOST:PORT, only {known} is known")


def _load_config(data: Path, path: Path | None) -> Config:
    if path is None:
        path = data / CONFIG
        try:
            path.stat()
        except FileNotFoundError:
            return Config()
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    return load_config(path)


def _given_pair(cert: Path | None, key: Path | None, config: Config) -> tuple[Path, Path] | None:
    cert = cert or (Path(config.cert) if config.cert else None)
    key = key or (Path(config.key) if config.key else None)
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise ConfigError("--cert and --key belong together; give both or neither")
    return cert, key


def _server_name(names: Sequence[str]) -> str:
    """Return what the server calls itself: the first host name with a dot, as clients expect of servers."""
    from securechat.wire.names import is_hostname

    return next((name for name in names if is_hostname(name) and len(name) <= 63), "securechat.internal")
