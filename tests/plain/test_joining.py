"""`join` where nobody sits at a terminal: what is sent to whom, what is kept, and every way in which it ends."""

from __future__ import annotations

import re
import socket
import ssl
import stat
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from securechat.client.address import Address
from securechat.client.certificate import pin_authority
from securechat.client.profile import KnownServer, read_profile, remember
from securechat.wire.invitation import format_link
from tests.client.fakeserver import FakeServer, Guest
from tests.client.inviting import CODE, InvitingServer
from tests.plain.program import Outcome, Program

TOKEN = re.compile(r"sct_[a-z2-7]{52}")


def pin_of(authority: trustme.CA) -> str:
    return pin_authority(ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode()))


def request_of(server: FakeServer) -> bytes:
    return f"GET /ca.pem HTTP/1.1\r\nHost: localhost:{server.port}\r\nConnection: close\r\n\r\n".encode()


def link_to(*ports: int, pin: str = "", code: str = CODE) -> str:
    return format_link([("localhost", port) for port in ports], code, pin)


async def join(link: str, *words: str, user: str = "carla", argv: bool = False) -> Outcome:
    """Join with the link on standard input, or in the command line."""
    words = ("join", *([link] if argv else []), *words, *(["--user", user] if user else []))
    return await Program(list(words)).run(b"" if argv else f"{link}\n".encode())


@pytest.fixture
async def inviting(authority: trustme.CA) -> AsyncIterator[InvitingServer]:
    """Yield a server that has an invitation for one."""
    async with InvitingServer(authority) as server:
        yield server


@pytest.fixture
def pin(authority: trustme.CA) -> str:
    return pin_of(authority)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def kept_token(home: Path) -> str:
    return next(home.rglob("token")).read_text().strip()


async def test_who_joins_has_an_account_a_token_and_a_profile(
    inviting: InvitingServer, pin: str, client_home: Path, authority: trustme.CA
) -> None:
    ended = await join(link_to(inviting.port, pin=pin))
    assert (ended.code, ended.out) == (0, "")
    assert "welcome, carla: you have an account" in ended.err
    assert ended.err.endswith("from now on: securechat-client\n")
    assert CODE not in ended.err
    assert TOKEN.search(ended.err) is None
    assert inviting.redeemed == ["carla"]
    # The page without trust, a handshake with nothing in it, and then the account.
    assert [guest.lines[0] for guest in inviting.guests if guest.lines] == ["GET /ca.pem HTTP/1.1", "CAP LS 302"]

    token = kept_token(client_home)
    assert TOKEN.fullmatch(token)
    assert inviting.tokens == {token: "carla"}
    profile = tomllib.loads((client_home / "profile.toml").read_text())
    (known,) = profile["servers"].values()
    assert {**known, "fingerprint": len(known["fingerprint"])} == {
        "user": "carla",
        "ca": f"localhost_{inviting.port}/ca.pem",
        "fingerprint": 64,
        "token": "file",
    }
    assert (client_home / known["ca"]).read_bytes().split() == authority.cert_pem.bytes().split()
    for path in client_home.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path

    sent = await Program(["send", "#general", "here I am"]).run()
    assert sent.code == 0
    assert [message.sender for message in inviting.stored] == ["carla"]


async def test_another_ca_than_the_links_is_sent_nothing_and_both_are_shown(
    inviting: InvitingServer, pin: str, client_home: Path
) -> None:
    other = pin_of(trustme.CA())
    ended = await join(link_to(inviting.port, pin=other))
    assert (ended.code, ended.out) == (1, "")
    assert f"expected  {other}  " in ended.err
    assert f"found     {pin}  " in ended.err
    assert len(re.findall(r"  (?:[0-9A-F]{2}:){16}…", ended.err)) == 2
    assert "nothing was sent" in ended.err
    assert inviting.received == request_of(inviting)
    assert not client_home.exists()
    # Control: with the right pin the code is sent.
    assert (await join(link_to(inviting.port, pin=pin))).code == 0
    assert CODE.encode() in inviting.received


