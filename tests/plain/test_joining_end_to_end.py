"""`join` against the real server, as processes: an invitation, an account, whatever happens in between."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from securechat.pki.authority import Authority
from securechat.wire.invitation import format_link, parse_link
from tests.scenario.processes import Outcome, Programs, port_of
from tests.terminal.screen import Terminal

KILLED_BY_THE_ANSWER = """
import os, signal
from securechat.client import redemption
redemption._STEPS[redemption.Phase.VERIFYING, "VERIFY"] = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from securechat.cli.client import main
main()
"""


class Site:
    """A server, its admin, and people with homes of their own."""

    def __init__(self, programs: Programs, place: Path) -> None:
        self.programs = programs
        self.place = place
        self.data = place / "data"
        self.environment = dict(programs.environment)
        self.start()

    def start(self, port: int = 0) -> None:
        self.server = self.programs.server(self.data, "--name", "localhost", port=port)
        self.port = port_of(self.server.wait_ready()[0])

    def admin(self, *words: str) -> str:
        done = self.programs.admin(self.data, *words)
        assert done.code == 0, done.err
        return done.out.strip()

    def invite(self, *words: str) -> str:
        """Return a link to where the server listens."""
        link = parse_link(self.admin("invite", *words))
        assert link.pin
        return format_link([("localhost", self.port)], link.token, link.pin)

    def go_home(self, name: str) -> dict[str, str]:
        """Let the next clients be at somebody's home."""
        home = str(self.place / "homes" / name)
        ring = "keyring.backends.null.Keyring"
        self.programs.environment = {
            **self.environment,
            "SECURECHAT_CLIENT_HOME": home,
            "PYTHON_KEYRING_BACKEND": ring,
        }
        return self.programs.environment

    def join(self, link: str, user: str, home: str = "") -> Outcome:
        self.go_home(home or user)
        return self.programs.run("securechat-client", "join", "--user", user, stdin=f"{link}\n")

    def send(self, text: str, *words: str) -> Outcome:
        return self.programs.run("securechat-client", "send", "#general", text, *words)

    def names(self) -> list[str]:
        return sorted(row["name"] for row in json.loads(self.admin("user", "list", "--json")))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("site")
    (place / "home").mkdir()
    programs = Programs(place / "home")
    try:
        yield Site(programs, place)
    finally:
        programs.end_all()


def change(link: str, **parts: object) -> str:
    """Return a link with other hosts, another token or another pin."""
    old = parse_link(link)
    return format_link(**{"hosts": old.hosts, "token": old.token, "pin": old.pin, **parts})  # type: ignore[arg-type]


def test_an_invitation_is_an_account_once(site: Site) -> None:
    link = site.invite()
    joined = site.join(link, "carla")
    assert (joined.code, joined.out) == (0, "")
    assert site.send("here I am").code == 0
    assert "carla" in site.names()
    again = site.join(link, "dora")
    assert again.code == 1
    assert "dora" not in site.names()


WRONG: list[tuple[str, Callable[[Site, str], str], int]] = [
    ("another pin", lambda site, link: change(link, pin="a" * 26), 1),
    ("another host name", lambda site, link: change(link, hosts=[("127.0.0.1", site.port)]), 11),
    ("another token", lambda site, link: change(link, token="a" * 26), 1),
]


@pytest.mark.parametrize(("what", "make_wrong", "code"), WRONG)
def test_what_is_wrong_with_a_link_leaves_the_invitation_as_it_was(
    site: Site, what: str, make_wrong: Callable[[Site, str], str], code: int
) -> None:
    name = what.replace(" ", "-")
    link = site.invite()
    assert site.join(make_wrong(site, link), name).code == code
    assert name not in site.names()
    # Control: it was that, and nothing else.
    assert site.join(link, name).code == 0
    assert name in site.names()


