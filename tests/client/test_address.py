"""HOST[:PORT] as people write it, and how long to wait."""

from __future__ import annotations

import pytest

from securechat.client.address import Address, parse_address
from securechat.client.timing import Backoff
from securechat.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "host", "port", "written"),
    [
        ("localhost", "localhost", 6697, "localhost:6697"),
        ("chat.example:7000", "chat.example", 7000, "chat.example:7000"),
        ("127.0.0.1:1", "127.0.0.1", 1, "127.0.0.1:1"),
        ("[::1]", "::1", 6697, "[::1]:6697"),
        ("[::1]:65535", "::1", 65535, "[::1]:65535"),
    ],
)
def test_an_address_is_read_and_written(text: str, host: str, port: int, written: str) -> None:
    assert parse_address(text) == Address(host, port)
    assert str(parse_address(text)) == written


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("chat.example", "chat.example"),
        ("chat.example.", "chat.example"),
        ("bücher.example", "bücher.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("a%b", "a%b"),
    ],
)
def test_a_certificate_must_be_for_the_host_without_final_dot_or_zone(host: str, name: str) -> None:
    assert Address(host).vouched_name == name
    assert Address(host).host == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":6697",
        "host:",
        "host:x",
        "host:0",
        "host:65536",
        "host:99999999",
        "host:00000199999",
        "host:٣",
        "::1",
        "[::1",
        "[::1]x",
        "a b",
        "a\x1b",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_address(text)


def test_a_link_that_is_given_for_a_host_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match=r"^that is an invitation and not a host: type securechat-client join, and"):
        parse_address("securechat://chat.example/#v1.aaaqeayeaudaocajbifqydiob4")


def test_delays_double_up_to_a_limit_and_begin_anew() -> None:
    backoff = Backoff(0.5, 30, lambda: 0.0)
    assert [backoff.take() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    backoff.reset()
    assert backoff.take() == 0.5


def test_chance_shortens_a_delay_by_at_most_half() -> None:
    assert Backoff(8, 30, lambda: 1.0).take() == 4
    assert Backoff(8, 30, lambda: 0.5).take() == 6
