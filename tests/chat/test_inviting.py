"""Invitations as the rules have them: what can be made, when one can be redeemed, and what comes of it."""

from __future__ import annotations

from typing import Never

import pytest

from securechat.chat import administration, inviting
from securechat.chat.administration import Impossible
from securechat.chat.events import (
    Created,
    Deleted,
    DeviceAdded,
    Disabled,
    Joined,
    PasswordSet,
    Record,
    Registered,
    Renamed,
    RoleChanged,
)
from securechat.chat.invitations import Invitations, InvitationState, apply_record, fits
from securechat.chat.inviting import Draft
from securechat.chat.server_events import InvitationMade, InvitationRevoked, InvitationUsed
from securechat.chat.session import Session, State
from securechat.chat.signin import Conclusion
from securechat.chat.streams import SERVER, account_stream
from securechat.wire.capabilities import ACCOUNT_REGISTRATION_NAME
from tests.chat.stage import NOON, Scene, Stage

HOUR = 3_600_000
PASSWORD = "correct horse battery"
TOKEN = "sct_" + "a2" * 26


def open_stage(*people: str, **invitation: object) -> Stage:
    """A stage with one invitation, of id i1 and digest d1, for an hour."""
    stage = Stage(*people)
    made = {"id": "i1", "digest": "d1", "expires": NOON + HOUR} | invitation
    stage.happen(SERVER, InvitationMade(**made))  # type: ignore[arg-type]
    stage.world.offer.revise(ACCOUNT_REGISTRATION_NAME, "")
    return stage


def redeem(stage: Stage, session: Session, name: str, secret: str = PASSWORD, digest: str = "d1") -> Scene:
    """REGISTER and VERIFY with the code whose digest this is, checked as the server checks it."""
    asked = stage.play(session, f"REGISTER {name} * :{secret}", f"VERIFY {name} code")
    assert asked.verify is not None, asked.lines
    kept = {"digest": "token-digest"} if secret == TOKEN else {"new_verifier": "$argon2"}
    return stage.conclude(session, asked.verify, Conclusion("", invitation=digest, **kept))  # type: ignore[arg-type]


# ── REGISTER ──


def test_register_asks_for_a_code_and_asks_for_nothing_else() -> None:
    stage = open_stage("alice")
    for name in ("bob", "alice", "al1ce"):
        session = stage.stranger()
        scene = stage.play(session, f"REGISTER {name} * :{PASSWORD}")
        assert scene.lines[0].startswith(f":chat.example REGISTER VERIFICATION_REQUIRED {name} :")
        assert [type(effect).__name__ for effect in scene.effects] == ["Send"]
        assert session.state is State.NEW


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("REGISTER 1x * :correct horse battery", "FAIL REGISTER BAD_ACCOUNT_NAME 1x"),
        ("REGISTER a.b * :correct horse battery", "FAIL REGISTER BAD_ACCOUNT_NAME a.b"),
        ("REGISTER NickServ * :correct horse battery", "FAIL REGISTER BAD_ACCOUNT_NAME NickServ"),
        ("REGISTER * * :correct horse battery", "FAIL REGISTER BAD_ACCOUNT_NAME *"),
        ("REGISTER bob * :short", "FAIL REGISTER WEAK_PASSWORD bob"),
        ("REGISTER bob * :short\x02", "FAIL REGISTER UNACCEPTABLE_PASSWORD bob"),
        ("REGISTER bob * :sct_short", "FAIL REGISTER UNACCEPTABLE_PASSWORD bob"),
        (f"REGISTER bob * {TOKEN}", "REGISTER VERIFICATION_REQUIRED bob"),
    ],
)
def test_only_the_form_of_a_registration_is_judged(line: str, answer: str) -> None:
    stage = open_stage()
    assert stage.play(stage.stranger(), line).lines[0].startswith(f":chat.example {answer} :")


def test_a_star_is_the_nick() -> None:
    stage = open_stage()
    lines = stage.play(stage.stranger(), "NICK bob", f"REGISTER * * :{PASSWORD}").lines
    assert lines[0].startswith(":chat.example REGISTER VERIFICATION_REQUIRED bob :")


def test_nothing_of_a_registration_is_in_a_repr() -> None:
    stage = open_stage()
    session = stage.stranger()
    verify = stage.play(session, f"REGISTER bob * :{PASSWORD}", "VERIFY bob secret-code").verify
    shown = f"{session.registration!r} {verify!r}"
    assert "bob" in shown
    assert PASSWORD not in shown
    assert "secret-code" not in shown


