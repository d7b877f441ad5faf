"""A server from its first start to its end: what it makes and prints, signals, listeners, and coming back after a crash."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from securechat.client.address import parse_address
from securechat.client.events import Disconnected, Following, MessageSeen
from securechat.client.link import Link
from securechat.client.trust import build_context
from tests.cli.listing import list_directory
from tests.cli.site import Site, read_until
from tests.cli.test_certificates import serial_in, serial_served
from tests.scenario.processes import PASSWORD, Programs, wait_until

MADE = {
    "ca.key": "-rw-------",
    "ca.pem": "-rw-r--r--",
    "config.toml": "-rw-------",
    "control.sock": "srw-------",
    "first-invitation.txt": "-rw-------",
    "lock": "-rw-------",
    "securechat.db": "-rw-------",
    "securechat.db-shm": "-rw-------",
    "securechat.db-wal": "-rw-------",
    "server.key": "-rw-------",
    "server.pem": "-rw-r--r--",
}
WHILE_IT_RUNS = {"control.sock", "securechat.db-shm", "securechat.db-wal"}


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A directory whose own path is short, for what makes long ones below it."""
    directory = Path(tempfile.mkdtemp(prefix="sc"))
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_first_start_makes_everything_and_no_umask_lets_others_read_it(
    programs: Programs, tmp_path: Path, umask: int
) -> None:
    data = tmp_path / "made" / "data"
    server = programs.server(data, umask=umask)
    server.wait_ready()
    assert oct(data.stat().st_mode)[-3:] == "700"
    assert {name: mode for name, (mode, _) in list_directory(data).items()} == MADE
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    left = {name: mode for name, (mode, _) in list_directory(data).items()}
    assert left == {name: mode for name, mode in MADE.items() if name not in WHILE_IT_RUNS}


