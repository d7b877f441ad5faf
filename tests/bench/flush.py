"""How long the server's flushes take: a shim preloaded into it, and the times it notes."""

from __future__ import annotations

import hashlib
import mmap
import shutil
import subprocess
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from tests.bench.missing import Missing
from tests.bench.percentiles import pick
from tests.bench.server import CACHE

SOURCE = Path(__file__).with_name("flush.c")
SLOTS = 1 << 20
"""Flushes remembered: a minute of 17,000 a second."""
NUMBER_BYTES = 8
IN_MEMORY = "/dev/shm"


def build_shim() -> Path:
    """Compile the shim, unless that has been done, and return the shared object.

    Raises: Missing without a compiler.
    """
    source = SOURCE.read_bytes()
    shim = CACHE / f"flush-{hashlib.sha256(source).hexdigest()[:16]}.so"
    if shim.exists():
        return shim
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Missing("no C compiler: flushes are neither timed nor made slower")
    shim.parent.mkdir(exist_ok=True)
    part = shim.with_suffix(".part")
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(part), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"flushes are neither timed nor made slower: {done.stderr.strip()[-300:]}")
    return part.rename(shim)


class FlushTimes:
    """What the shim wrote so far, read while the server runs."""

    def __init__(self, mapped: mmap.mmap) -> None:
        self._mapped = mapped

    def count(self) -> int:
        """Return how many flushes there have been."""
        return int.from_bytes(self._mapped[:NUMBER_BYTES], "little")

    def describe(self, since: int, seconds: float) -> dict[str, float]:
        """Return the figures of the flushes since a count; seconds: how long that is ago."""
        numbers = array("Q", self._mapped[NUMBER_BYTES * (1 + since) : NUMBER_BYTES * (1 + self.count())])
        if not numbers:
            return {}
        took = sorted(numbers)
        return {
            "flush_p50_ms": pick(took, 50) / 1e6,
            "flush_p99_ms": pick(took, 99) / 1e6,
            "flush_most_ms": took[-1] / 1e6,
            "flushes_per_s": len(took) / seconds,
        }


@contextmanager
def keep_times(shim: Path, delay_us: int) -> Iterator[tuple[FlushTimes, dict[str, str]]]:
    """Make room for the times of flushes; yield it and the variables for the server that fills it.

    delay_us: microseconds added to each flush.
    """
    size = NUMBER_BYTES * (SLOTS + 1)
    with NamedTemporaryFile(prefix="bench-flush-", dir=IN_MEMORY if Path(IN_MEMORY).is_dir() else None) as file:
        file.truncate(size)
        with mmap.mmap(file.fileno(), size) as mapped:
            variables = {"LD_PRELOAD": str(shim), "BENCH_FLUSH_FILE": file.name, "BENCH_FLUSH_SLOTS": str(SLOTS)}
            if delay_us:
                variables["BENCH_FLUSH_DELAY_US"] = str(delay_us)
            yield FlushTimes(mapped), variables
