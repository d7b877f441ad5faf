"""SIGHUP and `config reload`: what changed is told, what needs a restart is said, a bad file changes nothing."""

from __future__ import annotations

import signal
import socket
import ssl
from pathlib import Path

import pytest

from securechat.client.trust import build_context
from tests.cli.site import Site
from tests.scenario.processes import BIN, Programs


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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('listen = ["nowhere:at:1"]', "put an IPv6 address in brackets"),
        ('names = ["a b"]', "'a b' is neither a host name nor an IP address"),
        ('cert = "chain.pem"', "--cert and --key belong together"),
        ('client_ca = "{data}/none.pem"', "{data}/none.pem: no such file or directory - name a file"),
        ('client_ca = "{data}/config.toml"', "no CA's certificate in PEM is in it"),
    ],
)
def test_settings_that_no_server_could_start_with_change_nothing(
    programs: Programs, tmp_path: Path, line: str, words: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    config = '{listen}names = ["localhost"]\n[chat]\nmotd = "{motd}"\n'
    listen = 'listen = ["127.0.0.1:0", "127.0.0.1:0,client-cert=optional"]\n'
    (data / "config.toml").write_text(config.format(listen=listen, motd="old"))
    server = programs.start(str(BIN / "securechat-server"), "--data", str(data))
    for _ in range(2):
        server.wait_for("listening on")
    key = line.partition(" ")[0]
    kept = [each for each in (listen.strip(), 'names = ["localhost"]') if not each.startswith(f"{key} ")]
    rest = "\n".join([*kept, line.format(data=data)])
    (data / "config.toml").write_text(f'{rest}\n[chat]\nmotd = "new"\n')
    done = programs.admin(data, "config", "reload")
    assert done.code == 1, done.err
    assert words.format(data=data) in done.err[0]
    assert done.err[0].endswith("; everything stays as it was")
    # Control: the rest of it is fine, and counts.
    (data / "config.toml").write_text("\n".join(kept) + '\n[chat]\nmotd = "new"\n')
    done = programs.admin(data, "config", "reload")
    assert 'chat.motd: "old" -> "new"' in done.err


def test_a_certificate_that_cannot_serve_does_not_keep_settings_from_counting_and_is_told(
    programs: Programs, tmp_path: Path
) -> None:
    site = Site(programs, tmp_path / "data", running=True)
    whole = (site.data / "server.pem").read_bytes()
    (site.data / "server.pem").write_bytes(whole[:300])
    (site.data / "config.toml").write_text('web_origins = ["https://chat.example.org"]\n')
    done = programs.admin(site.data, "config", "reload")
    assert done.code == 1
    assert "the settings are read, but the old certificate goes on serving: " in done.err[0]
    request = (
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: text.ircv3.net\r\nOrigin: {}\r\n\r\n"
    )
    context = build_context(site.data / "ca.pem")
    context.set_alpn_protocols(["http/1.1"])
    for origin, status in (("https://chat.example.org", b"101"), ("https://other.example.org", b"403")):
        with (
            socket.create_connection(("127.0.0.1", site.address().port), timeout=20) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as secure,
        ):
            secure.sendall(request.format(origin).encode())
            assert secure.recv(4096).split()[1] == status
    (site.data / "server.pem").write_bytes(whole)
    assert programs.admin(site.data, "config", "reload").err == ["nothing changed"]
