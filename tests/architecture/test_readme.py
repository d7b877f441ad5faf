"""What the README and the documents point at exists: the steps of a message's way, the scripts, the files linked to."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "certs").glob("*.md")])
WAY = "The way of one message"


def read_section(text: str, heading: str) -> str:
    """Return what stands between a heading of the second rank and the next one; nothing if there is no such heading."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def list_steps(section: str) -> list[list[str]]:
    """Return for each numbered step the names of ours that it gives in backticks."""
    steps = re.findall(r"^\d+\. (.*?)(?=^\d+\. |^\n(?! )|\Z)", section, re.MULTILINE | re.DOTALL)
    return [re.findall(r"`(securechat(?:\.\w+)+)(?:\(\))?`", step) for step in steps]


def resolve(name: str) -> object:
    """Return what a dotted name means: its longest importable front, then attributes.

    Raises:
        ImportError: no front of it is a module.
        AttributeError: the module is there, the rest of the name is not.
    """
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise ImportError(name)


def list_links(text: str) -> list[str]:
    """Return the targets of the relative links of a document, without its code."""
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def list_anchors(text: str) -> set[str]:
    """Return the anchors that the headings of a document get when it is shown on the web."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(document: Path, target: str) -> bool:
    """Tell whether a relative link's file is in the checkout and has the heading that the link names."""
    name, _, anchor = target.partition("#")
    path = (document.parent / name).resolve() if name else document
    return (
        path.exists() and path.is_relative_to(ROOT) and (not anchor or anchor in list_anchors(path.read_text("utf-8")))
    )


def test_the_way_of_one_message_has_ten_steps_that_exist() -> None:
    steps = list_steps(read_section(README.read_text("utf-8"), WAY))
    assert len(steps) == 10
    for number, names in enumerate(steps, start=1):
        assert names, f"step {number} names no module.function"
        assert all(callable(resolve(name)) for name in names), names


def test_every_relative_link_leads_somewhere() -> None:
    assert README in DOCUMENTS
    links = [(document, target) for document in DOCUMENTS for target in list_links(document.read_text("utf-8"))]
    assert [f"{document.name}: {target}" for document, target in links if not leads_somewhere(document, target)] == []


def test_every_script_that_the_readme_names_can_be_run() -> None:
    names = set(re.findall(r"\bscripts/(\w+)", README.read_text("utf-8")))
    assert {"run", "test"} <= names
    assert [name for name in sorted(names) if not os.access(ROOT / "scripts" / name, os.X_OK)] == []


def test_control_steps_are_counted_and_names_that_are_gone_are_found() -> None:
    text = "## Way\n\n1. `securechat.errors.ConfigError` is\n   read by `securechat.gone.reader()`.\n2. none\n\nEnd\n\n## Next\n3. `securechat.no`\n"
    assert list_steps(read_section(text, "Way")) == [["securechat.errors.ConfigError", "securechat.gone.reader"], []]
    assert resolve("securechat.errors.ConfigError").__name__ == "ConfigError"  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        resolve("securechat.errors.GoneError")
    with pytest.raises(AttributeError):
        resolve("securechat.gone.reader")


def test_control_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    text = "[a](README.md) [b](gone.md) [c](https://example.org/x) [d](#no-such-part) `[e](code.md)`\n```\n[f](code.md)\n```\n"
    assert list_links(text) == ["README.md", "gone.md", "#no-such-part"]
    assert leads_somewhere(ROOT / "CHANGELOG.md", "README.md")
    assert not leads_somewhere(ROOT / "CHANGELOG.md", "gone.md")
    assert not leads_somewhere(ROOT / "CHANGELOG.md", "#no-such-part")
    assert not leads_somewhere(ROOT / "CHANGELOG.md", "../outside.md")
    assert list_anchors("# C1 · One order\n## What isn't here\n") == {"c1--one-order", "what-isnt-here"}
