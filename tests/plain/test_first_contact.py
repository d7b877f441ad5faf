"""A person at a terminal and a real server: first contact, a password typed once, a token revoked."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
import trustme

from securechat.client.address import Address
from securechat.client.profile import KnownServer, remember
from tests.client.tlsserver import make_context, serving, speak_tls
from tests.scenario.processes import BIN, PASSWORD, Programs, port_of

Sit = Callable[..., pexpect.spawn]
ASKS = "The admin's fingerprint, or the path of the CA file: "


class Site:
    """A server with the account alice, and the fingerprints of its CA."""

    def __init__(self, programs: Programs, data: Path) -> None:
        self.programs = programs
        self.data = data
        server = programs.server(data, "--name", "localhost")
        self.port = port_of(server.wait_ready()[0])
        programs.add_people(data, "alice")
        self.address = f"localhost:{self.port}"
        self.ca = data / "ca.pem"
        told = next(line for line in server.err if "fingerprint" in line)
        self.fingerprint = told.split()[-1]

    def revoke_all(self) -> None:
        listed = self.programs.admin(self.data, "token", "list", "alice", "--json")
        for device in json.loads(listed.out):
            assert self.programs.admin(self.data, "token", "revoke", device["id"]).code == 0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("site")
    (place / "home").mkdir()
    programs = Programs(place / "home")
    try:
        yield Site(programs, place / "data")
    finally:
        programs.end_all()


@pytest.fixture
def variables(client_home: Path) -> dict[str, str]:
    """Return the environment of a person at a terminal."""
    kept = {name: os.environ[name] for name in ("PATH", "SECURECHAT_CLIENT_HOME", "PYTHON_KEYRING_BACKEND")}
    return {**kept, "TERM": "dumb", "LANG": "C.UTF-8", "TZ": "UTC", "HOME": str(client_home.parent)}


@pytest.fixture
def sit(variables: dict[str, str]) -> Iterator[Sit]:
    """Sits down at a terminal of one's own and starts a client."""
    started: list[pexpect.spawn] = []

    def sit_down(*words: str) -> pexpect.spawn:
        command = str(BIN / "securechat-client")
        client = pexpect.spawn(command, list(words), encoding="utf-8", timeout=15, env=variables, dimensions=(24, 200))
        client.logfile_read = io.StringIO()
        started.append(client)
        return client

    yield sit_down
    for client in started:
        client.close(force=True)


def end_of(client: pexpect.spawn) -> tuple[int, str]:
    """Wait for the end; return the exit code and what was printed since the last expectation."""
    client.expect(pexpect.EOF)
    client.close()
    return client.exitstatus, client.before


def read_profile(home: Path) -> dict[str, object]:
    return tomllib.loads((home / "profile.toml").read_text("utf-8"))


def type_password(client: pexpect.spawn, password: str = PASSWORD) -> None:
    client.expect("Password of alice at localhost:")
    assert client.waitnoecho(), "what is typed is shown"
    client.sendline(password)


@pytest.mark.parametrize("said", [lambda told: told, lambda told: told.replace(":", "").lower()[:16]])
def test_who_compares_the_fingerprint_is_asked_for_what_is_missing_and_the_second_time_for_nothing(
    site: Site, sit: Sit, client_home: Path, said: Callable[[str], str]
) -> None:
    client = sit()
    client.expect_exact("Server (HOST or HOST:PORT): ")
    client.sendline(site.address)
    client.expect("first contact with localhost:.*: its certificate is from a CA that is not known here")
    client.expect_exact(site.fingerprint)
    client.expect_exact(ASKS)
    client.sendline(said(site.fingerprint))
    client.expect_exact("it is the one")
    client.expect_exact(f"Your account's name at {site.address}: ")
    client.sendline("alice")
    type_password(client)
    client.expect("a token for this device is kept in .*, which only you can read")
    client.expect("connected to localhost:.* as alice")
    client.sendline("/quit")
    assert end_of(client)[0] == 0
    assert PASSWORD not in client.logfile_read.getvalue()

    again = sit()
    again.expect(r"connected to localhost:.* as alice")
    assert "Password" not in again.before
    again.sendline("/quit")
    assert end_of(again)[0] == 0

    profile = read_profile(client_home)
    assert profile["default"] == site.address
    (known,) = profile["servers"].values()  # type: ignore[attr-defined]
    assert {**known, "fingerprint": len(known["fingerprint"])} == {
        "user": "alice",
        "ca": f"localhost_{site.port}/ca.pem",
        "fingerprint": 64,
        "token": "file",
    }
    pinned = (client_home / known["ca"]).read_text()
    assert pinned.split() == site.ca.read_text().split()
    for path in client_home.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
        assert path.is_dir() or PASSWORD not in path.read_text("utf-8")


