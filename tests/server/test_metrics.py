"""The figures: each says what it says it says, the documents name all of them, and the dashboard asks for no other."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from securechat.chat.durations import Durations
from securechat.server.metrics import Figures, LoopDelay, make_report
from securechat.server.requests import TokenAdd
from tests.server.harness import PASSWORD, RunningServer, running_server

DOCS = Path(__file__).parents[2] / "docs"
PROCESS = {
    "process_cpu_seconds_total", "process_max_fds", "process_open_fds", "process_resident_memory_bytes",
    "process_start_time_seconds", "process_virtual_memory_bytes",
}  # fmt: skip

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        yield server


def read(server: RunningServer, tmp_path: Path, days: float | None = 12.5) -> Samples:
    """Return every sample, by name and labels."""
    report = make_report(Figures(server.node, tmp_path, lambda: days, Durations()))()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(report.decode())
        for sample in family.samples
    }


def plain(samples: Samples) -> dict[str, float]:
    return {name: value for (name, labels), value in samples.items() if not labels}


async def test_messages_and_deliveries_are_counted_in_channels_and_between_two(
    server: RunningServer, tmp_path: Path
) -> None:
    await server.add("anna", "bob", "carol")
    anna, bob, carol = await server.gather("anna", "bob", "carol")
    before = plain(read(server, tmp_path))
    await anna.ask("PRIVMSG #general :one", "PRIVMSG #general :two", "NOTICE #general :three")
    await bob.ask("PRIVMSG anna :four")
    await carol.ask("AWAY :no message")
    after = plain(read(server, tmp_path))
    assert after["securechat_messages_total"] - before["securechat_messages_total"] == 4
    # Each of three in a channel to three connections, one between two to both of them.
    assert after["securechat_deliveries_total"] - before["securechat_deliveries_total"] == 3 * 3 + 2
    assert after["securechat_commit_seconds_count"] > before["securechat_commit_seconds_count"]
    assert after["securechat_commit_seconds_sum"] > before["securechat_commit_seconds_sum"]


async def test_connections_are_counted_by_how_far_they_are(server: RunningServer, tmp_path: Path) -> None:
    await server.add("anna", "bob")
    await server.gather("anna", "bob", "anna")
    stranger = await server.connect()
    await stranger.ask("CAP LS 302")
    await server.connect()
    async with asyncio.timeout(10):
        while not server.node.entrances:
            await asyncio.sleep(0)
    samples = read(server, tmp_path)
    by_state = {
        dict(labels)["state"]: value for (name, labels), value in samples.items() if name.endswith("connections")
    }
    assert by_state == {"signed-in": 3, "signing-in": 1, "undecided": 1}


async def test_sign_ins_are_counted_by_result_and_by_what_was_shown(server: RunningServer, tmp_path: Path) -> None:
    await server.add("anna")
    token = (await server.office.perform(TokenAdd("anna", "laptop")))["secret"]
    await server.sign_in("anna")
    await server.sign_in("anna", secret=token)
    for secret in ("wrong horse battery", "wrong horse battery", "sct_" + "a" * 52):
        client = await server.connect()
        client.send(f"PASS :anna:{secret}", "NICK x", "USER x 0 * :x")
        await client.ended()
    samples = read(server, tmp_path)
    counts = {labels: value for (name, labels), value in samples.items() if name == "securechat_sign_ins_total"}
    assert counts == {
        (("how", "password"), ("result", "accepted")): 1,
        (("how", "token"), ("result", "accepted")): 1,
        (("how", "password"), ("result", "rejected")): 2,
        (("how", "token"), ("result", "rejected")): 1,
    }


async def test_the_state_is_read_when_it_is_asked_for(server: RunningServer, tmp_path: Path) -> None:
    await server.add("anna", "bob")
    samples = plain(read(server, tmp_path))
    assert samples["securechat_accounts"] == 2
    assert samples["securechat_channels"] == 1
    assert samples["securechat_certificate_days"] == 12.5
    assert samples["securechat_password_queue"] == samples["securechat_queue_bytes"] == 0
    assert samples["securechat_disk_free_bytes"] > 1_000_000
    assert "securechat_certificate_days" not in plain(read(server, tmp_path, days=None))


async def test_no_name_and_no_secret_is_in_the_report(server: RunningServer, tmp_path: Path) -> None:
    await server.add("anna")
    await server.sign_in("anna")
    report = make_report(Figures(server.node, tmp_path, lambda: None, Durations()))()
    assert not [each for each in (b"anna", b"general", b"127.0.0.1", PASSWORD.encode()) if each in report]


def test_durations_are_counted_by_their_bounds() -> None:
    durations = Durations((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 1.0, 7.0):
        durations.add(seconds)
    assert durations.counts == [2, 2, 1]
    assert durations.total == pytest.approx(8.65)


async def test_a_loop_that_is_held_up_shows_in_its_delay() -> None:
    import time

    delay = LoopDelay(asyncio.get_running_loop())
    time.sleep(0.4)
    async with asyncio.timeout(10):
        while not any(delay.durations.counts):
            await asyncio.sleep(0.01)
    delay.stop()
    assert sum(delay.durations.counts) == 1
    assert delay.durations.total >= 0.14


# ── documents ──


def names(samples: Samples) -> set[str]:
    """Return the names as documents have them: a histogram by its own."""
    found = {re.sub(r"_(bucket|count|sum)$", "", name) if "seconds" in name else name for name, _ in samples}
    return {name for name in found if not name.endswith("_created")}


async def test_operations_md_names_every_metric_and_no_other(server: RunningServer, tmp_path: Path) -> None:
    await server.add("anna")
    await server.sign_in("anna")
    exposed = names(read(server, tmp_path))
    assert exposed >= PROCESS
    section = (DOCS / "operations.md").read_text().partition("\n## Metrics\n")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(securechat_[a-z_]+)(?:\{[a-z, ]+\})?`", section))
    assert documented == exposed - PROCESS


async def test_the_dashboard_asks_for_metrics_that_there_are_and_leaves_none_out(
    server: RunningServer, tmp_path: Path
) -> None:
    await server.add("anna")
    await server.sign_in("anna")
    exposed = names(read(server, tmp_path))
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    asked = set()
    for panel in dashboard["panels"]:
        assert panel["targets"]
        for target in panel["targets"]:
            found = re.findall(r"\b(?:securechat|process)_[a-z_]+", target["expr"])
            assert found, target["expr"]
            asked |= {re.sub(r"_(bucket|count|sum)$", "", name) if "seconds" in name else name for name in found}
    assert asked <= exposed
    assert {name for name in exposed if name.startswith("securechat_")} <= asked


def test_the_dashboard_can_be_imported() -> None:
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    assert dashboard["id"] is None
    assert dashboard["schemaVersion"] >= 36
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) == 18
    taken = set()
    for panel in panels:
        assert panel["type"] in ("stat", "timeseries")
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        squares = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not squares & taken
        taken |= squares
        for target in panel["targets"]:
            assert target["expr"].count("(") == target["expr"].count(")")
            assert '{instance=~"$instance"' in target["expr"]
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource", "instance"]
