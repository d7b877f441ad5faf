"""Who may do what: reading written out as spans of records, and the questions that are one function each."""

from __future__ import annotations

import itertools

import pytest

from securechat.chat import policy
from securechat.chat.bans import is_banned, mask_matches
from securechat.chat.channel import apply_record, found_channel
from securechat.chat.event import Event
from securechat.chat.events import (
    BanLifted,
    BanSet,
    Created,
    Deleted,
    DeviceAdded,
    DeviceRevoked,
    Disabled,
    Dropped,
    Enabled,
    Ignored,
    Invited,
    Joined,
    Kicked,
    Left,
    ModeSet,
    PasswordRehashed,
    PasswordSet,
    Posted,
    Record,
    Registered,
    Renamed,
    RoleSet,
    TopicSet,
    Unignored,
)
from securechat.chat.policy import Access, Span
from securechat.chat.ports import AccountState, ChannelState, MemberState
from securechat.config import Chat

LAST = 20

# Access, and the records of 1 to 20 that may be read, as text: "." no, "x" yes.
READING = [
    # somebody who is no member reads nothing, whatever was
    (Access(False), "...................."),
    (Access(False, (Span(3, 9),)), "...................."),
    (Access(False, (), (Span(5, 9),)), "...................."),
    # a channel that was always open: everything, also from before
    (Access(True, (Span(2),)), "xxxxxxxxxxxxxxxxxxxx"),
    (Access(True, (Span(18),)), "xxxxxxxxxxxxxxxxxxxx"),
    # always closed: from joining on
    (Access(True, (Span(2),), (Span(1),)), ".xxxxxxxxxxxxxxxxxxx"),
    (Access(True, (Span(18),), (Span(1),)), ".................xxx"),
    # joined, left, came back
    (Access(True, (Span(2, 5), Span(10)), (Span(1),)), ".xxxx....xxxxxxxxxxx"),
    (Access(True, (Span(2, 5), Span(8, 9), Span(15)), (Span(1),)), ".xxxx..xx.....xxxxxx"),
    (Access(True, (Span(2, 5), Span(6)), (Span(1),)), ".xxxxxxxxxxxxxxxxxxx"),
    # closed at 8 (the closing record is said in private already), joined at 15
    (Access(True, (Span(15),), (Span(8),)), "xxxxxxx.......xxxxxx"),
    # member before it was closed, and still
    (Access(True, (Span(3),), (Span(8),)), "xxxxxxxxxxxxxxxxxxxx"),
    # opened again at 13: what was said in between stays private for who came later
    (Access(True, (Span(15),), (Span(8, 12),)), "xxxxxxx.....xxxxxxxx"),
    (Access(True, (Span(10),), (Span(8, 12),)), "xxxxxxx..xxxxxxxxxxx"),
    (Access(True, (Span(2, 9), Span(16)), (Span(8, 12),)), "xxxxxxxxx...xxxxxxxx"),
    # closed, opened and closed once more
    (Access(True, (Span(19),), (Span(4, 6), Span(10, 10), Span(14))), "xxx...xxx.xxx.....xx"),
    (Access(True, (Span(5, 5), Span(19),), (Span(14), Span(4, 6))), "xxx.x.xxxxxxx.....xx"),
    # closed from its first record on, opened later
    (Access(True, (Span(12),), (Span(1, 7),)), ".......xxxxxxxxxxxxx"),
    # a direct conversation
    (Access(True, (Span(1),)), "xxxxxxxxxxxxxxxxxxxx"),
]  # fmt: skip


# Bob, who wrote all with an odd seq, may read what he wrote and what alice wrote while he did not ignore her.
IGNORING = [
    ((), "xxxxxxxxxxxxxxxxxxxx"),
    ((Span(1),), "x.x.x.x.x.x.x.x.x.x."),
    ((Span(8),), "xxxxxxx.x.x.x.x.x.x."),
    ((Span(8, 12),), "xxxxxxx.x.x.xxxxxxxx"),
    ((Span(8, 8),), "xxxxxxx.xxxxxxxxxxxx"),
    ((Span(9, 9),), "xxxxxxxxxxxxxxxxxxxx"),
    ((Span(2, 4), Span(5, 6), Span(18)), "x.x.x.xxxxxxxxxxx.x."),
    ((Span(18), Span(2, 4)), "x.x.xxxxxxxxxxxxx.x."),
]


