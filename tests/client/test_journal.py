"""What was not confirmed outlives the client: the file after every way a client can end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from securechat.client.errors import Unsendable
from securechat.client.journal import Journal, parse_journal
from securechat.client.outbox import Delivery, Outbox, Outgoing
from securechat.errors import ConfigError


def open_outbox(home: Path) -> tuple[Journal, Outbox]:
    journal = Journal.open(home)
    return journal, Outbox(keeper=journal, left=journal.left)


def told(outbox: Outbox) -> list[tuple[str, str, str, str, Delivery]]:
    return [(m.id, m.target, m.text, m.reply_to, m.delivery) for m in outbox.waiting]


def test_what_waits_when_a_client_ends_waits_again_with_its_id_and_counts_as_unknown(tmp_path: Path) -> None:
    journal, outbox = open_outbox(tmp_path)
    for key in "abc":
        outbox.add(Outgoing(key, "#x", f"text {key} \n é", reply_to="m1"))
    outbox.acknowledge("b", "m2")
    os.close(journal._descriptor)  # As a kill would: nothing is said, nothing is tidied up.
    _, again = open_outbox(tmp_path)
    assert told(again) == [
        ("a", "#x", "text a \n é", "m1", Delivery.UNKNOWN),
        ("c", "#x", "text c \n é", "m1", Delivery.UNKNOWN),
    ]


def test_it_is_on_disk_before_it_is_waiting_to_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, outbox = open_outbox(tmp_path)
    flushed: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(journal.path.read_bytes()))
    outbox.add(Outgoing("a", "#x", "words"))
    assert len(flushed) == 1
    assert b'"words"' in flushed[0]


def test_what_has_its_answer_leaves_nothing_behind_and_the_file_is_private(tmp_path: Path) -> None:
    journal, outbox = open_outbox(tmp_path)
    outbox.add(Outgoing("a", "#x", "one"))
    outbox.add(Outgoing("b", "#x", "two"))
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    outbox.refuse("a", "404", "no")
    outbox.acknowledge("b", "m1")
    assert journal.path.read_bytes() == b""


def test_two_clients_at_once_have_one_each_and_what_one_leaves_the_next_takes_over(tmp_path: Path) -> None:
    first, _ = open_outbox(tmp_path)
    second, outbox = open_outbox(tmp_path)
    assert first.path != second.path
    assert outbox.waiting == ()
    outbox.add(Outgoing("b", "#x", "from the second"))
    second.close()
    first.close()
    third, found = open_outbox(tmp_path)
    assert third.path == first.path
    assert [message.id for message in found.waiting] == ["b"]
    assert second.path.read_bytes() == b""
    third.close()
    assert [message.id for message in Journal.open(tmp_path).left] == ["b"]


def test_control_what_another_client_still_holds_is_not_taken_from_it(tmp_path: Path) -> None:
    _, outbox = open_outbox(tmp_path)
    outbox.add(Outgoing("a", "#x", "mine"))
    assert Journal.open(tmp_path).left == ()


GOOD = b'{"id": "a", "target": "#x", "text": "t", "command": "PRIVMSG", "reply_to": ""}\n'


@pytest.mark.parametrize(
    ("content", "waiting", "unreadable"),
    [
        (b"", [], 0),
        (GOOD, ["a"], 0),
        (GOOD + GOOD.replace(b'"a"', b'"b"')[:-10], ["a"], 0),
        (b"nonsense\n" + GOOD, ["a"], 1),
        (b"\xff\x00\n[]\n7\n" + GOOD, ["a"], 3),
        (b'{"id": 7, "target": "#x", "text": "t", "command": "PRIVMSG", "reply_to": ""}\n', [], 1),
        (GOOD.replace(b"PRIVMSG", b"QUIT"), [], 1),
        (GOOD + b'{"answered": "a"}\n', [], 0),
        (b'{"answered": "z"}\n' + GOOD, ["a"], 0),
        (b'{"answered": []}\n' + GOOD, ["a"], 1),
    ],
)
def test_a_damaged_file_keeps_what_can_be_read(content: bytes, waiting: list[str], unreadable: int) -> None:
    messages, damaged = parse_journal(content)
    assert ([message.id for message in messages], damaged) == (waiting, unreadable)


def test_a_torn_last_line_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "outbox-1.jsonl").write_bytes(GOOD + GOOD[:20])
    journal, outbox = open_outbox(tmp_path)
    outbox.add(Outgoing("b", "#x", "next"))
    journal.close()
    again = Journal.open(tmp_path)
    assert [message.id for message in again.left] == ["a", "b"]


def test_damage_is_complained_of_and_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "outbox-1.jsonl").write_bytes(b"?\n")
    assert "1 lines cannot be read" in Journal.open(tmp_path).complaint
    with pytest.raises(ConfigError, match="cannot be kept"):
        Journal.open(tmp_path / "missing")


def test_what_cannot_be_kept_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, outbox = open_outbox(tmp_path)
    outbox.add(Outgoing("a", "#x", "kept"))

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Unsendable, match="No space left"):
        outbox.add(Outgoing("b", "#x", "lost"))
    assert [message.id for message in outbox.waiting] == ["a"]
    assert b"lost" not in journal.path.read_bytes()
