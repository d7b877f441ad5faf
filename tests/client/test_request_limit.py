"""What waits for an answer of the server has an end: a server that answers nothing costs no more than that."""

from __future__ import annotations

import pytest

from securechat.client.errors import Unsendable
from securechat.client.events import HistoryRequest
from securechat.client.outbox import Outgoing
from tests.client.handshake import sign_in

MOST = 4096


def test_more_than_so_many_requests_are_not_even_sent() -> None:
    session = sign_in()
    for _ in range(MOST):
        session.ask_history(HistoryRequest("LATEST", "#x", "*", 1))
    assert session.outgoing().count(b"CHATHISTORY") == MOST
    for ask in (
        lambda: session.ask_history(HistoryRequest("LATEST", "#x", "*", 1)),
        lambda: session.send_message(Outgoing("id", "#x", "text")),
    ):
        with pytest.raises(Unsendable, match="too much is waiting"):
            ask()
    assert session.outgoing() == b""


def test_an_answer_makes_room_for_another_one() -> None:
    session = sign_in()
    for _ in range(MOST):
        session.ask_history(HistoryRequest("LATEST", "#x", "*", 1))
    session.receive(b"@label=7 FAIL CHATHISTORY INVALID_TARGET LATEST #x :no\r\n")
    session.outgoing()
    session.ask_history(HistoryRequest("LATEST", "#x", "*", 1))
    assert session.outgoing() == b"@label=4097 CHATHISTORY LATEST #x * 1\r\n"
