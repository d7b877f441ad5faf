"""What is measured, and what is to be reached."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.goals import Goal
from tests.bench.subjects import FLOOR, OURS, PEER

ALL = (OURS, FLOOR, PEER)


@dataclass(frozen=True)
class Scenario:
    """A load, who carries it, and what is to be reached.

    measure: the module whose `measure` does it, and whose COLUMNS are what is shown of it.
    members: connections, the senders among them. senders: how many of them talk.
    rate: messages a second of all senders together; 0: as fast as the windows allow.
    window: messages a sender may have under way without an echo; 0: it does not wait for echoes.
    rooms: 0: everybody is in one; otherwise everybody is in ten of so many, and each sender talks in one of its own.
    flush_delay_us: microseconds added to each flush. runs: how many, if nobody says.
    minutes: roughly what a run of all subjects takes.
    """

    name: str
    measure: str
    members: int = 0
    senders: int = 0
    rate: int = 0
    window: int = 0
    rooms: int = 0
    flush_delay_us: int = 0
    subjects: tuple[str, ...] = (OURS,)
    runs: int = 5
    minutes: float = 0.2
    goals: tuple[Goal, ...] = ()


CPU = "cpu_us_per_delivery"
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "quiet",
            "talk",
            members=300,
            senders=10,
            rate=20,
            subjects=ALL,
            minutes=0.5,
            goals=(
                Goal(CPU, "CPU per delivery", most=1.15, over=FLOOR),
                Goal(CPU, "CPU per delivery", most=1.15, over=PEER),
            ),
        ),
        Scenario(
            "busy",
            "talk",
            members=200,
            senders=10,
            rate=2000,
            subjects=ALL,
            minutes=0.4,
            goals=(Goal("p99_ms", "p99", most=20, unit="ms", form=".1f"),),
        ),
        Scenario(
            "flood",
            "peak",
            members=200,
            senders=10,
            rate=2000,
            subjects=(OURS, PEER),
            runs=3,
            minutes=2.0,
            goals=(
                Goal("messages_per_s", "highest rate", least=1.2, over=PEER),
                Goal("deliveries_per_s", "deliveries/s", least=1_000_000, form=",.0f"),
            ),
        ),
        Scenario("flood-window", "talk", members=200, senders=10, window=16, runs=3),
        Scenario(
            "slow-disk",
            "talk",
            members=200,
            senders=10,
            rate=2000,
            flush_delay_us=5000,
            goals=(
                Goal("p99_ms", "p99", most=40, unit="ms", form=".1f"),
                Goal("carried", "carried of what was offered", least=0.98),
            ),
        ),
        Scenario(
            "many-rooms",
            "talk",
            members=1000,
            senders=100,
            rate=2000,
            rooms=100,
            subjects=ALL,
            runs=3,
            minutes=1.0,
            goals=(Goal(CPU, "CPU per delivery", most=1.3, over=PEER),),
        ),
        Scenario(
            "growth",
            "growth",
            senders=10,
            rate=10,
            runs=3,
            minutes=0.9,
            goals=(
                Goal("largest_over_smallest", "CPU per delivery, largest/smallest", most=1.2),
                Goal("one_more_growth", "CPU of one member more, 1,000-4,000 / 100-1,000", most=1.2),
            ),
        ),
        Scenario(
            "idle",
            "idleness",
            members=4000,
            runs=3,
            minutes=2.8,
            goals=(
                Goal("kib_per_connection", "memory each", most=22, unit="KiB", form=".1f"),
                Goal("percent", "CPU", most=1, unit="%"),
            ),
        ),
        Scenario(
            "return",
            "returning",
            runs=3,
            minutes=0.3,
            goals=(
                Goal("cpu_ms_per_client", "CPU each", most=1.5, unit="ms"),
                Goal("talk_p99_ms", "talk p99", most=200, unit="ms", form=".0f"),
            ),
        ),
        Scenario(
            "passwords",
            "passwords",
            runs=3,
            minutes=0.8,
            goals=(
                Goal("ping_p99_ms", "PING p99, an upper bound of the loop's delay", most=50, unit="ms", form=".0f"),
                Goal("last_in_s/allowed_s", "last one in, of what is allowed, one core", most=1),
                Goal("two_cores_last_in_s/two_cores_allowed_s", "last one in, of what is allowed, two cores", most=1),
            ),
        ),
        Scenario(
            "guessing",
            "guessing",
            runs=3,
            minutes=0.5,
            goals=(
                Goal("ping_p99_ms", "PING p99, an upper bound of the loop's delay", most=100, unit="ms", form=".0f"),
            ),
        ),
        Scenario(
            "join-morning",
            "morning",
            runs=1,
            minutes=1.4,
            goals=(
                Goal("talk_p99_ms", "talk p99", most=100, unit="ms", form=".0f"),
                Goal("written_ratio", "written a join, last/first 100", most=1.5),
                Goal("storage_ratio", "storage CPU a join, last/first 100", most=1.5),
            ),
        ),
        Scenario(
            "history",
            "long_history",
            runs=3,
            minutes=0.3,
            goals=(
                Goal("page_p99_ms", "page p99, in memory", most=5, unit="ms"),
                Goal("cold_p99_ms", "page p99, read from the disk", most=5, unit="ms"),
                Goal("start_s", "start", most=2, unit="s"),
            ),
        ),
        Scenario(
            "search",
            "searches",
            runs=3,
            minutes=0.3,
            goals=(
                Goal("p95_ms", "search p95", most=50, unit="ms"),
                Goal("small_p95_ms", "a common word in a channel of 100", most=50, unit="ms"),
                Goal("prefix_p95_ms", "a beginning", most=50, unit="ms"),
            ),
        ),
        Scenario(
            "slow-reader",
            "slow_reader",
            runs=3,
            minutes=0.9,
            goals=(Goal("p99_ratio", "p99 of the others, with/without", most=1.2),),
        ),
        Scenario("instructions", "instructions", runs=1, minutes=1.0),
        Scenario(
            "client",
            "client_start",
            runs=3,
            minutes=0.3,
            goals=(
                Goal("prompt_p50_ms", "start to prompt", most=300, unit="ms", form=".0f"),
                Goal("send_p50_ms", "send, in all", most=250, unit="ms", form=".0f"),
                Goal("admin_help_p50_ms", "securechat-admin --help", most=150, unit="ms", form=".0f"),
            ),
        ),
    )
}
"""Every scenario by name, in the order they run."""
