"""securechat-admin doctor: what is well and what is not, with a server and without, and whether it can be reached."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

from securechat.cli.doctor import look_at_certificate, reach
from securechat.pki import authority
from tests.cli.site import Site
from tests.scenario.processes import Programs


def look(site: Site, code: int) -> dict[str, list[dict[str, Any]]]:
    done = site.admin("doctor", "--json")
    assert (done.code, done.err) == (code, [])
    found: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(done.out):
        found.setdefault(row["what"], []).append(row)
    return found


def test_a_server_that_is_well_is_told_so_and_is_reached(programs: Programs, tmp_path: Path) -> None:
    site = Site(programs, tmp_path / "data", running=True)
    found = look(site, 0)
    assert set(found) == {
        *("permissions", "settings", "disk", "clock", "database", "certificate", "CA", "server", "listener")
    }
    assert found["listener"][0]["seen"] == f"127.0.0.1:{site.address().port} answers"
    words = site.admin("doctor")
    assert words.code == 0
    assert all(line.startswith("  ok   ") for line in words.out.splitlines())


def test_where_the_balancer_is_on_the_same_machine_the_listener_is_reached_too(
    programs: Programs, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "config.toml").write_text('balancers = ["127.0.0.1"]\n')
    (data / "config.toml").chmod(0o600)
    site = Site(programs, data, running=True)
    assert look(site, 0)["listener"][0]["seen"] == f"127.0.0.1:{site.address().port} answers"


def test_without_a_server_all_but_the_listener_is_looked_at(programs: Programs, tmp_path: Path) -> None:
    site = Site(programs, tmp_path / "data", running=False)
    found = look(site, 0)
    assert found["server"][0]["seen"] == "none is running"
    assert found["database"][0]["seen"] == "whole"
    assert "listener" not in found


def test_what_is_wrong_has_a_remedy_and_the_exit_code_says_so(programs: Programs, tmp_path: Path) -> None:
    site = Site(programs, tmp_path / "data", running=False)
    (site.data / "server.key").chmod(0o644)
    (site.data / "config.toml").write_text("[chat]\nmotdd = 1\n")
    connection = apsw.Connection(str(site.data / "securechat.db"))
    connection.execute("UPDATE streams SET seq = seq + 5 WHERE name LIKE 's'")
    connection.execute("INSERT INTO streams (name, seq) VALUES ('c/lost', 3)")
    connection.close()
    found = look(site, 1)
    assert [row["remedy"] for row in found["permissions"] if not row["ok"]] == [f"chmod 600 {site.data}/server.key"]
    assert "did you mean chat.motd?" in found["settings"][0]["seen"]
    assert [row["seen"] for row in found["database"] if "c/lost" in row["seen"]] == ["the history of c/lost has gaps"]


def test_a_directory_that_is_none_of_ours_is_refused(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    done = programs.admin(tmp_path, "doctor")
    assert (done.code, done.out) == (2, "")
    assert "is no data directory of securechat" in done.err[0]


def test_a_certificate_with_few_days_left_is_found(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority.init(tmp_path, ["localhost"], now=now)
    (good,) = look_at_certificate(tmp_path / "server.pem", "certificate", "renew")
    assert good.ok
    issued = authority.issue_server(authority.Authority.load(tmp_path), ["localhost"], now=now, days=10)
    (tmp_path / "old.pem").write_bytes(issued.certificate_pem)
    (bad,) = look_at_certificate(tmp_path / "old.pem", "certificate", "renew")
    assert (bad.ok, bad.remedy) == (False, "renew")


def test_what_does_not_answer_as_a_chat_is_found(tmp_path: Path) -> None:
    authority.init(tmp_path, ["localhost"], now=datetime.now(UTC))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        found = reach(where, tmp_path / "server.pem", tmp_path)
    assert not found.ok
    assert "refused" in found.seen


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_root_looks_over_the_server_of_another_user_and_leaves_nothing_behind(
    programs: Programs, tmp_path: Path
) -> None:
    site = Site(programs, tmp_path / "data", running=False)
    for path in (site.data, *site.data.iterdir()):
        os.chown(path, 65534, 65534)
    found = look(site, 0)
    assert found["permissions"][0]["seen"] == f"{site.data} is nobody's"
    assert {path.stat().st_uid for path in site.data.iterdir()} == {65534}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_root_makes_no_database_in_somebody_elses_directory(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    os.chown(data, 65534, 65534)
    done = programs.admin(data, "user", "list")
    assert (done.code, done.out) == (2, "")
    assert "belongs to nobody" in done.err[0]
    assert list(data.iterdir()) == []
