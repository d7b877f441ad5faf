"""Channels by securechat-admin: made, shown, given roles in and dropped, as people in them see it."""

from __future__ import annotations

import json

from securechat.client.events import Left
from tests.cli.site import Site, read_until


def members(site: Site, name: str) -> dict[str, str]:
    shown = json.loads(site.admin("channel", "show", name, "--json").out)
    return {member["name"]: member["role"] for member in shown["people"]}


async def test_a_channel_is_made_shown_and_dropped(site: Site) -> None:
    site.add("alice", "bob")
    made = site.admin("channel", "create", "ops", "--owner", "alice")
    assert (made.code, made.out, made.err) == (0, "", ["#ops is made; it belongs to alice"])
    rows = {row["name"]: row for row in site.rows("channel", "list")}
    assert set(rows) == {"#general", "#ops"}
    assert (rows["#general"]["members"], rows["#ops"]["members"]) == (2, 1)
    assert members(site, "#ops") == {"alice": "owner"}

    async with site.link("alice") as link:
        assert await link.deliver("#ops", "only we are here")
    site.address()
    assert {row["name"]: row["messages"] for row in site.rows("channel", "list")} == {"#general": 0, "#ops": 1}
    table = site.admin("channel", "list").out.splitlines()
    assert [line.split()[:3] for line in table] == [
        ["name", "members", "messages"],
        ["#general", "2", "0"],
        ["#ops", "1", "1"],
    ]
    assert "only we are here" not in site.admin("channel", "show", "ops").out

    link = site.link("alice")
    if site.running:
        await link.__aenter__()
    dropped = site.admin("channel", "drop", "ops", "--yes")
    assert (dropped.code, dropped.out, dropped.err) == (0, "", ["#ops is dropped"])
    if site.running:
        left = (await read_until(link, Left))[-1]
        assert (left.channel, left.own) == ("#ops", True)
        await link.close()
    assert [row["name"] for row in site.rows("channel", "list")] == ["#general"]
    assert site.admin("channel", "show", "ops").code == 1


def test_roles_are_given_and_taken_and_somebody_always_owns_the_channel(site: Site) -> None:
    site.add("alice", "bob", "carol")
    assert members(site, "general") == {"alice": "owner", "bob": "member", "carol": "member"}
    for role in ("operator", "voice", "owner"):
        done = site.admin("channel", "role", "#general", "bob", role)
        assert (done.code, done.out, done.err) == (0, "", [f"bob is {role} in #general"])
        assert members(site, "general")["bob"] == role
    shown = site.admin("channel", "show", "general").out.splitlines()
    assert [line.split() for line in shown[-4:]] == [
        ["member", "role"],
        ["alice", "owner"],
        ["bob", "owner"],
        ["carol", "member"],
    ]
    assert site.admin("channel", "role", "general", "alice", "member").code == 0
    assert members(site, "general") == {"alice": "member", "bob": "owner", "carol": "member"}
    refused = site.admin("channel", "role", "general", "bob", "member")
    assert (refused.code, refused.out, len(refused.err)) == (1, "", 1)
    assert "'bob' is the only owner of '#general'" in refused.err[0]
    assert members(site, "general")["bob"] == "owner"