# ── VERIFY ──


def test_a_valid_code_makes_the_account_whole_at_once() -> None:
    stage = open_stage(role="admin", channels=("#physics", "#GENERAL"))
    session = stage.stranger()
    scene = redeem(stage, session, "bob")
    account = stage.directory.account_named("bob")
    assert account is not None
    assert [type(event) for event in scene.events] == [
        *(InvitationUsed, Registered),
        *(Created, Joined, Created, Joined),
    ]
    assert scene.events[0] == InvitationUsed("i1", account.id)
    assert scene.events[1] == Registered("bob", "admin", "$argon2")
    assert sorted(channel.name for channel in stage.directory.channels_of(account.id)) == ["#GENERAL", "#physics"]
    assert scene.lines == [
        ":chat.example VERIFY SUCCESS bob :The account is yours",
        ":chat.example 900 * bob!bob@securechat bob :You are now logged in as bob",
    ]
    assert (session.state, session.account, session.device) == (State.AUTHENTICATED, account.id, "")
    assert session.registration is None
    assert stage.directory.server.invitations == {}


def test_a_token_that_the_client_made_is_the_first_device() -> None:
    stage = open_stage()
    session = stage.stranger()
    scene = redeem(stage, session, "bob", TOKEN)
    account = stage.directory.account_named("bob")
    assert account is not None
    (device,) = account.devices.values()
    assert (device.label, device.digest) == ("first device", "token-digest")
    assert session.device == device.id
    assert scene.events[1] == Registered("bob", "member", "")


def test_who_has_given_nick_and_user_is_welcomed_at_once_and_who_negotiates_at_its_end() -> None:
    stage = open_stage(uses=2)
    session = stage.stranger()
    stage.play(session, "NICK somebody", "USER u 0 * :u")
    assert "001" in redeem(stage, session, "bob").numerics
    other = stage.stranger()
    stage.play(other, "CAP LS 302", "NICK somebody", "USER u 0 * :u")
    assert redeem(stage, other, "carol").numerics == ["VERIFY", "900"]
    assert stage.play(other, "CAP END").numerics[0] == "001"


def test_a_code_that_is_none_is_told_so_and_the_third_closes() -> None:
    stage = open_stage("alice")
    session = stage.stranger()
    scenes = [redeem(stage, session, name, digest="") for name in ("bob", "alice", "carol")]
    texts = {scene.lines[0].partition(" :")[2] for scene in scenes}
    assert len(texts) == 1
    assert [scene.lines[0].split()[:4] for scene in scenes] == [
        [":chat.example", "FAIL", "VERIFY", "INVALID_CODE"],
    ] * 3
    assert [scene.closed is not None for scene in scenes] == [False, False, True]
    assert stage.directory.account_named("bob") is None


@pytest.mark.parametrize("how", ["used", "expired", "revoked", "expired to the millisecond"])
def test_an_invitation_that_is_over_is_answered_like_none(how: str) -> None:
    stage = open_stage()
    never = redeem(stage, stage.stranger(), "bob", digest="never was").lines
    if how == "used":
        redeem(stage, stage.stranger(), "first")
    elif how == "revoked":
        stage.carry_out(inviting.revoke_invitation(stage.world, "i1", "local:root"))
    else:
        stage.now += HOUR if how.endswith("millisecond") else 2 * HOUR
    assert redeem(stage, stage.stranger(), "bob").lines == never


def test_control_a_millisecond_before_its_end_an_invitation_can_be_used() -> None:
    stage = open_stage()
    stage.now += HOUR - 1
    assert redeem(stage, stage.stranger(), "bob").events


@pytest.mark.parametrize("taken", ["alice", "ALICE", "a1ice", "alicia", "ghost"])
def test_a_name_that_is_taken_or_was_or_could_be_mistaken_is_refused_and_costs_no_use(taken: str) -> None:
    stage = open_stage("alicia", "ghost")
    stage.happen(account_stream("id-alicia"), Renamed("alice", "alicia"))
    stage.happen(account_stream("id-ghost"), Deleted())
    session = stage.stranger()
    scene = redeem(stage, session, taken)
    assert scene.lines[0].startswith(f":chat.example FAIL VERIFY ACCOUNT_EXISTS {taken} :")
    assert (scene.closed, session.rejections, session.state) == (None, 0, State.NEW)
    assert redeem(stage, session, "bob").events


