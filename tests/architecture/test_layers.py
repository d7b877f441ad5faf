"""The layer contracts of pyproject.toml hold, and each breaks when the import it forbids is there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LAYERS = "every package has its layer"
CLIENT = "a client knows the wire, not the rules"
SERVER = "the server neither signs certificates nor talks as a client"
CORE = "the core does no input or output and asks no clock and no dice"


def lint(checkout: Path) -> tuple[int, str]:
    """Run import-linter over a checkout; return its exit code and what it says, on one line."""
    program = "from importlinter.cli import lint_imports_command as lint; lint()"
    run = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.'); {program}", "--no-cache"],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return run.returncode, " ".join((run.stdout + run.stderr).split())


def copy_checkout(target: Path) -> Path:
    """Copy the packages and the contracts to a directory where they may be broken."""
    shutil.copytree(ROOT / "securechat", target / "securechat", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def test_the_contracts_are_kept(tmp_path: Path) -> None:
    code, said = lint(copy_checkout(tmp_path))
    assert code == 0, said
    assert "4 kept, 0 broken" in said


def test_control_each_contract_breaks_when_its_import_is_there(tmp_path: Path) -> None:
    package = copy_checkout(tmp_path) / "securechat"
    (package / "wire" / "peeks.py").write_text("import securechat.chat\n")
    (package / "client" / "peeks.py").write_text("import securechat.chat\n")
    (package / "server" / "peeks.py").write_text("import securechat.pki\n")
    (package / "chat" / "peeks.py").write_text("import asyncio.events\n")
    code, said = lint(tmp_path)
    assert code == 1, said
    assert [name for name in (LAYERS, CLIENT, SERVER, CORE) if f"{name} BROKEN" not in said] == []


def test_control_a_new_package_needs_a_layer(tmp_path: Path) -> None:
    package = copy_checkout(tmp_path) / "securechat" / "extras"
    package.mkdir()
    (package / "__init__.py").touch()
    code, said = lint(tmp_path)
    assert code == 1, said
    assert "extras" in said