async def test_who_hands_out_the_right_ca_without_being_of_it_is_sent_nothing(
    authority: trustme.CA, pin: str, client_home: Path
) -> None:
    async with InvitingServer(trustme.CA()) as impostor:
        impostor.authority_page = authority.cert_pem.bytes()
        ended = await join(link_to(impostor.port, pin=pin))
        assert ended.code == 10
        assert impostor.received == request_of(impostor)
    assert not (client_home / "profile.toml").exists()


async def test_the_right_ca_for_another_host_name_is_sent_nothing(authority: trustme.CA, pin: str) -> None:
    async with InvitingServer(authority, ("elsewhere.example",)) as other:
        ended = await join(link_to(other.port, pin=pin))
        assert ended.code == 11
        assert other.received == request_of(other)


@pytest.mark.parametrize("trusted", [True, False])
async def test_without_a_pin_the_systems_cas_must_vouch_and_no_ca_is_fetched(
    inviting: InvitingServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file) if trusted else "/dev/null")
    ended = await join(link_to(inviting.port))
    assert ended.code == (0 if trusted else 10)
    assert b"GET" not in inviting.received
    assert (CODE.encode() in inviting.received) is trusted
    assert bool(inviting.received) is trusted


@pytest.mark.parametrize("right", [True, False])
async def test_a_ca_file_that_is_given_is_held_to_the_pin_too(
    inviting: InvitingServer, pin: str, ca_file: Path, right: bool
) -> None:
    inviting.authority_page = None
    expected = pin if right else pin_of(trustme.CA())
    ended = await join(link_to(inviting.port, pin=expected), "--ca", str(ca_file))
    assert ended.code == (0 if right else 1)
    assert (CODE.encode() in inviting.received) is right


async def test_of_several_hosts_the_first_that_answers_is_the_one(
    inviting: InvitingServer, pin: str, client_home: Path
) -> None:
    dead = free_port()
    ended = await join(link_to(dead, inviting.port, pin=pin))
    assert ended.code == 0
    assert f"localhost:{dead}: nothing listens there" in ended.err
    assert list(read_profile(client_home).servers) == [f"localhost:{inviting.port}"]


async def test_when_no_host_answers_that_is_exit_3(pin: str) -> None:
    ended = await join(link_to(free_port(), free_port(), pin=pin))
    assert ended.code == 3
    assert ended.err.count("nothing listens there") == 2


async def test_a_host_that_is_not_what_it_should_be_is_not_passed_over(inviting: InvitingServer, pin: str) -> None:
    async with InvitingServer(trustme.CA()) as impostor:
        assert (await join(link_to(impostor.port, inviting.port, pin=pin))).code == 1
    assert inviting.received == b""


@pytest.mark.parametrize(
    ("trouble", "value", "code", "told"),
    [
        ("uses", 0, 1, "it is used up, expired or revoked: ask for another one"),
        ("takes_invitations", False, 1, "takes no invitations at the moment"),
        ("refusal_to_register", "FAIL REGISTER BAD_ACCOUNT_NAME carla :No", 1, "give another one with --user NAME"),
        ("refusal_to_register", "FAIL * TEMPORARILY_UNAVAILABLE :Later", 22, "try again in a minute"),
        ("refusal_to_verify", "FAIL VERIFY TRY_AGAIN carla :Later", 22, "the invitation is not used"),
        ("refusal_to_verify", "FAIL VERIFY ACCOUNT_EXISTS carla :Taken", 1, "give another one with --user NAME"),
        ("refusal_to_verify", "FAIL VERIFY NAME_FIXED carla carla :Again", 1, "does not take the invitation"),
        ("refusal_to_verify", "FAIL VERIFY NAME_FIXED carla ../x :Evil", 1, "does not take the invitation"),
        ("refusal_to_verify", "FAIL VERIFY NAME_FIXED carla \x1b[2J :Evil", 1, "does not take the invitation"),
        ("refusal_to_verify", "FAIL VERIFY WHATEVER carla :\x1b[2JNo", 1, "^[[2JNo (WHATEVER)"),
        ("authority_page", None, 10, "does not hand out a CA"),
    ],
)
async def test_each_refusal_has_its_exit_code_and_leaves_no_token(
    inviting: InvitingServer, pin: str, client_home: Path, trouble: str, value: object, code: int, told: str
) -> None:
    setattr(inviting, trouble, value)
    ended = await join(link_to(inviting.port, pin=pin))
    assert ended.code == code
    assert told in ended.err
    assert "\x1b" not in ended.err
    assert list(client_home.rglob("token")) == []
    known = read_profile(client_home).find(Address("localhost", inviting.port))
    assert (known.user, known.token) == ("", "")


