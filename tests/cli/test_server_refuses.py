"""A start that cannot be: one line that says what to do, exit code 2, and every directory as it was."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from securechat.storage.lock import DirectoryLock
from tests.cli.listing import list_directory
from tests.scenario.processes import Outcome, Programs


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory in which a server has run, beside a second one."""
    directory = tmp_path_factory.mktemp("settled")
    (directory / "home").mkdir()
    programs = Programs(directory / "home")
    for name in ("data", "other"):
        server = programs.server(directory / name)
        server.wait_ready()
        server.signal(15)
        assert server.wait() == 0
    yield directory
    programs.end_all()


@pytest.fixture
def place(settled: Path, tmp_path: Path) -> Path:
    """A directory with `other`, where a pair of certificate and key is, and without the data directory `data`."""
    shutil.copytree(settled / "other", tmp_path / "other")
    return tmp_path


@pytest.fixture
def used_place(settled: Path, place: Path) -> Path:
    """The same with a data directory that has been served from."""
    shutil.copytree(settled / "data", place / "data")
    return place


def refuse(programs: Programs, place: Path, *options: str) -> str:
    """Start a server that must not start; return its one line."""
    before = list_directory(place)
    listen = () if "--listen" in options else ("--listen", "127.0.0.1:0")
    data = () if "--data" in options else ("--data", str(place / "data"))
    done: Outcome = programs.run("securechat-server", *data, *listen, *options)
    *looked_at, line = done.err
    assert (done.code, done.out) == (2, ""), done.err
    assert all(re.match("  (ok |FIX)  ", each) for each in looked_at)
    assert list_directory(place) == before
    assert line.startswith("securechat-server: ")
    return line.removeprefix("securechat-server: ")


@pytest.mark.parametrize("kind", ["place", "used_place"])
def test_a_port_in_use(programs: Programs, request: pytest.FixtureRequest, kind: str) -> None:
    place: Path = request.getfixturevalue(kind)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refuse(programs, place, "--listen", f"127.0.0.1:{port}")
    assert line.startswith(f"cannot listen on 127.0.0.1:{port}: address already in use - ")


def test_the_second_of_two_ports_in_use(programs: Programs, place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refuse(programs, place, "--listen", "127.0.0.1:0", "--listen", f"127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in line


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("127.0.0.1:99999", "write HOST:PORT"),
        ("127.0.0.1:irc", "write HOST:PORT"),
        (":6697", "write HOST:PORT"),
        ("::1:6697", "put an IPv6 address in brackets"),
        ("127.0.0.1:0,sideways=yes", "unknown option 'sideways=yes'"),
        ("300.0.0.1:6697", "300.0.0.1"),
    ],
)
def test_an_address_that_is_none(programs: Programs, place: Path, text: str, remedy: str) -> None:
    line = refuse(programs, place, "--listen", text)
    assert text.partition(",")[0] in line
    assert remedy in line


def test_certificate_and_key_that_do_not_serve(programs: Programs, place: Path) -> None:
    own, ca_key = place / "other" / "server.pem", place / "other" / "ca.key"
    key = place / "other" / "server.key"
    encrypted, words = place / "encrypted.key", place / "words.pem"
    words.write_text("not a certificate\n")
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", key, "-out", encrypted, "-passout", "pass:x", "-scrypt"], check=True
    )
    for certificate, private, expected in [
        (own, place / "none.key", f"{place / 'none.key'}: no such file or directory - name a private key"),
        (place / "none.pem", key, f"{place / 'none.pem'}: no such file or directory - name a certificate"),
        (own, ca_key, f"{ca_key}: not the key of {own} - name the two that belong together"),
        (own, encrypted, f"{encrypted}: the private key is encrypted - decrypt it, or name another with --key"),
        (words, key, f"{words}: no PEM certificate in it - name one with --cert"),
        (own, words, f"{words}: no PEM private key in it - name one with --key"),
        (place / "other", key, f"{place / 'other'}: is a directory - name a certificate"),
    ]:
        line = refuse(programs, place, "--cert", str(certificate), "--key", str(private))
        assert line.startswith(expected)
    assert "--cert and --key belong together" in refuse(programs, place, "--cert", str(own))
    assert "--cert and --key belong together" in refuse(programs, place, "--key", str(key))


