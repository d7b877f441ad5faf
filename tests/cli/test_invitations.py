"""Invitations by securechat-admin: the same whether the server runs or not, and redeemed from outside."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from securechat.wire.invitation import encode_secret, parse_link
from tests.cli.site import Site
from tests.scenario.processes import PASSWORD


async def redeem(site: Site, name: str, link: str) -> str:
    """Make an account by a link, over TLS; return the server's last line."""
    context = ssl.create_default_context(cafile=str(site.data / "ca.pem"))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", site.address().port, ssl=context, server_hostname="localhost"
    )
    writer.write(f"REGISTER {name} * :{PASSWORD}\r\nVERIFY {name} {link}\r\nQUIT\r\n".encode())
    lines = (await reader.read()).decode().splitlines()
    writer.close()
    return next(line for line in lines if line.split()[1] in ("VERIFY", "FAIL"))


def pin_of(ca: Path) -> str:
    key = x509.load_pem_x509_certificate(ca.read_bytes()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encode_secret(hashlib.sha256(der).digest()[:16])


async def test_a_link_is_printed_names_this_server_and_its_ca_and_lets_one_in(site: Site) -> None:
    port = site.address().port if site.running else 6697
    done = site.admin("invite")
    assert done.code == 0
    (said,) = done.err
    assert said.startswith("invitation ")
    (link,) = done.out.splitlines()
    invitation = parse_link(link)
    assert invitation.pin == pin_of(site.data / "ca.pem")
    assert {known for _, known in invitation.hosts} == {port}
    assert invitation.token not in said
    assert " VERIFY SUCCESS bob " in await redeem(site, "bob", link)
    assert await site.lets_in("bob")
    # The first administrator's, made at the first start, is still open; this one is not.
    assert " INVALID_CODE " in await redeem(site, "carol", link)


async def test_what_was_wished_for_is_in_the_list_and_in_the_account(site: Site) -> None:
    wishes = ("--role", "bot", "--channel", "physics", "--channel", "#math", "--expires", "30m")
    made = json.loads(site.admin("invite", "carol", *wishes, "--json").out)
    assert (made["name"], made["role"], made["channels"], made["uses"]) == ("carol", "bot", ["#physics", "#math"], 1)
    (row,) = [row for row in site.rows("invites", "list") if row["id"] == made["id"]]
    assert made["token"] not in str(row)
    assert (row["for"], row["role"], row["channels"], row["uses_left"]) == ("carol", "bot", ["#physics", "#math"], 1)
    assert row["by"].startswith("local:")
    assert made["id"] in site.admin("invites", "list").out
    assert " NAME_FIXED " in await redeem(site, "bob", made["link"])
    assert " VERIFY SUCCESS carol " in await redeem(site, "carol", made["link"])
    assert [person["role"] for person in site.rows("user", "list") if person["name"] == "carol"] == ["bot"]
    assert {"#general", "#physics", "#math"} == {row["name"] for row in site.rows("channel", "list")}


async def test_a_revoked_link_lets_nobody_in(site: Site) -> None:
    site.admin("invite", "--uses", "3")
    made = json.loads(site.admin("invite", "--json").out)
    done = site.admin("invites", "revoke", made["id"])
    assert (done.code, done.out, done.err) == (0, "", [f"invitation {made['id']} is revoked"])
    assert " FAIL VERIFY INVALID_CODE bob " in await redeem(site, "bob", made["link"])
    again = site.admin("invites", "revoke", made["id"])
    assert again.code == 1
    assert "there is no open invitation" in again.err[-1]


async def test_who_lost_everything_gets_in_again_by_a_reset(site: Site) -> None:
    site.add("alice")
    token = site.admin("token", "add", "alice", "--label", "laptop").out.strip()
    done = site.admin("user", "reset", "Alice")
    assert done.code == 0
    assert done.err[0].startswith("reset of alice, until ")
    (link,) = done.out.splitlines()
    assert await site.lets_in("alice", token)
    assert " VERIFY SUCCESS alice " in await redeem(site, "alice", link)
    assert not await site.lets_in("alice", token)
    assert await site.lets_in("alice")
    assert site.admin("user", "reset", "nobody-here").code == 1


def test_a_role_is_changed_and_the_last_administrator_stays(site: Site) -> None:
    site.admin("user", "add", "anna", "--role", "admin", "--generate")
    site.add("bob")
    refused = site.admin("user", "role", "anna", "member")
    assert refused.code == 1
    assert "is the only administrator" in refused.err[-1]
    assert site.admin("user", "role", "bob", "admin").err == ["bob is admin, and was member"]
    assert site.admin("user", "role", "anna", "member").code == 0
    roles = {person["name"]: person["role"] for person in site.rows("user", "list")}
    assert roles == {"anna": "member", "bob": "admin"}


async def test_a_class_is_invited_by_its_roster_and_nobody_by_a_faulty_one(site: Site) -> None:
    before = len(site.rows("invites", "list"))
    faulty = site.admin("user", "import", "-", "--invitations", stdin="anna\nann a\nbob,secret\n")
    assert faulty.code == 1
    assert "line 2" in "\n".join(faulty.err)
    assert len(site.rows("invites", "list")) == before
    done = site.admin("user", "import", "-", "--invitations", stdin="name\nanna\nbob\n")
    assert (done.code, done.err) == (0, [])
    rows = list(csv.reader(io.StringIO(done.out)))
    assert [row[0] for row in rows] == ["anna", "bob"]
    for name, link in rows:
        assert f" VERIFY SUCCESS {name} " in await redeem(site, name, link)


def test_the_token_is_kept_nowhere(site: Site) -> None:
    token = json.loads(site.admin("invite", "--json").out)["token"]
    site.stop()
    kept = b"".join(path.read_bytes() for path in site.data.iterdir() if path.is_file())
    assert hashlib.sha256(token.encode()).hexdigest().encode() in kept
    assert token.encode() not in kept


def test_a_code_for_phones_and_settings_for_irc_clients(site: Site) -> None:
    drawn = site.admin("invite", "--qr").out.splitlines()
    assert parse_link(drawn[0])
    assert len(drawn) == 1 or set("".join(drawn[1:])) <= set(" ▀▄█")
    block = site.admin("invite", "carol", "--irc").out
    invitation = parse_link(next(word for word in block.split() if word.startswith("securechat://")))
    host, port = invitation.hosts[0]
    for line in (
        f"/server add chat {host}/{port} -tls -nicks=carol",
        f"/server add -tls -tls_verify -tls_cafile /PATH/TO/ca.pem -network chat {host} {port}",
        f"port = {port}",
        f'address "ircs://{host}:{port}"',
        "/quote REGISTER carol * :YOUR-PASSWORD",
    ):
        assert line in block.splitlines()


REFUSED = [
    (("invite", "--expires", "tomorrow"), 2),
    (("invite", "--expires", "0h"), 2),
    (("invite", "--uses", "0"), 2),
    (("invite", "--irc", "--json"), 2),
    (("invite", "--expires", "400d"), 1),
    (("invite", "carol", "--uses", "2"), 1),
    (("invite", "a b"), 1),
    (("invite", "--channel", "a b"), 1),
    (("user", "import", "-", "--tokens", "--invitations"), 2),
]


def test_what_cannot_be_is_refused(site: Site) -> None:
    for arguments, code in REFUSED:
        done = site.admin(*arguments)
        assert (done.code, done.out) == (code, ""), arguments
