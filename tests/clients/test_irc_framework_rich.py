"""What irc-framework makes of everything beside talking: history, tags, presence, people, channels."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.clients.driven import needs_node
from tests.clients.test_irc_framework import NEWER, enter
from tests.scenario.people import Place
from tests.scenario.processes import Programs

pytestmark = needs_node

ROSES = ("@batch=1 PRIVMSG #general :Roses are red,", "@batch=1 PRIVMSG #general :violets are blue.")


def test_history_comes_as_a_batch_with_the_ids_and_times_of_the_live_messages(programs: Programs, place: Place) -> None:
    bob = place.sit_down("bob")
    bob.say("first", "second", "third")
    bob.wait_heard("#general", 3)
    client = enter(programs, place, web=True)
    client.call("raw", "@label=h1 CHATHISTORY LATEST #general * 2")
    page = client.wait_for("batch end chathistory")
    assert page["params"] == ["#general"]
    assert [(row["message"], row["batch"]["type"]) for row in client.told("privmsg", nick="bob")] == [
        ("second", "chathistory"),
        ("third", "chathistory"),
    ]
    third = client.told("privmsg", message="third")[0]
    client.call("raw", f"CHATHISTORY BEFORE #general msgid={third['tags']['msgid']} 50")
    client.wait_for("batch end chathistory", times=2)
    assert [row["message"] for row in client.told("privmsg", nick="bob")[2:]] == ["first", "second"]
    again = client.told("privmsg", message="second")
    assert again[0]["tags"]["msgid"] == again[1]["tags"]["msgid"]
    assert again[0]["time"] == again[1]["time"]

    client.call("setTopic", "#general", "Tea at five")
    client.wait_for("topic", topic="Tea at five")
    client.call("raw", "CHATHISTORY LATEST #general * 1")
    events = client.wait_for("batch end chathistory", times=3)["commands"]
    assert [(event["command"], event["params"]) for event in events] == [("TOPIC", ["#general", "Tea at five"])]


def test_labels_answer_the_command_they_came_with(programs: Programs, place: Place) -> None:
    client = enter(programs, place)
    client.call("say", "#general", "with a label", {"label": "m1"})
    assert client.wait_for("privmsg", message="with a label")["tags"]["label"] == "m1"
    client.call("raw", "@label=w1 WHOIS alice")
    batch = client.wait_for("batch end labeled-response")
    assert [line["command"] for line in batch["commands"]][-1] == "318"
    assert client.wait_for("whois")["nick"] == "alice"
    client.call("raw", "@label=p1 PONG nothing")
    assert client.wait_for("unknown command", command="ACK")["tags"]["label"] == "p1"
    client.call("raw", "@label=f1 CHATHISTORY LATEST #nowhere * 5")
    failed = client.wait_for("unknown command", command="FAIL")
    assert failed["params"][:3] == ["CHATHISTORY", "INVALID_TARGET", "LATEST"]
    assert failed["tags"]["label"] == "f1"


def test_typing_replies_and_reactions_go_through_between_two_of_it(programs: Programs, place: Place) -> None:
    alice, bob = enter(programs, place), enter(programs, place, "bob", web=True)
    alice.call("tagmsg", "#general", {"+typing": "active"})
    assert bob.wait_for("tagmsg", tags={"+typing": "active"})["nick"] == "alice"
    alice.call("say", "#general", "which of the two?")
    asked = bob.wait_for("privmsg", message="which of the two?")["tags"]["msgid"]
    bob.call("say", "#general", "this one", {"+draft/reply": asked})
    assert alice.wait_for("privmsg", message="this one")["tags"]["+draft/reply"] == asked
    bob.call("tagmsg", "#general", {"+draft/reply": asked, "+draft/react": "👍"})
    reacted = alice.wait_for("tagmsg", tags={"+draft/react": "👍"})
    assert (reacted["nick"], reacted["account"], reacted["tags"]["+draft/reply"]) == ("bob", "bob", asked)
    alice.call("tagmsg", "bob", {"+typing": "active"})
    assert bob.wait_for("tagmsg", target="bob")["tags"]["+typing"] == "active"

    alice.call("raw", "CHATHISTORY LATEST #general * 10")
    commands = alice.wait_for("batch end chathistory")["commands"]
    kept = [(line["command"], line["tags"].get("+draft/react")) for line in commands if line["command"] == "TAGMSG"]
    assert kept == [("TAGMSG", "👍")]
    alice.call("canSendTag", "typing")
    assert alice.wait_for("can send")["yes"] is True


def test_a_redaction_and_a_read_marker_reach_its_other_device(programs: Programs, place: Place) -> None:
    phone, desk, bob = enter(programs, place), enter(programs, place, web=True), enter(programs, place, "bob")
    phone.call("say", "#general", "a slip of the pen")
    said = desk.wait_for("privmsg", message="a slip of the pen")
    phone.call("raw", f"REDACT #general {said['tags']['msgid']} :oops")
    for client in (desk, bob):
        redacted = client.wait_for("unknown command", command="REDACT")
        assert redacted["nick"] == "alice"
        assert redacted["params"] == ["#general", said["tags"]["msgid"], "oops"]
    desk.call("raw", "CHATHISTORY LATEST #general * 50")
    desk.wait_for("batch end chathistory")
    assert len(desk.told("privmsg", message="a slip of the pen")) == 1

    phone.call("raw", f"MARKREAD #general timestamp={said['tags']['time']}")
    marked = ["#general", f"timestamp={said['tags']['time']}"]
    desk.wait_for("unknown command", command="MARKREAD", params=marked)
    bob.fence()
    assert bob.told("unknown command", command="MARKREAD", params=marked) == []


def test_absence_names_and_renames_of_others_are_told(programs: Programs, place: Place) -> None:
    client, other = enter(programs, place), enter(programs, place, "bob", web=True)
    other.call("raw", "AWAY :at lunch")
    assert client.wait_for("away", nick="bob")["message"] == "at lunch"
    client.call("who", "#general")
    users = {user["nick"]: user for user in client.wait_for("wholist")["users"]}
    assert {nick: (user["account"], user["away"]) for nick, user in users.items()} == {
        "alice": ("alice", False),
        "bob": ("bob", True),
    }
    assert users["alice"]["hostname"] == "securechat"
    client.call("whois", "bob")
    told = client.wait_for("whois")
    assert (told["away"], told["account"], told["secure"], told["hostname"]) == ("at lunch", "bob", True, "securechat")
    assert abs(time.time() - int(told["logon"])) < 600
    other.call("raw", "AWAY")
    client.wait_for("back", nick="bob")
    other.call("raw", "SETNAME :Bob the Builder")
    assert client.wait_for("user updated", nick="bob")["new_gecos"] == "Bob the Builder"

    data = place.ca.parent
    assert programs.admin(data, "user", "rename", "bob", "robert").code == 0
    assert client.wait_for("nick", nick="bob")["new_nick"] == "robert"
    assert client.wait_for("account", nick="robert")["account"] == "robert"
    assert client.wait_for("user updated", nick="robert")["new_hostname"] == "securechat"
    assert other.show()["nick"] == "robert"


def test_who_comes_online_is_told_to_who_watches(programs: Programs, place: Place) -> None:
    client = enter(programs, place)
    client.call("addMonitor", "bob,nobody-here")
    client.fence()
    assert {nick for row in client.told("users offline") for nick in row["nicks"]} == {"bob", "nobody-here"}
    enter(programs, place, "bob")
    assert client.wait_for("users online")["nicks"] == ["bob"]
    client.call("monitorlist")
    assert sorted(client.wait_for("monitorList")["nicks"]) == ["bob", "nobody-here"]
    client.call("clearMonitor")
    client.call("monitorlist")
    assert client.wait_for("monitorList", times=2)["nicks"] == []


def test_a_channel_of_its_own_with_roles_modes_bans_and_a_kick(programs: Programs, place: Place) -> None:
    owner, guest = enter(programs, place), enter(programs, place, "bob", web=True)
    owner.call("join", "#den")
    assert owner.wait_for("userlist", channel="#den")["users"][0]["modes"] == ["q"]
    owner.call("setTopic", "#den", "Foxes only")
    guest.call("raw", "SETNAME :Bob B.")
    guest.call("join", "#den")
    joined = owner.wait_for("join", nick="bob", channel="#den")
    assert (joined["account"], joined["ident"], joined["hostname"]) == ("bob", "bob", "securechat")
    assert guest.wait_for("topic", channel="#den")["topic"] == "Foxes only"
    assert guest.wait_for("topicsetby", channel="#den")["nick"] == "alice"
    users = guest.wait_for("userlist", channel="#den")["users"]
    assert {user["nick"]: (user["ident"], user["hostname"], user["modes"]) for user in users} == {
        "alice": ("alice", "securechat", ["q"]),
        "bob": ("bob", "securechat", []),
    }
    owner.call("mode", "#den", "+o", ["bob"])
    assert guest.wait_for("mode", target="#den")["modes"] == [{"mode": "+o", "param": "bob"}]
    owner.call("mode", "#den", "-o+v", ["bob", "bob"])
    guest.wait_for("mode", times=2, target="#den")
    owner.call("mode", "#den", "+lk", ["5", "sesame"])
    wanted = [{"mode": "+l", "param": "5"}, {"mode": "+k", "param": "sesame"}]
    assert sorted(guest.wait_for("mode", times=3, target="#den")["modes"], key=str) == sorted(wanted, key=str)
    owner.call("ban", "#den", "zoe!*@*")
    owner.call("banlist", "#den")
    assert [ban["banned"] for ban in owner.wait_for("banlist")["bans"]] == ["zoe!*@*"]
    owner.call("raw", "KICK", "#den", "bob", "no foxes")
    kicked = guest.wait_for("kick")
    assert (kicked["kicked"], kicked["nick"], kicked["channel"], kicked["message"]) == (
        "bob",
        "alice",
        "#den",
        "no foxes",
    )
    guest.call("join", "#den")
    assert guest.wait_for("irc error")["error"] == "bad_channel_key"
    owner.call("invite", "#den", "bob")
    assert guest.wait_for("invite")["channel"] == "#den"
    guest.call("list")
    rows = guest.wait_for("channel list")["rows"]
    assert {row["channel"]: (row["num_users"], row["topic"]) for row in rows} == {"#general": (2, ""), "#den": (1, "")}


def test_a_message_of_several_lines_is_one_batch_and_one_id(programs: Programs, place: Place) -> None:
    ours = place.sit_down("bob")
    alice, bob = enter(programs, place, extra=NEWER), enter(programs, place, "bob", web=True, extra=NEWER)
    for line in ("BATCH +1 draft/multiline #general", *ROSES, "BATCH -1"):
        alice.call("raw", line)
    for client in (alice, bob):
        batch = client.wait_for("batch end draft/multiline", params=["#general"])
        rows = client.told("privmsg", nick="alice")
        assert [(row["message"], row["batch"]["id"]) for row in rows] == [
            ("Roses are red,", batch["id"]),
            ("violets are blue.", batch["id"]),
        ]
    ours.program.wait_for("violets are blue.")
    # It does not read a batch inside of another, which is what history is with the capability; without it the lines are bare.
    plain = enter(programs, place, "bob")
    plain.call("raw", "CHATHISTORY LATEST #general * 1")
    plain.wait_for("batch end chathistory")
    rows = plain.told("privmsg", nick="alice")
    assert [row["message"] for row in rows] == ["Roses are red,", "violets are blue."]
    assert rows[0]["tags"]["msgid"]
    assert "msgid" not in rows[1]["tags"]


def test_what_was_said_is_found_and_a_channel_gets_another_name(programs: Programs, place: Place) -> None:
    alice, bob = enter(programs, place, extra=NEWER), enter(programs, place, "bob", web=True, extra=NEWER)
    alice.call("join", "#den")
    alice.wait_for("userlist", channel="#den")
    alice.call("say", "#den", "the badger is asleep")
    alice.call("say", "#general", "a badger came by")
    bob.wait_for("privmsg", message="a badger came by")
    bob.call("raw", "SEARCH text=badger")
    found = bob.wait_for("batch end soju.im/search")["commands"]
    assert [line["params"] for line in found] == [["#general", "a badger came by"]]
    alice.call("raw", "SEARCH in=#den;text=badger")
    found = alice.wait_for("batch end soju.im/search")["commands"]
    assert [line["params"] for line in found] == [["#den", "the badger is asleep"]]
    alice.call("raw", "RENAME #den #set :bigger")
    assert alice.wait_for("unknown command", command="RENAME")["params"] == ["#den", "#set", "bigger"]


def test_an_invitation_and_what_people_say_of_themselves_is_told(programs: Programs, place: Place) -> None:
    programs.add_people(place.ca.parent, "carol")
    extra = ["draft/metadata-2"]
    alice, bob = enter(programs, place, extra=extra), enter(programs, place, "bob", web=True, extra=extra)
    for client in (alice, bob):
        client.call("join", "#den")
        client.wait_for("userlist", channel="#den")
    alice.call("mode", "#den", "+o", ["bob"])
    alice.call("invite", "#den", "carol")
    assert bob.wait_for("invite", channel="#den", invited="carol")["nick"] == "alice"

    bob.call("raw", "METADATA * SUB pronouns")
    bob.wait_for("unknown command", command="770")
    alice.call("raw", "METADATA * SET pronouns :she/her")
    told = bob.wait_for("unknown command", command="METADATA")
    assert (told["params"][:2], told["params"][-1]) == (["alice", "pronouns"], "she/her")


def test_what_is_offered_anew_while_it_is_connected_is_told(programs: Programs, tmp_path: Path) -> None:
    """cap-notify, by a setting that a SIGHUP changes. (IRCv3 capability-negotiation, CAP NEW; sts, 5)"""
    data = tmp_path / "data"
    server = programs.server(data)
    place = Place(programs, server.wait_ready()[0], data / "ca.pem")
    programs.add_people(data, "alice")
    client = enter(programs, place)
    assert client.told("cap new") == []
    config = data / "config.toml"
    config.write_text(f"sts = 0\n{config.read_text()}")
    server.signal(signal.SIGHUP)
    assert client.wait_for("cap new")["capabilities"] == {"sts": "duration=0"}
    client.fence()