def test_a_pair_that_does_not_serve_leaves_a_used_directory_as_it_is(programs: Programs, used_place: Path) -> None:
    other = used_place / "other"
    line = refuse(programs, used_place, "--cert", str(other / "server.pem"), "--key", str(other / "ca.key"))
    assert "not the key of" in line


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("lisen = []", "unknown key lisen; did you mean listen?"),
        ("[limits]\nsend_que = 70000", "unknown key limits.send_que; did you mean limits.send_queue?"),
        ('listen = "127.0.0.1:0"', "listen: Expected `array`, got `str`"),
        ('[limits]\nhandshake = "soon"', "limits.handshake: "),
        ("[limits]\nstrangers = 0", "limits.strangers: "),
        ("[limits]\nfree_space = -1", "limits.free_space: "),
        ('[chat]\ncreate_channels = "nobody"', "chat.create_channels: "),
        ("listen = [", "is not valid TOML"),
        ("listen = []", "listen: Expected `array` of length >= 1"),
    ],
)
def test_a_config_that_says_nonsense(programs: Programs, place: Path, content: str, expected: str) -> None:
    config = place / "my.toml"
    config.write_text(content)
    line = refuse(programs, place, "--config", str(config))
    assert line.startswith(f"{config}: ")
    assert expected in line


def test_a_config_that_cannot_be_read(programs: Programs, place: Path) -> None:
    (place / "latin.toml").write_bytes(b"[chat]\nmotd = 'caf\xe9'\n")
    for name, reason in [("none.toml", "No such file"), ("other", "Is a directory"), ("latin.toml", "not valid TOML")]:
        line = refuse(programs, place, "--config", str(place / name))
        assert line.startswith(f"{place / name}: ")
        assert reason in line


def test_a_name_nobody_can_connect_to_and_a_storage_that_is_not_there(programs: Programs, place: Path) -> None:
    assert "'not a name' is neither a host name nor an IP address" in refuse(programs, place, "--name", "not a name")
    assert "only sqlite is built in" in refuse(programs, place, "--storage", "postgres://db/chat")


def test_a_data_directory_that_is_none(programs: Programs, place: Path) -> None:
    (place / "file").write_text("mine")
    for path in (place / "file", place / "file" / "below", Path("/proc/securechat")):
        assert str(path) in refuse(programs, place, "--data", str(path))


def test_a_data_directory_in_use(programs: Programs, used_place: Path) -> None:
    with DirectoryLock(used_place / "data"):
        line = refuse(programs, used_place)
    assert line.startswith(f"{used_place / 'data'}: in use by another securechat process (pid ")


def test_a_data_directory_whose_files_are_damaged(programs: Programs, used_place: Path) -> None:
    place, data = used_place, used_place / "data"
    for name, content, word in [
        ("server.pem", (place / "other" / "server.pem").read_bytes(), "server.pem"),
        ("ca.pem", b"rubbish", "ca.pem"),
        ("config.toml", b"nonsense = 1", "config.toml"),
        ("securechat.db", b"this is no database, but a page of words. " * 200, "securechat.db"),
    ]:
        whole = (data / name).read_bytes()
        (data / name).write_bytes(content)
        assert word in refuse(programs, place)
        (data / name).write_bytes(whole)
    # The authority's key is needed where something is to be signed, and only there.
    (data / "ca.key").write_bytes((place / "other" / "ca.key").read_bytes())
    assert "ca.key" in refuse(programs, place, "--name", "another.example")
    (data / "ca.key").unlink()
    assert "ca.key" in refuse(programs, place, "--name", "another.example")


