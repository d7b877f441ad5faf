"""tail, when it is put out of the channel it follows: an end that a script notices."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.client.fakeserver import FakeServer
from tests.plain.program import Program

MakeProgram = Callable[..., Program]


@pytest.mark.parametrize(
    "line",
    [":bob!b@c KICK #general alice :go", ":bob!b@c KICK #GENERAL alice", ":alice!alice@securechat PART #general"],
)
async def test_tail_ends_with_one_line_when_there_is_nothing_more_to_follow(
    server: FakeServer, program: MakeProgram, line: str
) -> None:
    async with program("tail", "#general") as tail:
        await tail.read_until("following #general", err=True)
        server.say("bob", "#general", "the last one")
        server.guests[0].tell(line)
        out, err = await tail.process.communicate()
        assert tail.process.returncode == 1
    assert out == b"22:13 #general <bob> the last one\n"
    assert err == b"securechat-client: you are no longer in #general\n"


async def test_control_somebody_else_who_goes_or_another_channel_ends_nothing(
    server: FakeServer, program: MakeProgram
) -> None:
    async with program("tail", "#general") as tail:
        await tail.read_until("following #general", err=True)
        server.guests[0].tell(":bob!b@c KICK #general carol :go", ":bob!b@c KICK #other alice :go")
        server.say("bob", "#general", "still here")
        assert await tail.read_until("still here") == ["22:13 #general <bob> still here"]
