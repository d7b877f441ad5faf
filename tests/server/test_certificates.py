"""The certificate that is shown: changed while people talk, never for one that cannot serve, and warned of in time."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from structlog.testing import capture_logs

from securechat.cli.serving import examiner
from securechat.config import Config
from securechat.errors import ConfigError
from securechat.pki import signing
from securechat.pki.authority import Authority, issue_server
from securechat.pki.pem import encode_certificate
from securechat.server import certificates
from securechat.server.app import Endpoint, Setup, serve
from securechat.server.certificates import Certificates, Pair
from tests.server.harness import DEADLINE, RawClient

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def any_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "EARLIEST", datetime(2020, 1, 1, tzinfo=UTC))


class Files:
    """A certificate and its key in a directory, and the authority that issued them."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority.create("ours", now=NOW - timedelta(days=200))
        self.pair = directory / "server.pem", directory / "server.key"
        self.ca = directory / "ca.pem"
        self.ca.write_bytes(encode_certificate(self.authority.certificate))
        self.pair[1].touch(0o600)
        self.put()

    def make(self, *, begins: timedelta = timedelta(), days: int = 90) -> signing.Issued:
        return issue_server(self.authority, ["localhost"], now=NOW + begins, days=days)

    def put(self, issued: signing.Issued | None = None, **dates: timedelta | int) -> int:
        """Write another pair in the place of the first; return its serial."""
        issued = issued or self.make(**dates)  # type: ignore[arg-type]
        self.pair[0].write_bytes(issued.certificate_pem)
        self.pair[1].write_bytes(issued.key_pem)
        return x509.load_pem_x509_certificate(issued.certificate_pem).serial_number


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "certs").mkdir()
    return Files(tmp_path / "certs")


def spoil_mismatched(files: Files) -> None:
    files.pair[0].write_bytes(files.make().certificate_pem)


def spoil_expired(files: Files) -> None:
    files.put(begins=timedelta(days=-91))


def spoil_not_begun(files: Files) -> None:
    files.put(begins=timedelta(hours=1))


def spoil_half_a_certificate(files: Files) -> None:
    whole = files.make()
    files.pair[0].write_bytes(whole.certificate_pem[:300])
    files.pair[1].write_bytes(whole.key_pem)


def spoil_half_a_key(files: Files) -> None:
    whole = files.make()
    files.pair[0].write_bytes(whole.certificate_pem)
    files.pair[1].write_bytes(whole.key_pem[:100])


def spoil_empty(files: Files) -> None:
    files.pair[0].write_bytes(b"")


def spoil_gone(files: Files) -> None:
    files.pair[1].unlink()


def spoil_readable(files: Files) -> None:
    files.pair[1].chmod(0o644)


SPOILT = [
    (spoil_mismatched, "not the key of"),
    (spoil_expired, "expired on"),
    (spoil_not_begun, "is not valid before"),
    (spoil_half_a_certificate, "server.key: not understood"),
    (spoil_half_a_key, "server.key"),
    (spoil_empty, "server.pem: no PEM certificate in it"),
    (spoil_gone, "no such file"),
    (spoil_readable, "chmod 600"),
]


@asynccontextmanager
async def serving(files: Files, data: Path) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """Run a whole server with these files in this process; yields its port and what SIGHUP does."""
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def tell(endpoints: list[Endpoint], _perform: object) -> None:
        ready.set_result(endpoints[0].port)

    setup = Setup(
        data,
        Config(),
        [Endpoint("127.0.0.1", 0)],
        "chat.example",
        prepare=lambda: files.pair,
        ready=tell,  # type: ignore[arg-type]
        examine=examiner([], [], is_own=False),
    )
    task = asyncio.create_task(serve(setup))
    try:
        done, _ = await asyncio.wait({task, ready}, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            task.result()
        yield ready.result(), lambda: os.kill(os.getpid(), 1)
    finally:
        if not task.done():
            os.kill(os.getpid(), 15)
            await task


async def connect(files: Files, port: int) -> tuple[RawClient, int]:
    """Open a connection; return it with the serial of what it was shown."""
    context = ssl.create_default_context(cafile=str(files.ca))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return RawClient(reader, writer), x509.load_der_x509_certificate(shown).serial_number


async def until_shown(files: Files, port: int, serial: int) -> None:
    """Connect again and again until another certificate is shown."""
    async with asyncio.timeout(DEADLINE):
        while True:
            client, shown = await connect(files, port)
            await client.close()
            if shown == serial:
                return


async def test_a_new_pair_is_shown_to_who_comes_and_nobody_is_dropped(files: Files, tmp_path: Path) -> None:
    first = files.put()
    async with serving(files, tmp_path / "data") as (port, hang_up):
        client, shown = await connect(files, port)
        assert shown == first
        second = files.put()
        hang_up()
        await until_shown(files, port, second)
        assert await client.ask("CAP LS 302")
        await client.close()


async def test_files_that_change_are_noticed_without_a_signal(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "LOOK_SECONDS", 0.05)
    async with serving(files, tmp_path / "data") as (port, _):
        client, _ = await connect(files, port)
        second = files.put()
        await until_shown(files, port, second)
        assert await client.ask("CAP LS 302")
        await client.close()


@pytest.mark.parametrize(("spoil", "words"), SPOILT)
async def test_a_pair_that_cannot_serve_leaves_the_old_one_serving_and_says_so(
    files: Files, tmp_path: Path, spoil: Callable[[Files], None], words: str
) -> None:
    first = files.put()
    async with serving(files, tmp_path / "data") as (port, hang_up):
        client, _ = await connect(files, port)
        with capture_logs() as logs:
            spoil(files)
            hang_up()
            assert await client.ask("CAP LS 302")
            again, shown = await connect(files, port)
        assert shown == first
        assert await again.ask("CAP LS 302")
        # Twice where the signal came while the server was about to look by itself.
        ((event, error),) = {(line["event"], line["error"]) for line in logs if line["log_level"] == "error"}
        assert event == "certificate not reloaded, the old one goes on serving"
        assert words in error
        for each in (client, again):
            await each.close()


@pytest.mark.parametrize(("spoil", "words"), SPOILT)
async def test_a_start_with_a_pair_that_cannot_serve_is_refused_in_one_line(
    files: Files, tmp_path: Path, spoil: Callable[[Files], None], words: str
) -> None:
    spoil(files)
    with pytest.raises(ConfigError) as refused:
        async with serving(files, tmp_path / "data"):
            pass
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "data").exists()


