"""The lab's page keeps its word: what it marks `run` is run, in order and in one shell, and prints what it says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scenario.processes import BIN, Programs

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0
MARK = "@@ step"


@dataclass(frozen=True)
class Step:
    """A block of commands, and the lines that must be among what it prints, in this order; `…` stands for anything."""

    commands: str
    printed: tuple[str, ...] = ()


def read_steps(page: str) -> list[Step]:
    """Return the blocks marked `run`, each with the block of text behind it, if there is one."""
    steps: list[Step] = []
    may_print = False
    for language, run, body in re.findall(r"^```(\w*)( run)?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        if run:
            steps.append(Step(body))
        elif language == "text" and may_print:
            steps[-1] = Step(steps[-1].commands, tuple(body.splitlines()))
        may_print = bool(run)
    return steps


def find_missing(wanted: tuple[str, ...], printed: list[str]) -> list[str]:
    """Return the lines that are not among those printed, behind the one before them."""
    missing = []
    rest = printed
    for line in wanted:
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")) + r"\s*")
        found = next((number for number, shown in enumerate(rest) if pattern.fullmatch(shown)), None)
        if found is None:
            missing.append(line)
        else:
            rest = rest[found + 1 :]
    return missing


def run_steps(steps: list[Step], directory: Path, environment: dict[str, str]) -> list[tuple[int, list[str]]]:
    """Run all steps in one shell; return for each its exit code and what it and its background jobs printed."""
    script, output = directory / "steps.sh", directory / "steps.out"
    script.write_text("".join(f"{step.commands}echo '{MARK}' $?\n" for step in steps))
    with output.open("wb") as file:
        shell = subprocess.Popen(
            ["bash", str(script)],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            shell.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the page does not come to its end; it printed\n{output.read_text()}")
        finally:
            end_group(shell)
    ends = re.split(rf"^{MARK} (\d+)\n", output.read_text(), flags=re.MULTILINE)
    return [(int(code), text.splitlines()) for text, code in zip(ends[::2], ends[1::2], strict=False)]


def end_group(shell: subprocess.Popen[bytes]) -> None:
    """End a shell and what it left running."""
    try:
        os.killpg(shell.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    shell.wait()


def furnish(directory: Path) -> None:
    """Make a directory look like a checkout whose scripts use what is installed here."""
    (directory / "certs").mkdir(parents=True)
    (directory / "docs").symlink_to(ROOT / "docs")
    (directory / "scripts").mkdir()
    for name in ("run", "admin", "client"):
        shutil.copy(ROOT / "scripts" / name, directory / "scripts" / name)
    (directory / "scripts" / ".environment").write_text(f"root={directory}\nvenv={BIN.parent}\n")


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.mark.timeout(100)
def test_every_command_of_the_lab_prints_what_the_page_says(programs: Programs, tmp_path: Path) -> None:
    for program in ("bash", "ss"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    directory = tmp_path / "lab"
    furnish(directory)
    server = programs.start(str(directory / "scripts" / "run"), "--listen", "127.0.0.1:0")
    server.wait_for("listening on 127.0.0.1:")
    listening = next(line for line in server.err if line.startswith("listening on "))
    page = (ROOT / "docs" / "lab.md").read_text("utf-8")
    steps = read_steps(page.replace("6697", listening.rpartition(":")[2]).replace("7001", str(find_free_port())))
    assert len(steps) == page.count("```bash run\n") >= 10

    environment = {**programs.environment, "PATH": f"{BIN}{os.pathsep}{programs.environment['PATH']}"}
    results = run_steps(steps, directory, environment)

    wrong = [
        "\n".join([step.commands, f"exit code {code}", *printed, *(f"NOT PRINTED: {line}" for line in missing)])
        for step, (code, printed) in zip(steps, results, strict=True)
        if (missing := find_missing(step.printed, printed)) or code
    ]
    assert wrong == []
    # Losing a link is part of the exercise: nothing about it may look like a fault of the program.
    assert [line for _, printed in results for line in printed if "exception" in line or "Traceback" in line] == []


def test_control_steps_are_read_and_what_was_not_printed_is_found() -> None:
    page = "```bash run\nls\n```\nso:\n```text\na\n```\n```bash\nrm\n```\n```text\nnot of ls\n```\n```bash run\ntrue\n```\n"
    assert read_steps(page) == [Step("ls\n", ("a",)), Step("true\n")]
    printed = ["one", "two 2 three", "four"]
    assert find_missing(("one", "two … three", "four"), printed) == []
    assert find_missing(("four", "one"), printed) == ["one"]
    assert find_missing(("two … five", "on"), printed) == ["two … five", "on"]


def test_control_a_step_that_fails_or_prints_something_else_is_seen(tmp_path: Path) -> None:
    steps = [Step("echo said\n"), Step("sleep 1000 &\nfalse\n"), Step("echo $((6 * 7))\n")]
    assert run_steps(steps, tmp_path, {"PATH": os.environ["PATH"]}) == [(0, ["said"]), (1, []), (0, ["42"])]