@pytest.mark.parametrize("name", ["ca.key", "server.key"])
def test_a_private_key_that_others_can_read(programs: Programs, used_place: Path, name: str) -> None:
    key = used_place / "data" / name
    key.chmod(0o644)
    expected = f"{key}: others may read or change this private key (mode 0644): chmod 600 {key}"
    assert refuse(programs, used_place) == expected
    other = used_place / "other"
    (other / "server.key").chmod(0o604)
    line = refuse(programs, used_place, "--cert", str(other / "server.pem"), "--key", str(other / "server.key"))
    assert line.startswith(f"{other / 'server.key'}: others may read or change this private key (mode 0604)")


def test_client_certificates_without_a_ca(programs: Programs, place: Path) -> None:
    other = place / "other"
    pair = ("--cert", str(other / "server.pem"), "--key", str(other / "server.key"))
    line = refuse(programs, place, *pair, "--listen", "127.0.0.1:0,client-cert=required")
    assert line == "listen: client-cert needs a CA: name the file of its certificate by client_ca"
    line = refuse(programs, place, "--listen", "127.0.0.1:0,client-cert=perhaps")
    assert line == (
        "--listen 127.0.0.1:0,client-cert=perhaps: unknown option 'client-cert=perhaps'; behind HOST:PORT, only "
        "client-cert=optional or client-cert=required is known"
    )


def write_foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


@pytest.mark.parametrize("own_certificates", [True, False])
@pytest.mark.parametrize("content", ["words", "few words", "another program's", "a directory"])
def test_a_database_of_others_in_an_otherwise_empty_directory_stays_alone(
    programs: Programs, place: Path, content: str, own_certificates: bool
) -> None:
    database = place / "data" / "securechat.db"
    database.parent.mkdir()
    if content == "a directory":
        database.mkdir()
    elif content == "another program's":
        write_foreign_database(database)
    else:
        database.write_bytes(b"this is no database, but words. " * (200 if content == "words" else 1))
    other = place / "other"
    pair = () if own_certificates else ("--cert", str(other / "server.pem"), "--key", str(other / "server.key"))
    assert refuse(programs, place, *pair).startswith(f"{database}: ")


def test_a_directory_in_the_place_of_the_control_socket_stays_alone(programs: Programs, place: Path) -> None:
    socket_place = place / "data" / "control.sock"
    socket_place.mkdir(parents=True)
    assert refuse(programs, place).startswith(f"{socket_place}: control socket cannot be made ")


def test_a_used_directory_keeps_its_certificate_when_the_start_with_new_names_fails(
    programs: Programs, used_place: Path
) -> None:
    (used_place / "data" / "control.sock").mkdir()
    assert "control.sock" in refuse(programs, used_place, "--name", "chat.example.org")
    (used_place / "data" / "control.sock").rmdir()
    (used_place / "data" / "securechat.db").unlink()
    write_foreign_database(used_place / "data" / "securechat.db")
    assert "is another program's database" in refuse(programs, used_place, "--name", "chat.example.org")


def test_a_channel_that_cannot_be_is_found_before_anything_is_made(programs: Programs, place: Path) -> None:
    config = place / "my.toml"
    config.write_text('[chat]\ndefault_channels = ["general"]')
    assert refuse(programs, place, "--config", str(config)).startswith("chat.default_channels: 'general' cannot be")


def test_what_is_found_last_leaves_no_directory_behind_either(programs: Programs, place: Path) -> None:
    """The place of the control socket, elsewhere because the path is long, is somebody's link: found when it is made."""
    temporary = place / "tmp"
    temporary.mkdir()
    (temporary / f"securechat-{os.geteuid()}").symlink_to(place / "other")
    programs.environment["TMPDIR"] = str(temporary)
    data = place / ("a" * 60) / ("b" * 60) / "data"
    assert "is not a directory of ours alone" in refuse(programs, place, "--data", str(data))
    assert not (place / ("a" * 60)).exists()
