"""README.md here lists every case."""

from __future__ import annotations

from pathlib import Path

from tests.adversarial.unguarded import CHECKS

HERE = Path(__file__).parent
PAGE = (HERE / "README.md").read_text("utf-8")


def test_every_module_is_listed_and_every_listed_one_is_there() -> None:
    modules = {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}
    assert [name for name in modules if f"`{name}`" not in PAGE] == []
    elsewhere = [word for word in PAGE.split("`") if word.startswith("tests/") and word.endswith(".py")]
    assert [path for path in elsewhere if not (HERE.parents[1] / path).is_file()] == []


def test_every_check_that_can_be_taken_out_is_the_control_of_something() -> None:
    fuzzed = (HERE.parent / "fuzz" / "test_fuzz.py").read_text("utf-8")
    assert [check for check in CHECKS if f"`{check}`" not in PAGE and f'"{check}"' not in fuzzed] == []
