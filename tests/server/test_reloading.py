"""Settings read anew: what differs, what of it counts at once, and what stays until the next start."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest

from securechat.config import Config, is_section, parse_config
from securechat.server.reloading import Change, compare, needs_restart, settle


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, []),
        ({"chat": {"network": "securechat"}}, []),
        ({"chat": {"motd": "Hello"}}, [Change("chat.motd", "", "Hello", restart=False)]),
        ({"limits": {"silence": 30}}, [Change("limits.silence", 120, 30, restart=False)]),
        ({"limits": {"handshake": 5}}, [Change("limits.handshake", 10, 5, restart=True)]),
        ({"names": ["chat.example.org"]}, [Change("names", [], ["chat.example.org"], restart=True)]),
        (
            {"cert": "a.pem", "sts": 0, "chat": {"create_channels": "admins"}},
            [
                Change("cert", "", "a.pem", restart=True),
                Change("sts", 2592000, 0, restart=False),
                Change("chat.create_channels", "members", "admins", restart=False),
            ],
        ),
    ],
)
def test_what_differs_is_told_key_by_key(table: dict[str, Any], expected: list[Change]) -> None:
    assert list(compare(Config(), parse_config(table, "test"))) == expected


def test_what_needs_a_restart_stays_as_it_was_and_is_told_again() -> None:
    wanted = parse_config({"names": ["b"], "limits": {"handshake": 5, "silence": 30}, "chat": {"motd": "Hi"}}, "test")
    held = settle(Config(), wanted)
    assert (held.names, held.limits.handshake) == ([], 10)
    assert (held.limits.silence, held.chat.motd) == (30, "Hi")
    assert [change.key for change in compare(held, wanted)] == ["names", "limits.handshake"]


def test_what_counts_at_the_next_start_only_is_written_out_here() -> None:
    """A key that is new here and absent there counts at once: see that something reads it at the time of use."""

    def keys(kind: Any, prefix: str = "") -> list[str]:
        found = []
        for name, hint in get_type_hints(kind, include_extras=True).items():
            if is_section(hint):
                found += keys(hint, f"{prefix}{name}.")
            elif needs_restart(hint):
                found.append(f"{prefix}{name}")
        return found

    assert set(keys(Config)) >= {
        "listen",
        "names",
        "cert",
        "key",
        "chat.absence",
        "limits.handshake",
        "limits.send_queue",
        "limits.strangers",
        "limits.strangers_per_address",
        "limits.free_space",
    }
