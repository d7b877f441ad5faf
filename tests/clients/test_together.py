"""WeeChat, irssi and our line client in one channel: topic, nick list, roles, modes, absence and a kick, as each of them shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clients import test_irssi, test_weechat
from tests.clients.test_irssi import Irssi
from tests.clients.test_weechat import WeeChat
from tests.scenario.people import Person, Place
from tests.scenario.processes import Programs, wait_until

pytestmark = [test_weechat.pytestmark, test_irssi.pytestmark]

NEXT = ".next_nick"
"""From one nick of WeeChat's list to the one after it."""


def list_nicks_of_weechat(weechat: WeeChat) -> set[str]:
    """Return who is in the second channel of WeeChat's list, as `~alice` or `bob is away`."""
    nicks = [f"irc_server[irc_servers].channels.next_channel.nicks{NEXT * number}" for number in range(4)]
    shown = " ".join(f"<${{{nick}.prefix}}${{{nick}.name}}/${{{nick}.away}}>" for nick in nicks)
    number = weechat.log("server.ours").count("nicklist") + 1
    weechat.type("server.ours", f"/eval /print -buffer irc.server.ours nicklist {number}: {shown} end")
    weechat.wait_for("server.ours", f"nicklist {number}: ")
    found = re.search(rf"nicklist {number}: (.*) end", weechat.log("server.ours"))
    assert found is not None
    rows = re.findall(r"<(.)(\w+)/(\d)>", found[1])
    return {f"{prefix.strip()}{nick}{' is away' * int(away)}" for prefix, nick, away in rows}


def list_nicks_of_irssi(irssi: Irssi) -> set[str]:
    """Return who is in #den for irssi, in the same words."""
    number = irssi.log("#den").count("nicklist") + 1
    irssi.type(
        '/script exec my $c = Irssi::active_server()->channel_find("#den"); '
        f'$c->print("nicklist {number}: " . '
        'join(", ", map { $_->{prefixes} . $_->{nick} . ($_->{gone} ? " is away" : "") } $c->nicks()) . " end")'
    )
    irssi.wait_for("#den", f"nicklist {number}: ")
    found = re.search(rf"nicklist {number}: (.*) end", irssi.log("#den"))
    assert found is not None
    return set(found[1].split(", "))


@pytest.fixture
def three(programs: Programs, place: Place, tmp_path: Path) -> tuple[WeeChat, Irssi, Person]:
    """alice's WeeChat, carol's irssi and bob's line client, all in #den, which alice has made and named."""
    programs.add_people(place.ca.parent, "carol")
    bob = place.sit_down("bob")
    weechat = test_weechat.start(programs, place, place.ca, tmp_path / "weechat")
    irssi = test_irssi.start(programs, place, place.ca, tmp_path / "irssi", "carol")
    weechat.wait_for("ours.#general", "has joined #general")
    weechat.type("server.ours", "/join #den")
    weechat.wait_for("ours.#den", "has joined #den")
    weechat.type("ours.#den", "/topic Foxes only")
    weechat.wait_for("ours.#den", "Foxes only")
    irssi.wait_for("status", "Welcome to securechat, carol")
    irssi.type("/join #den")
    irssi.wait_for("#den", "carol [carol@securechat] has joined #den")
    bob.say("/join #den")
    bob.program.wait_for("#den: you are in")
    weechat.wait_for("ours.#den", "bob")
    irssi.wait_for("#den", "bob")
    return weechat, irssi, bob


def wait_for_nicks(weechat: WeeChat, irssi: Irssi, *wanted: str) -> None:
    """Wait until both lists hold these nicks and no other."""
    wait_until(lambda: list_nicks_of_weechat(weechat) == set(wanted), f"{wanted} in WeeChat")
    wait_until(lambda: list_nicks_of_irssi(irssi) == set(wanted), f"{wanted} in irssi")