@pytest.mark.parametrize(("silenced", "expected"), IGNORING)
def test_who_ignores_somebody_reads_of_that_time_what_it_said_itself(silenced: tuple[Span, ...], expected: str) -> None:
    access = Access(True, (Span(1),), silenced=silenced, viewer="id-bob")
    records = [
        Record("d/id-a/id-bob", seq, f"m{seq}", seq, Posted("id-bob" if seq % 2 else "id-a", "PRIVMSG", "x"))
        for seq in range(1, LAST + 1)
    ]
    assert "".join("x" if policy.may_read(access, record) else "." for record in records) == expected
    spans = policy.readable(access)
    assert [span.first for span in spans] == sorted({span.first for span in spans})
    assert policy.readable(access._replace(member=False)) == ()


@pytest.mark.parametrize(("ignored", "writer", "hears"), [("", "b", True), ("b", "b", False), ("b", "c", True)])
def test_who_is_ignored_does_not_reach_the_one_who_ignores(ignored: str, writer: str, hears: bool) -> None:
    assert policy.reaches(AccountState("a", "alice", ignored=set(ignored)), writer) is hears


@pytest.mark.parametrize(("access", "expected"), READING)
def test_what_a_member_may_read(access: Access, expected: str) -> None:
    records = [Record("c/x", seq, f"m{seq}", seq, Posted("id-a", "PRIVMSG", "x")) for seq in range(1, LAST + 1)]
    assert "".join("x" if policy.may_read(access, record) else "." for record in records) == expected


@pytest.mark.parametrize(("access", "expected"), READING)
def test_readable_spans_are_in_order_and_apart(access: Access, expected: str) -> None:
    spans = policy.readable(access)
    readable = {seq for span in spans for seq in range(span.first, (span.last or LAST) + 1)}
    assert readable == {seq for seq in range(1, LAST + 1) if expected[seq - 1] == "x"}
    for before, after in itertools.pairwise(spans):
        assert before.last is not None
        assert after.first > before.last + 1


def test_a_policy_that_says_yes_would_be_noticed() -> None:
    """The control: the table has records that may not be read, in every kind of case."""
    assert sum("." in expected for _, expected in READING) >= 10


@pytest.mark.parametrize(
    ("modes", "key", "opened"),
    [
        ("", "", True),
        ("nt", "", True),
        ("mnt", "", True),
        ("i", "", False),
        ("s", "", False),
        ("", "k", False),
        ("nt", "k", False),
    ],
)
def test_what_closes_a_channel(modes: str, key: str, opened: bool) -> None:
    assert policy.is_open(modes, key) is opened


def channel_with(role: str | None, modes: str, key: str = "") -> ChannelState:
    members = {"id-x": MemberState("q", 1)}
    if role is not None:
        members["id-a"] = MemberState(role, 2)
    return ChannelState("c", "#c", modes=modes, key=key, members=members)


ALICE = AccountState("id-a", "alice")

# role (None: no member), modes; may post, set the topic, invite, set modes
RIGHTS = [
    ("q", "imnst", (True, True, True, True)),
    ("o", "imnst", (True, True, True, True)),
    ("v", "imnst", (True, False, False, False)),
    ("", "imnst", (False, False, False, False)),
    (None, "imnst", (False, False, False, False)),
    ("v", "", (True, True, True, False)),
    ("", "", (True, True, True, False)),
    (None, "", (True, False, False, False)),
    ("", "n", (True, True, True, False)),
    (None, "n", (False, False, False, False)),
    ("", "m", (False, True, True, False)),
    (None, "m", (False, False, False, False)),
    ("", "t", (True, False, True, False)),
    ("", "i", (True, True, False, False)),
    ("", "s", (True, True, False, False)),
]


@pytest.mark.parametrize(("role", "modes", "expected"), RIGHTS)
def test_rights_by_role_and_modes(role: str | None, modes: str, expected: tuple[bool, ...]) -> None:
    channel = channel_with(role, modes)
    assert (
        policy.may_post(channel, ALICE),
        policy.may_set_topic(channel, "id-a"),
        policy.may_invite(channel, "id-a"),
        policy.may_set_modes(channel, "id-a"),
    ) == expected


@pytest.mark.parametrize(
    ("setting", "role", "allowed"),
    [
        ("members", "member", True),
        ("members", "bot", True),
        ("admins", "member", False),
        ("admins", "bot", False),
        ("admins", "admin", True),
    ],
)
def test_who_may_make_channels(setting: str, role: str, allowed: bool) -> None:
    config = Chat(create_channels=setting)  # type: ignore[arg-type]
    assert policy.may_create_channel(config, AccountState("id-a", "alice", role)) is allowed


