"""What `securechat-admin --help` costs: the modules it loads, written out. (The time it takes: scripts/bench client)"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

OURS = {
    "securechat",
    "securechat.errors",
    "securechat.cli",
    "securechat.cli.exits",
    "securechat.cli.admin",
    "securechat.cli.admin.asking",
    "securechat.cli.admin.audit",
    "securechat.cli.admin.backups",
    "securechat.cli.admin.certificates",
    "securechat.cli.admin.channels",
    "securechat.cli.admin.command",
    "securechat.cli.admin.checkup",
    "securechat.cli.admin.completion",
    "securechat.cli.admin.conversations",
    "securechat.cli.admin.invitations",
    "securechat.cli.admin.people",
    "securechat.cli.admin.printing",
    "securechat.cli.admin.service",
    "securechat.cli.admin.settings",
    "securechat.cli.admin.tokens",
}
FOREIGN = {"click"}
# What click loads of the standard library is its own affair; these would be ours, and cost more than all the rest.
TOO_HEAVY = {
    "argparse",
    "asyncio",
    "concurrent",
    "csv",
    "email",
    "hashlib",
    "http",
    "json",
    "logging",
    "multiprocessing",
    "secrets",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tomllib",
    "unittest",
    "urllib.request",
    "xml",
}


def list_loaded(program: str) -> set[str]:
    """Return what a program adds to the modules of a bare interpreter."""
    setup = f"import sys; sys.path[:] = {[str(ROOT), *sys.path]!r}; bare = set(sys.modules)\n"
    report = "\nprint('\\n' + '\\n'.join(sorted(set(sys.modules) - bare)), file=sys.stderr)"
    run = subprocess.run(
        [sys.executable, "-S", "-c", setup + program + report], capture_output=True, text=True, timeout=30, check=True
    )
    return set(run.stderr.split())


HELP = """
sys.argv = ["securechat-admin", "--help"]
from securechat.cli.admin import main
try:
    main()
except SystemExit:
    pass"""


def test_help_loads_these_modules_and_no_others_of_ours_or_from_elsewhere() -> None:
    loaded = list_loaded(HELP)
    assert {name for name in loaded if name.split(".")[0] == "securechat"} == OURS
    packages = {name.split(".")[0] for name in loaded}
    assert packages - set(sys.stdlib_module_names) - {"securechat"} == FOREIGN
    assert loaded & TOO_HEAVY == set()


def test_control_what_a_command_needs_is_seen_when_it_is_loaded() -> None:
    loaded = list_loaded(HELP + "\nimport securechat.cli.errands")
    assert {"securechat.server.office", "securechat.config"} <= loaded - OURS
    assert {"asyncio", "ssl", "json"} <= loaded & TOO_HEAVY
