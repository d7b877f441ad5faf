"""Which of a server's names a link leads to."""

from __future__ import annotations

from pathlib import Path

import pytest

from securechat.cli.links import choose_names, describe_place, reachable_names
from securechat.errors import ConfigError
from tests.scenario.processes import Programs, port_of

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


def test_names_that_no_link_leads_to_are_found_before_anybody_is_invited() -> None:
    with pytest.raises(ConfigError, match=r"no link leads to \*\.example\.org; say the name .* with --name"):
        describe_place({"names": ["*.example.org"], "port": 6697, "ca": ""})
    place = describe_place({"names": ["*.example.org", "chat.example.org"], "port": 6697, "ca": ""})
    assert place.hosts == (("chat.example.org", 6697),)


def test_a_link_leads_where_nobody_needs_a_certificate(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = programs.server(data, "--listen", "127.0.0.1:0,client-cert=required", "--listen", "127.0.0.1:0")
    demanding, open_to_all = (port_of(where) for where in server.wait_ready(2))
    link = programs.admin(data, "invite").out
    assert link.startswith(f"securechat://localhost:{open_to_all}/#"), demanding
    server.kill()
    (data / "config.toml").write_text('listen = ["127.0.0.1:7001,client-cert=required", "127.0.0.1:7002"]\n')
    assert programs.admin(data, "invite").out.startswith("securechat://localhost:7002/#")
