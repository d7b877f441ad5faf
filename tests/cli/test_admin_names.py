"""Renaming and deleting accounts by securechat-admin: the same whether the server runs or not, and seen from outside."""

from __future__ import annotations

import json

from securechat.client.link import Link
from tests.cli.site import Site


async def say(site: Site, name: str, text: str) -> None:
    async with site.link(name) as link:
        assert await link.deliver("#general", text)


def seen_by(site: Site, name: str) -> list[tuple[str, str]]:
    """Return what somebody reads in the history of #general: senders and texts."""
    return [(row["sender"], row["text"]) for row in site.history(name, "#general")]


async def test_a_renamed_account_has_one_name_everywhere_and_the_old_one_is_nobodys(site: Site) -> None:
    site.add("alice", "bob")
    await say(site, "alice", "before")
    renamed = site.admin("user", "rename", "alice", "alicia")
    assert (renamed.code, renamed.out, renamed.err) == (0, "", ["alice is now called alicia"])
    assert [row["name"] for row in site.rows("user", "list")] == ["alicia", "bob"]
    assert await site.lets_in("alicia")
    assert not await site.lets_in("alice")
    await say(site, "alicia", "after")
    assert seen_by(site, "bob") == [("alicia", "before"), ("alicia", "after")]
    for again in (("user", "add", "alice", "--generate"), ("user", "rename", "bob", "al1ce")):
        refused = site.admin(*again)
        assert (refused.code, refused.out, len(refused.err)) == (1, "", 1), again


async def test_a_deleted_account_is_gone_and_its_messages_stay_under_a_name_that_says_so(site: Site) -> None:
    site.add("alice", "bob")
    await say(site, "bob", "a word of mine")
    link: Link = site.link("bob")
    if site.running:
        await link.__aenter__()
    deleted = site.admin("user", "delete", "bob", "--yes")
    ((sender, text),) = seen_by(site, "alice")
    assert (deleted.code, deleted.out) == (0, "")
    assert deleted.err == [f"bob is deleted; what they wrote stays, from {sender}"]
    assert text == "a word of mine"
    assert sender.startswith("deleted-")
    assert len(sender) == len("deleted-") + 6
    if site.running:
        assert not await site.closes(link)
        await link.close()
    assert not await site.lets_in("bob")
    assert [row["name"] for row in site.rows("user", "list")] == ["alice"]
    assert site.admin("user", "add", "bob", "--generate").code == 1


async def test_an_account_deleted_with_erase_leaves_no_text_behind(site: Site) -> None:
    site.add("alice", "bob")
    await say(site, "bob", "a word of mine")
    await say(site, "alice", "a word of hers")
    deleted = site.admin("user", "delete", "bob", "--erase", "--yes", "--json")
    assert (deleted.code, deleted.err) == (0, [])
    told = json.loads(deleted.out)
    assert (told["name"], told["erased"], told["shown_as"][:8]) == ("bob", True, "deleted-")
    assert seen_by(site, "alice") == [("alice", "a word of hers")]
    files = b"".join(path.read_bytes() for path in site.data.glob("securechat.db*"))
    assert b"a word of hers" in files
    assert b"a word of mine" not in files