@pytest.mark.parametrize("typed", ["yes", "y", "00:" * 31 + "00", "ab", "/nowhere"])
def test_nothing_but_the_fingerprint_or_a_file_lets_one_go_on(
    site: Site, sit: Sit, client_home: Path, typed: str
) -> None:
    client = sit(site.address, "--user", "alice")
    for _ in range(3):
        client.expect_exact(ASKS)
        client.sendline(typed)
    code, said = end_of(client)
    assert code == 10
    assert "its CA was not compared, so nothing was sent" in said
    assert "Password" not in said
    assert not client_home.exists()


def test_an_empty_answer_ends_it(site: Site, sit: Sit) -> None:
    client = sit(site.address, "--user", "alice")
    client.expect_exact(ASKS)
    client.sendline("")
    assert end_of(client)[0] == 10


def test_the_path_of_the_ca_file_does_as_well(site: Site, sit: Sit, client_home: Path) -> None:
    client = sit(site.address, "--user", "alice")
    client.expect_exact(ASKS)
    client.sendline(str(site.ca))
    type_password(client)
    client.expect("connected to")
    client.sendline("/quit")
    assert end_of(client)[0] == 0
    (known,) = read_profile(client_home)["servers"].values()  # type: ignore[attr-defined]
    assert known["ca"] == str(site.ca)


def test_who_shows_the_right_ca_without_being_of_it_gets_nothing(sit: Sit, client_home: Path) -> None:
    right, other = trustme.CA(), trustme.CA()
    context = make_context(other)
    leaf = other.issue_cert("localhost")
    chain = leaf.cert_chain_pems[0].bytes() + right.cert_pem.bytes()
    with leaf.private_key_pem.tempfile() as key, trustme.Blob(chain).tempfile() as shown:
        context.load_cert_chain(shown, key)
    with serving(speak_tls(context)) as impostor:
        client = sit(f"localhost:{impostor.port}", "--user", "alice")
        client.expect(r"SHA-256 public key  ([0-9A-F:]+)")
        fingerprint = client.match[1]
        client.expect_exact(ASKS)
        client.sendline(fingerprint)
        code, said = end_of(client)
    assert code in (10, 16)
    assert "Password" not in said
    assert impostor.said == b""
    assert not (client_home / "profile.toml").exists()


def test_a_server_that_does_not_show_its_ca_is_only_for_who_has_the_file(sit: Sit) -> None:
    with serving(speak_tls(make_context(trustme.CA()))) as server:
        client = sit(f"localhost:{server.port}", "--user", "alice")
        client.expect_exact("does not show its CA, so there is nothing to compare")
        client.expect_exact(ASKS)
        client.sendline("00" * 32)
        client.expect_exact(ASKS)
        client.sendeof()
        assert end_of(client)[0] == 130
    assert server.said == b""


def test_a_server_that_was_met_and_comes_with_another_ca_is_refused_and_not_asked_about(
    sit: Sit, client_home: Path
) -> None:
    with serving(speak_tls(make_context(trustme.CA(), shows_authority=True))) as server:
        known = Address("localhost", server.port)
        trustme.CA().cert_pem.write_to_path(str(client_home.parent / "met.pem"))
        remember(client_home, known, KnownServer("alice", str(client_home.parent / "met.pem"), "00" * 32, "file"))
        (client_home / f"localhost_{server.port}" / "alice").mkdir(parents=True)
        (client_home / f"localhost_{server.port}" / "alice" / "token").write_text("sct_" + "a" * 52)
        code, said = end_of(sit())
    assert code == 10
    assert "fingerprint" not in said
    assert server.said == b""


@pytest.mark.parametrize(("right", "code"), [(True, 0), (False, 10)])
def test_a_profile_with_a_fingerprint_alone_gets_the_ca_from_the_server_and_holds_it_to_that(
    site: Site, sit: Sit, client_home: Path, right: bool, code: int
) -> None:
    address = Address("localhost", site.port)
    fingerprint = site.fingerprint.replace(":", "") if right else "00" * 32
    remember(client_home, address, KnownServer("alice", fingerprint=fingerprint))
    client = sit()
    if right:
        type_password(client)
        client.expect("connected to")
        client.sendline("/quit")
    ended, said = end_of(client)
    assert ended == code
    assert (client_home / f"localhost_{site.port}" / "ca.pem").exists() is right
    assert right or "Password" not in said


