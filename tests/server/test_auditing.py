"""The audit trail of a running server: each administrative act is in it, with who did it, together with what it did."""

from __future__ import annotations

import os
import pwd
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from securechat.chat.administration import Impossible
from securechat.chat.ports import Outcome, Submission, Verdict
from securechat.config import Chat, Config, Logs
from securechat.server import rejections as rejections_module
from securechat.server.auditing import TrailKeeper, asked_by
from securechat.server.control import Control, control_path
from securechat.server.requests import (
    AuditList,
    AuditVerify,
    ChannelCreate,
    ChannelDrop,
    ChannelList,
    ChannelRole,
    NewPerson,
    Passwd,
    Request,
    SetEnabled,
    TokenAdd,
    TokenList,
    TokenRevoke,
    UserAdd,
    UserDelete,
    UserList,
    UserRename,
    UserRole,
)
from tests.server.harness import PASSWORD, RunningServer, running_server
from tests.server.held import HeldHistory
from tests.server.test_control import ask as ask_control

US = f"local:{pwd.getpwuid(os.geteuid()).pw_name}"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        yield server


async def trail(server: RunningServer, limit: int = 100) -> list[dict[str, Any]]:
    return list((await server.office.perform(AuditList(limit)))["records"])


async def words(server: RunningServer) -> list[tuple[str, str, str, str]]:
    return [(row["what"], row["target"], row["detail"], row["by"]) for row in await trail(server)]


ACTS: list[tuple[Request, tuple[str, str, str]]] = [
    (UserAdd([NewPerson("carol", PASSWORD), NewPerson("dora", PASSWORD)]), ("user add", "carol dora", "as member")),
    (UserAdd([NewPerson("erik")], "bot", tokens=True), ("user add", "erik", "as bot, with tokens")),
    (Passwd("ANNA", "a new passphrase"), ("user passwd", "anna", "")),
    (SetEnabled("bob", False), ("user disable", "bob", "")),
    (SetEnabled("bob", True), ("user enable", "bob", "")),
    (UserRename("bob", "robert"), ("user rename", "bob", "to robert")),
    (UserDelete("dora", erase=True), ("user delete", "dora", "and erase")),
    (UserRole("carol", "admin"), ("user role", "carol", "admin")),
    (ChannelCreate("#ops", "anna"), ("channel create", "#ops", "for anna")),
    (ChannelRole("#general", "carol", "operator"), ("channel role", "#general", "carol operator")),
    (ChannelDrop("#ops"), ("channel drop", "#ops", "")),
]


async def test_every_administrative_act_is_in_the_trail_with_who_did_it(server: RunningServer) -> None:
    await server.add("anna", "bob")
    for request, _ in ACTS:
        with asked_by("local:olga"):
            await server.office.perform(request)
    added = await server.office.perform(TokenAdd("anna", "laptop"))
    await server.office.perform(TokenRevoke(added["id"]))
    rows = await words(server)
    assert rows[0] == ("user add", "anna bob", "as member", US)
    assert rows[1:-2] == [(*told, "local:olga") for _, told in ACTS]
    device = f"{added['id']} laptop"
    assert rows[-2:] == [("token add", "anna", device, US), ("token revoke", "anna", device, US)]
    assert (await server.office.perform(AuditVerify()))["faults"] == []


async def test_no_secret_is_in_the_trail(server: RunningServer) -> None:
    secrets = [PASSWORD, "a new passphrase"]
    await server.add("anna")
    await server.office.perform(Passwd("anna", secrets[1]))
    secrets.append((await server.office.perform(TokenAdd("anna", "laptop")))["secret"])
    secrets.append((await server.office.perform(Passwd("anna")))["secret"])
    told = str(await trail(server))
    assert not [secret for secret in secrets if secret in told]


async def test_what_changes_nothing_or_only_looks_is_not_recorded(server: RunningServer) -> None:
    await server.add("anna")
    before = await trail(server)
    await server.office.perform(SetEnabled("anna", True))
    for looking in (UserList(), TokenList("anna"), ChannelList(), AuditList(5), AuditVerify()):
        await server.office.perform(looking)
    with pytest.raises(Impossible):
        await server.office.perform(UserRename("nobody", "somebody"))
    assert await trail(server) == before


async def test_the_act_and_what_it_does_are_stored_in_one_append(server: RunningServer) -> None:
    await server.add("anna")
    appends = []
    submit = server.node.history.submit

    def note(submission: Any) -> None:
        appends.append([(entry.stream[0], type(entry.event).__name__) for entry in submission.append.entries])
        submit(submission)

    server.node.history.submit = note  # type: ignore[method-assign]
    await server.office.perform(SetEnabled("anna", False))
    await server.office.perform(ChannelDrop("#general"))
    assert appends == [[("a", "Disabled"), ("s", "Administered")], [("c", "Dropped"), ("s", "Administered")]]


async def test_a_kill_is_recorded_with_the_administrator_who_did_it(server: RunningServer) -> None:
    await server.add("anna", role="admin")
    await server.add("bob")
    anna, bob = await server.gather("anna", "bob")
    assert await anna.ask("KILL bob :spam\x02 everywhere") == []
    await bob.ended()
    assert (await words(server))[-1] == ("kill", "bob", "spam\x02 everywhere", "anna")


