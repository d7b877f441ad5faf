"""irssi as Debian ships it: verifies our CA, signs in by SASL PLAIN and talks with our line client."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scenario.people import Place
from tests.scenario.processes import PASSWORD, Program, Programs, port_of, wait_until

pytestmark = pytest.mark.skipif(
    shutil.which("irssi") is None or shutil.which("script") is None, reason="irssi (or script) is not installed"
)

CONFIG = """
servers = ({{
  address = "localhost"; port = "{port}"; chatnet = "ours"; autoconnect = "yes";
  use_tls = "yes"; tls_verify = "yes"; tls_cafile = "{ca}";
}});
chatnets = {{ ours = {{
  type = "IRC"; nick = "somebody"; sasl_mechanism = "PLAIN"; sasl_username = "{user}"; sasl_password = "{password}";
}}; }};
settings = {{
  core = {{ real_name = "A"; user_name = "a"; nick = "somebody"; }};
  "irc/core" = {{ cmd_queue_speed = "10msec"; }};
  "fe-common/core" = {{
    autolog = "yes"; autolog_path = "{directory}/logs/$0.log"; autolog_level = "all"; term_charset = "UTF-8";
  }};
}};
"""


@dataclass
class Irssi:
    """An irssi in a terminal: typed at, and read in its logs."""

    terminal: Program
    directory: Path

    def type(self, text: str) -> None:
        self.terminal.say(text)

    def log(self, name: str) -> str:
        path = self.directory / "logs" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def wait_for(self, name: str, text: str) -> None:
        wait_until(lambda: text in self.log(name), f"{text!r} in {name} of irssi")


def start(programs: Programs, place: Place, ca: Path, directory: Path, user: str = "alice") -> Irssi:
    (directory / "logs").mkdir(parents=True)
    port = port_of(place.address)
    (directory / "config").write_text(
        CONFIG.format(port=port, ca=ca, user=user, password=PASSWORD, directory=directory)
    )
    # What it says of the connection itself stands in its first window only.
    (directory / "startup").write_text(f"window log on {directory}/logs/status.log\n")
    command = f"stty rows 40 columns 150; exec irssi --home={shlex.quote(str(directory))}"
    programs.environment["TERM"] = "xterm"
    return Irssi(programs.start("script", "-qfec", command, "/dev/null"), directory)


def test_irssi_signs_in_over_a_verified_connection_and_talks(programs: Programs, place: Place, tmp_path: Path) -> None:
    bob = place.sit_down("bob")
    irssi = start(programs, place, place.ca, tmp_path / "irssi")
    irssi.wait_for("status", "SASL authentication succeeded")
    irssi.wait_for("status", "Welcome to securechat, alice")
    irssi.wait_for("#general", "alice [alice@securechat] has joined #general")

    bob.say("hello irssi, grüß dich")
    irssi.wait_for("#general", "bob> hello irssi, grüß dich")
    irssi.type("/msg #general hello from irssi")
    bob.wait_heard("#general", 2)
    assert bob.heard("#general") == [("bob", "hello irssi, grüß dich"), ("alice", "hello from irssi")]

    bob.say("/msg alice just for you")
    irssi.wait_for("bob", "bob> just for you")
    irssi.type("/msg bob and for you")
    bob.wait_heard("alice", 2)
    assert bob.heard("alice") == [("bob", "just for you"), ("alice", "and for you")]


def test_control_irssi_with_another_ca_does_not_connect(
    programs: Programs, place: Place, strange_ca: Path, tmp_path: Path
) -> None:
    irssi = start(programs, place, strange_ca, tmp_path / "irssi")
    irssi.wait_for("status", "Could not verify TLS servers certificate")
    irssi.wait_for("status", "Connection lost")
    assert "Connection to localhost established" not in irssi.log("status")
    assert irssi.log("#general") == ""
