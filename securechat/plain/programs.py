"""What to type for a program of ours, for whoever is told to type it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def find_command(name: str) -> str:
    """Return a program's name where a shell finds it, else the path of the one beside the program that runs."""
    beside = Path(sys.argv[0]).absolute().with_name(name)
    if shutil.which(name) or not beside.is_file():
        return name
    return shlex.quote(str(beside))
