"""IRCv3 sts: over TLS, which is all there is, the duration and never a port; not to be requested."""

from __future__ import annotations

import dataclasses

import pytest

from securechat.chat.session import Session
from securechat.wire.offer import Offer
from tests.chat.stage import Stage


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.world = dataclasses.replace(stage.world, offer=Offer({"sts": "duration=2592000"}))
    return stage


def words_of(stage: Stage, session: Session, line: str) -> list[str]:
    return " ".join(each.partition(" :")[2] for each in stage.play(session, line).lines).split()


def test_a_secure_connection_is_told_the_duration_and_no_port(stage: Stage) -> None:
    """Details; The duration key."""
    assert "sts=duration=2592000" in words_of(stage, stage.stranger(), "CAP LS 302")
    policies = [word for word in words_of(stage, stage.stranger(), "CAP LS 302") if word.startswith("sts")]
    assert policies == ["sts=duration=2592000"]


def test_without_values_there_is_no_policy(stage: Stage) -> None:
    """Details: when enabled, the capability has a REQUIRED value."""
    assert not any(word.startswith("sts") for word in words_of(stage, stage.stranger(), "CAP LS"))


@pytest.mark.parametrize("line", ["CAP REQ sts", "CAP REQ :batch sts", "CAP REQ -sts"])
def test_it_cannot_be_requested(stage: Stage, line: str) -> None:
    """Mechanism: servers MAY reply with a CAP NAK."""
    session = stage.stranger()
    (answer,) = stage.play(session, line).lines
    assert " NAK " in answer
    assert session.caps == 0