def test_a_directory_that_exists_keeps_its_mode_and_its_files_are_private_all_the_same(
    programs: Programs, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    programs.server(data, umask=0).wait_ready()
    assert oct(data.stat().st_mode)[-3:] == "755"
    assert {name: mode for name, (mode, _) in list_directory(data).items()} == MADE


def test_a_later_start_prints_only_what_is_served_and_where(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for start in ("first", "second"):
        server = programs.server(data)
        address = server.wait_ready()[0]
        printed = list(server.err)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        if start == "first":
            before = list_directory(data)
    assert printed[0].startswith(f"securechat 0.1.0, data in {data}, certificate for localhost, ")
    assert printed[1:] == [f"listening on {address}"]
    after = list_directory(data)
    # When it started and stopped is in the audit trail.
    assert {name for name in after if after[name] != before.get(name)} == {"securechat.db"}


async def test_two_listeners_one_of_them_ipv6_serve_one_chat(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = programs.server(data, "--listen", "127.0.0.1:0", "--listen", "[::1]:0")
    addresses = server.wait_ready(2)
    assert [address.rpartition(":")[0] for address in addresses] == ["127.0.0.1", "[::1]"]
    programs.add_people(data, "alice", "bob")
    context = build_context(data / "ca.pem")
    async with (
        Link(parse_address(addresses[0]), "alice", PASSWORD, context) as alice,
        Link(parse_address(addresses[1]), "bob", PASSWORD, context) as bob,
    ):
        await alice.deliver("#general", "over IPv4")
        assert (await read_until(bob, MessageSeen))[-1].text == "over IPv4"


async def test_sighup_takes_a_new_pair_and_keeps_the_old_one_when_the_new_one_cannot_serve(
    programs: Programs, tmp_path: Path
) -> None:
    site = Site(programs, tmp_path / "data", running=True)
    site.add("alice")
    old = serial_in(site.data / "server.pem")
    whole = (site.data / "server.key").read_bytes()
    async with site.link("alice", PASSWORD) as link:
        (site.data / "server.key").write_bytes((site.data / "ca.key").read_bytes())
        site.server.signal(signal.SIGHUP)
        site.server.wait_for("certificate not reloaded, the old one goes on serving")
        assert any("not the key of" in line for line in site.server.err)
        assert serial_served(site) == old
        assert await link.deliver("#general", "the old pair serves on")

        (site.data / "server.key").write_bytes(whole)
        assert site.admin("cert", "renew", "--force").code == 0
        site.server.signal(signal.SIGHUP)
        site.server.wait_for("certificate reloaded")
        assert serial_served(site) == serial_in(site.data / "server.pem") != old
        assert await link.deliver("#general", "and old connections talk on")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_end_is_told_to_who_is_connected_and_loses_nothing(
    programs: Programs, tmp_path: Path, number: int
) -> None:
    site = Site(programs, tmp_path / "data", running=True)
    site.add("alice", "bob")
    async with site.link("alice") as link, site.link("bob") as other:
        sent = [link.post("#general", f"last words {count}") for count in range(80)]
        await link.confirm(sent[0])
        site.server.signal(number)
        reasons = [event.reason for event in await read_until(other, Disconnected) if isinstance(event, Disconnected)]
        assert "the server is going down" in reasons[0]
        assert await asyncio.to_thread(site.server.wait) == 0
    acknowledged = [message.text for message in sent if message.msgid]
    again = Site(programs, tmp_path / "data", running=True)
    async with again.link("bob", follow=("#general",), since={"#general": (0, "")}) as link:
        stored = [event.text for event in await read_until(link, Following) if isinstance(event, MessageSeen)]
    assert acknowledged
    assert stored[: len(acknowledged)] == acknowledged
    assert stored == [f"last words {count}" for count in range(len(stored))]


async def test_what_a_crash_leaves_behind_is_in_nobodys_way(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = programs.server(data)
    port = parse_address(server.wait_ready()[0]).port
    server.kill()
    assert (data / "control.sock").is_socket()

    assert programs.admin(data, "user", "add", "alice", "--password-stdin", stdin=f"{PASSWORD}\n").code == 0
    again = programs.server(data, port=port)
    assert parse_address(again.wait_ready()[0]).port == port
    programs.add_people(data, "bob")
    for name in ("alice", "bob"):
        async with Link(parse_address(f"127.0.0.1:{port}"), name, PASSWORD, build_context(data / "ca.pem")) as link:
            assert await link.deliver("#general", f"{name} is in")


def test_a_second_server_on_the_same_directory_leaves_the_first_alone(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = programs.server(data)
    first.wait_ready()
    second = programs.server(data)
    assert second.wait() == 2
    assert second.err == [
        f"securechat-server: {data}: in use by another securechat process (pid {first.pid}); stop it first"
    ]
    assert programs.admin(data, "user", "list").code == 0


def test_a_path_too_long_for_a_socket_is_administered_all_the_same(programs: Programs, short_directory: Path) -> None:
    data = short_directory / ("a" * 60) / ("b" * 60) / "data"
    programs.environment["TMPDIR"] = str(short_directory)
    server = programs.server(data)
    server.wait_ready()
    assert not (data / "control.sock").exists()
    (control,) = short_directory.glob("securechat-*/*.sock")
    assert oct(control.stat().st_mode)[-3:] == "600"
    assert oct(control.parent.stat().st_mode)[-3:] == "700"
    programs.add_people(data, "alice")
    assert programs.admin(data, "user", "list").out.splitlines()[1].split()[0] == "alice"
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert not control.exists()


def test_nothing_but_tls_gets_a_byte(programs: Programs, tmp_path: Path) -> None:
    site = Site(programs, tmp_path / "data", running=True)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(site.data / "ca.pem")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        asyncio.run(_handshake(site, old))
    assert asyncio.run(_speak_plainly(site)) == b""


async def _handshake(site: Site, context: ssl.SSLContext) -> None:
    address = site.address()
    _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    writer.close()


async def _speak_plainly(site: Site) -> bytes:
    address = site.address()
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(b"CAP LS 302\r\nNICK alice\r\nUSER alice 0 * :alice\r\n")
    try:
        async with asyncio.timeout(15):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_the_log_as_json_is_one_object_a_line(programs: Programs, tmp_path: Path) -> None:
    server = programs.server(tmp_path / "data", "--log-format", "json")
    address = parse_address(server.wait_ready()[0])
    context = build_context(tmp_path / "data" / "ca.pem")
    with (
        socket.create_connection((address.host, address.port), timeout=10) as sock,
        context.wrap_socket(sock, server_hostname="localhost"),
    ):
        pass
    wait_until(lambda: any('"event": "connected"' in line for line in server.err), "a line about the connection")
