"""Whatever is negotiated and asked for, in whatever order: each line that comes is what the IRCv3 texts allow."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.harness import PASSWORD, RunningServer, running_server
from tests.server.witness import Judge, Open, Witness

CAPS = [
    *("server-time", "message-tags", "echo-message", "batch", "labeled-response", "account-tag", "away-notify"),
    *("extended-join", "multi-prefix", "standard-replies", "account-notify", "chghost", "userhost-in-names"),
    *("draft/extended-isupport", "draft/chathistory", "draft/event-playback", "draft/message-redaction"),
    *("draft/multiline", "invite-notify", "no-implicit-names", "setname", "extended-monitor", "draft/pre-away"),
    *(
        "draft/metadata-2",
        "draft/channel-rename",
        "draft/read-marker",
        "soju.im/search",
        "znc.in/playback",
        "securechat.internal/once",
    ),
]
EVER = "timestamp=2000-01-01T00:00:00.000Z timestamp=2199-01-01T00:00:00.000Z"
ASKED = [
    *("JOIN #a", "JOIN #a,#b,bad", "PART #b :bye", "PART #a", "NAMES #a", "LIST", "WHO #a", "WHO #a %tcuhnfdar,7"),
    *("TOPIC #a :what we talk about", "TOPIC #a", "MODE #a +mv {other}", "MODE #a -m", "MODE #a", "MODE #a +b x!*@*"),
    *("MODE {own} +B", "MODE {own} -B", "INVITE {other} #b", "KICK #b {other} :out", "RENAME #b #c", "RENAME #c #b"),
    *("PRIVMSG #a :hello", "NOTICE #a :hello", "PRIVMSG #a,{other},nobody,{own} :hello", "PRIVMSG {own} :me"),
    *("TAGMSG #a", "TAGMSG {own}", "WHOIS {other}", "WHOWAS {other}", "AWAY :gone", "AWAY", "AWAY *"),
    *("SETNAME :Some Body", "SETNAME :", "MONITOR + {other},zed", "MONITOR S", "MONITOR L", "MONITOR C", "MONITOR X"),
    *("METADATA * SET pronouns :she", "METADATA * SET pronouns", "METADATA * SUB pronouns display-name bad!"),
    *("METADATA * LIST", "METADATA * GET pronouns x", "METADATA * CLEAR", "METADATA * SUBS", "METADATA #a SYNC"),
    *("MARKREAD #a", "MARKREAD", "MARKREAD #a timestamp=2020-01-01T00:00:00.000Z", "VERSION", "ISUPPORT", "FNORD"),
    *("CHATHISTORY LATEST #a * 9", "CHATHISTORY LATEST {other} * 9", f"CHATHISTORY TARGETS {EVER} 9", "CHATHISTORY"),
    *("REDACT #a x", "REDACT #none x", "SEARCH text=hello", "PRIVMSG Search :hello", "CAP LS 302", "CAP LIST"),
    *(
        "PRIVMSG *playback :PLAY * 0",
        "PRIVMSG *playback :LIST",
        "ACCOUNT DEVICES",
        "WHO {other}",
        "MODE #a b",
        "USERHOST {own}",
    ),
    *("PRIVMSG #a :" + "x" * 480, "PRIVMSG #a :" + "x" * 600, "NOTICE nobody :x", "TAGMSG nobody"),
    *("CAP REQ :fnord", "REGISTER x * y", "AUTHENTICATE PLAIN", "NICK x", "PONG x", "HELP", "BATCH -x", "LUSERS"),
]
CONCAT = "draft/multiline-concat"
ROUNDS, LINES = 8, 60


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        await server.add("bob", role="bot")
        yield server


async def enter(server: RunningServer, nick: str, caps: list[str]) -> Witness:
    """Return a witness that signed in with these capabilities."""
    client = await server.connect()
    witness = Witness(client.reader, client.writer, Judge(nick, bots=["bob"]))
    await witness.sign_in(nick, caps=" ".join(caps), secret=PASSWORD)
    return witness


def words(chance: random.Random, witness: Witness, label: str) -> list[str]:
    """Return the next thing to ask for, with a label: a command, a change of capabilities, a message of two lines."""
    own, kind = witness.judge.nick, chance.random()
    tags = "@label=" + label + ("" if chance.random() < 0.5 else ";+x=y")
    if kind < 0.1:
        return [f"{tags} CAP REQ :{chance.choice(('', '-'))}{chance.choice(CAPS)}"]
    msgids = [line.tags["msgid"] for line in witness.seen if "msgid" in line.tags and line.command == "PRIVMSG"]
    if kind < 0.2 and msgids:
        msgid = chance.choice(msgids)
        return [
            chance.choice(
                (
                    f"@label={label};+reply={msgid};+draft/react=ok TAGMSG #a",
                    f"@label={label} REDACT #a {msgid} :oops",
                    f"@label={label} CHATHISTORY AROUND #a msgid={msgid} 5",
                )
            )
        ]
    if kind < 0.22:
        return [f"@label={label};securechat.internal/id={label:0>8} PRIVMSG {chance.choice(('#a', 'Search'))} :once"]
    if kind < 0.25:
        command = chance.choice(("PRIVMSG", "NOTICE"))
        lines = (f"@batch=m {command} #a :", f"@batch=m {command} #a :one", f"@batch=m;{CONCAT} {command} #a :two")
        return [f"{tags} BATCH +m draft/multiline #a", *lines, "BATCH -m"]
    return [f"{tags} {chance.choice(ASKED).format(own=own, other={'alice': 'bob', 'bob': 'alice'}[own])}"]


async def gather(server: RunningServer, chance: random.Random) -> list[Witness]:
    """Return three connections of two people, with any capabilities."""
    names = ["alice", "bob", chance.choice(("alice", "bob"))]
    return [await enter(server, name, chance.sample(CAPS, chance.randint(0, len(CAPS)))) for name in names]


async def dismiss(people: list[Witness]) -> None:
    """Let them read all there is, and go; nothing may have been wrong, and nothing begun may be left open."""
    for person in people:
        await person.fence()
    for person in people:
        assert person.judge.faults == []
        assert person.judge.batches == {}
        await person.close()


def has_labels(witness: Witness) -> bool:
    return {"labeled-response", "batch"} <= witness.judge.caps


@pytest.mark.parametrize("seed", range(4))
async def test_every_line_is_what_the_texts_allow_and_each_label_comes_back_once(
    server: RunningServer, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        people = await gather(server, chance)
        for number in range(LINES):
            chosen = chance.choice(people)
            label, expected = f"{number}-{chance.randrange(1000)}", has_labels(chosen)
            asked = words(chance, chosen, label)
            await chosen.ask(*asked)
            assert chosen.judge.labels.get(label, 0) == expected, asked
        await dismiss(people)


@pytest.mark.parametrize("seed", range(4))
async def test_so_it_is_when_all_ask_at_once_and_much(server: RunningServer, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(ROUNDS):
        people = await gather(server, chance)
        for burst in range(4):
            asked = {f"{number}-{burst}-{n}": person for n in range(30) for person in people[n % 3 :][:1]}
            lines = {label: words(chance, person, label) for label, person in asked.items()}
            steady = {person for person in people if has_labels(person)}
            for label, person in asked.items():
                person.send(*lines[label])
                if any("CAP REQ" in line for line in lines[label]):
                    steady.discard(person)
            for person in people:
                await person.fence()
            for label, person in asked.items():
                assert person not in steady or person.judge.labels.get(label) == 1, lines[label]
        await dismiss(people)


@pytest.mark.parametrize(
    ("line", "caps"),
    [
        ("@time=2026-01-01T00:00:00Z :b!b@c PRIVMSG #a x", ["server-time"]),
        ("@msgid=x :b!b@c PRIVMSG #a x", ["batch"]),
        ("@label=x :chat.example ACK", ["labeled-response"]),
        ("@+x=y :b!b@c PRIVMSG #a x", ["batch"]),
        (":b!b@c PRIVMSG #a x", ["account-tag"]),
        (":b!b@c AWAY", []),
        (":b!b@c JOIN #a", ["extended-join"]),
        (":b!b@c JOIN #a b b", []),
        (":chat.example BATCH +x labeled-response", []),
        (":chat.example BATCH +x fnord", ["batch"]),
        (":chat.example BATCH +x_y labeled-response", ["batch"]),
        (":chat.example BATCH -x", ["batch"]),
        ("@batch=x :b!b@c PRIVMSG #a x", ["batch"]),
        ("@batch=h :b!b@c JOIN #a", ["batch"]),
        (":chat.example 401 bob x :No such nick", []),
        (":chat.example FAIL X :fnord", []),
        (":chat.example 005 alice X :fnord", ["batch", "draft/extended-isupport"]),
        (":b!b@c RENAME #a #b", ["draft/channel-rename"]),
        (":chat.example 353 alice = #a :~b!b@c", []),
        (":chat.example 353 alice = #a :~b!b@c d", ["userhost-in-names"]),
        (":bot!b@c PRIVMSG #a x", ["message-tags"]),
    ],
)
def test_the_witness_is_not_blind(line: str, caps: list[str]) -> None:
    """The controls: each of these breaks a rule."""
    judge = Judge("alice", caps=caps, bots=["bot"])
    judge.batches["h"] = Open("chathistory", "")
    judge.hear(f"{line}\r\n".encode())
    assert judge.faults
