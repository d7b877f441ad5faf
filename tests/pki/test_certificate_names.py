from __future__ import annotations

import pytest

from securechat.errors import ConfigError
from securechat.pki.names import parse_names


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["chat.example.org"], ["chat.example.org"]),
        (["localhost", "127.0.0.1", "::1"], ["localhost", "127.0.0.1", "::1"]),
        (["Chat.Example.ORG.", "chat.example.org"], ["chat.example.org"]),
        (["[2001:DB8::1]"], ["2001:db8::1"]),
        (["bücher.example"], ["xn--bcher-kva.example"]),
        (["*.example.org"], ["*.example.org"]),
        (["a" * 63 + ".org"], ["a" * 63 + ".org"]),
    ],
)
def test_names_are_read_once_each_in_their_order(given: list[str], expected: list[str]) -> None:
    assert [str(name.value) for name in parse_names(given)] == expected


@pytest.mark.parametrize(
    "bad",
    [
        *("", " ", "two words", "-a.org", "a-.org", "a..b", "a_b.org", "256.1.1.1", "1.2.3", "*", "*.", "a.*.org"),
        *("faß.example", "σοφός.example", "نامه\u200cای.example"),
        *("a/b", "a\nb", "a,b", "a" * 64 + ".org", "a." * 127 + "org", "fe80::1%eth0", "a.org:6697", "\ud800"),
    ],
)
def test_what_is_no_name_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_names(["localhost", bad])
    assert "\n" not in str(refused.value)


def test_a_certificate_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="a certificate needs a name"):
        parse_names([])
