"""The audit trail's chain, without any storage: what going over it finds, and what it cannot find without a head."""

from __future__ import annotations

import hashlib
import json

import pytest

from securechat.chat.trail import Fault, Head, TrailRow, Verification, link_of, read_head


def rows(count: int = 5, *, first_act: str = "act 1") -> list[TrailRow]:
    """Return a trail that is whole."""
    made: list[TrailRow] = []
    link = bytes(32)
    for seq in range(1, count + 1):
        act = first_act if seq == 1 else f"act {seq}"
        content = (seq, f"MSGID{seq}", 1000 * seq, "Administered", f'{{"type":"Administered","act":"{act}"}}')
        # Written out, not by the code under test.
        array = json.dumps(content, separators=(",", ":")).encode()
        link = hashlib.sha256(link + array).digest()
        made.append(TrailRow(*content, link))
    return made


def faults(found: list[TrailRow], newest: int = 5, head: Head | None = None) -> list[tuple[int, str]]:
    verification = Verification(head)
    verification.take(found[:2])
    verification.take(found[2:])
    return [tuple(fault) for fault in verification.conclude(newest)]


WHOLE = rows()
HEAD = Head(5, WHOLE[4].link)


def test_a_link_is_sha256_over_the_one_before_and_the_record_as_json() -> None:
    *content, link = WHOLE[1][:6]
    assert link_of(WHOLE[0].link, *content) == link


def test_control_a_whole_trail_has_no_fault() -> None:
    assert faults(WHOLE) == faults(WHOLE, head=HEAD) == []
    verification = Verification()
    verification.take(WHOLE)
    assert verification.head == HEAD
    assert faults([], 0) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("body", '{"type":"Administered","act":"other"}'), ("time", 3001), ("msgid", "OTHER"), ("kind", "Other")],
)
def test_a_record_that_was_changed_is_named_and_no_other(field: str, value: object) -> None:
    changed = [*WHOLE[:2], WHOLE[2]._replace(**{field: value}), *WHOLE[3:]]
    assert faults(changed) == [(3, "was changed")]


def test_a_changed_record_whose_hash_was_made_to_fit_shows_in_the_next() -> None:
    body = '{"type":"Administered","act":"other"}'
    row = WHOLE[2]._replace(body=body)
    fitted = row._replace(link=link_of(WHOLE[1].link, *row[:5]))
    assert faults([*WHOLE[:2], fitted, *WHOLE[3:]]) == [(4, "was changed")]


def test_a_record_that_was_removed_is_named() -> None:
    assert faults(WHOLE[1:]) == [(1, "is missing")]
    assert faults([*WHOLE[:2], *WHOLE[3:]]) == [(3, "is missing")]
    assert faults([WHOLE[0], *WHOLE[3:]]) == [(2, "and all up to 3 are missing")]


def test_a_removed_record_whose_number_the_others_were_given_shows_in_each() -> None:
    moved = [*WHOLE[:2], *(row._replace(seq=row.seq - 1) for row in WHOLE[3:])]
    assert faults(moved, 4) == [(3, "was changed"), (4, "was changed")]


def test_a_record_that_was_put_in_has_no_link() -> None:
    put_in = TrailRow(6, "MSGID6", 6000, "Administered", "{}", b"")
    assert faults([*WHOLE, put_in], 6) == [(6, "has no hash: it was put there by something else than the server")]


def test_a_tail_that_was_cut_shows_by_what_storage_says_beside_the_records_or_else_by_a_head() -> None:
    cut = WHOLE[:3]
    assert faults(cut, 5) == [(4, "and all up to 5 are missing")]
    assert faults(cut, 3, HEAD) == [(5, "the head names it, and the trail ends with record 3: its tail was cut")]


def test_control_without_a_head_a_tail_that_was_cut_everywhere_does_not_show() -> None:
    assert faults(WHOLE[:3], 3) == []


def test_a_trail_made_anew_shows_by_a_head_alone() -> None:
    anew = rows(first_act="another act")
    assert faults(anew) == []
    text = "is another than the head names: the trail was made anew, from here or from further up"
    assert faults(anew, head=HEAD) == [(5, text)]


def test_a_head_is_read_as_it_is_written_and_nothing_else_is_one() -> None:
    text = f"5:{WHOLE[4].link.hex()}"
    assert str(HEAD) == text
    assert read_head(f" {text.upper()}\n") == HEAD
    for wrong in ("", "5", "5:", "x" + text, text + "0", text[:-1], f"-1:{'a' * 64}", f"1:{'g' * 64}"):
        with pytest.raises(ValueError, match="a head is"):
            read_head(wrong)


def test_of_many_faults_a_hundred_are_noted() -> None:
    many = rows(300)
    broken = [row._replace(time=0) for row in many]
    verification = Verification()
    verification.take(broken)
    assert len(verification.conclude(300)) == 100
    assert verification.faults[0] == Fault(1, "was changed")
