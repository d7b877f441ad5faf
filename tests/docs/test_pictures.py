"""The pictures of the documents: well-formed, of a size, shown somewhere, and with nothing of the machine they were made on."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.svg"))
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
SVG = "{http://www.w3.org/2000/svg}"
FOREIGN = re.compile(r"/(?:home|root|work|tmp|usr|Users)/|https?://(?!www\.w3\.org/2000/svg)|<script|@import|url\(")


def find_foreign(picture: str) -> list[str]:
    """Return what has no place in a picture: paths and the name of a machine, scripts, anything fetched."""
    names = [socket.gethostname()] if len(socket.gethostname()) > 3 else []
    return [*FOREIGN.findall(picture), *(name for name in names if name != "localhost" and name in picture)]


def test_there_are_the_layers_and_a_talk() -> None:
    assert [path.name for path in PICTURES] == ["layers.svg", "talk.svg"]


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_whole_and_shown(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert find_foreign(path.read_text("utf-8")) == []
    assert any(f"pictures/{path.name})" in document.read_text("utf-8") for document in DOCUMENTS)


def test_the_talk_is_one() -> None:
    root = ElementTree.parse(ROOT / "docs" / "pictures" / "talk.svg").getroot()
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert texts.count("alice") >= 1
    printed = "\n".join(texts)
    for words in ("Hi Bob, you made it.", "I did. Who can read this?", "And this only you."):
        assert printed.count(words) == 2, words


def test_control_what_has_no_place_is_found() -> None:
    assert find_foreign('<text>see /home/alice/x</text><image href="https://example.org/x.png"/>') == [
        "/home/",
        "https://",
    ]
    assert find_foreign('<svg xmlns="http://www.w3.org/2000/svg"/>') == []