def test_without_a_terminal_an_unknown_ca_is_exit_10_and_a_missing_name_exit_2(site: Site, client_home: Path) -> None:
    environment = site.programs.environment
    site.programs.environment = {**environment, "SECURECHAT_CLIENT_HOME": str(client_home)}
    try:
        unknown = site.programs.run(
            "securechat-client", site.address, "--user", "alice", "--password-stdin", stdin="a\n"
        )
        nameless = site.programs.run("securechat-client", site.address)
        nowhere = site.programs.run("securechat-client")
    finally:
        site.programs.environment = environment
    assert (unknown.code, len(unknown.err)) == (10, 2)
    assert (nameless.code, nameless.err[0]) == (2, "securechat-client: no name: say who you are with --user NAME")
    assert (nowhere.code, len(nowhere.err)) == (2, 1)


def test_a_wrong_password_is_asked_for_again_and_a_revoked_token_leads_to_the_password(
    site: Site, sit: Sit, client_home: Path
) -> None:
    client = sit(site.address, "--ca", str(site.ca), "--user", "alice")
    type_password(client, "not the password")
    client.expect("wrong name or password")
    type_password(client)
    client.expect("connected to")
    token = next(client_home.rglob("token")).read_text()
    assert re.fullmatch(r"sct_[a-z2-7]{52}\n", token)

    site.revoke_all()
    client.expect("the token that is kept for this device is not accepted any more")
    type_password(client)
    client.expect("connected to")
    client.sendline("/quit")
    assert end_of(client)[0] == 0
    assert next(client_home.rglob("token")).read_text() != token

    site.revoke_all()
    again = sit()
    again.expect("is not accepted any more")
    type_password(again, "wrong")
    type_password(again, "wrong")
    type_password(again, "wrong")
    code, said = end_of(again)
    assert code == 20
    assert "what to do" in said


def test_a_script_uses_what_a_person_has_set_up(site: Site, sit: Sit, client_home: Path) -> None:
    client = sit(site.address, "--ca", str(site.ca), "--user", "alice")
    type_password(client)
    client.expect("connected to")
    client.sendline("/quit")
    assert end_of(client)[0] == 0
    environment = site.programs.environment
    site.programs.environment = {**environment, "SECURECHAT_CLIENT_HOME": str(client_home)}
    try:
        sent = site.programs.run("securechat-client", "send", "#general", "by the profile alone")
        read = site.programs.run("securechat-client", "history", "#general", "--limit", "1")
        site.revoke_all()
        refused = site.programs.run("securechat-client", "send", "#general", "once more")
    finally:
        site.programs.environment = environment
    assert (sent.code, sent.out, sent.err) == (0, "", [])
    assert "by the profile alone" in read.out
    assert refused.code == 20


RINGS = {
    "working": """
import json, pathlib
from keyring.backend import KeyringBackend
class Keyring(KeyringBackend):
    priority = 1
    path = pathlib.Path(__file__).with_suffix(".json")
    def _held(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}
    def get_password(self, service, name):
        return self._held().get(name)
    def set_password(self, service, name, secret):
        self.path.write_text(json.dumps({**self._held(), name: secret}))
    def delete_password(self, service, name):
        self.path.unlink()
""",
    "broken": "raise SystemError('no desktop')",
}


@pytest.mark.parametrize(("ring", "place"), [("working", "keyring"), ("broken", "file")])
def test_the_keyring_keeps_the_token_where_it_works_and_stops_nobody_where_it_does_not(
    site: Site, sit: Sit, client_home: Path, variables: dict[str, str], tmp_path: Path, ring: str, place: str
) -> None:
    (tmp_path / "testring.py").write_text(RINGS[ring])
    variables |= {"PYTHONPATH": str(tmp_path), "PYTHON_KEYRING_BACKEND": "testring.Keyring"}
    client = sit(site.address, "--ca", str(site.ca), "--user", "alice")
    type_password(client)
    client.expect("a token for this device is kept in the keyring" if place == "keyring" else "only you can read")
    client.expect("connected to")
    client.sendline("/quit")
    assert end_of(client)[0] == 0
    (known,) = read_profile(client_home)["servers"].values()  # type: ignore[attr-defined]
    assert known["token"] == place
    assert bool(list(client_home.rglob("token"))) is (place == "file")
    again = sit("send", "#general", "the keyring knows me")
    assert end_of(again)[0] == 0


def test_a_disabled_account_is_exit_21(site: Site, sit: Sit) -> None:
    site.programs.add_people(site.data, "mallory")
    assert site.programs.admin(site.data, "user", "disable", "mallory").code == 0
    options = ("--server", site.address, "--ca", str(site.ca), "--user", "mallory", "--password-stdin")
    for password, code in ((PASSWORD, 21), ("wrong", 20)):
        ended = site.programs.run("securechat-client", "send", "#general", "hi", *options, stdin=f"{password}\n")
        assert (ended.code, len(ended.err)) == (code, 2)
