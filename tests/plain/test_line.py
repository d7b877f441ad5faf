"""The line mode, through pipes and on a terminal of its own."""

from __future__ import annotations

from collections.abc import Callable

from tests.architecture.test_imports import list_loaded
from tests.client.fakeserver import FakeServer
from tests.plain.program import Program

MakeProgram = Callable[..., Program]

WELCOME = [
    "-- #general: you are in",
    "-- #general: topic: what we talk about",
    "-- #general: 3 members: ~bob alice +carol",
]


async def test_it_shows_where_one_is_and_says_what_is_typed(server: FakeServer, program: MakeProgram) -> None:
    server.say("bob", "#general", "earlier")
    async with program() as client:
        assert await client.read_until("members") == WELCOME
        assert await client.read_until("earlier") == ["22:13 #general <bob> earlier"]
        client.type("hello everybody", "/me waves", "//slash")
        assert await client.read_until("slash") == [
            "22:13 #general <alice> hello everybody",
            "22:13 #general * alice waves",
            "22:13 #general <alice> /slash",
        ]
        server.say("bob", "alice", "psst \x1b[2J")
        assert await client.read_until("psst") == ["22:13 bob <bob> psst ^[[2J"]
        client.type("/quit")
        assert await client.process.wait() == 0
    assert [message.text for message in server.stored][-2:] == ["/slash", "psst \x1b[2J"]


async def test_a_script_of_lines_is_said_and_confirmed_before_it_ends(server: FakeServer, program: MakeProgram) -> None:
    outcome = await program("--password-stdin", sign_in=False).run(b"secret\none\ntwo\n" + b"x" * 1000)
    assert outcome.code == 0
    lines = [line for line in outcome.out.splitlines() if "<alice>" in line]
    assert lines[:2] == ["22:13 #general <alice> one", "22:13 #general <alice> two"]
    assert "".join(message.text for message in server.stored) == "onetwo" + "x" * 1000
    assert len(server.stored) == 5


COMMANDS = [
    ("/join #new", "JOIN #new"),
    ("/join #new key", "JOIN #new key"),
    ("/part", "PART #general"),
    ("/part #other good bye", "PART #other :good bye"),
    ("/names", "NAMES #general"),
    ("/topic", "TOPIC #general"),
    ("/topic tea and cake", "TOPIC #general :tea and cake"),
    ("/topic #other tea", "TOPIC #other tea"),
    ("/invite bob", "INVITE bob #general"),
    ("/invite bob #other", "INVITE bob #other"),
    ("/kick bob", "KICK #general bob"),
    ("/kick #other bob for a reason", "KICK #other bob :for a reason"),
    ("/away", "AWAY"),
    ("/away at lunch", "AWAY :at lunch"),
    ("/who", "WHO #general"),
    ("/who bob", "WHO bob"),
    ("/whois bob", "WHOIS bob"),
    ("/list", "LIST"),
    ("/ban", "MODE #general b"),
    ("/ban eve", "MODE #general +b eve"),
    ("/ban #other -eve", "MODE #other -b eve"),
    ("/mode", "MODE #general"),
    ("/mode +o bob", "MODE #general +o bob"),
    ("/mode #other +nt", "MODE #other +nt"),
    ("/ignore", "ACCOUNT IGNORED"),
    ("/ignore eve", "ACCOUNT IGNORE eve"),
    ("/ignore -eve", "ACCOUNT UNIGNORE eve"),
    ("/devices", "ACCOUNT DEVICES"),
    ("/devices del d1", "ACCOUNT DEVICE DEL d1"),
    ("/quote mode #general +m", "MODE #general +m"),
    ("/quote ACCOUNT DEVICE ADD :my phone", "ACCOUNT DEVICE ADD :my phone"),
]


async def test_each_command_sends_its_line(server: FakeServer, program: MakeProgram) -> None:
    async with program() as client:
        await client.read_until("members")
        client.type(*(typed for typed, _ in COMMANDS), "/quit")
        await client.process.wait()
    sent = server.guests[0].lines
    await server.until(lambda: "QUIT" in sent)
    assert sent[sent.index("JOIN #new") : -1] == [line for _, line in COMMANDS]


