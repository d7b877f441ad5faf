"""How the subjects are set up, without starting any."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.bench.inspircd import configure
from tests.bench.percentiles import pick
from tests.bench.talk import choose_rooms, place_listeners


def test_the_peer_is_configured_for_tls_only_and_without_limits() -> None:
    text = configure(Path("/run/peer"), 6700, Path("/c.pem"), Path("/k.pem"))
    assert text.count("<bind ") == 1
    assert '<bind address="127.0.0.1" port="6700" type="clients" sslprofile="bench">' in text
    assert 'certfile="/c.pem" keyfile="/k.pem"' in text
    assert "+VERS-TLS1.3" in text
    assert '<module name="ircv3_msgid">' in text
    for limit in ("commandrate", "threshold", "recvq", "softsendq", "hardsendq"):
        assert f'{limit}="1000000000"' in text


def test_every_room_has_the_same_number_of_members_and_a_talker_of_its_own() -> None:
    rooms = choose_rooms(1000, 100)
    assert {len(set(each)) for each in rooms} == {10}
    assert set(Counter(room for each in rooms for room in each).values()) == {100}
    assert len({each[0] for each in rooms[:100]}) == 100


def test_without_rooms_nobody_joins_any() -> None:
    assert choose_rooms(2, 0) == [[], []]


def test_listeners_are_of_both_variants_and_ten_of_them_are_timed() -> None:
    names = [f"m{number}" for number in range(100)]
    placed = place_listeners(names, [[] for _ in names])
    assert Counter(each.kind for each in placed) == {"listener": 90, "sampler": 10}
    assert sorted(Counter(each.caps for each in placed).values()) == [50, 50]


def test_a_percentile_is_a_value_that_was_counted() -> None:
    assert [pick(range(1, 101), percent) for percent in (50, 99)] == [51, 100]
    assert pick([7], 99) == 7