async def test_an_invitation_for_a_name_brings_that_name(inviting: InvitingServer, pin: str, client_home: Path) -> None:
    inviting.fixed = "caroline"
    ended = await join(link_to(inviting.port, pin=pin))
    assert ended.code == 0
    assert "-- the invitation is for caroline" in ended.err
    assert inviting.redeemed == ["caroline"]
    assert read_profile(client_home).find(Address("localhost", inviting.port)).user == "caroline"
    assert [path.parent.name for path in client_home.rglob("token")] == ["caroline"]


@pytest.mark.parametrize("uses", [1, 2])
async def test_when_the_answer_is_cut_off_signing_in_tells_that_it_was_redeemed(
    inviting: InvitingServer, pin: str, client_home: Path, uses: int
) -> None:
    inviting.cut, inviting.uses = True, uses
    ended = await join(link_to(inviting.port, pin=pin))
    assert ended.code == 0
    assert inviting.redeemed == ["carla"]
    assert inviting.tokens == {kept_token(client_home): "carla"}
    assert inviting.received.count(b"VERIFY carla") == 1


class LateServer(InvitingServer):
    """Loses the link at the first VERIFY, and has done it only when the second one comes."""

    visits = 0

    def _on_verify(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        self.visits += 1
        if self.visits == 1:
            guest.cut()
            return
        self.mute = True
        super()._on_verify(guest, params, tags)
        guest.tell("FAIL VERIFY INVALID_CODE carla :That code is not valid")


async def test_an_invitation_that_is_redeemed_only_while_it_is_asked_about_again_lets_one_in(
    authority: trustme.CA, pin: str, client_home: Path
) -> None:
    async with LateServer(authority) as server:
        ended = await join(link_to(server.port, pin=pin))
    assert ended.code == 0
    assert server.visits == 2
    assert server.tokens == {kept_token(client_home): "carla"}


async def test_who_is_killed_before_the_answer_came_joins_again_by_the_same_link(
    inviting: InvitingServer, pin: str, client_home: Path
) -> None:
    inviting.mute = True
    link = link_to(inviting.port, pin=pin)
    async with Program(["join", "--user", "carla"]) as joining:
        joining.type(link)
        await inviting.told.wait()
        joining.process.kill()
        await joining.process.wait()
    assert inviting.uses == 0
    inviting.mute = False
    ended = await join(link)
    assert ended.code == 0
    assert "this client has a token of carla already" in ended.err
    assert inviting.redeemed == ["carla"]
    assert (await Program(["send", "#general", "still me"]).run()).code == 0


async def test_the_token_that_was_kept_counts_at_the_links_other_hosts_of_the_same_ca(
    inviting: InvitingServer, authority: trustme.CA, pin: str
) -> None:
    inviting.mute = True
    async with InvitingServer(authority) as other:
        link = link_to(inviting.port, other.port, pin=pin)
        async with Program(["join", "--user", "carla"]) as joining:
            joining.type(link)
            await inviting.told.wait()
            joining.process.kill()
            await joining.process.wait()
        await inviting.stop()
        other.tokens, other.uses = inviting.tokens, 0
        assert (await join(link)).code == 0
        assert (await Program(["send", "#general", "hi", "--server", f"localhost:{other.port}"]).run()).code == 0


async def test_control_without_the_token_that_was_kept_joining_again_is_refused(
    inviting: InvitingServer, pin: str, client_home: Path
) -> None:
    link = link_to(inviting.port, pin=pin)
    assert (await join(link)).code == 0
    next(client_home.rglob("token")).unlink()
    assert (await join(link)).code == 1


async def test_a_server_that_was_met_is_not_trusted_by_another_ca_for_a_link(
    inviting: InvitingServer, pin: str, client_home: Path, tmp_path: Path
) -> None:
    met = tmp_path / "met.pem"
    trustme.CA().cert_pem.write_to_path(str(met))
    address = Address("localhost", inviting.port)
    for known in (KnownServer("alice", str(met)), KnownServer("alice", fingerprint="00" * 32), KnownServer("alice")):
        remember(client_home, address, known)
        ended = await join(link_to(inviting.port, pin=pin))
        assert ended.code == 1
        assert "this client trusts another CA for it" in ended.err
        assert read_profile(client_home).find(address) == known
    assert inviting.received == request_of(inviting) * 3


async def test_a_token_of_another_server_that_the_link_names_is_shown_to_nobody(
    authority: trustme.CA, client_home: Path, tmp_path: Path
) -> None:
    """The one who wrote the link runs its first host, and would like to have what is kept for the second."""
    theirs, ours = trustme.CA(), KnownServer("carla", "victim.pem", "11" * 32, "file")
    victim = Address("localhost", free_port())
    remember(client_home, victim, ours)
    (client_home / f"localhost_{victim.port}" / "carla").mkdir(parents=True)
    (client_home / f"localhost_{victim.port}" / "carla" / "token").write_text("sct_" + "v2" * 26)
    async with InvitingServer(theirs) as evil:
        ended = await join(link_to(evil.port, victim.port, pin=pin_of(theirs)))
        assert ended.code == 0
        assert b"AUTHENTICATE" not in evil.received
    assert read_profile(client_home).find(victim) == ours


async def test_a_second_account_leaves_the_first_where_it_is(
    inviting: InvitingServer, pin: str, client_home: Path
) -> None:
    inviting.uses = 2
    assert (await join(link_to(inviting.port, pin=pin))).code == 0
    ended = await join(link_to(inviting.port, pin=pin), user="robot")
    assert ended.code == 0
    assert ended.err.endswith("from now on: securechat-client --user robot\n")
    assert read_profile(client_home).find(Address("localhost", inviting.port)).user == "carla"
    for user in ("carla", "robot"):
        assert (await Program(["send", "#general", "hi", "--user", user]).run()).code == 0
    assert [message.sender for message in inviting.stored] == ["carla", "robot"]


async def test_a_link_in_the_command_line_works_and_is_remarked_upon(inviting: InvitingServer, pin: str) -> None:
    ended = await join(link_to(inviting.port, pin=pin), argv=True)
    assert ended.code == 0
    assert "can be read by others on this computer" in ended.err


@pytest.mark.parametrize(
    ("link", "user", "told"),
    [
        ("", "carla", "does not begin with securechat://"),
        ("https://localhost/#v1." + CODE, "carla", "does not begin with securechat://"),
        (f"securechat://localhost/#v1.{CODE[:-1]}", "carla", "incomplete or mistyped"),
        (f"securechat://localhost/#v1.{CODE}\xff", "carla", "incomplete or mistyped"),
        (f"securechat://localhost/#v1.{CODE}", "", "--user NAME"),
        (f"securechat://localhost/#v1.{CODE}", "4lice", "is no account name"),
        (f"securechat://localhost/#v1.{CODE}", "carla@phone", "is no account name"),
    ],
)
async def test_what_is_missing_or_mistyped_is_exit_2_and_one_line(link: str, user: str, told: str) -> None:
    ended = await join(link, user=user)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert len(ended.err.splitlines()) == 1
    assert CODE[:-1] not in ended.err
