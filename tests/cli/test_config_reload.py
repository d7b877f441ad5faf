"""SIGHUP and `config reload`: what changed is told, what needs a restart is said, a bad file changes nothing."""

from __future__ import annotations

import signal
import socket
import ssl
from pathlib import Path

import pytest

from securechat.client.trust import build_context
from tests.cli.site import Site
from tests.scenario.processes import Programs


def test_a_reload_prints_what_changed_and_what_waits_for_a_restart(programs: Programs, tmp_path: Path) -> None:
    site = Site(programs, tmp_path / "data", running=True)
    path = site.data / "config.toml"
    original = path.read_text()
    path.write_text(
        original.replace('#motd = ""', 'motd = "Welcome\\nhere"').replace("#handshake = 10\n", "handshake = 5\n")
    )
    done = programs.admin(site.data, "config", "reload")
    assert (done.code, done.out) == (0, "")
    assert done.err == [
        'chat.motd: "" -> "Welcome\\nhere"',
        "limits.handshake: 10 -> 5.0 (from the next start on)",
    ]
    again = programs.admin(site.data, "config", "reload")
    assert again.err == ["limits.handshake: 10 -> 5.0 (from the next start on)"]
    path.write_text(original)
    site.server.signal(signal.SIGHUP)
    site.server.wait_for("setting changed")
    site.server.wait_for("chat.motd")


def test_a_bad_file_changes_nothing_and_says_so(programs: Programs, tmp_path: Path) -> None:
    site = Site(programs, tmp_path / "data", running=True)
    path = site.data / "config.toml"
    path.write_text('[chat]\nmotd = "half"\nnetwrok = "x"\n')
    done = programs.admin(site.data, "config", "reload")
    assert (done.code, done.out) == (1, "")
    assert done.err == [
        f"securechat-admin: {path}: unknown key chat.netwrok; did you mean chat.network?; everything stays as it was"
    ]
    path.write_text("[chat]\n")
    assert programs.admin(site.data, "config", "reload").err == ["nothing changed"]


def _greet(site: Site, version: ssl.TLSVersion) -> str | None:
    context = build_context(site.data / "ca.pem")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", site.address().port), timeout=20) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as secure,
    ):
        return secure.version()


def test_tls_1_2_is_let_in_only_by_the_setting_and_from_the_next_connection_on(
    programs: Programs, tmp_path: Path
) -> None:
    site = Site(programs, tmp_path / "data", running=True)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _greet(site, ssl.TLSVersion.TLSv1_2)
    assert _greet(site, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    path = site.data / "config.toml"
    path.write_text(path.read_text().replace("#allow_tls12 = false", "allow_tls12 = true"))
    assert programs.admin(site.data, "config", "reload").err == ["allow_tls12: false -> true"]
    assert _greet(site, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
