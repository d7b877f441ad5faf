"""Goals, tables, the picture and the progress line, from figures written out here."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest

from tests.bench.columns import Column
from tests.bench.goals import Goal, Spread
from tests.bench.growth import describe_growth
from tests.bench.plot import draw
from tests.bench.progress import Progress
from tests.bench.report import format_bound, tabulate, tabulate_goals
from tests.bench.scenarios import Scenario

RUNS = [
    {"ours": {"cost": 12.0, "p99_ms": 30.0}, "floor": {"cost": 10.0}},
    {"ours": {"cost": 30.0, "p99_ms": 10.0}, "floor": {"cost": 20.0}},
    {"ours": {"cost": 11.0, "p99_ms": 20.0}, "floor": {"cost": 11.0}},
]


def test_a_ratio_is_taken_within_each_run_before_the_median() -> None:
    assert Goal("cost", "cost", most=1.15, over="floor").read(RUNS) == Spread(1.2, 1.0, 1.5)


def test_a_run_without_the_other_subject_says_nothing_about_the_ratio() -> None:
    goal = Goal("cost", "cost", most=1.15, over="floor")
    assert goal.read([*RUNS, {"ours": {"cost": 99.0}}]) == Spread(1.2, 1.0, 1.5)
    assert goal.read([{"ours": {"cost": 99.0}}]) is None


def test_two_figures_of_one_run_can_be_compared() -> None:
    goal = Goal("took/allowed", "took", most=1)
    assert goal.read([{"ours": {"took": 3.0, "allowed": 4.0}}]) == Spread(0.75, 0.75, 0.75)


@pytest.mark.parametrize(
    ("goal", "value", "reached"),
    [
        (Goal("x", "x", most=20), 20.0, True),
        (Goal("x", "x", most=20), 20.1, False),
        (Goal("x", "x", least=1.2), 1.2, True),
        (Goal("x", "x", least=1.2), 1.1, False),
    ],
)
def test_a_goal_is_reached_up_to_its_bound(goal: Goal, value: float, reached: bool) -> None:
    assert goal.is_reached(value) is reached


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        (Goal("x", "x", most=20, unit="ms"), "≤ 20 ms"),
        (Goal("x", "x", least=1_000_000), "≥ 1,000,000"),
        (Goal("x", "x", most=1.15, over="floor"), "≤ 1.15 x"),
    ],
)
def test_a_bound_is_written_as_people_read_it(goal: Goal, text: str) -> None:
    assert format_bound(goal) == text


def test_the_table_of_goals_says_what_was_reached() -> None:
    goals = (Goal("p99_ms", "p99", most=20, unit="ms", form=".0f"), Goal("cost", "cost", most=1.15, over="floor"))
    scenario = Scenario("busy", "talk", subjects=("ours", "floor"), goals=goals)
    assert tabulate_goals([scenario], {"busy": RUNS}) == [
        "| scenario | figure       | measured         | goal     | reached |\n"
        "| -------- | ------------ | ---------------- | -------- | ------- |\n"
        "| busy     | p99          | 20 (10-30) ms    | ≤ 20 ms  | yes     |\n"
        "| busy     | cost / floor | 1.20 (1.00-1.50) | ≤ 1.15 x | no      |"
    ]


def test_scenarios_of_a_kind_share_a_table_with_a_row_for_each_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = (Column("cost", "cost", ".0f", spread=True), Column("p99_ms", "p99", ".0f"))
    monkeypatch.setattr("tests.bench.talk.COLUMNS", columns)
    scenarios = [Scenario("busy", "talk", subjects=("ours", "floor", "peer")), Scenario("quiet", "talk")]
    assert tabulate(scenarios, {"busy": RUNS, "quiet": [{"ours": {"cost": 1.0}}]}) == (
        "| scenario | of         | cost       | p99 |\n"
        "| -------- | ---------- | ---------- | --- |\n"
        "| busy     | securechat | 12 (11-30) | 20  |\n"
        "| busy     | floor      | 11 (10-20) | –   |\n"
        "| quiet    | securechat | 1          | –   |"
    )


def test_what_one_member_more_costs_leaves_the_message_out() -> None:
    # A message of 1,000 µs, 10 µs for each member up to 1,000, then 11.
    figures = describe_growth((100, 1000, 4000), (20.0, 11.0, 11.0))
    assert figures == {"largest_over_smallest": 20 / 11, "one_more_us": 11.0, "one_more_growth": 1.1}


def test_the_picture_is_whole_and_marks_what_was_missed() -> None:
    goals = (Goal("p99_ms", "p99", most=20), Goal("cost", "cost < all", most=1.15, over="floor"))
    picture = draw([Scenario("busy", "talk", goals=goals)], {"busy": RUNS})
    bars = list(ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}rect"))[1:]
    assert [(each.get("width"), each.get("fill")) for each in bars] == [("220.0", "#2a7f62"), ("229.6", "#b3452c")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _go_through(stream: io.StringIO) -> str:
    times = [0.0]
    progress = Progress(stream, 120.0, clock=lambda: times[-1])
    progress.start("one", 60.0)
    times.append(30.0)
    progress.note("half of it")
    times.append(90.0)
    progress.finish()
    progress.start("two", 60.0)
    return stream.getvalue()


def test_progress_overwrites_itself_on_a_terminal() -> None:
    assert _go_through(Terminal()) == (
        "\r\x1b[Kone · 0:00 elapsed, about 2:00 left"
        "\r\x1b[Kone · 0:30 elapsed, about 2:00 left · half of it"
        "\r\x1b[Ktwo · 1:30 elapsed, about 1:30 left"
    )


def test_progress_is_plain_lines_elsewhere() -> None:
    assert _go_through(io.StringIO()) == ("one · 0:00 elapsed, about 2:00 left\ntwo · 1:30 elapsed, about 1:30 left\n")