@pytest.mark.parametrize(
    ("mask", "matches"),
    [
        ("alice!*@*", True),
        ("ALICE!*@*", True),
        ("*!alice@*", True),
        ("*!*@securechat", True),
        ("a????!*@*", True),
        ("a???!*@*", False),
        ("alice", False),
        ("*!*@10.0.0.*", False),
        ("ali[ce]!*@*", False),
        ("bob!*@*", False),
    ],
)
def test_ban_masks_match_the_name_and_no_address(mask: str, matches: bool) -> None:
    channel = channel_with("", "")
    apply_record(channel, Record("c/c", 3, "m3", 0, BanSet("id-x", mask)))
    assert is_banned(channel, AccountState("id-alice", "alice")) is matches
    assert mask_matches(mask, "alice") is matches


# An event of one's own account, the device that signed in ("": a password), whether one asked for it; whether one stays.
SURVIVAL = [
    (Disabled(), "", False, False),
    (Disabled(), "d1", False, False),
    (Disabled(), "d1", True, False),
    (Deleted(), "", False, False),
    (Deleted(), "d1", True, False),
    (Renamed("b", "a"), "", False, True),
    (Ignored("b"), "d1", False, True),
    (Unignored("b"), "d1", False, True),
    (Enabled(), "", False, True),
    (DeviceRevoked("d1"), "d1", False, False),
    (DeviceRevoked("d1"), "d1", True, False),
    (DeviceRevoked("d1"), "d2", False, True),
    (DeviceRevoked("d1"), "", False, True),
    (DeviceAdded("d1", "phone", "x"), "", False, True),
    (PasswordSet("v"), "", False, False),
    (PasswordSet("v"), "", True, True),
    (PasswordSet("v"), "d1", False, False),
    (PasswordSet("v", kept="d1"), "d1", True, True),
    (PasswordSet("v", kept="d1"), "d1", False, True),
    (PasswordSet("v", kept="d1"), "d2", False, False),
    (PasswordSet("v", kept="d1"), "", False, False),
    (PasswordSet("v", kept="*"), "d1", False, True),
    (PasswordSet("v", kept="*"), "", False, False),
    (PasswordSet("v", kept="*"), "", True, True),
    (PasswordRehashed("v"), "", False, True),
    (Registered("alice"), "", False, True),
]


@pytest.mark.parametrize(("event", "device", "asked", "stays"), SURVIVAL)
def test_which_sessions_survive_a_change_of_the_account(event: Event, device: str, asked: bool, stays: bool) -> None:
    assert policy.survives(Record("a/x", 1, "m", 0, event), device, asked) is stays  # type: ignore[arg-type]


# Whether somebody loses a right by an event, so that what was judged before is judged again.
RESTRICTIONS = [
    (Kicked("a", "b"), True),
    (BanSet("a", "x"), True),
    (BanLifted("a", "x"), False),
    (ModeSet("a", on="m"), True),
    (ModeSet("a", off="m"), False),
    (ModeSet("a", key="k"), True),
    (ModeSet("a", key=""), False),
    (ModeSet("a", limit=3), True),
    (ModeSet("a", limit=0), False),
    (RoleSet("a", "", "o"), True),
    (RoleSet("a", "v", "o"), True),
    (RoleSet("a", "o", "q"), True),
    (RoleSet("a", "o", ""), False),
    (RoleSet("a", "q", "o"), False),
    (Joined("a"), False),
    (Joined("a", "q"), False),
    (Left("a"), False),
    (Left("a", role="q"), True),
    (Invited("a", "b"), False),
    (TopicSet("a", "x"), False),
    (Posted("a", "PRIVMSG", "x"), False),
    (Dropped(), True),
    (PasswordSet("v"), True),
    (PasswordRehashed("v"), False),
    (DeviceAdded("d", "l", "x"), False),
    (DeviceRevoked("d"), True),
    (Disabled(), True),
    (Enabled(), False),
    (Renamed("b", "a"), True),
    (Deleted(), True),
    (Ignored("b"), False),
    (Unignored("b"), False),
    (Dropped(forced=True), True),
    (Registered("a"), False),
]


_OF_ACCOUNTS = (
    Registered, PasswordSet, PasswordRehashed, DeviceAdded, DeviceRevoked, Disabled, Enabled, Renamed, Deleted, Ignored,
    Unignored,
)  # fmt: skip


@pytest.mark.parametrize(("event", "restricts"), RESTRICTIONS)
def test_an_epoch_grows_when_a_right_can_be_lost_and_only_then(event: Event, restricts: bool) -> None:
    assert event.restricts is restricts
    if not isinstance(event, _OF_ACCOUNTS):
        channel = found_channel("c", Record("c/c", 1, "m1", 0, Created("#c", "a")))
        apply_record(channel, Record("c/c", 2, "m2", 0, Joined("a", getattr(event, "was", ""))))
        apply_record(channel, Record("c/c", 3, "m3", 0, event))  # type: ignore[arg-type]
        assert channel.epoch == (1 if restricts else 0)