async def test_a_kill_happens_when_it_is_on_record_even_if_its_author_has_gone_and_not_at_all_without(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.add("anna", role="admin")
    await server.add("bob", "carol")
    anna, bob, carol = await server.gather("anna", "bob", "carol")
    held = HeldHistory(server.node)
    anna.send("KILL bob :enough", "QUIT")
    await held.until(1)
    assert await bob.fence() == []
    anna.writer.close()
    held.release()
    assert [line.command for line in await bob.ended()][-2:] == ["KILL", "ERROR"]
    assert (await words(server))[-1] == ("kill", "bob", "enough", "anna")

    anna = await server.sign_in("anna")
    with monkeypatch.context() as patch:
        patch.setattr(server.node.history, "submit", refuse)
        (refused,) = await anna.ask("KILL carol :enough")
    assert (refused.command, refused.params[:2]) == ("FAIL", ("KILL", "READ_ONLY"))
    assert await carol.ask("PING here") != []


def refuse(submission: Submission) -> None:
    """Answer as a history without room does."""
    outcome = Outcome(submission, Verdict.UNAVAILABLE)
    assert submission.ticket.connection is not None
    submission.ticket.connection.node.hub.follow([outcome])


async def test_over_the_control_socket_the_trail_names_the_user_whom_the_kernel_names(
    server: RunningServer, tmp_path: Path
) -> None:
    control = Control(server.office, tmp_path)
    await control.start()
    try:
        await ask_control(control_path(tmp_path), type="user add", people=[{"name": "anna", "password": PASSWORD}])
    finally:
        await control.stop()
    assert await words(server) == [("user add", "anna", "as member", US)]


async def test_a_server_records_its_start_and_stop_and_tells_the_log_the_head_each_time(server: RunningServer) -> None:
    keeper = TrailKeeper(server.node)
    with capture_logs() as logged:
        await keeper.begin("0.1.0")
        await keeper.make_round()
        keeper.enter("config reload", "chat.motd")
        await keeper.end()
    assert [row[:3] for row in await words(server)] == [
        ("server start", "", "0.1.0"), ("config reload", "", "chat.motd"), ("server stop", "", "")
    ]  # fmt: skip
    heads = [(line["event"], line["head"].partition(":")[0]) for line in logged]
    assert heads[0] == ("audit trail", "1")
    assert heads[-1] == ("audit trail", "3")
    last = logged[-1]["head"]
    assert (await server.office.perform(AuditVerify(last)))["head"] == last


async def test_a_head_that_is_none_is_refused(server: RunningServer) -> None:
    with pytest.raises(Impossible, match="a head is a number, a colon and 64 hexadecimal digits"):
        await server.office.perform(AuditVerify("12:nonsense"))


# ── rejected sign-ins ──


async def fail(server: RunningServer, name: str, secret: str, times: int = 1) -> None:
    for _ in range(times):
        client = await server.connect()
        client.send(f"PASS :{name}:{secret}", "NICK x", "USER x 0 * :x")
        await client.ended()


async def test_rejected_sign_ins_are_recorded_together_with_their_number_and_never_what_was_typed(
    server: RunningServer,
) -> None:
    await server.add("anna")
    await fail(server, "ANNA", "wrong horse battery", 3)
    await fail(server, "my secret passphrase", "x" * 12)
    await fail(server, "anna", "sct_" + "a" * 52)
    await server.node.sign_ins.rejections.settle()
    rows = [row for row in await trail(server) if row["what"] == "sign-in rejected"]
    assert [(row["target"], row["detail"], row["address"]) for row in rows] == [
        ("anna", "password, 3 times", "127.0.0.1"),
        ("", "password", "127.0.0.1"),
        ("anna", "token", "127.0.0.1"),
    ]
    assert "passphrase" not in str(rows)


async def test_a_server_that_ends_records_what_it_has_counted(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("anna")
        await fail(server, "anna", "wrong horse battery")
    async with running_server(tmp_path) as server:
        assert [row["what"] for row in await trail(server)] == ["user add", "sign-in rejected"]


@pytest.mark.parametrize(("form", "kept"), [("full", "127.0.0.1"), ("prefix", "127.0.0.0/24"), ("none", "")])
async def test_as_much_of_an_address_is_kept_as_the_settings_say_and_as_long(
    tmp_path: Path, form: Any, kept: str
) -> None:
    config = Config(chat=Chat(absence=60), logs=Logs(addresses=form, address_days=2))
    async with running_server(tmp_path, config) as server:
        await fail(server, "anna", "wrong horse battery")
        await server.node.sign_ins.rejections.settle()
        keeper = TrailKeeper(server.node)
        await keeper.make_round()
        assert [row["address"] for row in await trail(server)] == [kept]
        clock = server.node.world.clock
        server.node.world.__dict__["clock"] = lambda: clock() + 2 * 24 * 3600 * 1000 + 1
        await keeper.make_round()
        assert [row["address"] for row in await trail(server)] == [""]
        assert (await server.office.perform(AuditVerify()))["faults"] == []


def test_the_bound_on_records_of_rejections_is_what_operations_md_says() -> None:
    assert (rejections_module.WINDOW_SECONDS, rejections_module.RECORDS_PER_HOUR) == (60.0, 120)
    text = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    assert "one record a minute" in text
    assert "120 an hour" in text
