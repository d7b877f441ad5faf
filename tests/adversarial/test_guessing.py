"""Five hundred wrong passwords at the same moment, against a real server with real hashes.

Attack: 500 connections from one address give a wrong password at once, half of them for one account, half for names
nobody has; then the server is killed and started again, and the attacker has meanwhile found out the right one.
Expected: no more hashes than the windows have room for, and no more at once than the pool has threads; a member's PINGs
are answered all the while; the owner gets in from where she was before, during the attack and after the restart; the
attacker gets in at neither time. Control: with windows that hold everything each password is hashed, and the right one
lets the attacker in.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
import sys
from base64 import b64encode
from pathlib import Path

import apsw

from tests.scenario.processes import PASSWORD, Programs, Server, port_of

ATTACKERS = 500
PER_ACCOUNT, PER_ADDRESS = 10, 20
THREADS = 2
ATTIC, HOME = "127.0.0.1", "127.0.0.9"
WRONG = "wrong horse battery"
PATIENCE = 40.0


class Target:
    """A server whose hashes are counted, and ways to knock at it."""

    def __init__(self, programs: Programs, data: Path, **windows: int) -> None:
        self.data = data
        self.tally = data.parent / "tally"
        data.mkdir(mode=0o700)
        settings = "".join(f"{key} = {value}\n" for key, value in windows.items())
        (data / "config.toml").write_text(f"[guessing]\n{settings}")
        self.knocks: list[Knock] = []
        self._programs = programs

    def start(self) -> Server:
        program = (sys.executable, "-m", "tests.adversarial.counting_server", str(self.tally))
        server = self._programs.server(self.data, "--name", "localhost", program=program)
        (address,) = server.wait_ready()
        self.port = port_of(address)
        self.trust = ssl.create_default_context(cafile=str(self.data / "ca.pem"))
        return server

    def hashes(self) -> tuple[int, int]:
        """Return how many passwords were checked by now, and how many at once at most."""
        marks = self.tally.read_text()
        return marks.count("+"), max(itertools.accumulate(1 if mark == "+" else -1 for mark in marks), default=0)

    def kept(self) -> int:
        """Return how many wrong passwords are on the disk."""
        database = apsw.Connection(str(self.data / "securechat.db"), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return int(database.execute("SELECT count(*) FROM guesses").fetchone()[0])  # type: ignore[index, arg-type]
        finally:
            database.close()

    async def knock(self, name: str, address: str = ATTIC) -> Knock:
        """Come as far as the password."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.trust, server_hostname="localhost", local_addr=(address, 0)
        )
        writer.write(f"CAP REQ :sasl\r\nNICK {name}\r\nUSER u 0 * :u\r\nAUTHENTICATE PLAIN\r\n".encode())
        self.knocks.append(Knock(reader, writer, name))
        await reader.readuntil(b"AUTHENTICATE +\r\n")
        return self.knocks[-1]

    async def leave(self) -> None:
        """End every connection."""
        for knock in self.knocks:
            knock.writer.transport.abort()
        await asyncio.gather(*(knock.writer.wait_closed() for knock in self.knocks), return_exceptions=True)

    async def try_in(self, name: str, secret: str, address: str) -> bytes:
        """Return the numeric that answers a sign-in."""
        knock = await self.knock(name, address)
        knock.give(secret)
        return await knock.verdict()


class Knock:
    """A connection that has come as far as the password."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        self.reader = reader
        self.writer = writer
        self._name = name

    def give(self, secret: str) -> None:
        blob = b64encode(f"\0{self._name}\0{secret}".encode())
        self.writer.write(b"AUTHENTICATE " + blob + b"\r\nCAP END\r\n")

    async def verdict(self) -> bytes:
        """Return the numeric; a connection that was refused is closed."""
        async with asyncio.timeout(PATIENCE):
            while (line := await self.reader.readline()).split(b" ")[1:2] not in ([b"903"], [b"904"]):
                assert line, "the connection ended without a verdict"
        number = line.split(b" ")[1]
        if number == b"904":
            self.writer.close()
        return number


async def ping_until(knock: Knock, done: asyncio.Event) -> int:
    """Send one PING after the other, each when the last was answered; return how many were."""
    answered = 0
    while not done.is_set():
        knock.writer.write(b"PING p%d\r\n" % answered)
        async with asyncio.timeout(PATIENCE):
            await knock.reader.readuntil(b"p%d\r\n" % answered)
        answered += 1
    return answered


async def attack(target: Target) -> tuple[list[bytes], bytes, int]:
    """Attack; return what the attackers were told, what the owner was meanwhile, and how many PINGs were answered."""
    member = await target.knock("bob", HOME)
    member.give(PASSWORD)
    assert await member.verdict() == b"903"
    assert await target.try_in("alice", PASSWORD, HOME) == b"903"
    names = ["alice" if number % 2 else f"nobody{number}" for number in range(ATTACKERS)]
    attackers = [await target.knock(name) for name in names]
    owner = await target.knock("alice", HOME)
    done = asyncio.Event()
    pings = asyncio.create_task(ping_until(member, done))
    for attacker in attackers:
        attacker.give(WRONG)
    await attackers[0].writer.drain()
    owner.give(PASSWORD)
    told = await owner.verdict()
    verdicts = await asyncio.gather(*(attacker.verdict() for attacker in attackers))
    done.set()
    return verdicts, told, await pings


async def test_five_hundred_wrong_passwords_cost_what_the_windows_allow_and_keep_nobody_out(
    programs: Programs, tmp_path: Path
) -> None:
    target = Target(programs, tmp_path / "data", per_account=PER_ACCOUNT, per_address=PER_ADDRESS)
    server = target.start()
    programs.add_people(target.data, "alice", "bob")
    verdicts, owner, pings = await attack(target)
    assert set(verdicts) == {b"904"}
    assert owner == b"903"
    assert pings > 10
    # The two who signed in before, the owner, and as many as the window of one address holds.
    assert target.hashes() == (3 + PER_ADDRESS, THREADS)

    async with asyncio.timeout(PATIENCE):
        while target.kept() < PER_ADDRESS:
            await asyncio.sleep(0.05)
    server.kill()
    target.start()
    assert await target.try_in("alice", PASSWORD, ATTIC) == b"904"
    assert await target.try_in("bob", PASSWORD, ATTIC) == b"904"
    assert target.hashes()[0] == 3 + PER_ADDRESS
    assert await target.try_in("alice", PASSWORD, HOME) == b"903"
    await target.leave()


async def test_control_without_windows_every_password_is_hashed_and_the_right_one_lets_the_attacker_in(
    programs: Programs, tmp_path: Path
) -> None:
    target = Target(programs, tmp_path / "data", per_account=10_000, per_address=10_000)
    target.start()
    programs.add_people(target.data, "alice")
    for number in range(PER_ACCOUNT + 2):
        assert await target.try_in("alice", f"{WRONG} {number}", ATTIC) == b"904"
    assert await target.try_in("alice", PASSWORD, ATTIC) == b"903"
    assert target.hashes()[0] == PER_ACCOUNT + 3
    await target.leave()
