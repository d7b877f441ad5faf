"""A token for a device: taken only when it is one, and as it stands in the server's answer."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trustme

from securechat.client import enrolment
from securechat.client.address import Address
from securechat.client.enrolment import name_device, obtain_token
from securechat.client.link import Link
from securechat.client.trust import build_context
from tests.client.fakeserver import FakeServer, Guest

TOKEN = "sct_" + "a2" * 26


class Giver(FakeServer):
    """Answers ACCOUNT with the lines of the test."""

    answers: tuple[str, ...] = ()

    def _on_account(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        self.labels.append(" ".join(params))
        guest.tell(*(f":irc.test {line}" for line in self.answers))


@pytest.mark.parametrize(
    ("answer", "token"),
    [
        (f"NOTE ACCOUNT DEVICE_ADDED d1 {TOKEN} :Sign in with this token", TOKEN),
        ("NOTE ACCOUNT DEVICE_ADDED d1 sct_short :Sign in with this token", ""),
        (f"NOTE ACCOUNT DEVICE_ADDED d1 x{TOKEN} :Sign in with this token", ""),
        (f"NOTE ACCOUNT DEVICE_ADDED d1 {TOKEN}\x1b[2J :Sign in with this token", ""),
        (f"NOTE ACCOUNT DEVICE_ADDED d1 {TOKEN}../../x :Sign in with this token", ""),
        (f"NOTE ACCOUNT DEVICE_ADDED d1 sct_{'a' * 101} :Sign in with this token", ""),
        ("FAIL ACCOUNT TOO_MANY_DEVICES DEVICE :Revoke one first", ""),
    ],
)
async def test_only_what_is_a_token_is_taken_for_one(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch, answer: str, token: str
) -> None:
    # Enough for an answer that comes, and soon over for one that never does.
    monkeypatch.setattr(enrolment, "PATIENCE", 0.5)
    async with Giver(authority) as server:
        server.answers = (answer,)
        link = Link(Address("localhost", server.port), "alice", "secret", build_context(ca_file), follow=())
        async with link:
            assert await obtain_token(link, "my laptop") == token
    assert server.labels == ["DEVICE ADD my laptop"]


@pytest.mark.parametrize(
    ("host", "label"),
    [
        ("laptop", "laptop"),
        ("lap\x1b[2J\ntop", "lap[2Jtop"),
        ("é" * 40, "é" * 32),
        ("x" + "é" * 40, "x" + "é" * 31),
        ("", "securechat-client"),
    ],
)
def test_a_device_is_called_what_its_machine_is_as_far_as_a_label_can_hold_it(
    monkeypatch: pytest.MonkeyPatch, host: str, label: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert name_device() == label