def test_an_invitation_for_a_name_is_for_no_other() -> None:
    stage = open_stage(name="Carol")
    session = stage.stranger()
    assert redeem(stage, session, "bob").lines[0].startswith(":chat.example FAIL VERIFY NAME_FIXED bob Carol :")
    redeem(stage, session, "carol")
    account = stage.directory.account_named("carol")
    assert account is not None
    assert account.name == "Carol"


def test_verify_without_register_and_with_another_name_gets_nowhere() -> None:
    stage = open_stage()
    session = stage.stranger()
    assert stage.play(session, "VERIFY bob code").verify is None
    stage.play(session, f"REGISTER bob * :{PASSWORD}")
    assert stage.play(session, "VERIFY carol code").verify is None
    assert stage.play(session, "VERIFY BOB code").verify is not None
    assert stage.play(session, "VERIFY * code").verify is not None


def test_who_signs_in_or_has_signed_in_gets_no_second_account() -> None:
    stage = open_stage("alice")
    signing_in = stage.stranger(State.AUTHENTICATING)
    assert "TEMPORARILY_UNAVAILABLE" in stage.play(signing_in, f"REGISTER bob * :{PASSWORD}").lines[0]
    alice = stage.enter("alice")
    for line in (f"REGISTER bob * :{PASSWORD}", "VERIFY bob code"):
        assert "ALREADY_AUTHENTICATED" in stage.play(alice, line).lines[0]


# ── reset ──


def test_a_reset_replaces_the_password_and_revokes_every_device() -> None:
    stage = open_stage("alice", account="id-alice")
    stage.happen(account_stream("id-alice"), DeviceAdded("old", "phone", "old-digest"))
    for secret, verifier, devices in ((PASSWORD, "$argon2", []), (TOKEN, "", ["token-digest"])):
        stage.happen(SERVER, InvitationMade("i2", "d2", expires=NOON + HOUR, account="id-alice"))
        session = stage.stranger()
        events = redeem(stage, session, "Alice", secret, "d2").events
        assert events[:2] == [InvitationUsed("i2", "id-alice"), PasswordSet(verifier)]
        assert [each.digest for each in stage.world.account("id-alice").devices.values()] == devices
        assert session.account == "id-alice"


def test_a_reset_is_for_its_account_under_whatever_name_and_for_no_other() -> None:
    stage = open_stage("alice", account="id-alice")
    stage.happen(account_stream("id-alice"), Renamed("alma", "alice"))
    session = stage.stranger()
    assert " NAME_FIXED alice alma " in redeem(stage, session, "alice").lines[0]
    assert redeem(stage, session, "alma").events


def test_a_reset_of_who_is_disabled_or_gone_lets_nobody_in() -> None:
    stage = open_stage("alice", account="id-alice")
    stage.happen(account_stream("id-alice"), Disabled())
    assert " TEMPORARILY_UNAVAILABLE " in redeem(stage, stage.stranger(), "alice").lines[0]
    stage.happen(account_stream("id-alice"), Deleted())
    assert " INVALID_CODE " in redeem(stage, stage.stranger(), "alice").lines[0]


def test_a_new_reset_replaces_the_one_before() -> None:
    stage = Stage("alice")
    for number in ("1", "2"):
        draft = Draft(f"i{number}", f"d{number}", 24)
        stage.carry_out(inviting.make_reset(stage.world, draft, "alice", "local:root"))
    assert list(stage.directory.server.invitations) == ["d2"]


# ── making them ──


@pytest.mark.parametrize(
    ("draft", "fault"),
    [
        (Draft("i", "d", 1, role="owner"), "'owner' is no role; use member, admin, bot"),
        (Draft("i", "d", 0), "an invitation can be used for more than no time and at most a year"),
        (Draft("i", "d", 9000), "an invitation can be used for more than no time and at most a year"),
        (Draft("i", "d", float("nan")), "an invitation can be used for more than no time and at most a year"),
        (Draft("i", "d", 1, uses=0), "an invitation has 1 to 10000 uses"),
        (Draft("i", "d", 1, uses=10_001), "an invitation has 1 to 10000 uses"),
        (Draft("i", "d", 1, name="bob", uses=2), "an invitation for one name can be used once"),
        (Draft("i", "d", 1, name="alice"), "there is an account 'alice' already"),
        (Draft("i", "d", 1, name="a b"), "'a b' cannot be a name: a letter, then up to 31 letters, digits, - or _"),
        (
            Draft("i", "d", 1, channels=("general",)),
            "'general' cannot be a channel: # and up to 63 bytes without spaces, commas or controls",
        ),
        (Draft("i", "d", 1, channels=("#a",) * 21), "an invitation has at most 20 channels"),
    ],
)
def test_what_cannot_be_an_invitation_is_refused_with_the_reason(draft: Draft, fault: str) -> None:
    with pytest.raises(Impossible) as refused:
        inviting.make_invitations(Stage("alice").world, [draft], "local:root")
    assert str(refused.value) == fault


