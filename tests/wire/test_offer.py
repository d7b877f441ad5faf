"""What is offered may change: what clients are told of it, and what cannot be requested at all."""

from __future__ import annotations

import pytest

from securechat.wire.capabilities import BATCH, SASL
from securechat.wire.offer import Offer, Revision

STS = {"sts": "duration=2592000"}


def test_a_policy_is_shown_with_its_value_and_cannot_be_requested() -> None:
    """IRCv3 sts, Mechanism."""
    offer = Offer(STS)
    assert "sts=duration=2592000" in " ".join(offer.lines(302, 350)).split()
    assert "sts" not in " ".join(offer.lines(301, 350)).split()
    assert offer.request(0, "sts") is None
    assert offer.request(0, "batch sts") is None


def test_another_value_is_news() -> None:
    offer = Offer(STS)
    assert offer.revise("sasl", "PLAIN,EXTERNAL") == Revision("NEW", "sasl", "PLAIN,EXTERNAL", 0)
    assert offer.lines(302, 24)[0] == "sasl=PLAIN,EXTERNAL"
    assert offer.revise("sts", "duration=0") == Revision("NEW", "sts", "duration=0", 0)


def test_the_same_value_is_none() -> None:
    assert Offer(STS).revise("sasl", "PLAIN") is None
    assert Offer(STS).revise("fnord", None) is None


def test_what_is_withdrawn_is_neither_shown_nor_granted_until_it_is_back() -> None:
    """IRCv3 sasl-3.2, Advertisement of sasl capability when authentication is unavailable."""
    offer = Offer()
    assert offer.revise("sasl", None) == Revision("DEL", "sasl", "", SASL)
    assert offer.value_of("sasl") is None
    assert not any("sasl" in line for line in offer.lines(302, 350))
    assert offer.request(BATCH, "sasl") is None
    assert offer.request(BATCH, "-sasl") is None
    assert offer.revise("sasl", "PLAIN") == Revision("NEW", "sasl", "PLAIN", 0)
    assert offer.request(BATCH, "sasl") == BATCH | SASL


def test_a_policy_is_never_withdrawn() -> None:
    """IRCv3 sts, Mechanism: no CAP DEL."""
    with pytest.raises(ValueError, match="sts cannot be withdrawn"):
        Offer(STS).revise("sts", None)