def test_three_clients_show_each_other_what_is_said(three: tuple[WeeChat, Irssi, Person]) -> None:
    weechat, irssi, bob = three
    bob.program.wait_for("-- #den: 3 members: ~alice carol bob")
    assert "-!- Topic for #den: Foxes only" in irssi.log("#den")
    assert "-!- Topic set by alice" in irssi.log("#den")
    assert "-- #den: topic: Foxes only" in bob.program.out
    wait_for_nicks(weechat, irssi, "~alice", "carol", "bob")

    weechat.type("ours.#den", "from WeeChat, grüß euch")
    bob.wait_heard("#den", 1)
    irssi.wait_for("#den", "alice> from WeeChat, grüß euch")
    irssi.type("/msg #den from irssi")
    bob.wait_heard("#den", 2)
    weechat.wait_for("ours.#den", "\tcarol\tfrom irssi")
    bob.say("from ours")
    weechat.wait_for("ours.#den", "\tbob\tfrom ours")
    irssi.wait_for("#den", "bob> from ours")
    assert bob.heard("#den") == [("alice", "from WeeChat, grüß euch"), ("carol", "from irssi"), ("bob", "from ours")]

    irssi.type("/msg alice to you alone")
    weechat.wait_for("ours.carol", "\tcarol\tto you alone")
    weechat.type("server.ours", "/msg carol and to you")
    irssi.wait_for("alice", "alice> and to you")
    assert "alone" not in "".join(bob.program.out)


def test_three_clients_show_roles_modes_topics_absence_and_a_kick(three: tuple[WeeChat, Irssi, Person]) -> None:
    weechat, irssi, bob = three
    weechat.type("ours.#den", "/op carol")
    irssi.wait_for("#den", "mode/#den [+o carol] by alice")
    bob.program.wait_for("-- #den: mode +o carol (by alice)")
    irssi.type("/voice bob")
    weechat.wait_for("ours.#den", "Mode #den [+v bob] by carol")
    bob.program.wait_for("-- #den: mode +v bob (by carol)")
    wait_for_nicks(weechat, irssi, "~alice", "@carol", "+bob")
    irssi.type("/mode #den +m")
    weechat.wait_for("ours.#den", "Mode #den [+m] by carol")
    irssi.type("/topic #den Foxes and badgers")
    weechat.wait_for("ours.#den", 'carol has changed topic for #den from "Foxes only" to "Foxes and badgers"')
    bob.program.wait_for("Foxes and badgers")

    bob.say("/away at lunch")
    wait_for_nicks(weechat, irssi, "~alice", "@carol", "+bob is away")
    weechat.type("server.ours", "/whois bob")
    weechat.wait_for("server.ours", "[bob] is away: at lunch")
    irssi.type("/whois bob")
    irssi.wait_for("status", "at lunch")
    bob.say("/away")
    wait_for_nicks(weechat, irssi, "~alice", "@carol", "+bob")

    irssi.type("/kick bob no badgers")
    bob.program.wait_for("-- #den: carol put you out (no badgers)")
    weechat.wait_for("ours.#den", "carol has kicked bob (no badgers)")
    irssi.wait_for("#den", "bob was kicked from #den by carol [no badgers]")
    wait_for_nicks(weechat, irssi, "~alice", "@carol")


@pytest.mark.parametrize("settings", ["[chat]\nabsence = 1\n"])
def test_who_has_gone_is_shown_as_away_and_stays_a_member(three: tuple[WeeChat, Irssi, Person]) -> None:
    weechat, irssi, _ = three
    wait_for_nicks(weechat, irssi, "~alice", "carol", "bob")
    weechat.type("server.ours", "/quit")
    wait_until(lambda: list_nicks_of_irssi(irssi) == {"~alice is away", "carol", "bob"}, "her absence in irssi")
    assert "has quit" not in irssi.log("#den")
    assert "has left" not in irssi.log("#den")