def test_a_list_of_names_is_invited_whole_or_not_at_all() -> None:
    stage = Stage()
    twins = [Draft("1", "d1", 1, name="anna"), Draft("2", "d2", 1, name="4nna"), Draft("3", "d3", 1, name="ANNA")]
    with pytest.raises(Impossible):
        inviting.make_invitations(stage.world, twins, "local:root")
    append = inviting.make_invitations(stage.world, twins[:1], "local:root")
    assert stage.carry_out(append) == [InvitationMade("1", "d1", expires=NOON + HOUR, name="anna", by="local:root")]


def test_what_has_expired_is_forgotten_when_the_next_one_is_made() -> None:
    stage = open_stage()
    stage.now += HOUR
    assert list(stage.directory.server.invitations) == ["d1"]
    assert inviting.open_invitations(stage.world) == []
    stage.happen(SERVER, InvitationMade("i2", "d2", expires=NOON + 9 * HOUR))
    assert list(stage.directory.server.invitations) == ["d2"]


def test_none_of_thousands_is_looked_for_among_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def look() -> Never:
        raise AssertionError

    invitations = Invitations(InvitationState(f"i{i}", f"d{i}", expires=2000) for i in range(3))
    monkeypatch.setattr(invitations, "values", look, raising=False)
    made = InvitationMade("i3", "d3", expires=1500)
    assert fits(invitations, made)
    for event in (made, InvitationRevoked("i0"), InvitationUsed("i1", "a1")):
        apply_record(invitations, Record(SERVER, 1, "m", 1000, event))
    assert list(invitations) == ["d2", "d3"]
    with pytest.raises(AssertionError):
        invitations.drop_expired(1500)


def test_what_is_not_open_cannot_be_revoked() -> None:
    stage = open_stage()
    stage.happen(SERVER, InvitationRevoked("i1"))
    with pytest.raises(Impossible):
        inviting.revoke_invitation(stage.world, "i1", "local:root")


# ── roles ──


def test_a_role_changes_and_the_last_administrator_stays_one() -> None:
    stage = Stage("bob")
    stage.register("alice", "admin")
    assert stage.directory.admins == {"id-alice"}
    with pytest.raises(Impossible) as refused:
        administration.change_role(stage.world, "alice", "member", "local:root")
    assert str(refused.value) == "'alice' is the only administrator who can sign in; make somebody else one first"
    assert administration.change_role(stage.world, "bob", "member", "local:root") is None
    append = administration.change_role(stage.world, "bob", "admin", "local:root")
    assert append is not None
    assert stage.carry_out(append) == [RoleChanged("admin", "member", "local:root")]
    assert stage.directory.admins == {"id-alice", "id-bob"}
    lowered = administration.change_role(stage.world, "alice", "bot", "local:root")
    assert lowered is not None
    assert dict(lowered.expects) == {"a/id-alice": 0, "a/id-bob": 0}
    stage.carry_out(lowered)
    assert (stage.directory.admins, stage.world.account("id-alice").epoch) == ({"id-bob"}, 1)


# ── those who may have been invited ──


def test_who_brings_no_credentials_may_linger_while_somebody_is_invited() -> None:
    stage = open_stage()
    session = stage.stranger()
    scene = stage.play(session, "NICK bob", "USER b 0 * :b")
    assert scene.numerics[0] == "FAIL"
    assert "ACCOUNT_REQUIRED" in scene.lines[0]
    assert any("REGISTER" in line for line in scene.lines)
    assert (scene.closed, session.lingers) == (None, True)
    assert stage.play(session, "NICK bobby").lines == []


def test_control_while_nobody_is_invited_they_are_turned_away() -> None:
    stage = Stage()
    session = stage.stranger()
    scene = stage.play(session, "NICK bob", "USER b 0 * :b")
    assert scene.closed is not None
    assert not session.lingers


def test_who_has_tried_to_sign_in_has_an_account_and_is_turned_away_at_once() -> None:
    stage = open_stage()
    session = stage.stranger()
    session.rejections = 1
    scene = stage.play(session, "NICK bob", "USER b 0 * :b")
    assert "ACCOUNT_REQUIRED" in scene.lines[0]
    assert scene.closed is not None
    assert not session.lingers
