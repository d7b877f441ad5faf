"""Completion: the scripts that shells read, and what they are answered when they ask."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.scenario.processes import BIN, DEADLINE, Programs


def complete(programs: Programs, shell: str, line: str) -> list[str]:
    """Return what a shell is told could follow a line; the last word is the one being typed."""
    words = line.split(" ")
    position = words[-1] if shell == "fish" else str(len(words) - 1)
    asking = {"_SECURECHAT_ADMIN_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": position}
    done = subprocess.run(
        [BIN / "securechat-admin"],
        env={**programs.environment, **asking},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_program_and_is_one_the_shell_can_read(
    programs: Programs, tmp_path: Path, shell: str
) -> None:
    printed = programs.run("securechat-admin", "completion", shell)
    assert (printed.code, printed.err) == (0, [])
    assert "_SECURECHAT_ADMIN_COMPLETE=" in printed.out
    assert "securechat-admin" in printed.out
    script = tmp_path / "script"
    script.write_text(printed.out)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    read = subprocess.run([shell, "-n", script], capture_output=True, text=True, timeout=DEADLINE)
    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (
            "securechat-admin ",
            [
                "audit",
                "backup",
                "cert",
                "channel",
                "completion",
                "config",
                "doctor",
                "export",
                "install-service",
                "invite",
                "invites",
                "restore",
                "token",
                "user",
            ],
        ),
        ("securechat-admin user re", ["rename", "reset"]),
        ("securechat-admin user delete --", ["--erase", "--yes", "--json", "--help"]),
        ("securechat-admin channel role general alice o", ["owner", "operator"]),
        ("securechat-admin cert issue ", ["client", "server"]),
        ("securechat-admin user add alice --role ", ["member", "admin", "bot"]),
        ("securechat-admin completion z", ["zsh"]),
    ],
)
def test_commands_options_and_choices_are_completed(programs: Programs, line: str, values: list[str]) -> None:
    assert sorted(complete(programs, "bash", line)) == sorted(f"plain,{value}" for value in values)


def test_places_are_completed_by_the_shell_itself(programs: Programs) -> None:
    assert complete(programs, "bash", "securechat-admin --data /sr") == ["dir,/sr"]
    assert complete(programs, "bash", "securechat-admin user import cl") == ["file,cl"]
    assert complete(programs, "bash", "securechat-admin cert show --out ce") == ["dir,ce"]


def test_other_shells_get_what_a_command_does_as_well(programs: Programs) -> None:
    assert complete(programs, "zsh", "securechat-admin user ren")[:2] == ["plain", "rename"]
    assert complete(programs, "fish", "securechat-admin user ren")[0].startswith("plain,rename\tGive an account")


def test_bash_itself_completes_a_command(programs: Programs) -> None:
    """What the script makes of the answers, in a real shell."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    script = (
        'eval "$(securechat-admin completion bash)"\n'
        "COMP_WORDS=(securechat-admin user dis) COMP_CWORD=2\n"
        "_securechat_admin_completion securechat-admin\n"
        'echo "${COMPREPLY[@]}"'
    )
    environment = {**programs.environment, "PATH": f"{BIN}:{programs.environment['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    assert (done.stdout, done.stderr) == ("disable\n", "")
