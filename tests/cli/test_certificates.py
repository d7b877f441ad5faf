"""securechat-admin cert: made, shown, renewed and issued, with the server running or not, and what it then serves."""

from __future__ import annotations

import json
import signal
import ssl
from pathlib import Path

from cryptography import x509

from tests.cli.listing import list_directory
from tests.cli.site import Site
from tests.scenario.processes import PASSWORD, Programs


def serial_in(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def serial_served(site: Site) -> int:
    address = site.address()
    pem = ssl.get_server_certificate((address.host, address.port), ca_certs=str(site.data / "ca.pem"), timeout=10)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_show_tells_names_dates_and_the_fingerprint_people_compare(site: Site) -> None:
    ca, server = site.rows("cert", "show")
    assert (ca["file"], server["file"]) == ("ca.pem", "server.pem")
    assert 3640 < ca["days_left"] <= 3650
    assert 85 < server["days_left"] <= 90
    assert {"localhost", "127.0.0.1", "::1"} <= set(server["names"].split(", "))
    assert ca["sha256"] in "\n".join(site.first_words)
    table = site.admin("cert", "show").out
    assert ca["sha256"] in table
    assert server["until"] in table


async def test_renew_waits_until_it_is_due_and_a_running_server_takes_it_on_sighup(site: Site) -> None:
    site.add("alice")
    before = list_directory(site.data)
    early = site.admin("cert", "renew")
    assert (early.code, early.out, early.err) == (0, "", ["not due yet; --force renews it"])
    assert list_directory(site.data) == before

    old, old_ca = serial_in(site.data / "server.pem"), (site.data / "ca.pem").read_bytes()
    forced = site.admin("cert", "renew", "--force")
    assert (forced.code, forced.out, len(forced.err)) == (0, "", 1)
    new = serial_in(site.data / "server.pem")
    assert new != old
    assert (site.data / "ca.pem").read_bytes() == old_ca

    if site.running:
        async with site.link("alice", PASSWORD) as link:
            assert serial_served(site) == old
            site.server.signal(signal.SIGHUP)
            site.server.wait_for("certificate reloaded")
            assert serial_served(site) == new
            assert await link.deliver("#general", "talking on over the old one")
    assert serial_served(site) == new
    assert await site.lets_in("alice")


async def test_init_with_a_new_name_keeps_the_ca_and_makes_a_certificate_for_it(site: Site) -> None:
    ca = (site.data / "ca.pem").read_bytes()
    made = site.admin("cert", "init", "--name", "chat.example", "--name", "127.0.0.1")
    assert (made.code, made.out.split()) == (0, [str(site.data / "server.pem"), str(site.data / "server.key")])
    assert (site.data / "ca.pem").read_bytes() == ca
    assert site.rows("cert", "show")[1]["names"] == "chat.example, 127.0.0.1"
    again = site.admin("cert", "init", "--name", "chat.example", "--name", "127.0.0.1")
    assert (again.code, again.out) == (0, "")
    assert again.err == [f"{site.data}: everything is there and current"]
    if site.running:
        site.server.signal(signal.SIGHUP)
        site.server.wait_for("certificate reloaded")
    assert serial_served(site) == serial_in(site.data / "server.pem")


def test_issue_writes_a_pair_for_another_server_and_never_over_one(site: Site, tmp_path: Path) -> None:
    arguments = ["cert", "issue", "server", "--name", "other.example", "--to", str(tmp_path / "other")]
    issued = site.admin(*arguments)
    assert (issued.code, issued.err) == (0, [])
    assert issued.out.split() == [str(tmp_path / "other" / "server.pem"), str(tmp_path / "other" / "server.key")]
    after = list_directory(tmp_path / "other")
    assert {name: mode for name, (mode, _) in after.items()} == {
        "server.key": "-rw-------",
        "server.pem": "-rw-r--r--",
    }
    twice = site.admin(*arguments)
    assert (twice.code, twice.out, len(twice.err)) == (2, "", 1)
    assert list_directory(tmp_path / "other") == after


def test_issue_gives_a_person_a_pair_that_names_the_account(site: Site, tmp_path: Path) -> None:
    site.add("alice")
    arguments = ["cert", "issue", "client", "alice", "--device", "laptop", "--to", str(tmp_path / "alice")]
    issued = site.admin(*arguments)
    assert (issued.code, len(issued.err)) == (0, 1)
    assert issued.err[0].startswith("certificate ")
    assert " of alice, good until 20" in issued.err[0]
    assert issued.out.split() == [str(tmp_path / "alice" / "alice.pem"), str(tmp_path / "alice" / "alice.key")]
    after = list_directory(tmp_path / "alice")
    assert {name: mode for name, (mode, _) in after.items()} == {"alice.key": "-rw-------", "alice.pem": "-rw-r--r--"}
    made = x509.load_pem_x509_certificate((tmp_path / "alice" / "alice.pem").read_bytes())
    assert made.subject.rfc4514_string() == "CN=alice"
    ca = x509.load_pem_x509_certificate((site.data / "ca.pem").read_bytes())
    made.verify_directly_issued_by(ca)
    (row,) = site.rows("cert", "list")
    assert (row["serial"], row["name"], row["device"], row["state"], row["revoked"]) == (
        f"{made.serial_number:x}",
        "alice",
        "laptop",
        "valid",
        None,
    )
    assert row["expires"] == made.not_valid_after_utc.isoformat().replace("+00:00", ".000Z")

    twice = site.admin(*arguments)
    assert (twice.code, twice.out, len(twice.err)) == (2, "", 1)
    assert list_directory(tmp_path / "alice") == after
    for name in ("../bob", "bob"):
        nobody = site.admin("cert", "issue", "client", name, "--to", str(tmp_path / "bob"))
        assert (nobody.code, nobody.out, len(nobody.err)) == (1, "", 1)
        assert f"there is no account '{name}'" in nobody.err[0]
    assert not (tmp_path / "bob").exists()
    assert len(site.rows("cert", "list")) == 1


def test_a_revoked_certificate_shows_and_is_in_the_list_for_others(site: Site, tmp_path: Path) -> None:
    site.add("alice", "bob")
    paths = {}
    for name in ("alice", "bob"):
        issued = json.loads(site.admin("cert", "issue", "client", name, "--json").out)
        assert issued["files"] == [str(site.data / "clients" / f"{name}.{kind}") for kind in ("pem", "key")]
        paths[name], serial = Path(issued["files"][0]), issued["serial"]
    assert serial == f"{serial_in(paths['bob']):x}"

    by_file = site.admin("cert", "revoke", str(paths["alice"]))
    assert (by_file.code, by_file.out) == (0, "")
    assert by_file.err == [f"certificate {serial_in(paths['alice']):x} of alice is revoked"]
    assert site.admin("cert", "revoke", str(paths["alice"])).code == 0, "again is no error"
    assert [(row["name"], row["state"]) for row in site.rows("cert", "list")] == [
        ("alice", "revoked"),
        ("bob", "valid"),
    ]
    with_colons = (
        ":".join(serial[i : i + 2] for i in range(0, len(serial), 2)).upper() if len(serial) % 2 == 0 else serial
    )
    assert json.loads(site.admin("cert", "revoke", with_colons, "--json").out) == {"serial": serial, "name": "bob"}
    crl = x509.load_pem_x509_crl(site.admin("cert", "crl").out.encode())
    assert {entry.serial_number for entry in crl} == {serial_in(path) for path in paths.values()}
    ca = x509.load_pem_x509_certificate((site.data / "ca.pem").read_bytes())
    assert crl.is_signature_valid(ca.public_key())  # type: ignore[arg-type]

    unknown = site.admin("cert", "revoke", "1234abcd")
    assert (unknown.code, unknown.out, len(unknown.err)) == (1, "", 1)
    assert "no certificate 1234abcd is on record; `cert list` shows all" in unknown.err[0]
    absent = site.admin("cert", "revoke", "nosuch.pem")
    assert (absent.code, absent.out) == (2, "")
    assert "nosuch.pem: no such file, and no serial" in absent.err[-1]


def test_show_lists_every_certificate_that_is_there(site: Site) -> None:
    site.add("alice")
    made = json.loads(site.admin("cert", "issue", "client", "alice", "--to", str(site.data), "--json").out)
    assert made["files"] == [str(site.data / "alice.pem"), str(site.data / "alice.key")]
    assert (made["serial"], len(made["expires"])) == (f"{serial_in(site.data / 'alice.pem'):x}", 20)
    (site.data / "notes.pem").write_text("no certificate\n")
    rows = site.rows("cert", "show")
    assert [(row["file"], row["for"], row["names"]) for row in rows[::2]] == [
        ("ca.pem", "authority", rows[0]["names"]),
        ("alice.pem", "client", "CN=alice"),
    ]
    assert 85 < rows[2]["days_left"] <= 90
    assert site.admin("cert", "issue", "client", "alice").code == 0
    (site.data / "ca.pem").rename(site.data / "moved")
    assert [row["file"] for row in site.rows("cert", "show")] == ["server.pem", "alice.pem", "clients/alice.pem"]
    (site.data / "moved").rename(site.data / "ca.pem")
    assert json.loads(site.admin("cert", "renew", "--json").out) == {"renewed": False}
    assert json.loads(site.admin("cert", "init", "--json").out) == {"files": []}


def test_init_out_makes_certificates_anywhere_and_a_server_serves_them(programs: Programs, tmp_path: Path) -> None:
    certs = tmp_path / "certs"
    made = programs.admin(tmp_path / "data", "cert", "init", "--out", str(certs), "--name", "127.0.0.1")
    assert made.code == 0
    assert {Path(line).name for line in made.out.splitlines()} == {"ca.pem", "ca.key", "server.pem", "server.key"}
    assert not (tmp_path / "data").exists()
    shown = programs.admin(tmp_path / "data", "cert", "show", "--json", "--out", str(certs))
    assert [row["names"] for row in json.loads(shown.out)][1] == "127.0.0.1"

    pair = ("--cert", str(certs / "server.pem"), "--key", str(certs / "server.key"))
    server = programs.server(tmp_path / "data", *pair)
    server.wait_ready()
    assert set(list_directory(tmp_path / "data")) & {"ca.pem", "ca.key", "server.pem", "server.key"} == set()
    assert not any("First start" in line for line in server.err)


def test_no_certificates_is_one_line_that_says_what_to_do(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for command in (
        ["show"],
        ["renew"],
        ["issue", "server", "--name", "x.example", "--to", str(tmp_path / "to")],
        ["issue", "client", "alice", "--to", str(tmp_path / "to")],
    ):
        done = programs.admin(tmp_path / "data", "cert", *command)
        assert (done.code, done.out, len(done.err)) == (2, "", 1), command
        assert f"{tmp_path / 'data' / 'ca.'}" in done.err[0]
        assert "securechat-admin cert init" in done.err[0]
    assert not (tmp_path / "to").exists()
    bad_name = programs.admin(tmp_path / "data", "cert", "init", "--name", "not a name")
    assert (bad_name.code, bad_name.out, len(bad_name.err)) == (2, "", 1)
    assert list_directory(tmp_path / "data") == {}


def test_files_that_cannot_serve_are_found_by_the_doctor_while_the_old_pair_serves_on(site: Site) -> None:
    served = serial_served(site)
    whole = (site.data / "server.key").read_bytes()
    (site.data / "server.key").write_bytes((site.data / "ca.key").read_bytes())
    found = site.admin("doctor")
    assert found.code == 1
    assert "the files cannot serve" in found.out + "\n".join(found.err)
    assert "not the key of" in found.out + "\n".join(found.err)
    if site.running:
        assert serial_served(site) == served
    (site.data / "server.key").write_bytes(whole)
    assert "the files cannot serve" not in site.admin("doctor").out


def test_the_settings_are_checked_for_the_ca_of_clients(programs: Programs, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for line, words in [
        ('listen = ["127.0.0.1:0,client-cert=maybe"]', "unknown option 'client-cert=maybe'"),
        (f'client_ca = "{tmp_path}/none.pem"', f"{tmp_path}/none.pem: is missing"),
        (
            'listen = ["[::1]:0,client-cert=required"]\ncert = "a.pem"\nkey = "a.key"',
            "name the file of its certificate",
        ),
    ]:
        path.write_text(f"{line}\n")
        done = programs.admin(tmp_path / "data", "config", "check", str(path))
        assert done.code == 2
        assert words in done.out + "\n".join(done.err)
    path.write_text('listen = ["[::1]:6698,client-cert=required"]\n')
    assert programs.admin(tmp_path / "data", "config", "check", str(path)).code == 0
