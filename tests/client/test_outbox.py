"""What is known of a message that was written, as a table of what happens to it."""

from __future__ import annotations

import pytest

from securechat.client.errors import Unsendable
from securechat.client.outbox import Delivery, Outbox, Outgoing


def make_outbox(*ids: str) -> Outbox:
    outbox = Outbox(limit=3)
    for key in ids:
        outbox.add(Outgoing(key, "#x", f"text {key}"))
    return outbox


def ids_of(messages: list[Outgoing]) -> list[str]:
    return [message.id for message in messages]


def test_each_message_is_taken_once_for_each_connection_in_order() -> None:
    outbox = make_outbox("a", "b")
    assert ids_of(outbox.take_unsent()) == ["a", "b"]
    assert outbox.take_unsent() == []
    outbox.add(Outgoing("c", "#x", "text c"))
    assert ids_of(outbox.take_unsent()) == ["c"]


def test_without_an_echo_a_message_is_unknown_and_goes_out_again_with_its_id() -> None:
    outbox = make_outbox("a", "b", "c")
    sent = outbox.take_unsent()
    outbox.acknowledge("b", "m1")
    assert ids_of(outbox.lose_connection()) == ["a", "c"]
    assert [message.delivery for message in sent] == [Delivery.UNKNOWN, Delivery.ACKNOWLEDGED, Delivery.UNKNOWN]
    assert ids_of(outbox.take_unsent()) == ["a", "c"]


def test_what_was_never_on_its_way_stays_pending() -> None:
    outbox = make_outbox("a")
    assert outbox.lose_connection() == []
    assert outbox.waiting[0].delivery is Delivery.PENDING


def test_an_unknown_message_can_still_turn_out_either_way() -> None:
    outbox = make_outbox("a", "b")
    outbox.take_unsent()
    outbox.lose_connection()
    stored, refused = outbox.acknowledge("a", "m7"), outbox.refuse("b", "404", "no")
    assert stored is not None
    assert refused is not None
    assert (stored.delivery, stored.msgid) == (Delivery.ACKNOWLEDGED, "m7")
    assert (refused.delivery, refused.code, refused.reason) == (Delivery.REFUSED, "404", "no")
    assert len(outbox) == 0


def test_an_answer_to_nothing_changes_nothing() -> None:
    outbox = make_outbox("a")
    assert outbox.acknowledge("z", "m1") is None
    assert outbox.refuse("z", "404", "no") is None
    assert len(outbox) == 1


def test_a_full_outbox_says_so_and_an_id_waits_once() -> None:
    outbox = make_outbox("a", "b", "c")
    assert outbox.is_full
    with pytest.raises(Unsendable):
        outbox.add(Outgoing("d", "#x", "text"))
    outbox.acknowledge("a", "m1")
    with pytest.raises(Unsendable):
        outbox.add(Outgoing("b", "#x", "text"))
    outbox.add(Outgoing("d", "#x", "text"))
    assert ids_of(list(outbox.waiting)) == ["b", "c", "d"]
