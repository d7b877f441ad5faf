"""export loads nothing that a script has no use for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.client.fakeserver import FakeServer
from tests.plain.program import Program
from tests.plain.test_import_costs import THIRD_PARTY, find_foreign, record

__all__ = ["record"]


async def test_export_loads_no_prompt_no_keyring_and_no_certificates(
    server: FakeServer,
    program: Callable[..., Program],
    record: Path,
) -> None:
    server.say("bob", "#general", "word")
    outcome = await program("export", "#general").run()
    assert (outcome.code, outcome.out.count("word")) == (0, 1)
    loaded = set(record.read_text().split())
    assert "securechat.plain.export" in loaded
    assert find_foreign(loaded) == THIRD_PARTY