WRONG = [
    ("/nonsense", "-- there is no /nonsense; /help lists the commands"),
    ("/join", "-- use it so: /join #channel [key]"),
    ("/msg bob", "-- use it so: /msg nick|#channel text"),
    ("/kick", "-- use it so: /kick [#channel] nick [reason]"),
    ("/history x", "-- use it so: /history [more] [number]"),
    ("/history 3 more", "-- use it so: /history [more] [number]"),
    ("/export /", "-- not sent: /: File exists"),
    ("/delete secret", "-- use it so: /delete"),
    ("/quote :", "-- use it so: /quote LINE"),
    ("/whois", "-- use it so: /whois nick"),
    ("/part general", "-- use it so: /part [#channel [reason]]"),
    ("/invite bob general", "-- use it so: /invite nick [#channel]"),
    ("/invite bob #other now", "-- use it so: /invite nick [#channel]"),
    ("/devices del", "-- use it so: /devices [del ID]"),
    ("/passwd secret secret", "-- use it so: /passwd"),
    ("/passwd", "-- a password can be typed on a terminal only, where nobody sees it"),
    ("/reply yes", "-- not sent: there is no such message to answer"),
    ("/reply ^9 yes", "-- not sent: there is no such message to answer"),
    ("/reply ^x yes", "-- use it so: /reply [^number|@nick] text"),
    ("/reply", "-- use it so: /reply [^number|@nick] text"),
    ("/set bell loud", "-- bell can be: on, off"),
    ("/set sound", "-- there is no setting sound; there are bell, colour, time, width"),
    ("/set bell off", "-- bell is off now"),
    ("/switch #elsewhere", "-- not sent: you are not in #elsewhere: /join #elsewhere"),
    ("/msg a,b hi", "-- not sent: 'a,b' is neither one #channel nor one person"),
    ("/quote x\x1b y", "-- not sent: cannot be sent: illegal command 'X\\x1b'"),
    ("/\x1b[2J", "-- there is no /^[[2J; /help lists the commands"),
]


async def test_what_cannot_be_done_is_said_plainly(server: FakeServer, program: MakeProgram) -> None:
    async with program() as client:
        await client.read_until("members")
        client.type(*(typed for typed, _ in WRONG), "/quit")
        lines = [(await client.read_until("-- "))[-1] for _ in WRONG]
        await client.process.wait()
    assert lines == [line for _, line in WRONG]
    assert server.stored == []


async def test_talking_elsewhere_and_looking_back(server: FakeServer, program: MakeProgram) -> None:
    for number in range(4):
        server.say("bob", "#general", f"old {number}")
    async with program() as client:
        await client.read_until("old 3")
        client.type("/history 2")
        assert await client.read_until("before this") == [
            "22:13 #general <bob> old 2",
            "22:13 #general <bob> old 3",
            "-- #general: /history more shows what was before this",
        ]
        client.type("/switch bob", "psst", "/msg carol hi", "/quit")
        assert await client.read_until("hi") == [
            "-- you talk in bob now",
            "22:13 bob <alice> psst",
            "22:13 carol <alice> hi",
        ]
        await client.process.wait()


async def test_looking_back_goes_on_where_it_ended_and_says_where_the_beginning_is(
    server: FakeServer, program: MakeProgram
) -> None:
    for number in range(1, 71):
        server.say("bob", "#general", f"old {number}.")
    async with program() as client:
        # In pages of three, as this server has them; the first of them is all that is in sight at first.
        assert [line[-7:] for line in await client.read_until("old 70.")][-3:] == ["old 68.", "old 69.", "old 70."]
        for typed, first, last in (("more 4", 64, 67), ("more", 14, 63), ("", 21, 70), ("more 10", 11, 20)):
            client.type(f"/history {typed}")
            lines = await client.read_until("-- #general: ")
            assert [line.rpartition("> ")[2] for line in lines[:-1]] == [f"old {n}." for n in range(first, last + 1)]
            assert lines[-1] == "-- #general: /history more shows what was before this"
        client.type("/history more")
        assert (await client.read_until("-- #general: "))[-1] == "-- #general: there is nothing earlier"
        client.type("/history 2000")
        lines = await client.read_until("nothing earlier")
        assert lines[0].startswith("-- 1000 at once; /history more goes on")
        assert len(lines) == 72


