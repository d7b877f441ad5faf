"""docs/guarantees.md names tests that exist, and every promise has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def is_there(path: str, name: str) -> bool:
    file = ROOT / path
    if not file.is_file():
        return False
    functions = ast.walk(ast.parse(file.read_text("utf-8")))
    return any(isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name == name for each in functions)


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED.findall(PAGE))))
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    assert is_there(path, name)


@pytest.mark.parametrize("promise", ["C1", "C2", "C3", "C4", "C5", "C6"])
def test_every_promise_has_a_test(promise: str) -> None:
    section = PAGE.split(f"## {promise} ")[1].split("\n## ")[0]
    assert NAMED.search(section)


def test_every_control_that_is_named_is_run() -> None:
    variants = set(re.findall(r"variant `([\w-]+)`", PAGE))
    assert variants == {
        "seq-outside-transaction",
        "delivery-before-commit",
        "ids-not-unique",
        "may-read-says-yes",
        "epochs-not-checked",
    }
    controls = (ROOT / "tests" / "controls" / "test_controls.py").read_text("utf-8")
    assert all(f'"{variant}"' in controls for variant in variants)


def test_control_a_test_that_is_not_there_is_noticed() -> None:
    assert not is_there("tests/architecture/test_guarantees.py", "test_of_nothing")
    assert not is_there("tests/architecture/test_nothing.py", "test_every_promise_has_a_test")
