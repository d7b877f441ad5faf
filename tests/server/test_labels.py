"""Labels: whatever is asked with one is answered with it, exactly once, over real TLS. (IRCv3 labeled-response)"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.chat.commands import COMMANDS
from securechat.wire.message import Message
from tests.server.harness import ALL_CAPS, RunningServer, running_server

CAPS = (
    f"{ALL_CAPS} draft/multiline draft/message-redaction draft/metadata-2 draft/read-marker draft/event-playback "
    "draft/channel-rename draft/extended-isupport setname account-notify soju.im/search standard-replies"
)
AGO, EVER = "timestamp=2020-01-01T00:00:00.000Z", "timestamp=2199-01-01T00:00:00.000Z"

# Each is asked by alice, who owns a new #room with bob in it, one after the other; what the answer consists of.
ANSWERS: list[tuple[str, str]] = [
    ("CAP LS 302", "BATCH CAP CAP BATCH"),
    ("CAP LIST", "CAP"),
    ("CAP REQ :away-notify", "CAP"),
    ("CAP REQ :fnord", "CAP"),
    ("CAP FNORD", "410"),
    ("CAP END", "ACK"),
    ("AUTHENTICATE PLAIN", "907"),
    ("PASS alice:x", "462"),
    ("USER a 0 * a", "462"),
    ("NICK bob", "447"),
    ("NICK alice", "ACK"),
    ("REGISTER x * pass", "FAIL"),
    ("VERIFY x y", "FAIL"),
    ("PING x", "PONG"),
    ("PONG x", "ACK"),
    ("JOIN #new", "BATCH JOIN MARKREAD 353 366 BATCH"),
    ("JOIN #room", "ACK"),
    ("JOIN #a,#b", "BATCH JOIN MARKREAD 353 366 JOIN MARKREAD 353 366 BATCH"),
    ("JOIN fnord", "403"),
    ("PART #room", "PART"),
    ("PART #none", "403"),
    ("PART #room,#none", "BATCH PART 403 BATCH"),
    ("KICK #room bob", "KICK"),
    ("KICK #room nobody", "401"),
    ("KICK #room bob,carol", "BATCH KICK 441 BATCH"),
    ("INVITE carol #room", "BATCH 341 301 BATCH"),
    ("INVITE", "337"),
    ("NAMES #room", "BATCH 353 366 BATCH"),
    ("NAMES #none", "366"),
    ("LIST #room", "BATCH 321 322 323 BATCH"),
    ("TOPIC #room", "331"),
    ("TOPIC #room :new", "TOPIC"),
    ("TOPIC #none", "403"),
    ("RENAME #room #hall", "RENAME"),
    ("RENAME #none #hall", "403"),
    ("MODE #room", "BATCH 324 329 BATCH"),
    ("MODE #room +m", "MODE"),
    ("MODE #room +nt", "ACK"),
    ("MODE #room +oX bob", "BATCH 472 MODE BATCH"),
    ("MODE alice", "221"),
    ("MODE alice +B", "MODE"),
    ("PRIVMSG #room :x", "PRIVMSG"),
    ("PRIVMSG bob,#room,#none :x", "BATCH PRIVMSG PRIVMSG 403 BATCH"),
    ("PRIVMSG a,b,c,d,e,f,g,h,i :x", "407"),
    ("PRIVMSG #none :x", "403"),
    ("PRIVMSG #room", "412"),
    ("PRIVMSG", "411"),
    ("NOTICE bob :x", "NOTICE"),
    ("NOTICE #none :x", "ACK"),
    ("TAGMSG #room", "TAGMSG"),
    ("TAGMSG #none", "403"),
    ("TAGMSG #room,bob", "BATCH TAGMSG TAGMSG BATCH"),
    ("BATCH", "461"),
    ("BATCH -1", "FAIL"),
    ("AWAY", "305"),
    ("AWAY :gone", "306"),
    ("SETNAME :Alice", "SETNAME"),
    ("SETNAME :", "FAIL"),
    ("MONITOR + bob", "730"),
    ("MONITOR - bob", "ACK"),
    ("MONITOR L", "733"),
    ("METADATA * SET pronouns :she", "761"),
    ("METADATA * GET pronouns", "BATCH 761 BATCH"),
    ("METADATA x FNORD", "FAIL"),
    ("WHO #room", "BATCH 352 352 315 BATCH"),
    ("WHO #none", "315"),
    ("WHOIS nobody", "BATCH 401 318 BATCH"),
    ("WHOWAS nobody", "BATCH 406 369 BATCH"),
    ("ISON bob", "303"),
    ("USERHOST bob", "302"),
    ("MOTD", "422"),
    ("LUSERS", "BATCH 251 254 255 265 266 BATCH"),
    ("VERSION", "BATCH 351 BATCH 005 005 005 BATCH BATCH"),
    ("ISUPPORT", "BATCH 005 005 005 BATCH"),
    ("INFO", "BATCH 371 371 371 374 BATCH"),
    ("ADMIN", "BATCH 256 257 258 259 BATCH"),
    ("TIME", "391"),
    ("LINKS", "BATCH 364 365 BATCH"),
    ("STATS x", "219"),
    ("HELP FNORD", "524"),
    ("CHATHISTORY LATEST #room * 5", "BATCH JOIN JOIN BATCH"),
    ("CHATHISTORY LATEST #none * 5", "FAIL"),
    (f"CHATHISTORY TARGETS {AGO} {EVER} 5", "BATCH CHATHISTORY BATCH"),
    ("SEARCH text=fnord", "BATCH BATCH"),
    ("SEARCH x", "FAIL"),
    ("REDACT #room none", "FAIL"),
    ("MARKREAD #room", "MARKREAD"),
    ("ACCOUNT DEVICES", "NOTE"),
    ("ACCOUNT FNORD", "FAIL"),
    ("OPER a b", "491"),
    ("KILL bob :x", "481"),
    ("WALLOPS :x", "481"),
    ("FNORD", "421"),
]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob", "carol")
        yield server


def check_answer(lines: list[Message], label: str) -> None:
    """An answer is one logical message: one line with the label, and all others in the batch that it opens."""
    assert [line.tags.get("label") for line in lines] == [label, *[None] * (len(lines) - 1)]
    if len(lines) > 1:
        outer = lines[0].params[0][1:]
        refs = {outer}
        for line in lines[1:-1]:
            assert line.tags["batch"] in refs
            if line.command == "BATCH" and line.params[0][0] == "+":
                refs.add(line.params[0][1:])
        assert (lines[-1].command, lines[-1].params) == ("BATCH", (f"-{outer}",))


async def test_every_answer_has_its_label_exactly_once(server: RunningServer) -> None:
    """Tags: MUST include the same tag in any response, in exactly one logical message; ACK where there is none."""
    wrong = []
    for number, (line, commands) in enumerate(ANSWERS):
        room = f"#room{number}"
        alice, bob = await server.gather("alice", "bob", caps=CAPS)
        await alice.ask(f"JOIN {room}")
        await bob.ask(f"JOIN {room}")
        await alice.fence()
        lines = await alice.ask(f"@label=L{number} {line.replace('#room', room)}")
        found = " ".join(each.command for each in lines)
        try:
            check_answer(lines, f"L{number}")
        except (AssertionError, KeyError):
            found = f"wrongly labelled: {lines}"
        if found != commands:
            wrong.append((line, found))
        await alice.ask(f"PART {room}")
        await bob.ask(f"PART {room}")
        await alice.close()
        await bob.close()
    assert not wrong, "\n".join(map(str, wrong))


def test_every_command_is_asked_but_the_last_and_what_the_pages_are_tested_with() -> None:
    assert {line.split(" ")[0] for line, _ in ANSWERS} - {"FNORD"} == set(COMMANDS) - {"QUIT"}


async def test_a_label_counts_before_signing_in_too(server: RunningServer) -> None:
    stranger = await server.connect()
    stranger.send("CAP LS", "CAP REQ :batch labeled-response message-tags")
    await stranger.fence()
    for number, (line, command) in enumerate(
        [
            ("PRIVMSG bob :x", "451"),
            ("FNORD", "451"),
            ("CAP REQ :fnord", "CAP"),
            ("NICK", "431"),
            ("NICK x", "ACK"),
            ("PONG", "ACK"),
            ("AUTHENTICATE FNORD", "BATCH"),
            ("AUTHENTICATE PLAIN", "AUTHENTICATE"),
            ("AUTHENTICATE *", "906"),
        ]
    ):
        lines = await stranger.ask(f"@label=L{number} {line}")
        assert lines[0].command == command
        check_answer(lines, f"L{number}")


async def test_a_line_that_is_too_long_is_refused_by_its_label(server: RunningServer) -> None:
    """Tags: "the server MUST include the same tag and value in any response produced from this message"."""
    alice = await server.sign_in("alice", caps=CAPS)
    answers = await alice.ask(f"@label=1;+x=y PRIVMSG #general :{'x' * 600}", f"@label={'x' * 5000} PING x")
    assert [(line.command, line.tags.get("label")) for line in answers] == [("417", "1"), ("417", None)]


async def test_labels_begin_behind_the_acknowledgement_that_allows_them(server: RunningServer) -> None:
    """Capability-negotiation, CAP ACK: no capabilities are changed "until the last ACK of the set has been sent"."""
    stranger = await server.connect()
    answers = await stranger.ask(
        "@label=1 CAP REQ :batch labeled-response",
        "@label=2 CAP LIST",
        "@label=3 CAP REQ :-labeled-response",
        "@label=4 CAP LIST",
    )
    assert [line.tags.get("label") for line in answers] == [None, "2", "3", None]


@pytest.mark.parametrize("caps", ["labeled-response message-tags", "batch message-tags"])
async def test_it_depends_on_batch(server: RunningServer, caps: str) -> None:
    """Dependencies."""
    (alice,) = await server.gather("alice", caps=caps)
    assert [line.tags for line in await alice.ask("@label=x PING x", "@label=y FNORD", "@label=z PONG")] == [{}, {}]


async def test_who_writes_to_itself_finds_the_label_on_the_echo_alone(server: RunningServer) -> None:
    """Tags: a client that sends a message to itself."""
    (alice,) = await server.gather("alice", caps=CAPS)
    for command in ("PRIVMSG alice :x", "NOTICE alice :x", "@+typing=active TAGMSG alice"):
        tagged = f"@label=L;{command[1:]}" if command[0] == "@" else f"@label=L {command}"
        lines = await alice.ask(tagged)
        assert sorted(line.tags.get("label", "") for line in lines) == ["", "L"]
        assert len({line.tags["msgid"] for line in lines}) == 1


async def test_a_line_that_is_not_utf8_is_answered_with_its_label(server: RunningServer) -> None:
    """Standard replies: FAIL SHOULD be given the label. UTF8ONLY: the command is named, or *."""
    (alice,) = await server.gather("alice", caps=CAPS)
    alice.send_bytes(b"@label=L PRIVMSG bob :\xff\r\n@label=\xff TOPIC #general :x\r\n\xff\xfe x\r\n")
    lines = [(line.tags, line.params[:2]) for line in await alice.fence()]
    assert lines == [
        ({"label": "L"}, ("PRIVMSG", "INVALID_UTF8")),
        ({}, ("TOPIC", "INVALID_UTF8")),
        ({}, ("*", "INVALID_UTF8")),
    ]


async def test_server_tags_stand_before_the_clients_own(server: RunningServer) -> None:
    """Message tags, Client-only tags: so that they are not pushed out of the byte limit."""
    alice, bob = await server.gather("alice", "bob", caps=CAPS)
    own = "+a=1;+draft/reply=x"
    lines = await alice.ask(f"@label=L;{own} PRIVMSG #general :x", f"@{own};label=L PRIVMSG #general,bob :y")
    lines += await alice.ask("CHATHISTORY LATEST #general * 2", f"@label=L;{own} TAGMSG #general")
    tagged = [list(line.tags) for line in [*lines, *await bob.fence()] if "+a" in line.tags]
    assert len(tagged) == 10
    assert [keys[-2:] for keys in tagged] == [["+a", "+draft/reply"]] * 10