async def test_an_account_is_deleted_on_a_terminal_only(server: FakeServer, program: MakeProgram) -> None:
    outcome = await program().run(b"/delete\nalice\nsecret\n")
    assert "-- an account can be deleted on a terminal only, where its password is typed unseen" in outcome.out
    assert "alice" in server.passwords
    assert b"DELETE" not in server.received


async def test_a_long_action_is_one_in_every_part(server: FakeServer, program: MakeProgram) -> None:
    async with program() as client:
        await client.read_until("members")
        client.type(f"/me waves {'again ' * 200}and again", "/quit")
        assert all("* alice" in line for line in await client.read_until("and again"))
        await client.process.wait()
    assert len(server.stored) > 2
    assert all(said.text.startswith("\x01ACTION ") and said.text.endswith("\x01") for said in server.stored)
    whole = " ".join(said.text.removeprefix("\x01ACTION ").removesuffix("\x01") for said in server.stored)
    assert whole == f"waves {'again ' * 200}and again"


async def test_a_message_without_an_echo_is_marked_and_comes_through_once(
    server: FakeServer, program: MakeProgram
) -> None:
    server.cut_after_storing.add("one")
    async with program() as client:
        await client.read_until("members")
        client.type("one")
        assert await client.read_until("one") == [
            "?     #general <alice> one -- not confirmed; will be sent again, and stored once"
        ]
        assert await client.read_until("one") == ["22:13 #general <alice> one"]
        client.type("two")
        assert await client.read_until("two") == ["22:13 #general <alice> two"]
    assert [message.text for message in server.stored] == ["one", "two"]


async def test_what_is_typed_while_offline_is_said_when_the_server_is_back(
    server: FakeServer, program: MakeProgram
) -> None:
    async with program() as client:
        await client.read_until("members")
        await server.stop()
        await client.read_until("connection lost", err=True)
        client.type("anybody?")
        assert await client.read_until("anybody") == [
            "?     #general <alice> anybody? -- will be sent when the connection is back"
        ]
        server.say("bob", "#general", "missed")
        await server.listen()
        seen = [
            line for line in [*await client.read_until("22:13"), *await client.read_until("22:13")] if "22:13" in line
        ]
        assert sorted(seen) == ["22:13 #general <alice> anybody?", "22:13 #general <bob> missed"]


async def test_who_is_put_out_says_nothing_elsewhere(server: FakeServer, program: MakeProgram) -> None:
    async with program() as client:
        await client.read_until("members")
        server.guests[0].tell(":alice!a@b JOIN #other alice :alice", ":bob!b@c KICK #general alice :enough")
        await client.read_until("talk nowhere")
        client.type("for #general only")
        lines = await client.read_until("not sent")
        assert lines[-1] == "-- not sent: you talk nowhere now: /switch #channel or nick, or /join #channel"
        client.type("/join #other")
        await client.read_until("you talk in #other now")
        client.type("for all", "/quit")
        await client.process.wait()
    assert [(message.target, message.text) for message in server.stored] == [("#other", "for all")]


async def test_a_line_that_is_not_utf_8_is_neither_said_nor_done(server: FakeServer, program: MakeProgram) -> None:
    outcome = await program().run(b"gr\xfc\xdfe\n/away gr\xfc\xdfe\ngr\xc3\xbc\xc3\x9fe\n")
    assert outcome.out.count("-- that line is not UTF-8 and was not sent; set the terminal to UTF-8\n") == 2
    assert [message.text for message in server.stored] == ["grüße"]


async def test_a_refused_message_is_marked(server: FakeServer, program: MakeProgram) -> None:
    server.refused["hi"] = "404 alice #general :Cannot send"
    async with program() as client:
        await client.read_until("members")
        client.type("hi")
        assert await client.read_until("!") == ["!     #general <alice> hi -- not sent: Cannot send"]


