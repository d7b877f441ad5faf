"""WeeChat as Debian ships it: verifies our CA, signs in by SASL PLAIN and talks with our line client."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scenario.people import Place
from tests.scenario.processes import PASSWORD, Programs, port_of, wait_until

PROGRAM = "weechat-headless"
pytestmark = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not installed")


@dataclass
class WeeChat:
    """A WeeChat without a screen: typed at through its pipe, read in its logs."""

    directory: Path

    def type(self, buffer: str, text: str) -> None:
        (pipe,) = self.directory.glob("weechat_fifo_*")
        pipe.write_text(f"irc.{buffer} *{text}\n")

    def log(self, buffer: str) -> str:
        path = self.directory / "logs" / f"irc.{buffer}.weechatlog"
        return path.read_text() if path.exists() else ""

    def wait_for(self, buffer: str, text: str) -> None:
        wait_until(lambda: text in self.log(buffer), f"{text!r} in {buffer} of WeeChat")


def start(programs: Programs, place: Place, ca: Path, directory: Path, user: str = "alice") -> WeeChat:
    directory.mkdir()
    (directory / "weechat.conf").write_text(f'[network]\ngnutls_ca_system = off\ngnutls_ca_user = "{ca}"\n')
    (directory / "logger.conf").write_text("[file]\nflush_delay = 0\n")
    server = {
        "addresses": f'"localhost/{port_of(place.address)}"',
        "ssl": "on",
        "ssl_verify": "on",
        "sasl_mechanism": "plain",
        "sasl_username": f'"{user}"',
        "sasl_password": f'"{PASSWORD}"',
        "anti_flood_prio_high": "0",
        "nicks": '"somebody"',
        "autoconnect": "on",
    }
    options = "".join(f"ours.{name} = {value}\n" for name, value in server.items())
    (directory / "irc.conf").write_text(f"[server]\n{options}")
    programs.start(PROGRAM, "--dir", str(directory))
    return WeeChat(directory)


def test_weechat_signs_in_over_a_verified_connection_and_talks(
    programs: Programs, place: Place, tmp_path: Path
) -> None:
    bob = place.sit_down("bob")
    weechat = start(programs, place, place.ca, tmp_path / "weechat")
    weechat.wait_for("server.ours", "SASL authentication successful")
    assert "gnutls: peer's certificate is trusted" in weechat.log("server.ours")
    weechat.wait_for("server.ours", "Welcome to securechat, alice")
    weechat.wait_for("ours.#general", "has joined #general")

    bob.say("hello WeeChat, grüß dich")
    weechat.wait_for("ours.#general", "\tbob\thello WeeChat, grüß dich")
    weechat.type("ours.#general", "hello from WeeChat")
    bob.wait_heard("#general", 2)
    assert bob.heard("#general") == [("bob", "hello WeeChat, grüß dich"), ("alice", "hello from WeeChat")]

    bob.say("/msg alice just for you")
    weechat.wait_for("ours.bob", "\tbob\tjust for you")
    weechat.type("server.ours", "/msg bob and for you")
    bob.wait_heard("alice", 2)
    assert bob.heard("alice") == [("bob", "just for you"), ("alice", "and for you")]


def test_control_weechat_with_another_ca_does_not_connect(
    programs: Programs, place: Place, strange_ca: Path, tmp_path: Path
) -> None:
    weechat = start(programs, place, strange_ca, tmp_path / "weechat")
    weechat.wait_for("server.ours", "peer's certificate is NOT trusted")
    weechat.wait_for(
        "server.ours", "irc: TLS handshake failed" if "irc: TLS" in weechat.log("server.ours") else "irc: "
    )
    assert "SASL" not in weechat.log("server.ours")
    assert "Welcome" not in weechat.log("server.ours")
