"""ACCOUNT: one's own password and devices."""

from __future__ import annotations

import pytest

from securechat.chat.effects import Purpose, ReadHistory
from securechat.chat.events import Deleted, DeviceAdded, DeviceRevoked, Ignored, Left, PasswordSet, Renamed, Unignored
from securechat.chat.ports import WritingsQuery
from securechat.chat.signin import Conclusion
from tests.chat.stage import Stage

OLD, NEW = "old secret", "a new long secret"


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob")
    stage.happen("a/id-alice", DeviceAdded("d1", "the phone", "x1"))
    stage.happen("a/id-alice", DeviceAdded("d2", "laptop", "x2"))
    stage.happen("a/id-bob", DeviceAdded("d3", "phone", "x3"))
    return stage


def test_devices_are_listed_with_ones_own_marked(stage: Stage) -> None:
    assert stage.play(stage.enter("alice", device="d2"), "ACCOUNT devices").lines == [
        ":chat.example NOTE ACCOUNT DEVICE d1 2026-11-21T12:00:00.000Z device :the phone",
        ":chat.example NOTE ACCOUNT DEVICE d2 2026-11-21T12:00:00.000Z this-device laptop",
        ":chat.example NOTE ACCOUNT END_OF_DEVICES :2 devices",
    ]


def test_a_token_is_shown_once_and_kept_as_its_digest(stage: Stage) -> None:
    scene = stage.play(stage.enter("alice"), "ACCOUNT DEVICE ADD :work laptop")
    assert scene.events == [DeviceAdded("n1", "work laptop", "digest")]
    text = "Sign in with this token where a password is asked for; it is shown only once"
    assert scene.lines == [f":chat.example NOTE ACCOUNT DEVICE_ADDED n1 sct_token :{text}"]


def test_one_revokes_ones_own_devices(stage: Stage) -> None:
    scene = stage.play(stage.enter("alice"), "ACCOUNT DEVICE DEL d1")
    assert scene.events == [DeviceRevoked("d1")]
    assert scene.lines == [":chat.example NOTE ACCOUNT DEVICE_REVOKED d1 :The token is revoked"]


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("ACCOUNT FNORD", "UNKNOWN_SUBCOMMAND"),
        ("ACCOUNT DEVICE", "UNKNOWN_SUBCOMMAND"),
        ("ACCOUNT DEVICE FNORD x", "UNKNOWN_SUBCOMMAND"),
        ("ACCOUNT DEVICE ADD", "NEED_MORE_PARAMS"),
        ("ACCOUNT DEVICE ADD :", "NEED_MORE_PARAMS"),
        ("ACCOUNT DEVICE ADD :a\x07b", "INVALID_PARAMS DEVICE"),
        ("ACCOUNT DEVICE ADD " + "x" * 65, "INVALID_PARAMS DEVICE"),
        ("ACCOUNT DEVICE DEL", "NEED_MORE_PARAMS"),
        ("ACCOUNT DEVICE DEL d9", "UNKNOWN_DEVICE DEVICE"),
        ("ACCOUNT DEVICE DEL d3", "UNKNOWN_DEVICE DEVICE"),
        ("ACCOUNT IGNORE", "NEED_MORE_PARAMS"),
        ("ACCOUNT IGNORE nobody", "UNKNOWN_ACCOUNT IGNORE nobody"),
        ("ACCOUNT IGNORE ALICE", "INVALID_PARAMS IGNORE"),
        ("ACCOUNT UNIGNORE", "NEED_MORE_PARAMS"),
        ("ACCOUNT UNIGNORE bob", "NOT_IGNORED UNIGNORE bob"),
        ("ACCOUNT DELETE", "NEED_MORE_PARAMS"),
        ("ACCOUNT DELETE64 no-base64", "INVALID_PARAMS DELETE64"),
        ("ACCOUNT PASSWD", "NEED_MORE_PARAMS"),
        (f"ACCOUNT PASSWD :{OLD}", "NEED_MORE_PARAMS"),
        ("ACCOUNT PASSWD old short", "INVALID_PASSWORD PASSWD"),
        ("ACCOUNT PASSWD old long-enough-indeed FNORD", "INVALID_PARAMS PASSWD"),
    ],
)
def test_what_cannot_be_done_fails_by_code(stage: Stage, line: str, failure: str) -> None:
    scene = stage.play(stage.enter("alice"), line)
    assert [each.split(" :")[0] for each in scene.lines] == [f":chat.example FAIL ACCOUNT {failure}"]
    assert scene.effects == []