async def test_hostile_names_topics_and_reasons_act_on_nothing(server: FakeServer, program: MakeProgram) -> None:
    async with program() as client:
        await client.read_until("members")
        evil = "\x1b]0;x\x07\x9b\u202e"
        server.guests[0].tell(
            f":{evil}!a@b JOIN #general",
            f":bob!b@c TOPIC #general :{evil}",
            f":bob!b@c KICK #general {evil} :{evil}",
            f":irc.test 999 alice {evil} :{evil}",
            f"FAIL {evil} {evil} :{evil}",
            f":{evil}!a@b PRIVMSG #{evil} :{evil}",
            f":{evil}!a@b QUIT :{evil}",
            ":bob!b@c PRIVMSG #general :end",
        )
        lines = await client.read_until("end")
    assert len(lines) == 8
    assert all(line.isprintable() for line in lines), lines


async def test_an_answer_names_what_it_answers_and_is_shown_as_one(server: FakeServer, program: MakeProgram) -> None:
    server.say("bob", "#general", "tea or coffee, and with what in it?")
    server.say("carol", "#general", "alice: and you?")
    server.say("bob", "#general", "or water")
    async with program() as client:
        await client.read_until("water")
        client.type("/reply me too", "/reply ^1 water", "/reply @bob no, ^3 is a number", "/reply ^3 tea", "/quit")
        await client.process.wait()
    sent = [line.partition("+draft/reply=")[2] for line in server.guests[0].lines if "+draft/reply" in line]
    answered = [(line.split(";")[0].split(" ")[0], line.partition("#general ")[2].removeprefix(":")) for line in sent]
    assert answered == [("m0002", "me too"), ("m0003", "water"), ("m0003", "no, ^3 is a number"), ("m0001", "tea")]


LISTS = [
    (
        [":irc.test 352 alice #general bob h s bob G@ :0 bob", ":irc.test 315 alice #general :End"],
        ["-- #general: 1 person", "--   @bob  away  #general"],
    ),
    (
        [":irc.test 311 alice bob bob h * :bob", ":irc.test 319 alice bob :#general", ":irc.test 318 alice bob :End"],
        ["-- bob:", "--   nick  bob", "--   in    #general"],
    ),
    (
        [":irc.test 322 alice #general 3 :tea", ":irc.test 322 alice #x 12 :", ":irc.test 323 alice :End"],
        ["-- 2 channels", "--   #general  3   tea", "--   #x        12"],
    ),
    (
        [":irc.test 322 alice #日本語 3 :茶", ":irc.test 322 alice #é 12 :", ":irc.test 323 alice :End"],
        ["-- 2 channels", "--   #日本語  3   茶", "--   #é       12"],
    ),
    (
        [":irc.test 366 alice #nowhere :End of names"],
        ["-- #nowhere: no such channel, or nobody in it whom you may see"],
    ),
    (
        [":irc.test 696 alice #x o * :A nick is needed"],
        ["-- not done: #x: A nick is needed (696)"],
    ),
    (
        [":irc.test 367 alice #x eve!*@* bob 1700000000", ":irc.test 368 alice #x :End"],
        ["-- #x: 1 ban", "--   eve!*@*  by bob  2023-11-14 22:13"],
    ),
    (
        ["NOTE ACCOUNT DEVICE d1 2023-11-14T22:13:20.000Z this-device :my phone", "NOTE ACCOUNT END_OF_DEVICES :1"],
        [
            "-- 1 device with a token of its own; /devices del ID revokes one",
            "--   d1  2023-11-14  my phone (this one)",
        ],
    ),
]


async def test_lists_are_lines_for_people(server: FakeServer, program: MakeProgram) -> None:
    async with program() as client:
        await client.read_until("members")
        for lines, printed in LISTS:
            server.guests[0].tell(*lines, ":bob!b@c PRIVMSG #general :end")
            assert (await client.read_until("<bob> end"))[:-1] == printed


def test_lines_in_a_pipe_load_nothing_of_a_terminal() -> None:
    terminal = {"prompt_toolkit", "wcwidth", "curses", "securechat.plain.terminal", "securechat.plain.wrapping"}
    assert list_loaded("securechat.plain.line") & terminal == set()
    assert terminal <= list_loaded("securechat.plain.terminal")
