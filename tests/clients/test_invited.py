"""Stock clients as Debian ships them make their account by what `invite --irc` prints, typed as it stands.

They send NICK and USER before anybody can type anything, and so are strangers who have to be let linger.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.clients import test_irssi, test_weechat
from tests.scenario.people import Place
from tests.scenario.processes import PASSWORD, Programs

needs_weechat = test_weechat.pytestmark
needs_irssi = test_irssi.pytestmark


def read_block(programs: Programs, place: Place, client: str) -> list[str]:
    """Invite carol; return what is to be typed into a client, its blanks filled in."""
    done = programs.admin(place.ca.parent, "invite", "carol", "--irc")
    assert done.code == 0, done.err
    sections = [section.splitlines() for section in done.out.split("\n\n")]
    (lines,) = [lines[1:] for lines in sections if lines[0].startswith(f"# {client}")]
    return [line.replace("YOUR-PASSWORD", PASSWORD).replace("/PATH/TO/ca.pem", str(place.ca)) for line in lines]


def split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return what is typed up to `/connect`, and the rest."""
    end = lines.index("/connect chat") + 1
    return lines[:end], lines[end:]


@needs_weechat
def test_weechat_makes_its_account_by_an_invitation(programs: Programs, place: Place, tmp_path: Path) -> None:
    bob = place.sit_down("bob")
    first, rest = split(read_block(programs, place, "WeeChat"))
    directory = tmp_path / "weechat"
    directory.mkdir()
    (directory / "weechat.conf").write_text("[network]\ngnutls_ca_system = off\n")
    (directory / "logger.conf").write_text("[file]\nflush_delay = 0\n")
    programs.start(test_weechat.PROGRAM, "--dir", str(directory))
    weechat = test_weechat.WeeChat(directory)
    test_weechat.wait_until(lambda: bool(list(directory.glob("weechat_fifo_*"))), "WeeChat's pipe")
    (pipe,) = directory.glob("weechat_fifo_*")
    for line in first:
        pipe.write_text(f"core.weechat *{line.replace(' -tls ', ' -ssl ')}\n")
    weechat.wait_for("server.chat", "If you were invited")
    for line in rest:
        pipe.write_text(f"core.weechat *{line}\n")
    weechat.wait_for("server.chat", "Welcome to securechat, carol")
    weechat.type("chat.#general", "hello from the invited")
    bob.wait_heard("#general", 1)
    assert bob.heard("#general") == [("carol", "hello from the invited")]
    weechat.type("server.chat", "/reconnect chat")
    weechat.wait_for("server.chat", "SASL authentication successful")


@needs_irssi
def test_irssi_makes_its_account_by_an_invitation(programs: Programs, place: Place, tmp_path: Path) -> None:
    bob = place.sit_down("bob")
    first, rest = split(read_block(programs, place, "irssi"))
    directory = tmp_path / "irssi"
    (directory / "logs").mkdir(parents=True)
    settings = test_irssi.CONFIG.partition("settings = {{")[2].format(directory=directory)
    (directory / "config").write_text(f"settings = {{{settings}")
    (directory / "startup").write_text(f"window log on {directory}/logs/status.log\n")
    programs.environment["TERM"] = "xterm"
    command = f"stty rows 40 columns 150; exec irssi --home={directory}"
    irssi = test_irssi.Irssi(programs.start("script", "-qfec", command, "/dev/null"), directory)
    irssi.wait_for("status", "Log opened")
    for line in first:
        irssi.type(line)
    irssi.wait_for("status", "If you were invited")
    for line in rest:
        irssi.type(line)
    irssi.wait_for("status", "Welcome to securechat, carol")
    irssi.type("/msg #general hello from the invited")
    bob.wait_heard("#general", 1)
    assert bob.heard("#general") == [("carol", "hello from the invited")]
    irssi.type("/disconnect")
    irssi.type("/connect chat")
    irssi.wait_for("status", "SASL authentication succeeded")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_anybody_makes_an_account_by_two_lines_in_openssl(programs: Programs, place: Place) -> None:
    """For clients that send nothing before they are welcomed, Halloy and senpai perhaps among them."""
    command, register, verify = read_block(programs, place, "Halloy, senpai")[:3]
    typed = programs.start(*command.replace("-CAfile ca.pem", f"-CAfile {place.ca}").split())
    typed.say(register)
    typed.say(verify)
    typed.wait_until(lambda: any("VERIFY SUCCESS carol" in line for line in typed.out), "success")
    carol = place.sit_down("carol")
    carol.program.say("here")
    carol.wait_heard("#general", 1)
