"""What importing a package really loads, seen in a process of its own: a static graph cannot see it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Not `_socket`: typing_extensions, which msgspec loads, looks a type up in it.
IO = {"asyncio", "socket", "ssl", "_ssl", "selectors", "threading", "sqlite3", "apsw", "subprocess"}
HEAVY = {"apsw", "argon2", "asyncio", "cryptography", "prompt_toolkit", "ssl", "sqlite3"}


def list_loaded(*modules: str) -> set[str]:
    """Return what importing the modules adds to what a bare interpreter has loaded.

    `-S` and a path by hand: what a .pth file in site-packages happens to import would count as already loaded.
    """
    program = (
        f"import sys; sys.path[:] = {[str(ROOT), *sys.path]!r}\n"
        "bare = set(sys.modules)\n"
        f"for name in {modules!r}: __import__(name)\n"
        "print(*sorted(set(sys.modules) - bare), sep='\\n')"
    )
    run = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def list_modules(package: str) -> list[str]:
    """Return the package and every module below it, by the files that are there."""
    paths = sorted((ROOT / "securechat" / package).rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    assert names, package
    return names


def test_the_wire_loads_nothing_that_does_io() -> None:
    assert list_loaded(*list_modules("wire")) & IO == set()


def test_the_rules_load_nothing_that_does_io() -> None:
    assert list_loaded(*list_modules("chat")) & IO == set()


@pytest.mark.parametrize("command", ["server", "client", "admin"])
def test_a_command_loads_what_is_heavy_only_when_it_is_used(command: str) -> None:
    assert list_loaded(f"securechat.cli.{command}") & HEAVY == set()


def test_a_client_without_a_prompt_loads_no_prompt_toolkit() -> None:
    loaded = list_loaded(*list_modules("client"))
    assert loaded & {"prompt_toolkit", "securechat.chat", "securechat.plain", "argon2", "apsw"} == set()


def test_control_what_is_loaded_is_seen_directly_and_through_others() -> None:
    assert {"asyncio", "socket", "ssl", "selectors", "threading"} <= list_loaded("asyncio")
    assert {"socket", "threading"} <= list_loaded("http.client", "logging")
    assert "prompt_toolkit" in list_loaded("prompt_toolkit")
    assert list_loaded("sys") == set()
