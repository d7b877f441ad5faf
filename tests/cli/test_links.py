"""Which of a server's names a link leads to."""

from __future__ import annotations

import pytest

from securechat.cli.links import choose_names, reachable_names

OWN = ["localhost", "tower", "127.0.0.1", "::1"]
"""What a certificate is made for when nobody says a name."""


@pytest.mark.parametrize(
    ("names", "listening", "chosen"),
    [
        (OWN, ["0.0.0.0", "::"], ["tower"]),
        (OWN, ["127.0.0.1"], ["localhost"]),
        (OWN, ["localhost", "::1"], ["localhost"]),
        (OWN, ["127.0.0.1", "192.0.2.7"], ["tower"]),
        (["127.0.0.1", "::1"], ["::1"], ["::1"]),
        (["chat.example.org", "*.example.org"], ["127.0.0.1"], ["chat.example.org"]),
    ],
)
def test_a_link_leads_to_names_that_somebody_listens_behind(
    names: list[str], listening: list[str], chosen: list[str]
) -> None:
    assert choose_names(reachable_names(names, listening)) == chosen