class Clock:
    """A loop whose time stands still until it is told to go on; only what `Certificates` needs."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Clock:
        self.calls.append((self.now + delay, callback))
        return self

    def cancel(self) -> None:
        self.calls.clear()

    def go(self, seconds: float) -> None:
        end = self.now + seconds
        while self.calls and self.calls[0][0] <= end:
            self.now, callback = self.calls.pop(0)
            callback()
        self.now = end


class Keeping:
    """`Certificates` of some files, on a clock of their own."""

    def __init__(self, files: Files, names: list[str] | None = None, renew: Callable[[], bool] | None = None) -> None:
        self.clock = Clock()
        self.reloads = 0
        self.files = files
        self.kept = Certificates(
            self.clock,  # type: ignore[arg-type]
            Config,
            demands={""},
            own_ca=None,
            examine=examiner(names or [], [], is_own=True),
            renew=renew,
            reload=self.reload,
        )

    def reload(self) -> None:
        self.reloads += 1
        try:
            self.load()
        except ConfigError:
            return

    def load(self) -> Pair:
        self.kept.load(self.files.pair)
        return self.files.pair


def test_what_cannot_be_loaded_is_tried_again_when_it_changes_and_not_before(files: Files) -> None:
    keeping = Keeping(files)
    keeping.load()
    keeping.kept.start()
    keeping.clock.go(600)
    assert keeping.reloads == 0
    spoil_half_a_key(files)
    keeping.clock.go(59)
    assert keeping.reloads == 0
    keeping.clock.go(600)
    assert keeping.reloads == 1
    files.put()
    keeping.clock.go(600)
    assert keeping.reloads == 2
    # A key whose mode is all that was wrong, and is mended as the error says.
    for reloads, mode in ((3, 0o644), (4, 0o600)):
        files.pair[1].chmod(mode)
        keeping.clock.go(600)
        assert keeping.reloads == reloads
    keeping.kept.stop()
    assert keeping.clock.calls == []


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (15, []),
        (14, [("the certificate ends soon", "warning", 13)]),
        (1, [("the certificate ends soon", "warning", 0)]),
    ],
)
def test_from_14_days_before_its_end_it_is_warned_of_once_a_day(
    files: Files, days: int, told: list[tuple[str, str, int]]
) -> None:
    files.put(begins=timedelta(days=-10), days=days + 10)
    keeping = Keeping(files)
    keeping.load()
    with capture_logs() as logs:
        keeping.kept.start()
        keeping.clock.go(23 * 3600)
        assert [(line["event"], line["log_level"], line["days"]) for line in logs] == told
        keeping.clock.go(2 * 3600)
    assert [(line["event"], line["log_level"], line["days"]) for line in logs] == told * 2
    left = keeping.kept.days_left()
    assert left is not None
    assert days - 0.01 < left <= days


def test_one_that_expires_while_it_is_shown_is_an_error(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    keeping = Keeping(files)
    keeping.load()
    end = (NOW + timedelta(days=90, seconds=10)).timestamp()
    monkeypatch.setattr(certificates.time, "time", lambda: end)
    with capture_logs() as logs:
        keeping.kept.start()
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("the certificate has expired: clients refuse it", "error")
    ]


def test_our_own_is_renewed_when_it_is_due_and_then_shown(files: Files) -> None:
    asked = []

    def renew() -> bool:
        asked.append(keeping.clock.now)
        files.put()
        return True

    keeping = Keeping(files, renew=renew)
    keeping.load()
    keeping.kept.start()
    keeping.clock.go(6 * 3600 - 60)
    assert (asked, keeping.reloads) == ([], 0)
    keeping.clock.go(120)
    assert (len(asked), keeping.reloads) == (1, 1)


def test_a_start_names_what_the_certificate_lacks_and_the_remedy_once(files: Files) -> None:
    keeping = Keeping(files, ["localhost", "chat.example.org", "192.0.2.7"])
    with capture_logs() as logs:
        keeping.load()
        keeping.load()
    assert logs == [
        {
            "event": "the certificate is not for all our names",
            "log_level": "warning",
            "lacks": "chat.example.org, 192.0.2.7",
            "remedy": "name all of them with --name, and a certificate for them is made",
        }
    ]
    with capture_logs() as logs:
        Keeping(files, ["localhost"]).load()
    assert logs == []


def test_concrete_addresses_count_and_those_of_all_interfaces_do_not(files: Files) -> None:
    listening = [Endpoint(host, 6697) for host in ("0.0.0.0", "::", "192.0.2.7", "fe80::1%eth0", "localhost", "::1")]
    shown = examiner([], listening, is_own=False)(files.pair)
    assert (shown.lacks, shown.remedy) == (("192.0.2.7", "::1"), "have a certificate made for these too")
