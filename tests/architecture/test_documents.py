"""Every setting stands in docs/operations.md, and every package that is depended on in decision 0002; and nothing else does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from securechat.config import example_config

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs/operations.md").read_text("utf-8")
DECISION = (ROOT / "docs/decisions/0002-dependencies.md").read_text("utf-8")


def known_settings() -> set[str]:
    """Return the keys of the example as they are written with their section before them."""
    keys, section = set(), ""
    for line in example_config().splitlines():
        if found := re.match(r"\[(\w+)\]$", line):
            section = f"{found[1]}."
        elif found := re.match(r"#(\w+) = ", line):
            keys.add(section + found[1])
    return keys


def described_settings(page: str) -> set[str]:
    rows = page.split("\n## Settings\n")[1].split("\n## ")[0]
    return {name for row in re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE) for name in re.findall(r"`([\w.]+)`", row)}


def required_packages() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    wanted = [*project["project"]["dependencies"], *(each for extra in extras for each in extra)]
    built_by = project["build-system"]["requires"]
    return {re.split(r"[\[>=<]", each)[0] for each in [*wanted, *built_by]} - {project["project"]["name"]}


def argued_packages(page: str) -> set[str]:
    tables = page.split("\n## Options")[0]
    rows = re.findall(r"^\| ([^|]+) \|", tables, re.MULTILINE)
    return {name for row in rows if row not in ("package", "---") for name in row.split(", ")}


def test_every_setting_is_described_and_nothing_that_is_none() -> None:
    assert "chat.redaction_window" in known_settings()
    assert described_settings(OPERATIONS) == known_settings()


def test_every_package_that_is_depended_on_is_argued_for_and_no_other() -> None:
    assert argued_packages(DECISION) == required_packages()


def test_control_what_is_taken_out_is_noticed() -> None:
    assert described_settings(OPERATIONS.replace("| `sts` |", "| - |")) == known_settings() - {"sts"}
    assert argued_packages(DECISION.replace("| websockets |", "| - |")) - {"-"} == required_packages() - {"websockets"}
