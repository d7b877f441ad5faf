"""A line that is being typed is said where it was meant to be said, or nowhere."""

from __future__ import annotations

import pytest

from tests.terminal.conftest import Hall, SitDown


@pytest.mark.parametrize("how", ["put out", "left elsewhere"])
def test_what_was_meant_for_a_channel_that_is_gone_is_kept_and_said_nowhere_else(
    hall: Hall, sit_down: SitDown, how: str
) -> None:
    channel = f"#{how.replace(' ', '-')}"
    bob = sit_down("bob")
    bob.type(f"/join {channel}\r")
    bob.wait_for(f"[{channel}]")
    alice, elsewhere = sit_down("alice"), sit_down("alice")
    alice.type(f"/join {channel}\r")
    alice.wait_for(f"[{channel}]")
    elsewhere.wait_for(f"{channel}: you are in")
    alice.type("for them only")
    end = alice.wait_for("for them only")
    if how == "put out":
        bob.type(f"/kick {channel} alice\r")
    else:
        elsewhere.type(f"/part {channel}\r")
    alice.wait_for("you talk nowhere now: /switch #channel or nick", end)
    end = alice.wait_for("[nowhere] for them only", end)
    alice.type("\r")
    end = alice.wait_for("not sent: you talk nowhere now", end)
    alice.wait_for("[nowhere] for them only", end)
    # Let in again somewhere by another device, it is still nobody's.
    elsewhere.type(f"/join {channel}-too\r")
    end = alice.wait_for(f"{channel}-too: you are in", end)
    alice.type("\r")
    alice.wait_for("not sent: you talk nowhere now", end)
    alice.type("\x03/switch #general\r")
    end = alice.wait_for("you talk in #general now", end)
    alice.type("for all\r")
    end = alice.wait_for("<alice> for all", end)
    said = [*hall.read("bob", "#general"), *hall.read("bob", channel), *hall.read("alice", f"{channel}-too")]
    assert "for all" in said
    assert "for them only" not in said
    alice.type("\x1b[A\x1b[A\x1b[A")
    alice.wait_for("for them only", end)


def test_control_joining_and_switching_move_the_talk(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type("/join #here\r")
    alice.wait_for("[#here]")
    alice.type("/join #GENERAL\r")
    end = alice.wait_for("you talk in #general now")
    alice.wait_for("[#general]", end)
    alice.type("/part here\r")
    alice.wait_for("use it so: /part [#channel [reason]]", end)
    alice.type("/names #nowhere\r")
    alice.wait_for("#nowhere: no such channel, or nobody in it whom you may see", end)
    alice.type("still here\r")
    alice.wait_for("<alice> still here", end)
