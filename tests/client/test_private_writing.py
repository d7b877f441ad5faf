"""A private file is replaced as a whole or not at all, and is on disk before it counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from securechat.client.private import write_private


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "profile.toml"
    path.write_bytes(b"old")
    return path


def test_it_is_on_disk_before_it_takes_the_place_of_what_was_there(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[tuple[bytes, set[bytes]]] = []

    def note(descriptor: int) -> None:
        flushed.append((kept.read_bytes(), {path.read_bytes() for path in kept.parent.iterdir()}))

    monkeypatch.setattr(os, "fsync", note)
    write_private(kept, b"new")
    assert flushed[:1] == [(b"old", {b"old", b"new"})]
    assert kept.read_bytes() == b"new"


def test_what_cannot_be_written_leaves_what_was_there_and_nothing_beside_it(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_private(kept, b"new")
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
    assert kept.read_bytes() == b"old"