def test_there_is_a_limit_to_devices(stage: Stage) -> None:
    for i in range(97):
        stage.happen("a/id-alice", DeviceAdded(f"more{i}", "x", f"y{i}"))
    alice = stage.enter("alice")
    assert len(stage.play(alice, "ACCOUNT DEVICE ADD the-hundredth").events) == 1
    assert stage.play(alice, "ACCOUNT DEVICE ADD one-too-many").lines[0].split()[3] == "TOO_MANY_DEVICES"


# The device that asks, whether it says KEEP, and which devices keep their tokens.
KEPT = [
    ("d1", "", "d1", {"d1"}),
    ("", "", "", set()),
    ("d1", " KEEP", "*", {"d1", "d2"}),
    ("", " keep", "*", {"d1", "d2"}),
]


@pytest.mark.parametrize(("device", "option", "kept", "left"), KEPT)
def test_a_new_password_revokes_the_other_devices_unless_told_to_keep_them(
    stage: Stage, device: str, option: str, kept: str, left: set[str]
) -> None:
    session = stage.enter("alice", device=device)
    verify = stage.play(session, f"ACCOUNT PASSWD old long-enough-indeed{option}").verify
    assert verify is not None
    assert (verify.purpose, verify.name, verify.secret) == (Purpose.PASSWD, "alice", "old")
    assert "long-enough-indeed" not in repr(verify)
    scene = stage.conclude(session, verify, Conclusion("id-alice", new_verifier="$new"))
    assert scene.events == [PasswordSet("$new", kept)]
    assert set(stage.directory.accounts["id-alice"].devices) == left
    assert scene.lines[0].startswith(":chat.example NOTE ACCOUNT PASSWORD_CHANGED PASSWD :Password changed")


@pytest.mark.parametrize("conclusion", [Conclusion(""), Conclusion("id-alice")])
def test_without_the_old_password_nothing_changes(stage: Stage, conclusion: Conclusion) -> None:
    session = stage.enter("alice")
    verify = stage.play(session, "ACCOUNT PASSWD wrong long-enough-indeed").verify
    assert verify is not None
    scene = stage.conclude(session, verify, conclusion)
    assert scene.events == []
    assert scene.lines == [":chat.example FAIL ACCOUNT INVALID_CREDENTIALS PASSWD :The old password is wrong"]


# ── whom one ignores ─────────────────────────────────────────────────────────────────────────────────────────────


def test_whom_one_ignores_is_kept_by_id_and_shown_by_name(stage: Stage) -> None:
    alice = stage.enter("alice")
    scene = stage.play(alice, "ACCOUNT IGNORE BOB")
    assert scene.events == [Ignored("id-bob")]
    text = "What they say to you directly is kept from you; they are not told"
    assert scene.lines == [f":chat.example NOTE ACCOUNT IGNORED bob :{text}"]
    again = stage.play(alice, "ACCOUNT IGNORE bob")
    assert (again.lines, again.events) == (scene.lines, [])
    stage.happen("a/id-bob", Renamed("robert", "bob"))
    assert stage.play(alice, "ACCOUNT IGNORED").lines == [
        ":chat.example NOTE ACCOUNT IGNORED robert :is ignored",
        ":chat.example NOTE ACCOUNT END_OF_IGNORED :1 ignored",
    ]
    assert stage.play(alice, "ACCOUNT UNIGNORE bob").numerics == ["FAIL"]
    assert stage.play(alice, "ACCOUNT UNIGNORE Robert").events == [Unignored("id-bob")]
    assert stage.play(alice, "ACCOUNT IGNORED").lines == [":chat.example NOTE ACCOUNT END_OF_IGNORED :0 ignored"]


