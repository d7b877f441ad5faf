"""The reviewed expectation against the server: every cell of matrix.csv is asked over real TLS. README.md says how."""

from __future__ import annotations

from pathlib import Path

import pytest

from securechat.chat import policy
from securechat.chat.commands import COMMANDS
from securechat.chat.world import World
from tests.authorisation.scene import ACTORS, KINDS, ask_everything, company, read_matrix, read_requests

CELLS = read_matrix()
REQUESTS = read_requests()

WITHOUT_TARGET = {
    *("CAP", "AUTHENTICATE", "PASS", "USER", "REGISTER", "VERIFY", "PING", "PONG", "QUIT", "AWAY", "SETNAME", "MOTD"),
    *("LUSERS", "VERSION", "ISUPPORT", "HELP", "INFO", "ADMIN", "TIME", "LINKS", "STATS"),
}
"""Commands that take no channel, nick or msgid; all others are in the matrix."""


def test_every_request_has_a_cell_for_every_actor_and_kind() -> None:
    expected = {(request, actor, kind) for request in REQUESTS for actor in ACTORS for kind in KINDS}
    assert CELLS.keys() == expected
    assert len(expected) == 77 * 8 * 3
    assert all(cell and cell != "421" for cell in CELLS.values())


def test_every_command_that_takes_a_channel_a_nick_or_a_msgid_is_asked() -> None:
    words = {line.split(" ")[line.startswith("@")] for lines in REQUESTS.values() for line in lines}
    assert COMMANDS.keys() - WITHOUT_TARGET <= words
    assert not WITHOUT_TARGET & words


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("actor", ACTORS)
async def test_every_cell_is_what_the_asker_is_answered(tmp_path: Path, actor: str, kind: str) -> None:
    async with company(tmp_path, actor) as people:
        answered = await ask_everything(people, kind, REQUESTS)
    wrong = [
        f"{request}: expected {CELLS[request, actor, kind]}, answered {answered[request]}"
        for request in REQUESTS
        if answered[request] != CELLS[request, actor, kind]
    ]
    assert wrong == []


# A rule as somebody could have got it wrong; who notices, where, and what the first line of each answer is then.
CONTROLS = [
    (
        policy,
        "may_set_modes",
        lambda *_: True,
        "member",
        "open",
        {"mode+m": "MODE", "mode+b": "MODE", "mode+k": "MODE"},
    ),
    (policy, "may_set_role", lambda *_: True, "operator", "open", {"mode+q": "MODE"}),
    (policy, "may_kick", lambda *_: True, "operator", "secret", {"kick-owner": "KICK"}),
    (policy, "may_invite", lambda *_: True, "voice", "invite-only", {"invite": "341"}),
    (policy, "may_set_topic", lambda *_: True, "member", "secret", {"topic-set": "TOPIC"}),
    (policy, "may_post", lambda *_: True, "banned", "open", {"privmsg": "PRIVMSG", "tagmsg": "TAGMSG"}),
    (policy, "obstacle_to_joining", lambda *_: None, "banned", "invite-only", {"join": "JOIN"}),
    (policy, "is_open", lambda *_: True, "stranger", "invite-only", {"names": "353", "who": "352"}),
    (
        World,
        "visible_channel",
        lambda world, name, _account: world.directory.channel_named(name),
        "stranger",
        "secret",
        {"part": "442", "mode": "324", "topic": "442", "kick-member": "442", "invite-member": "442"},
    ),
]


@pytest.mark.parametrize(
    ("owner", "name", "broken", "actor", "kind", "answers"), CONTROLS, ids=[control[1] for control in CONTROLS]
)
async def test_a_broken_rule_makes_cells_fail(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    broken: object,
    actor: str,
    kind: str,
    answers: dict[str, str],
) -> None:
    """The control: each rule that is taken out is noticed by cells that expect something else."""
    monkeypatch.setattr(owner, name, broken)
    async with company(tmp_path, actor) as people:
        answered = await ask_everything(people, kind, {request: REQUESTS[request] for request in answers})
    assert all(answered[request] != CELLS[request, actor, kind] for request in answers), answered
    assert {request: cell.split()[0] for request, cell in answered.items()} == answers
