"""python -m tests.fuzz: a seeded fuzzer against the real node on loopback, for as long as one likes."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.inputs import SHARES
from tests.fuzz.oracle import FuzzFailure
from tests.fuzz.run import run


def main() -> int:
    """Run it as the command line says and print the report."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__.partition(": ")[2])
    parser.add_argument("--count", type=int, default=20_000, help="inputs to send (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed sends the same bytes (default: %(default)s)")
    parser.add_argument("--kind", choices=[*SHARES], action="append", help="only this kind; may be given again")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".cache", prefix="fuzz-") as directory:
        try:
            report = run(
                Path(directory),
                seed=chosen.seed,
                count=chosen.count,
                kinds=tuple(chosen.kind or SHARES),
                tell=lambda text: print(text, file=sys.stderr),
            )
        except FuzzFailure as failure:
            print(failure)
            return 1
    print("\n".join(report.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
