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

CLIENTS = "clients"
"""Where client certificates are put, beside the CA."""
_out = click.option("--out", type=DIRECTORY, help="Directory of the certificates; else the data directory.")
_to = click.option("--to", type=DIRECTORY, required=True, help="Directory for the files.")


@click.group(
    cls=Group,
    examples=[
        ("cert init --name chat.example.org", ""),
        ("cert show", "names, dates, days left, fingerprints"),
        ("cert issue client alice --device laptop", "signs alice in instead of a password"),
        ("cert list", "whose there are, until when"),
        ("cert revoke alice.pem", ""),
    ],
)
def cert() -> None:
    """Make, renew, show, list and revoke certificates."""


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
    """Renew the server certificate under the same CA; a running server takes it within a minute, or on SIGHUP."""
    from datetime import UTC, datetime

    from securechat.pki import authority

    renewed = authority.renew(out or data, datetime.now(UTC), force=force)
    if as_json:
        print_json({"renewed": renewed})
    else:
        done = "renewed; a running server takes it within a minute, or at once on SIGHUP"
        click.echo(done if renewed else "not due yet; --force renews it", err=True)


@cert.group(
    "issue",
    examples=[
        ("cert issue server --name other.example.org --to other", ""),
        ("cert issue client alice --device laptop", ""),
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


@cert_issue.command(
    "client",
    examples=[
        ("cert issue client alice --device laptop", "makes clients/alice.pem and .key in the data directory"),
        ("cert issue client alice --to alice", "makes alice/alice.pem and alice/alice.key"),
    ],
)
@click.argument("name")
@click.option("--device", "label", default="", metavar="LABEL", help="What the device it is for is called.")
@click.option("--to", type=DIRECTORY, help="Directory for the files; else clients, beside the CA.")
@_out
@json_option
@click.pass_obj
def cert_issue_client(data: Path, name: str, label: str, to: Path | None, out: Path | None, as_json: bool) -> None:
    """Issue a certificate that signs NAME in instead of a password: NAME.pem and NAME.key, for 90 days.

    It stays good when the account is renamed or gets another password, until it is revoked. It counts where the server
    listens with client-cert=optional or required.
    """
    from datetime import UTC, datetime

    from securechat.cli.admin.asking import ask
    from securechat.pki import authority
    from securechat.pki.signing import Issued
    from securechat.server.requests import CertificateIssue, CertificateSubject

    authority.Authority.load(out or data)  # Without one nothing else need be asked.
    subject = ask(data, CertificateSubject(name))
    made: list[Issued] = []

    def note(issued: Issued) -> None:
        made.append(issued)
        expires = int(issued.not_after.timestamp() * 1000)
        ask(data, CertificateIssue(issued.serial, subject["id"], label, expires))

    files = authority.enrol(
        out or data,
        subject["name"],
        subject["id"],
        out=to or (out or data) / CLIENTS,
        now=datetime.now(UTC),
        note=note,
    )
    if as_json:
        ends = made[0].not_after.isoformat().replace("+00:00", "Z")
        print_json({"files": [str(path) for path in files], "serial": made[0].serial, "expires": ends})
        return
    _print_files(files, as_json)
    click.echo(f"certificate {made[0].serial} of {subject['name']}, good until {made[0].not_after:%Y-%m-%d}", err=True)


@cert.command("list", examples=[("cert list", "whose client certificates there are"), ("cert list --json", "")])
@json_option
@click.pass_obj
def cert_list(data: Path, as_json: bool) -> None:
    """List the client certificates that were issued: whose, for which device, until when, and which are revoked."""
    from securechat.cli.admin.asking import ask
    from securechat.server.requests import CertificateList

    rows = ask(data, CertificateList())
    if as_json:
        print_json(rows)
        return
    shown = ("name", "device", "state", "expires", "serial")
    print_table([{key: (row[key] or "")[:10] if key == "expires" else row[key] for key in shown} for row in rows])


@cert.command(
    "revoke",
    examples=[
        ("cert revoke alice.pem", "a file"),
        ("cert revoke 7c2f4e91d0b7f1a2c3d4e5f60718293a4b5c6d7e", "a serial that `cert list` shows"),
    ],
)
@click.argument("certificate", metavar="SERIAL|FILE")
@json_option
@click.pass_obj
def cert_revoke(data: Path, certificate: str, as_json: bool) -> None:
    """Revoke a client certificate: connections by it end at once, and it lets nobody in any more."""
    from securechat.cli.admin.asking import ask
    from securechat.server.requests import CertificateRevoke

    path = Path(certificate)
    serial = _read_serial(certificate)
    if path.is_file():
        from securechat.pki.pem import load_certificate

        serial = f"{load_certificate(path).serial_number:x}"
    if not serial:
        raise click.UsageError(f"{certificate}: no such file, and no serial, which is a hexadecimal number")
    done = ask(data, CertificateRevoke(serial, foreign=path.is_file()))
    if as_json:
        print_json(done)
    else:
        whose = f" of {done['name']}" if done["name"] else ""
        click.echo(f"certificate {serial}{whose} is revoked", err=True)


@cert.command("crl", examples=[("cert crl > crl.pem", "for whatever else trusts the CA")])
@click.option(
    "--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="How long it is to be believed."
)
@_out
@click.pass_obj
def cert_crl(data: Path, days: int, out: Path | None) -> None:
    """Print the list of revoked certificates, signed by the CA, for others; this server needs none."""
    from datetime import UTC, datetime

    from securechat.cli.admin.asking import ask
    from securechat.pki import authority
    from securechat.server.requests import CertificateList

    rows = [row for row in ask(data, CertificateList()) if row["revoked"]]
    revoked = {int(row["serial"], 16): datetime.fromisoformat(row["revoked"]) for row in rows}
    print_line(authority.revocations(out or data, revoked, now=datetime.now(UTC), days=days).decode().rstrip())


def _read_serial(text: str) -> str:
    """Return a serial as it is kept: `0A:1B…`, as openssl prints one, in lower case without more; else nothing."""
    digits = text.replace(":", "").lower().lstrip("0")
    return digits if digits and not digits.strip("0123456789abcdef") else ""


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
    rows = [_describe(authority.facts(path, now=now), Path(path.name)) for path in there or ours[:1]]
    for path in sorted({*directory.glob("*.pem"), *directory.glob(f"{CLIENTS}/*.pem")} - set(ours)):
        try:
            rows.append(_describe(authority.facts(path, now=now), path.relative_to(directory)))
        except ConfigError:
            continue  # A key, or a file of somebody else's.
    return rows


def _describe(facts: CertificateFacts, path: Path) -> Row:
    return {
        "file": str(path),
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
