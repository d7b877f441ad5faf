"""install-service: the unit is one that systemd takes, that leaves few rights, and under which the server can live."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenario.processes import Programs

MOST_EXPOSURE = 2.0
"""Of 10, as `systemd-analyze security` counts; below 2.0 it is what systemd calls OK."""
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def show(programs: Programs, *more: str) -> str:
    done = programs.run("securechat-admin", "install-service", "--show", *more)
    assert (done.code, done.err) == (0, [])
    return done.out


def analyze(path: Path, *what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *what, str(path)], capture_output=True, text=True, timeout=60, check=False
    )


def exposure(path: Path) -> float:
    told = analyze(path, "security", "--offline=true", "--no-pager").stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert found is not None, told
    return float(found[1])


@needs_systemd
@pytest.mark.parametrize(
    "more", [[], ["--low-port"], ["--name", "chat.example.org", "--user", "chat"]], ids=["plain", "low port", "names"]
)
def test_systemd_takes_the_unit_and_finds_little_exposed(programs: Programs, tmp_path: Path, more: list[str]) -> None:
    unit = tmp_path / "securechat.service"
    unit.write_text(show(programs, *more))
    verified = analyze(unit, "verify", "--man=no")
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    assert exposure(unit) < MOST_EXPOSURE


@needs_systemd
def test_control_a_unit_without_the_hardening_is_exposed_and_a_wrong_line_is_told(
    programs: Programs, tmp_path: Path
) -> None:
    text = show(programs)
    bare = tmp_path / "bare.service"
    bare.write_text(re.sub(r"(?s)UMask=0077.*\n\n\[Install\]", "\n[Install]", text))
    assert exposure(bare) > 8
    wrong = tmp_path / "wrong.service"
    wrong.write_text(text.replace("ProtectSystem=strict", "ProtectSistem=strict"))
    assert "ProtectSistem" in analyze(wrong, "verify", "--man=no").stderr


def test_the_unit_names_the_data_directory_it_was_asked_for(programs: Programs, tmp_path: Path) -> None:
    assert "StateDirectory=securechat\n" in show(programs)
    data = tmp_path / "chat"
    done = programs.run("securechat-admin", "--data", str(data), "install-service", "--show")
    assert f"ReadWritePaths={data}\n" in done.out
    assert f"--data {data}\n" in done.out
    assert "StateDirectory" not in done.out


@pytest.mark.parametrize("name", ["a b", "x;reboot", "$HOME", "%h", 'q"', "a\nExecStartPre=/bin/sh"])
def test_words_that_systemd_would_take_for_something_else_are_refused(programs: Programs, name: str) -> None:
    done = programs.run("securechat-admin", "install-service", "--show", "--user", name)
    assert (done.code, done.out) == (2, "")
    assert "cannot stand in a unit" in done.err[0]


def test_the_server_lives_without_memory_that_is_writable_and_executable(tmp_path: Path) -> None:
    """As MemoryDenyWriteExecute=yes has it; a sign-in needs argon2 and SQLite, which are no Python."""
    kernel = ctypes.CDLL(None, use_errno=True)
    probe = [sys.executable, "-c", f"import ctypes;raise SystemExit(ctypes.CDLL(None).prctl({PR_SET_MDWE},1,0,0,0)!=0)"]
    if not hasattr(kernel, "prctl") or subprocess.run(probe, check=False).returncode:
        pytest.skip("the kernel has no PR_SET_MDWE")
    program = f"""
import ctypes, sys
assert ctypes.CDLL(None).prctl({PR_SET_MDWE}, {PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0) == 0
sys.argv = ["securechat-admin", "--data", {str(tmp_path)!r}, "user", "add", "alice", "--generate"]
from securechat.cli.admin import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) >= 12