def test_names_that_are_taken_or_fixed_or_reserved(site: Site) -> None:
    link = site.invite("--uses", "2")
    assert site.join(link, "emma").code == 0
    taken = site.join(link, "Emma", home="another")
    assert taken.code == 1
    assert "nobody can be called Emma" in taken.err[-2]
    reserved = site.join(link, "admin")
    assert (reserved.code, "admin" in site.names()) == (1, False)
    fixed = site.join(site.invite("frida"), "somebody")
    assert fixed.code == 0
    assert "-- the invitation is for frida" in fixed.err
    assert {"frida"} == {"frida", "somebody"} & set(site.names())


def test_a_revoked_invitation_is_worth_nothing(site: Site) -> None:
    site.invite()
    made = json.loads(site.admin("invite", "--json"))
    site.admin("invites", "revoke", made["id"])
    link = format_link([("localhost", site.port)], parse_link(made["link"]).token, parse_link(made["link"]).pin)
    refused = site.join(link, "greta")
    assert refused.code == 1
    assert "used up, expired or revoked" in refused.err[-1]


def test_a_reset_is_a_new_device_and_the_end_of_the_old_one(site: Site) -> None:
    assert site.join(site.invite(), "hanna").code == 0
    link = change(site.admin("user", "reset", "hanna"), hosts=[("localhost", site.port)])
    assert site.join(link, "anything", home="new laptop").code == 0
    assert site.send("from the new one").code == 0
    site.go_home("hanna")
    assert site.send("from the old one").code == 20


def test_of_two_hosts_the_first_may_be_dead(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = listener.getsockname()[1]
    link = change(site.invite(), hosts=[("localhost", dead), ("localhost", site.port)])
    assert site.join(link, "ida").code == 0
    assert site.send("hello").code == 0


def test_who_is_killed_by_the_answer_is_in_when_joining_again(site: Site) -> None:
    link = site.invite()
    site.go_home("jana")
    killed = site.programs.start(sys.executable, "-c", KILLED_BY_THE_ANSWER, "join", "--user", "jana")
    killed.say(link)
    assert killed.wait() == -signal.SIGKILL
    assert "jana" in site.names()
    again = site.join(link, "jana")
    assert again.code == 0
    assert site.send("still here").code == 0
    # Control: from another home, without the token that was kept, the invitation is used up.
    assert site.join(link, "jana", home="elsewhere").code == 1


def test_at_a_terminal_one_pastes_the_link_and_talks(site: Site) -> None:
    link = site.invite()
    variables = {**os.environ, **site.go_home("karin"), "TERM": "xterm"}
    client = Terminal([str(Path(sys.executable).parent / "securechat-client"), "join"], variables)
    try:
        client.wait_for("Invitation: ")
        client.wait_unseen()
        client.type(f"{link}\r")
        at = client.wait_for(f"The name to be known by at localhost:{site.port}")
        client.wait_for(": ", at)
        client.type("karin\r")
        at = client.wait_for("welcome, karin")
        client.wait_for("[#general]", at)
        client.type("good morning\r")
        client.wait_for("good morning", client.wait_for("good morning", at))
        client.type("/quit\r")
        assert client.wait_end() == 0
    finally:
        client.kill()
    assert parse_link(link).token not in client.text


def test_a_ca_that_is_renewed_under_its_key_is_taken_and_one_under_another_key_is_not(site: Site) -> None:
    assert site.join(site.invite(), "lena").code == 0
    restart_with(site, Authority.create("renewed", now=datetime.now(UTC), key=Authority.load(site.data).key))
    site.go_home("lena")
    sent = site.send("hello")
    assert sent.code == 0
    assert [line[:50] for line in sent.err] == ["-- the server's CA was renewed under the same key:"]
    assert site.send("and again").err == []
    restart_with(site, Authority.create("another", now=datetime.now(UTC)))
    site.go_home("lena")
    refused = site.send("hello")
    assert refused.code == 10
    assert "renewed" not in " ".join(refused.err)


def restart_with(site: Site, authority: Authority) -> None:
    """Have the server be of a CA, on the port that it had."""
    site.server.signal(signal.SIGTERM)
    assert site.server.wait() == 0
    for name in ("ca.pem", "ca.key", "server.pem", "server.key"):
        (site.data / name).unlink()
    authority.save(site.data)
    site.admin("cert", "init", "--name", "localhost")
    site.start(site.port)
