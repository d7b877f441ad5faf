"""audit: the trail is shown and verified the same way whether the server runs or not; what was tampered with is told."""

from __future__ import annotations

import json
import os
import pwd
import re
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.cli.site import Site
from tests.scenario.processes import PASSWORD, Programs

LOGGED = re.compile(r"event='audit trail' head='([0-9]+):([0-9a-f]{64})'")
US = f"local:{pwd.getpwuid(os.geteuid()).pw_name}"
HEAD = re.compile(r"([0-9]+):[0-9a-f]{64}")


def told(site: Site, *options: str) -> list[tuple[str, str, str]]:
    """Return what was done, to what, and by whom, without the server's own comings and goings."""
    rows: list[dict[str, Any]] = site.rows("audit", *options)
    return [(row["what"], row["target"], row["by"]) for row in rows if not row["what"].startswith("server ")]


def test_the_trail_shows_what_was_done_and_by_whom(site: Site) -> None:
    site.add("alice", "bob")
    assert site.admin("user", "disable", "bob").code == 0
    assert site.admin("channel", "create", "ops", "--owner", "alice").code == 0
    rows = told(site, "--limit", "4" if site.running else "20")
    assert rows[-3:] == [
        ("user add", "alice bob", US),
        ("user disable", "bob", US),
        ("channel create", "#ops", US),
    ]
    done = site.admin("audit", "--limit", "1")
    assert (done.code, done.err) == (0, [])
    heading, row = done.out.splitlines()
    assert heading.split() == ["seq", "time", "what", "target", "by", "detail", "address"]
    assert "channel create  #ops" in row
    assert site.rows("audit", "--since", "2100-01-01") == []
    assert told(site, "--since", "1h", "--limit", "1") == [("channel create", "#ops", US)]
    assert PASSWORD not in site.admin("audit", "--json").out


def test_a_whole_trail_is_said_to_be_and_prints_its_head(site: Site) -> None:
    site.add("alice")
    done = site.admin("audit", "verify")
    found = HEAD.fullmatch(done.out.strip())
    assert found is not None
    assert (done.code, done.err) == (0, [f"{found[1]} records, all as they were stored"])
    assert site.admin("audit", "verify", "--head", found[0]).code == 0
    as_json = json.loads(site.admin("audit", "verify", "--json").out)
    assert (as_json["records"], as_json["faults"]) == (int(found[1]), [])


@pytest.mark.parametrize("since", ["yesterday", "3x", "2026-13-01"])
def test_a_time_that_is_none_is_told_with_what_one_looks_like(programs: Programs, tmp_path: Path, since: str) -> None:
    done = programs.admin(tmp_path, "audit", "--since", since)
    assert done.code == 2
    assert f"'{since}': write 2026-11-22, 2026-11-22T14:00Z, or 3d for three days ago" in done.err[-1]


def test_a_head_that_is_none_is_told_what_one_is(site: Site) -> None:
    done = site.admin("audit", "verify", "--head", "nonsense")
    assert (done.code, done.out) == (1, "")
    assert done.err == ["securechat-admin: 'nonsense': a head is a number, a colon and 64 hexadecimal digits"]


@pytest.fixture
def stopped(programs: Programs, tmp_path: Path) -> Site:
    site = Site(programs, tmp_path / "data", running=False)
    site.add("alice", "bob")
    assert site.admin("user", "disable", "bob").code == 0
    assert site.admin("user", "enable", "bob").code == 0
    return site


def tamper(site: Site, *statements: str) -> None:
    connection = apsw.Connection(str(site.data / "securechat.db"))
    for statement in statements:
        connection.execute(statement.replace("OURS", "stream = (SELECT id FROM streams WHERE name = 's')"))
        assert connection.changes()
    connection.close()


def verify(site: Site, *options: str) -> tuple[int, list[str]]:
    done = site.admin("audit", "verify", *options)
    assert HEAD.fullmatch(done.out.strip())
    return done.code, done.err


BROKEN = "securechat-admin: the audit trail is not as it was stored"


def test_a_record_that_was_changed_is_named_and_a_head_of_before_says_so_too(stopped: Site) -> None:
    (number,) = [row["seq"] for row in stopped.rows("audit") if row["what"] == "user disable"]
    tamper(stopped, f"UPDATE records SET body = replace(body, 'disable', 'enable') WHERE OURS AND seq = {number}")
    assert verify(stopped) == (1, [f"record {number}: was changed", BROKEN])


@pytest.mark.parametrize("change", ["body = CAST(x'ff80' AS TEXT)", "msgid = CAST(x'ff' AS TEXT)", f"time = {1 << 62}"])
def test_what_nothing_of_ours_could_have_written_is_named_and_shown_like_any_other(stopped: Site, change: str) -> None:
    tamper(stopped, f"UPDATE records SET {change} WHERE OURS AND seq = 3")
    assert verify(stopped) == (1, ["record 3: was changed", BROKEN])
    assert [row["seq"] for row in stopped.rows("audit")][:4] == [1, 2, 3, 4]


def test_a_record_that_was_removed_is_named(stopped: Site) -> None:
    tamper(stopped, "DELETE FROM records WHERE OURS AND seq = 3", "DELETE FROM audit WHERE seq = 3")
    assert verify(stopped) == (1, ["record 3: is missing", BROKEN])


def test_a_tail_that_was_cut_shows_against_the_head_that_the_log_told(stopped: Site) -> None:
    stopped.address()
    log = stopped.server
    stopped.stop()
    (stop,) = [found for line in log.err if (found := LOGGED.search(line))]
    kept = f"{stop[1]}:{stop[2]}"
    assert verify(stopped, "--head", kept)[0] == 0
    last = int(stop[1]) - 2
    tamper(
        stopped,
        f"DELETE FROM records WHERE OURS AND seq > {last}",
        f"DELETE FROM audit WHERE seq > {last}",
        f"UPDATE streams SET seq = {last} WHERE name = 's'",
    )
    # The control: by itself nothing shows.
    assert verify(stopped) == (0, [f"{last} records, all as they were stored"])
    code, said = verify(stopped, "--head", kept)
    assert code == 1
    assert said[0] == f"record {stop[1]}: the head names it, and the trail ends with record {last}: its tail was cut"


def test_a_server_that_was_killed_has_started_without_having_stopped(programs: Programs, tmp_path: Path) -> None:
    site = Site(programs, tmp_path / "data", running=True)
    site.server.kill()
    again = programs.server(site.data)
    again.wait_ready()
    done = programs.admin(site.data, "audit", "--json")
    whats = [row["what"] for row in json.loads(done.out) if row["what"].startswith("server")]
    assert whats == ["server start", "server start"]


def test_a_backup_of_a_running_server_and_an_export_are_in_the_trail(programs: Programs, tmp_path: Path) -> None:
    site = Site(programs, tmp_path / "data", running=True)
    site.add("alice")
    file = tmp_path / "chat.tar"
    assert site.admin("backup", str(file)).code == 0
    assert site.admin("config", "reload").code == 0
    assert told(site, "--limit", "2") == [("backup", str(file), US), ("config reload", "", US)]
