"""Client certificates: who is asked for one, whom one lets in, and as whom."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from securechat.server.renegotiation import revise_offer
from securechat.server.requests import CertificateIssue, CertificateRevoke, SetEnabled, UserDelete, UserRename
from tests.server.harness import RawClient, RunningServer, running_server
from tests.server.wallet import Wallet, ask_for_certificates, connect

REFUSED = (ssl.SSLError, ConnectionError, EOFError)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as running:
        await running.add("alice", "bob")
        yield running


@pytest.fixture
def wallet(server: RunningServer, tmp_path: Path) -> Wallet:
    made = Wallet(tmp_path / "people")
    ask_for_certificates(server, tmp_path, made, "optional")
    return made


def external(authzid: str = "") -> list[str]:
    return ["AUTHENTICATE EXTERNAL", "AUTHENTICATE " + (base64.b64encode(authzid.encode()).decode() or "+")]


async def mechanisms_of(client: RawClient) -> str:
    words = [word for line in await client.ask("CAP LS 302") for word in line.params[-1].split()]
    return next(word for word in words if word.startswith("sasl="))


async def numerics(client: RawClient, *lines: str) -> list[str]:
    return [line.command for line in await client.ask(*lines) if line.command not in ("CAP", "AUTHENTICATE")]


@pytest.mark.parametrize("way", ["irc", "web"])
async def test_external_is_offered_to_who_has_shown_a_certificate_and_to_nobody_else(
    server: RunningServer, wallet: Wallet, way: str
) -> None:
    pair, _ = wallet.issue_for(server, "alice")
    shown = await connect(server, pair, way)
    assert await mechanisms_of(shown) == "sasl=PLAIN,EXTERNAL"
    bare = await connect(server, None, way)
    assert await mechanisms_of(bare) == "sasl=PLAIN"
    lines = await bare.ask("CAP REQ sasl", "AUTHENTICATE EXTERNAL")
    assert [(line.command, line.params[1]) for line in lines[1:]] == [
        ("908", "PLAIN"),
        ("904", "SASL authentication failed"),
    ]
    lines = await shown.ask("CAP REQ sasl", "AUTHENTICATE SCRAM-SHA-256")
    assert [(line.command, line.params[1]) for line in lines[1:]] == [
        ("908", "PLAIN,EXTERNAL"),
        ("904", "SASL authentication failed"),
    ]


async def test_a_listener_that_was_told_nothing_asks_nobody(server: RunningServer, tmp_path: Path) -> None:
    plain = server.listener.context
    pair, _ = Wallet(tmp_path / "people").issue_for(server, "alice")
    server.listener.context = plain
    client = await connect(server, pair)
    assert await mechanisms_of(client) == "sasl=PLAIN"
    assert await numerics(client, "CAP REQ sasl", *external()) == ["908", "904", "908", "904"]


async def test_where_certificates_are_required_nobody_comes_without(
    server: RunningServer, wallet: Wallet, tmp_path: Path
) -> None:
    ask_for_certificates(server, tmp_path, wallet, "required")
    with pytest.raises(REFUSED):
        await (await connect(server, None)).ask("CAP LS 302")
    assert not server.node.connections
    client = await connect(server, wallet.issue_for(server, "alice")[0])
    assert await mechanisms_of(client) == "sasl=PLAIN,EXTERNAL"


@pytest.mark.parametrize("fault", ["of another CA", "expired", "not begun", "a server's"])
async def test_one_that_the_handshake_cannot_verify_opens_nothing(
    server: RunningServer, wallet: Wallet, tmp_path: Path, fault: str
) -> None:
    match fault:
        case "of another CA":
            pair, _ = Wallet(tmp_path / "others").issue_for(server, "alice")
        case "expired":
            pair, _ = wallet.issue_for(server, "alice", begins=timedelta(days=-2))
        case "not begun":
            pair, _ = wallet.issue_for(server, "alice", begins=timedelta(hours=1))
        case _:
            pair, _ = wallet.issue("securechat:account:x", purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    with pytest.raises(REFUSED):
        await (await connect(server, pair)).ask("CAP LS 302")
    assert not server.node.connections


@pytest.mark.parametrize("way", ["irc", "web"])
@pytest.mark.parametrize("authzid", ["", "alice", "ALICE", "alice@phone", "@phone", "alice@"])
async def test_it_signs_in_the_account_that_it_names(
    server: RunningServer, wallet: Wallet, way: str, authzid: str
) -> None:
    pair, _ = wallet.issue_for(server, "alice")
    client = await connect(server, pair, way)
    client.send("CAP REQ sasl", *external(authzid), "NICK x", "USER x 0 * x", "CAP END")
    line = await client.until("900")
    assert line.params[1:3] == ("alice!alice@securechat", "alice")
    await client.until("903")
    await client.until("001", "alice")


@pytest.mark.parametrize("authzid", ["bob", "nobody", "bob@phone", "alice\0", "alice@a\0b", "x" * 297])
async def test_it_signs_in_nobody_else(server: RunningServer, wallet: Wallet, authzid: str) -> None:
    pair, _ = wallet.issue_for(server, "alice")
    client = await connect(server, pair)
    assert await numerics(client, "CAP REQ sasl", *external(authzid)) == ["904"]


@pytest.mark.parametrize("response", ["!", "YWxpY2U", "/w==", "Y"])
async def test_what_is_no_response_is_refused(server: RunningServer, wallet: Wallet, response: str) -> None:
    client = await connect(server, wallet.issue_for(server, "alice")[0])
    assert await numerics(client, "CAP REQ sasl", "AUTHENTICATE EXTERNAL", f"AUTHENTICATE {response}") == ["904"]
    assert await numerics(client, "AUTHENTICATE EXTERNAL", "AUTHENTICATE *") == ["906"]
    assert await numerics(client, *external()) == ["900", "903"]


async def test_alone_it_signs_in_nobody(server: RunningServer, wallet: Wallet) -> None:
    client = await connect(server, wallet.issue_for(server, "alice")[0])
    client.send("NICK alice", "USER a 0 * a")
    assert (await client.ended())[0].params[1] == "ACCOUNT_REQUIRED"


async def test_it_stays_good_when_the_account_is_renamed(server: RunningServer, wallet: Wallet) -> None:
    pair, _ = wallet.issue_for(server, "alice")
    await server.office.perform(UserRename("alice", "alicia"))
    client = await connect(server, pair)
    assert await numerics(client, "CAP REQ sasl", *external("alice")) == ["904"]
    assert await numerics(client, *external("alicia")) == ["900", "903"]


async def test_it_opens_neither_a_disabled_nor_a_deleted_account(server: RunningServer, wallet: Wallet) -> None:
    pair, _ = wallet.issue_for(server, "alice")
    await server.office.perform(SetEnabled("alice", False))
    assert await numerics(await connect(server, pair), "CAP REQ sasl", *external()) == ["902"]
    await server.office.perform(UserDelete("alice"))
    assert await numerics(await connect(server, pair), "CAP REQ sasl", *external()) == ["904"]


async def test_one_that_names_no_account_or_two_is_offered_nothing(server: RunningServer, wallet: Wallet) -> None:
    directory = server.node.world.directory
    names = [f"securechat:account:{account}" for account in directory.accounts]
    for uris in ([], ["https://example.org/alice"], ["securechat:alice"], names):
        client = await connect(server, wallet.issue(*uris)[0])
        assert await mechanisms_of(client) == "sasl=PLAIN"
    client = await connect(server, wallet.issue("securechat:account:nobody")[0])
    assert await numerics(client, "CAP REQ sasl", *external()) == ["904"]


async def test_the_device_it_was_made_for_is_the_one_that_positions_are_kept_for(
    server: RunningServer, wallet: Wallet
) -> None:
    pair, issued = wallet.issue_for(server, "alice")
    account = server.node.world.directory.account_named("alice")
    assert account is not None
    await server.office.perform(CertificateIssue(issued.serial, account.id, "laptop", 1 << 50))
    for authzid, device in (("", "laptop"), ("alice@phone", "phone")):
        client = await connect(server, pair)
        assert await numerics(client, "CAP REQ sasl", *external(authzid)) == ["900", "903"]
        (session,) = [connection.session for connection in server.node.connections]
        assert (session.device, session.device_name) == (issued.serial, device)
        await client.close()
        while server.node.connections:
            await server.office.perform(SetEnabled("bob", True))


@pytest.mark.parametrize("way", ["irc", "web"])
async def test_a_revoked_one_ends_the_connection_that_shows_it(server: RunningServer, wallet: Wallet, way: str) -> None:
    pair, issued = wallet.issue_for(server, "alice")
    other, _ = wallet.issue_for(server, "alice")
    await server.office.perform(CertificateRevoke(issued.serial, foreign=True))
    client = await connect(server, pair, way)
    (line,) = await client.ended()
    assert (line.command, line.params) == ("ERROR", ("Closing link: your certificate was revoked",))
    kept = await connect(server, other, way)
    assert await numerics(kept, "CAP REQ sasl", *external()) == ["900", "903"]


async def test_one_that_expires_ends_its_connection_within_seconds(
    server: RunningServer, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("securechat.server.revocations.SWEEP_SECONDS", 0.05)
    pair, _ = wallet.issue_for(server, "alice", lasts=timedelta(seconds=3))
    longer, _ = wallet.issue_for(server, "alice")
    kept, client = await connect(server, longer), await connect(server, pair)
    for each in (kept, client):
        assert await numerics(each, "CAP REQ sasl", *external()) == ["900", "903"]
    assert (await client.ended())[-1].params == ("Closing link: your certificate has expired",)
    assert await kept.fence() == []


async def test_who_has_shown_one_is_told_so_too_when_the_mechanisms_change(
    server: RunningServer, wallet: Wallet
) -> None:
    shown, bare = await connect(server, wallet.issue_for(server, "alice")[0]), await connect(server, None)
    for client in (shown, bare):
        await client.ask("CAP LS 302")
    revise_offer(server.node, "sasl", "PLAIN,NEWER")
    assert [line.params for line in await shown.fence()] == [("*", "NEW", "sasl=PLAIN,NEWER,EXTERNAL")]
    assert [line.params for line in await bare.fence()] == [("*", "NEW", "sasl=PLAIN,NEWER")]
    revise_offer(server.node, "sasl", None)
    assert [line.params for line in await shown.fence()] == [("*", "DEL", "sasl")]
    assert await numerics(shown, "AUTHENTICATE EXTERNAL") == ["908", "904"]
