"""The scenario `search`: a million messages in a hundred channels, and what people look for in them."""

from __future__ import annotations

import random

from tests.bench.columns import Column
from tests.bench.crowd import Figures, running_crowd
from tests.bench.library import CHANNELS, COMMON, MESSAGES, Library, channel_name, open_library
from tests.bench.percentiles import pick
from tests.bench.scenarios import Scenario
from tests.bench.subjects import Conditions

REQUESTS = 100
"""Of each kind."""
SMALLEST = channel_name(CHANNELS - 1)

COLUMNS = (
    Column("messages", "messages", ",.0f"),
    Column("database_mib", "MiB", ",.0f"),
    Column("p50_ms", "all p50 ms", ".2f", spread=True),
    Column("p95_ms", "p95 ms", ".2f", spread=True),
    Column("common_p95_ms", "a common word: p95 ms", ".2f", spread=True),
    Column("small_p95_ms", "in a channel of 100", ".2f", spread=True),
    Column("prefix_p95_ms", "a beginning", ".2f", spread=True),
    Column("small_prefix_p95_ms", "in a channel of 100", ".2f", spread=True),
    Column("rare_p95_ms", "a rare word", ".2f", spread=True),
    Column("phrase_p95_ms", "a phrase", ".2f", spread=True),
    Column("author_p95_ms", "of one writer", ".2f", spread=True),
    Column("most_ms", "most ms", ".1f"),
)


def measure(_scenario: Scenario, _subject: str, conditions: Conditions) -> Figures:
    """Measure once; it ends after all searches, however long that takes.

    Raises: RuntimeError when one fails, or finds nothing where there must be something.
    """
    cores = conditions.cores
    library = open_library()
    kinds = choose_searches(library, random.Random(3))
    figures: Figures = {"messages": MESSAGES, "database_mib": library.database.stat().st_size / 2**20}
    took: list[int] = []
    with (
        library.directory.serving(conditions.program, cores.server) as server,
        running_crowd(cores.load, "seeker") as client,
    ):
        entry = {"port": server.port, "ca": str(server.ca), "name": library.reader, "token": library.token}
        client.tell(enter=entry)
        client.hear()
        for kind, requests in kinds.items():
            client.tell(seek={"requests": requests})
            found = client.hear()["found"]
            if not any(count for _, count in found):
                raise RuntimeError(f"nothing was found by {requests[0]}")
            times = sorted(each for each, _ in found)
            figures[f"{kind}_p95_ms"] = pick(times, 95) / 1e6
            took += times
    took.sort()
    return {**figures, "p50_ms": pick(took, 50) / 1e6, "p95_ms": pick(took, 95) / 1e6, "most_ms": took[-1] / 1e6}


def choose_searches(library: Library, chance: random.Random) -> dict[str, list[str]]:
    """Word searches of each kind, by frequency of what is looked for from the most to the least."""
    words = library.words
    often = [COMMON, *words[:40]]
    seldom = words[5_000:]

    def search(text: str, *more: str) -> str:
        return "SEARCH " + ";".join([*more, "text=" + text.replace(" ", r"\s")])

    def begin(word: str) -> str:
        return word[: chance.randint(2, max(2, len(word) - 1))] + "*"

    kinds = {
        "common": lambda: search(chance.choice(often)),
        "small": lambda: search(chance.choice([COMMON, chance.choice(often)]), f"in={SMALLEST}"),
        "prefix": lambda: search(begin(chance.choice([*often, *chance.sample(words, 40)]))),
        "small_prefix": lambda: search(begin(chance.choice(often)), f"in={SMALLEST}"),
        "rare": lambda: search(chance.choice(seldom)),
        "phrase": lambda: search(f'"{chance.choice(often)} {chance.choice(often)}"'),
        "author": lambda: search(chance.choice(often), f"from=w{chance.randrange(200):05}"),
    }
    return {kind: [word() for _ in range(REQUESTS)] for kind, word in kinds.items()}
