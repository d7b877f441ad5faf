"""Who talked with whom: both ways, the latest ones, and no more than a bound."""

from __future__ import annotations

from securechat.server.partners import REMEMBERED, Partners


def test_partners_are_each_others_and_nobody_elses() -> None:
    partners = Partners()
    partners.note("alice", "bob")
    partners.note("carol", "alice")
    assert [partners.of(name) for name in ("alice", "bob", "carol", "dave")] == [
        ["bob", "carol"],
        ["alice"],
        ["alice"],
        [],
    ]


def test_the_latest_are_remembered_and_no_more_than_the_bound() -> None:
    partners = Partners()
    for number in range(REMEMBERED):
        partners.note("alice", f"p{number}")
    partners.note("p0", "alice")
    partners.note("alice", "one more")
    assert len(partners.of("alice")) == REMEMBERED == 200
    assert partners.of("alice")[0] == "p2"
    assert partners.of("alice")[-2:] == ["p0", "one more"]
    assert partners.of("p1") == ["alice"]
