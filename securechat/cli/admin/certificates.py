"""cert: our own certificate authority and what it issues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from securechat.cli.admin.command import DIRECTORY, Group
from securechat.cli.admin.printing import Row, json_option, print_json, print_line, print_table

if TYPE_CHECKING:
    from securechat.pki.authority import CertificateFacts

_out = click.option("--out", type=DIRECTORY, help="Directory of the certificates; else the data directory.")
_to = click.option("--to", type=DIRECTORY, required=True, help="Directory for the files.")


@click.group(
    cls=Group,
    examples=[
        ("cert init --name chat.example.org", ""),
        ("cert show", "names, dates, days left, fingerprints"),
        ("cert issue client alice --to alice", ""),
    ],
)
def cert() -> None:
    """Make, renew and show certificates."""


@cert.command(
    "init",
    examples=[
        ("cert init", "for this machine's names"),
        ("cert init --name chat.example.org --name localhost", ""),
        ("cert init --out certs --name 192.0.2.7", ""),
    ],
)
@click.option("--name", "names", multiple=True, metavar="HOST", help="Name or address people connect to.")
@click.option("--constrain", is_flag=True, help="Bind the CA itself to these names: a new name needs a new CA file.")
@_out
@json_option
@click.pass_obj
def cert_init(data: Path, names: Sequence[str], constrain: bool, out: Path | None, as_json: bool) -> None:
    """Make a CA, unless there is one, and a server certificate for the names (default: this machine's)."""
    from datetime import UTC, datetime

    from securechat.cli.first_start import default_names
    from securechat.pki import authority

    directory = out or data
    names = names or default_names()
    made = authority.init(directory, names, now=datetime.now(UTC), constrain=names if constrain else None)
    _print_files(made, as_json)
    if not made and not as_json:
        click.echo(f"{directory}: everything is there and current", err=True)


@cert.command(
    "renew", examples=[("cert renew", "if two thirds of its time are over"), ("cert renew --force", "at once")]
)
@click.option("--force", is_flag=True, help="Renew even if it is not due.")
@_out
@json_option
@click.pass_obj
def cert_renew(data: Path, force: bool, out: Path | None, as_json: bool) -> None:
    """Renew the server certificate under the same CA; a running server takes it on SIGHUP."""
    from datetime import UTC, datetime

    from securechat.pki import authority

    renewed = authority.renew(out or data, datetime.now(UTC), force=force)
    if as_json:
        print_json({"renewed": renewed})
    else:
        click.echo(
            "renewed; send SIGHUP to a running server" if renewed else "not due yet; --force renews it", err=True
        )


@cert.group(
    "issue",
    examples=[
        ("cert issue server --name other.example.org --to other", ""),
        ("cert issue client alice --to alice", ""),
    ],
)
def cert_issue() -> None:
    """Issue a certificate, signed by the same CA, for another server or for a person."""


@cert_issue.command("server", examples=[("cert issue server --name other.example.org --to other", "")])
@click.option("--name", "names", multiple=True, required=True, metavar="HOST", help="Name or address.")
@_to
@_out
@json_option
@click.pass_obj
def cert_issue_server(data: Path, names: Sequence[str], to: Path, out: Path | None, as_json: bool) -> None:
    """Issue a certificate for another server: server.pem and server.key, for 90 days."""
    from datetime import UTC, datetime

    from securechat.pki import authority

    _print_files(authority.issue(out or data, names, out=to, now=datetime.now(UTC)), as_json)


@cert_issue.command("client", examples=[("cert issue client alice --to alice", "makes alice/alice.pem and .key")])
@click.argument("name")
@_to
@_out
@json_option
@click.pass_obj
def cert_issue_client(data: Path, name: str, to: Path, out: Path | None, as_json: bool) -> None:
    """Issue a certificate that says who somebody is: NAME.pem and NAME.key, for 90 days, NAME an account's."""
    from datetime import UTC, datetime

    from securechat.pki import authority

    _print_files(authority.enrol(out or data, name, out=to, now=datetime.now(UTC)), as_json)


@cert.command("show", examples=[("cert show", ""), ("cert show --out certs --json", "")])
@_out
@json_option
@click.pass_obj
def cert_show(data: Path, out: Path | None, as_json: bool) -> None:
    """Show every certificate that is there: what it is for, its dates, the days left, its fingerprint."""
    rows = _list_certificates(out or data)
    if as_json:
        print_json(rows)
    else:
        print_table(rows)


def _list_certificates(directory: Path) -> list[Row]:
    """Return what there is to know of the certificates in a directory: the CA, the server's, then all others.

    Raises: ConfigError when there is none.
    """
    from datetime import UTC, datetime

    from securechat.errors import ConfigError
    from securechat.pki import authority
    from securechat.pki.pem import is_present

    now = datetime.now(UTC)
    ours = [directory / name for name in (authority.CA_CERTIFICATE, authority.SERVER_CERTIFICATE)]
    there = [path for path in ours if is_present(path)]
    rows = [_describe(authority.facts(path, now=now), path) for path in there or ours[:1]]
    for path in sorted(set(directory.glob("*.pem")) - set(ours)):
        try:
            rows.append(_describe(authority.facts(path, now=now), path))
        except ConfigError:
            continue  # A key, or a file of somebody else's.
    return rows


def _describe(facts: CertificateFacts, path: Path) -> Row:
    return {
        "file": path.name,
        "for": facts.kind,
        "names": ", ".join(facts.names) or facts.subject,
        "from": facts.not_before.date().isoformat(),
        "until": facts.not_after.date().isoformat(),
        "days_left": facts.days_left,
        "sha256": facts.fingerprint,
    }


def _print_files(paths: Iterable[Path], as_json: bool) -> None:
    names = [str(path) for path in paths]
    if as_json:
        print_json({"files": names})
        return
    for name in names:
        print_line(name)
