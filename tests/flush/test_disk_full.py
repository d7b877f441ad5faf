"""A disk that fills up under the real server: it turns read-only, says so, loses nothing, and comes back by itself."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.flush.smalldisk import SmallDisk
from tests.flush.tapped import TappedClient, tapped_client
from tests.scenario.processes import PASSWORD, Outcome, Programs, Server, port_of

MARK = 2 * 1024 * 1024
WORD = r"word-\d{5}"
FULL = r"FAIL PRIVMSG READ_ONLY"
FINDING = re.compile(r"  (ok |FIX)  [a-z]+ ")
TURNED = "the disk is nearly full: read-only"
BACK = "there is room on the disk again: storing goes on"
CHECKPOINT = 1000 * (4096 + 24)
"""Bytes of a WAL at which SQLite first tries to take it back into the database: pages with their headers."""


class Site:
    """A server whose data directory lies on a small disk."""

    def __init__(self, programs: Programs, disk: SmallDisk, mark: int) -> None:
        self._programs = programs
        self._disk = disk
        self.data = disk.mount / "data"
        self.seen = disk.seen / "data"
        self.seen.mkdir(mode=0o700)
        (self.seen / "config.toml").write_text(f"[limits]\nfree_space = {mark}\n")

    def start(self) -> Server:
        """Start the server and wait until it accepts connections."""
        server = self.try_to_start()
        self.port = port_of(server.wait_ready()[0])
        return server

    def try_to_start(self) -> Server:
        return self._programs.server(self.data, "--log-level", "warning", under=self._disk.under)

    def admin(self, *arguments: str, stdin: str = "") -> Outcome:
        """Run an administrative command."""
        return self._programs.run(
            "securechat-admin", "--data", str(self.data), *arguments, stdin=stdin, under=self._disk.under
        )

    def add_people(self, *names: str) -> None:
        for name in names:
            assert self.admin("user", "add", name, "--password-stdin", stdin=f"{PASSWORD}\n").code == 0

    def sign_in(self, name: str, secret: str = PASSWORD) -> AbstractAsyncContextManager[TappedClient]:
        return tapped_client(self.port, self.seen / "ca.pem", name, secret)

    async def stored(self) -> list[str]:
        """Return all words of #general, as history has them."""
        async with self.sign_in("alice") as reader:
            page = await reader.ask("CHATHISTORY LATEST #general * 100")
            while page[1:-1]:
                first = page[1].partition("msgid=")[2].partition(";")[0].partition(" ")[0]
                page = await reader.ask(f"CHATHISTORY BEFORE #general msgid={first} 100")
            return sorted(reader.texts(WORD))


class Talker:
    """Says word after word, each once the one before is answered; knows which were echoed."""

    def __init__(self, client: TappedClient) -> None:
        self.client = client
        self.said = 0
        self.echoed: list[str] = []

    async def say(self, padding: str = "") -> bool:
        """Say the next word; tell whether it was echoed."""
        word = f"word-{self.said:05}"
        self.said += 1
        (answer,) = await self.client.ask(f"@securechat.internal/id=id-{word} PRIVMSG #general :{word}{padding}")
        if FULL in answer:
            return False
        assert word in answer
        self.echoed.append(word)
        return True

    async def say_until_refused(self, padding: str = "", pause: float = 0) -> None:
        """Say words, with so many seconds between them, until one is refused."""
        while await self.say(padding):
            await asyncio.sleep(pause)


