"""Limits that keep rooms small: lengths, names and docstrings, each with a control that the checker must report."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "securechat").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MODULE_LINES = 400
FUNCTION_LINES = 60
# These say nothing wherever they stand in a name; `data` and `common` may qualify another word (data_received, common_name).
EMPTY_WORDS = {"util", "utils", "helper", "helpers", "manager", "misc", "stuff"}
EMPTY_NAMES = {"data", "common"}
REASON = re.compile(r"# long: \S+")

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)


def find_long_parts(source: str) -> Iterator[str]:
    """Yield what is longer than it may be and gives no reason in a comment `# long: …`."""
    lines = source.splitlines()
    tree = ast.parse(source)
    if len(lines) > MODULE_LINES and not gives_reason(lines[: find_first_code_line(tree)]):
        yield f"module has {len(lines)} lines"
    for node in ast.walk(tree):
        if isinstance(node, type_of_function):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES and not gives_reason(lines[node.lineno - 1 : node.body[0].lineno - 1]):
                yield f"function {node.name} has {length} lines"


def find_first_code_line(tree: ast.Module) -> int:
    """Return how many lines stand above the first statement that is not the docstring."""
    first = 1 if ast.get_docstring(tree) is not None else 0
    return tree.body[first].lineno - 1 if len(tree.body) > first else 0


def gives_reason(lines: list[str]) -> bool:
    """Tell whether a comment among the lines says why what follows is long."""
    return any(REASON.search(line) for line in lines)


def find_empty_names(name: str, source: str) -> Iterator[str]:
    """Yield the names of a module called `name`, and of what it defines, that say nothing."""
    if says_nothing(name):
        yield f"module {name}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (*type_of_function, ast.ClassDef)) and says_nothing(node.name):
            yield node.name


def says_nothing(name: str) -> bool:
    """Tell whether a name is, or is made with, a word that would fit anything."""
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
    return bool(words & EMPTY_WORDS) or name.strip("_").lower() in EMPTY_NAMES


def find_undocumented(source: str) -> Iterator[str]:
    """Yield what is public in a module and has no docstring: the module, classes, functions, methods."""
    tree = ast.parse(source)
    if not has_docstring(tree):
        yield "module"
    yield from find_undocumented_in(tree, "")


def find_undocumented_in(scope: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    """Yield the undocumented public definitions of a module or class, named with their classes."""
    for node in scope.body:
        if not isinstance(node, (*type_of_function, ast.ClassDef)) or node.name.startswith("_") or is_exempt(node):
            continue
        if not has_docstring(node):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from find_undocumented_in(node, f"{prefix}{node.name}.")


def has_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a definition has a docstring with something in it."""
    return bool((ast.get_docstring(node) or "").strip())


def is_exempt(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Tell whether the docstring is elsewhere: at the overridden method, the implementation, the property."""
    decorators = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
    return bool(decorators & {"override", "overload", "setter"})


def report(paths: list[Path], find: object) -> list[str]:
    """Collect what `find` yields for each file's source, each with the file's path."""
    assert callable(find)
    return [f"{path.relative_to(ROOT)}: {found}" for path in paths for found in find(path.read_text("utf-8"))]


def test_modules_and_functions_are_short() -> None:
    assert SOURCES
    assert report(SOURCES + TESTS, find_long_parts) == []


def test_names_say_what_they_name() -> None:
    for path in SOURCES + TESTS:
        name = path.parent.name if path.stem == "__init__" else path.stem
        assert list(find_empty_names(name, path.read_text("utf-8"))) == [], path


def test_everything_public_has_a_docstring() -> None:
    assert report(SOURCES, find_undocumented) == []


def module_of(lines: int, top: str = "") -> str:
    return '"""Doc."""\n' + top + "x = 1\n" * (lines - 1 - top.count("\n"))


def function_of(lines: int, reason: str = "") -> str:
    return f"def act():{reason}\n" + "    x = 1\n" * (lines - 1)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (module_of(400), []),
        (module_of(401), ["module has 401 lines"]),
        (module_of(401, top="# long: one table, read as a whole\n"), []),
        (module_of(401, top="# long:\n"), ["module has 401 lines"]),
        (module_of(401) + "# long: said too late\n", ["module has 402 lines"]),
        (function_of(60), []),
        (function_of(61), ["function act has 61 lines"]),
        ("async " + function_of(61), ["function act has 61 lines"]),
        (function_of(61, reason="  # long: one table"), []),
        ("class A:\n    def act(self):\n" + "        x = 1\n" * 60, ["function act has 61 lines"]),
    ],
)
def test_control_what_is_too_long_is_found(source: str, found: list[str]) -> None:
    assert list(find_long_parts(source)) == found


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("framing", "def read_line(): pass\nclass Reader: pass", []),
        ("utils", "", ["module utils"]),
        ("db_utils", "", ["module db_utils"]),
        ("common", "", ["module common"]),
        ("certificates", "def read_common_name(): pass\ndef data_received(): pass", []),
        ("files", "def data(): pass", ["data"]),
        ("files", "class Data: pass", ["Data"]),
        ("channel", "class ChannelManager: pass", ["ChannelManager"]),
        ("channel", "class TLSHelper: pass", ["TLSHelper"]),
        ("channel", "class A:\n    async def handle_stuff(self): pass", ["handle_stuff"]),
        ("channel", "def outer():\n    def _misc_things(): pass", ["_misc_things"]),
        ("management", "class Imaginary: pass", []),
    ],
)
def test_control_names_that_say_nothing_are_found(name: str, source: str, found: list[str]) -> None:
    assert list(find_empty_names(name, source)) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""Doc."""\ndef act():\n    """Act."""\ndef _private(): pass', []),
        ("x = 1", ["module"]),
        ('""" """', ["module"]),
        ('"""Doc."""\ndef act(): pass', ["act"]),
        ('"""Doc."""\nasync def act(): pass', ["act"]),
        ('"""Doc."""\nclass A:\n    """A."""\n    def act(self): pass\n    def __eq__(self, other): pass', ["A.act"]),
        ('"""Doc."""\nclass A:\n    @property\n    def size(self): pass', ["A", "A.size"]),
        ('"""Doc."""\nclass A:\n    """A."""\n    @override\n    def act(self): pass', []),
    ],
)
def test_control_missing_docstrings_are_found(source: str, found: list[str]) -> None:
    assert list(find_undocumented(source)) == found
