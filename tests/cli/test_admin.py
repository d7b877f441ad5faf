"""Accounts and tokens by securechat-admin: the same whether the server runs or not, and seen from outside."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from tests.cli.site import Site
from tests.scenario.processes import PASSWORD

OTHER = "another good password"


async def test_who_was_added_can_sign_in_and_is_listed(site: Site) -> None:
    typed = site.admin("user", "add", "alice", "--password-stdin", "--role", "admin", stdin=f"{PASSWORD}\nignored\n")
    assert (typed.code, typed.out, typed.err) == (0, "", ["added alice (admin)"])
    made = site.admin("user", "add", "bob", "--generate")
    assert (made.code, made.err) == (0, ["added bob (member)"])
    (password,) = made.out.splitlines()

    assert [(row["name"], row["role"], row["enabled"], row["devices"]) for row in site.rows("user", "list")] == [
        ("alice", "admin", True, 0),
        ("bob", "member", True, 0),
    ]
    table = site.admin("user", "list").out.splitlines()
    assert [line.split()[:3] for line in table] == [
        ["name", "role", "state"],
        ["alice", "admin", "offline"],
        ["bob", "member", "offline"],
    ]
    assert await site.lets_in("alice")
    assert await site.lets_in("bob", password)
    assert not await site.lets_in("bob")
    assert not await site.lets_in("carol")


async def test_a_new_password_closes_connections_and_ends_the_old_one_and_all_tokens(site: Site) -> None:
    site.add("alice")
    token = site.admin("token", "add", "alice", "--label", "laptop").out.strip()
    link = site.link("alice", token)
    if site.running:
        await link.__aenter__()

    changed = site.admin("user", "passwd", "alice", "--password-stdin", stdin=f"{OTHER}\n")
    assert (changed.code, changed.out, changed.err) == (0, "", ["password of alice changed"])

    if site.running:
        assert not await site.closes(link)
        await link.close()
    assert await site.lets_in("alice", OTHER)
    assert not await site.lets_in("alice", PASSWORD)
    assert not await site.lets_in("alice", token)
    generated = site.admin("user", "passwd", "alice", "--generate").out.strip()
    assert await site.lets_in("alice", generated)
    assert not await site.lets_in("alice", OTHER)


async def test_who_is_disabled_is_put_out_until_enabled_again(site: Site) -> None:
    site.add("alice")
    link = site.link("alice")
    if site.running:
        await link.__aenter__()

    disabled = site.admin("user", "disable", "alice")
    assert (disabled.code, disabled.out, disabled.err) == (0, "", ["alice is disabled"])
    if site.running:
        assert not await site.closes(link)
        await link.close()
    assert not await site.lets_in("alice")
    assert [row["enabled"] for row in site.rows("user", "list")] == [False]

    assert site.admin("user", "disable", "alice").code == 0, "disabling twice is no mistake"
    enabled = site.admin("user", "enable", "alice")
    assert (enabled.code, enabled.out, enabled.err) == (0, "", ["alice is enabled"])
    assert await site.lets_in("alice")


async def test_a_token_signs_in_until_it_is_revoked_and_takes_only_its_device_along(site: Site) -> None:
    site.add("alice")
    added = site.admin("token", "add", "alice", "--label", "my laptop")
    (token,) = added.out.splitlines()
    assert token.startswith("sct_")
    assert token not in "".join(added.err)
    other = site.admin("token", "add", "alice", "--label", "phone").out.strip()
    rows = site.rows("token", "list", "alice")
    assert [row["label"] for row in rows] == ["my laptop", "phone"]
    assert added.err == [f"device {rows[0]['id']} (my laptop)"]
    assert token not in str(rows)
    assert await site.lets_in("alice", token)

    revoked_link, kept_link = site.link("alice", token), site.link("alice", other)
    if site.running:
        await revoked_link.__aenter__()
        await kept_link.__aenter__()
    revoked = site.admin("token", "revoke", rows[0]["id"])
    assert (revoked.code, revoked.out, revoked.err) == (0, "", [f"device {rows[0]['id']} is revoked"])

    if site.running:
        assert not await site.closes(revoked_link)
        assert await kept_link.deliver("#general", "still here")
        await revoked_link.close()
        await kept_link.close()
    assert not await site.lets_in("alice", token)
    assert await site.lets_in("alice", other)
    assert await site.lets_in("alice")
    assert [row["label"] for row in site.rows("token", "list", "alice")] == ["phone"]


async def test_a_class_is_imported_at_once_with_tokens_that_work(site: Site) -> None:
    names = [f"pupil{number:04}x" for number in range(1000)]
    done = site.admin("user", "import", "-", "--tokens", stdin="\ufeff" + "\n".join(names) + "\n")
    assert (done.code, done.err) == (0, [])
    rows = list(csv.reader(io.StringIO(done.out)))
    assert [name for name, _ in rows] == names
    assert len({token for _, token in rows}) == 1000
    assert all(token.startswith("sct_") for _, token in rows)
    assert len(site.rows("user", "list")) == 1000
    for name, token in (rows[0], rows[-1]):
        assert await site.lets_in(name, token)
    assert not await site.lets_in(rows[0][0], rows[1][1])


async def test_imported_people_keep_the_password_they_have_and_others_get_one(site: Site) -> None:
    done = site.admin("user", "import", "-", stdin=f'alice,"{PASSWORD}"\n\nbob\n')
    rows = dict(csv.reader(io.StringIO(done.out)))
    assert rows == {"alice": "", "bob": rows["bob"]}
    assert await site.lets_in("alice")
    assert await site.lets_in("bob", rows["bob"])


def test_an_empty_import_is_a_mistake(site: Site) -> None:
    for names in ("", "\n\n", "name,password\n"):
        done = site.admin("user", "import", "-", "--tokens", stdin=names)
        assert (done.code, done.out, done.err) == (1, "", ["securechat-admin: there is nobody to add"])
    assert site.rows("user", "list") == []


async def test_what_was_done_is_told_to_programs_as_one_object(site: Site) -> None:
    def told(*arguments: str) -> dict[str, Any]:
        done = site.admin(*arguments, "--json")
        assert (done.code, done.err) == (0, []), arguments
        found = json.loads(done.out)
        assert isinstance(found, dict)
        return found

    added = told("user", "add", "alice", "--generate")
    assert set(added) == {"name", "secret"}
    assert await site.lets_in(added["name"], added["secret"])
    changed = told("user", "passwd", "alice", "--generate")
    assert changed == {"name": "alice", "secret": changed["secret"]}
    assert await site.lets_in("alice", changed["secret"])
    assert told("user", "disable", "alice") == {"name": "alice", "enabled": False}
    assert [line.split()[2] for line in site.admin("user", "list").out.splitlines()] == ["state", "disabled"]
    assert told("user", "enable", "alice") == {"name": "alice", "enabled": True}
    token = told("token", "add", "alice", "--label", "laptop")
    assert await site.lets_in("alice", token["secret"])
    assert told("token", "revoke", token["id"]) == {"id": token["id"]}
    assert not await site.lets_in("alice", token["secret"])
