"""The role that a whole list of people is added with is everybody's, however each gets in."""

from __future__ import annotations

from pathlib import Path

import pytest

from securechat.server.requests import NewPerson, UserAdd, UserList
from tests.server.harness import running_server


@pytest.mark.parametrize("role", ["member", "bot", "admin"])
@pytest.mark.parametrize("tokens", [False, True])
async def test_the_role_is_given_to_all_of_a_list(tmp_path: Path, role: str, tokens: bool) -> None:
    people = [NewPerson("alice"), NewPerson("bob", "a password of his own")]
    async with running_server(tmp_path) as server:
        made = await server.office.perform(UserAdd(people, role, tokens))
        listed = await server.office.perform(UserList())
    assert [(person["name"], bool(person["secret"])) for person in made] == [("alice", True), ("bob", False)]
    assert made[0]["secret"].startswith("sct_") is tokens
    assert [(row["name"], row["role"], row["devices"]) for row in listed] == [
        ("alice", role, int(tokens)),
        ("bob", role, 0),
    ]