def test_who_was_deleted_while_ignored_can_be_taken_out_of_the_list(stage: Stage) -> None:
    alice = stage.enter("alice")
    stage.play(alice, "ACCOUNT IGNORE bob")
    stage.happen("a/id-bob", Deleted())
    assert stage.play(alice, "ACCOUNT IGNORE deleted-id-bob").numerics == ["FAIL"]
    assert stage.play(alice, "ACCOUNT UNIGNORE deleted-id-bob").events == [Unignored("id-bob")]


def test_there_is_a_limit_to_whom_one_ignores(stage: Stage) -> None:
    for i in range(199):
        stage.happen("a/id-alice", Ignored(f"more{i}"))
    stage.register("carol")
    alice = stage.enter("alice")
    assert len(stage.play(alice, "ACCOUNT IGNORE bob").events) == 1
    assert stage.play(alice, "ACCOUNT IGNORE carol").lines[0].split()[3] == "TOO_MANY_IGNORED"


# ── leaving and taking along ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "password"),
    [("ACCOUNT DELETE :my  pass word", "my  pass word"), ("account delete64 bXkgcGFzcw==", "my pass")],
)
def test_deleting_oneself_takes_the_password_and_leaves_every_channel(stage: Stage, line: str, password: str) -> None:
    stage.channel("#room", {"alice": "q", "bob": ""})
    session = stage.enter("alice")
    verify = stage.play(session, line).verify
    assert verify is not None
    assert (verify.purpose, verify.name, verify.secret) == (Purpose.DELETE, "alice", password)
    scene = stage.conclude(session, verify, Conclusion("id-alice"))
    assert [type(event) for event in scene.events] == [Left, type(scene.events[1]), Deleted]
    assert stage.roles("#room") == {"bob": "q"}
    assert scene.events[-1] == Deleted(erase=False)
    assert scene.lines[0].startswith(":chat.example NOTE ACCOUNT DELETED alice :Your account is deleted")


def test_with_a_wrong_password_nobody_is_deleted_and_the_third_one_ends_the_connection(stage: Stage) -> None:
    session = stage.enter("alice")
    verify = stage.play(session, "ACCOUNT DELETE wrong").verify
    assert verify is not None
    scenes = [stage.conclude(session, verify, Conclusion("")) for _ in range(3)]
    assert [scene.events for scene in scenes] == [[], [], []]
    words = ":chat.example FAIL ACCOUNT INVALID_CREDENTIALS DELETE :"
    assert [scene.lines for scene in scenes[:2]] == [[f"{words}The password is wrong"]] * 2
    assert scenes[2].closed == "Too many wrong passwords"
    busy = stage.conclude(session, verify, Conclusion("", busy=True))
    assert (busy.events, busy.closed) == ([], None)


@pytest.mark.parametrize(("others", "deleted"), [({}, False), ({"eve": "admin"}, True), ({"eve": "member"}, False)])
def test_the_last_administrator_stays(others: dict[str, str], deleted: bool) -> None:
    stage = Stage()
    for name, role in {"ada": "admin", **others}.items():
        stage.register(name, role)
    session = stage.enter("ada")
    verify = stage.play(session, "ACCOUNT DELETE secret").verify
    assert verify is not None
    scene = stage.conclude(session, verify, Conclusion("id-ada"))
    assert (scene.events == [Deleted()]) is deleted
    assert ("LAST_ADMIN" in scene.lines[0]) is not deleted


def test_an_export_reads_all_one_has_written(stage: Stage) -> None:
    assert stage.play(stage.enter("alice"), "ACCOUNT EXPORT").effects == [ReadHistory(WritingsQuery("id-alice"))]