async def settle(condition: Callable[[], bool]) -> None:
    """Wait for what another process prints."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def test_below_the_mark_nothing_is_stored_and_everything_else_goes_on(
    programs: Programs, small_disk: SmallDisk
) -> None:
    site = Site(programs, small_disk, MARK)
    server = site.start()
    site.add_people("alice", "bob", "dave")
    token = site.admin("token", "add", "bob", "--label", "laptop").out.strip()
    echoed = asyncio.run(fill_up_and_make_room(site, small_disk, server, token))
    turned, back = server.err[-2:]
    assert re.search(rf"level='warning' event='{TURNED}' free=\d+ mark={MARK}$", turned)
    assert re.search(rf"level='warning' event='{BACK}' free=\d+ mark={MARK}$", back)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    site.start()
    assert asyncio.run(site.stored()) == echoed


async def fill_up_and_make_room(site: Site, disk: SmallDisk, server: Server, token: str) -> list[str]:
    """Take the disk below its mark and back, and see what can be done meanwhile; return the words that were echoed."""
    async with site.sign_in("alice") as alice, site.sign_in("bob", token) as bob:
        talker = Talker(alice)
        assert await talker.say()
        disk.leave_free(MARK - 64 * 1024)
        # At leisure: within the second that a look is believed, a hurry could fill the disk up.
        await talker.say_until_refused(pause=0.05)
        assert MARK / 2 < disk.free < MARK
        await settle(lambda: sum(TURNED in line for line in server.err) == 1)
        for line in ("JOIN #new", "TOPIC #general :full", "KICK #general bob"):
            (answer,) = await alice.ask(line)
            assert f"FAIL {line.split()[0]} READ_ONLY" in answer
        await see_what_needs_no_writing(site, alice, bob, talker.echoed, token)
        disk.make_room()
        # Nobody asks to store anything: it finds out by itself.
        await settle(lambda: sum(BACK in line for line in server.err) == 1)
        assert await talker.say()
        (answer,) = await alice.ask("TOPIC #general :there is room")
        assert "TOPIC #general :there is room" in answer
        await bob.read_count(WORD, len(talker.echoed))
        assert sorted(set(bob.texts(WORD))) == talker.echoed
        return talker.echoed


async def see_what_needs_no_writing(
    site: Site, alice: TappedClient, bob: TappedClient, echoed: list[str], token: str
) -> None:
    # Sent again, it gets the echo it got before.
    (again,) = await alice.ask(f"@securechat.internal/id=id-{echoed[0]} PRIVMSG #general :{echoed[0]}")
    assert again.endswith(f"PRIVMSG #general {echoed[0]}")
    await alice.ask("@+typing=active TAGMSG #general")
    await bob.read_count("typing=active", 1)
    assert await site.stored() == echoed
    async with site.sign_in("bob", token):
        pass
    refused = await asyncio.to_thread(site.admin, "user", "add", "carol", "--generate")
    assert (refused.code, refused.out, len(refused.err)) == (1, "", 1)
    assert refused.err[0].endswith("the disk is full; nothing was stored")
    assert (await asyncio.to_thread(site.admin, "user", "list")).code == 0
    # A right can be taken away all the same, by oneself and by the admin.
    (added,) = await alice.ask("ACCOUNT DEVICE ADD phone")
    device = added.split()[4]
    (revoked,) = await alice.ask(f"ACCOUNT DEVICE DEL {device}")
    assert "NOTE ACCOUNT DEVICE_REVOKED" in revoked
    for action in ("disable", "enable"):
        assert (await asyncio.to_thread(site.admin, "user", action, "dave")).code == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_disk_full_to_the_last_page_loses_nothing_acknowledged(
    programs: Programs, small_disk: SmallDisk, end: signal.Signals
) -> None:
    site = Site(programs, small_disk, 0)
    server = site.start()
    site.add_people("alice")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0

    server = site.start()
    # Enough for a WAL that is due to be taken back, and not for taking it back.
    small_disk.leave_free(CHECKPOINT + 64 * 1024)
    echoed = asyncio.run(talk_until_full(site, small_disk, end is signal.SIGTERM))
    server.signal(end)
    assert server.wait() == (0 if end is signal.SIGTERM else -signal.SIGKILL)
    assert not any("Traceback" in line for line in server.err)

    small_disk.make_room()
    server = site.start()
    assert asyncio.run(site.stored()) == echoed
    assert [line.partition(" ")[0] for line in server.err] == ["securechat", "listening"]


async def talk_until_full(site: Site, disk: SmallDisk, make_room: bool) -> list[str]:
    """Talk until the disk is full, and on when there is room; return the words that were echoed."""
    async with site.sign_in("alice") as alice:
        talker = Talker(alice)
        await talker.say_until_refused("x" * 300)
        assert (site.seen / "securechat.db-wal").stat().st_size > CHECKPOINT
        assert not await talker.say("x" * 300)
        if make_room:
            disk.make_room()
            assert await talker.say("x" * 300)
            disk.leave_free(0)
            await talker.say_until_refused("x" * 300)
        return talker.echoed


def test_a_first_start_on_a_nearly_full_disk_says_so_and_leaves_nothing(
    programs: Programs, small_disk: SmallDisk
) -> None:
    for size, reason in [
        (MARK, "the disk is too full to begin (see limits.free_space)"),
        (0, "No space left on device"),
    ]:
        small_disk.leave_free(size)
        server = programs.server(small_disk.mount / "data", under=small_disk.under)
        assert server.wait() == 2
        *findings, line = server.err
        assert reason in line
        assert [finding for finding in findings if not FINDING.match(finding)] == []
        assert not (small_disk.seen / "data").exists()


def test_a_start_on_a_nearly_full_disk_is_read_only_until_there_is_room(
    programs: Programs, small_disk: SmallDisk
) -> None:
    site = Site(programs, small_disk, MARK)
    server = site.start()
    site.add_people("alice")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0

    small_disk.leave_free(0)
    server = site.try_to_start()
    assert server.wait() == 2
    assert server.err == [
        f"securechat-server: {site.data}/securechat.db: cannot be opened (the disk is full); make room"
    ]

    small_disk.leave_free(MARK // 2)
    server = site.start()
    server.wait_for(TURNED)
    assert asyncio.run(say_one(site)) is False
    small_disk.make_room()
    server.wait_for(BACK)
    assert asyncio.run(say_one(site)) is True
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


async def say_one(site: Site) -> bool:
    async with site.sign_in("alice") as alice:
        return await Talker(alice).say()
