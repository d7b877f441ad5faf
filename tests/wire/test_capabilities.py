"""Capabilities: the table, requests that apply whole or not at all, and lists that fit their line."""

from __future__ import annotations

import pytest

from securechat.wire.capabilities import (
    BATCH,
    CAP_NOTIFY,
    CAPABILITIES,
    CHATHISTORY,
    MESSAGE_TAGS,
    ONCE,
    SASL,
    SERVER_TIME,
    fill_lines,
    list_lines,
    names_of,
    request,
)

NAMES = [
    "sasl",
    "server-time",
    "message-tags",
    "echo-message",
    "batch",
    "labeled-response",
    "account-tag",
    "away-notify",
    "extended-join",
    "multi-prefix",
    "cap-notify",
    "standard-replies",
    "account-notify",
    "chghost",
    "userhost-in-names",
    "draft/extended-isupport",
    "draft/chathistory",
    "draft/event-playback",
    "draft/message-redaction",
    "draft/multiline",
    "invite-notify",
    "no-implicit-names",
    "setname",
    "extended-monitor",
    "draft/pre-away",
    "draft/metadata-2",
    "draft/channel-rename",
    "draft/read-marker",
    "soju.im/search",
    "znc.in/playback",
    "draft/account-registration",
    "securechat.internal/once",
]


def test_exactly_these_capabilities_are_offered_each_with_a_bit_of_its_own() -> None:
    assert list(CAPABILITIES) == NAMES
    assert [capability.name for capability in CAPABILITIES.values()] == NAMES
    bits = [capability.bit for capability in CAPABILITIES.values()]
    assert all(bit.bit_count() == 1 for bit in bits)
    assert len(set(bits)) == len(NAMES)


@pytest.mark.parametrize(
    ("bits", "wanted", "result"),
    [
        (0, "sasl", SASL),
        (0, "sasl server-time", SASL | SERVER_TIME),
        (0, "  sasl   server-time ", SASL | SERVER_TIME),
        (SASL, "sasl", SASL),
        (SASL | BATCH, "-sasl", BATCH),
        (BATCH, "-sasl", BATCH),
        (SASL, "batch -sasl", BATCH),
        (0, "sasl -sasl", 0),
        (SASL, "-sasl sasl", SASL),
        (SASL, "", SASL),
        (0, "draft/chathistory securechat.internal/once", CHATHISTORY | ONCE),
        (CAP_NOTIFY, "-cap-notify", 0),
        (0, "sasl unknown", None),
        (SASL, "-sasl unknown", None),
        (SASL, "-unknown", None),
        (0, "SASL", None),
        (0, "sasl=PLAIN", None),
        (0, "-", None),
        (0, "--sasl", None),
        (0, "chathistory", None),
        (0, "sasl\tbatch", None),
    ],
)
def test_a_request_applies_whole_or_not_at_all(bits: int, wanted: str, result: int | None) -> None:
    assert request(bits, wanted) == result


def test_bits_are_named_in_the_order_of_the_table() -> None:
    assert names_of(0) == []
    assert names_of(ONCE | SASL | MESSAGE_TAGS) == ["sasl", "message-tags", "securechat.internal/once"]


OFFERED = {"sasl": "PLAIN", "server-time": "", "draft/chathistory": "", "message-tags": "", "sts": "duration=5"}


def test_the_list_shows_values_from_version_302_on() -> None:
    words = "sasl=PLAIN server-time draft/chathistory message-tags sts=duration=5"
    assert list_lines(302, 400, OFFERED) == [words]
    assert list_lines(303, 400, OFFERED) == [words]


@pytest.mark.parametrize("version", [0, 301])
def test_an_older_client_gets_bare_names_in_one_line_the_ratified_ones_first(version: int) -> None:
    """What has to have a value (IRCv3 sts) is nothing without."""
    assert list_lines(version, 400, OFFERED) == ["sasl server-time message-tags draft/chathistory"]
    assert list_lines(version, 40, OFFERED) == ["sasl server-time message-tags"]


@pytest.mark.parametrize("budget", [24, 25, 40])
def test_the_list_is_split_to_fit_and_loses_nothing(budget: int) -> None:
    lines = list_lines(302, budget, OFFERED)
    assert len(lines) > 1
    assert max(map(len, lines)) <= budget
    assert " ".join(lines).split(" ") == [
        "sasl=PLAIN", "server-time", "draft/chathistory", "message-tags", "sts=duration=5",
    ]  # fmt: skip


def test_a_line_is_filled_before_the_next_begins() -> None:
    assert fill_lines(["aaaa", "bbbb", "cc", "d"], 9) == ["aaaa bbbb", "cc d"]
    assert fill_lines(["far-too-long", "x"], 5) == ["far-too-long", "x"]
    assert fill_lines([], 5) == [""]
