"""What a trace says is read right, and the check sees each way to be late; on traces written out by hand."""

from __future__ import annotations

import pytest

from tests.flush.trace import Arrival, Call, Timeline, parse_calls

WAL = "/data/securechat.db-wal"
ACCEPT = (
    '10 accept4(6<socket:[1]>, {sa_family=AF_INET, sin_port=htons(4711), sin_addr=inet_addr("127.0.0.1")}, '
    "[128 => 16], SOCK_CLOEXEC) = 14<socket:[2]>"
)
HANDSHAKE = r'10 write(14<socket:[2]>, "\26\3\3", 100) = 100'
WRITE = rf'11 pwrite64(9<{WAL}>, "\r\17{{\"text\":\"hello\"}}", 4096, 56) = 4096'
FLUSH = f"11 fdatasync(9<{WAL}>) = 0"
SEND = r'10 write(14<socket:[2]>, "\27\3\3x", 50) = 50'
GOOD = [ACCEPT, HANDSHAKE, WRITE, FLUSH, SEND]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([FLUSH], [Call("fdatasync", WAL, f"9<{WAL}>", 0, "", 0, 0)]),
        (
            ["11 fdatasync(9</a b>) = -1 EIO (Input/output error) (INJECTED)"],
            [Call("fdatasync", "/a b", "9</a b>", -1, "", 0, 0)],
        ),
        (
            [f"11 fdatasync(9<{WAL}> <unfinished ...>", SEND, "11 <... fdatasync resumed>)          = 0"],
            [
                Call("fdatasync", WAL, f"9<{WAL}>", 0, "", 0, 2),
                Call("write", "socket:[2]", r'14<socket:[2]>, "\27\3\3x", 50', 50, "", 1, 1),
            ],
        ),
        (
            [
                "10 accept4(6<socket:[1]> <unfinished ...>",
                "10 <... accept4 resumed>, {sin_port=htons(7)}, [128 => 16], SOCK_CLOEXEC) = 14<socket:[2]>",
            ],
            [
                Call(
                    "accept4",
                    "socket:[1]",
                    "6<socket:[1]>, {sin_port=htons(7)}, [128 => 16], SOCK_CLOEXEC",
                    14,
                    "socket:[2]",
                    0,
                    1,
                )
            ],
        ),
        (
            ['10 write(14<socket:[2]>, "a <unfinished ...> (b) = 1"..., 50) = 50'],
            [Call("write", "socket:[2]", '14<socket:[2]>, "a <unfinished ...> (b) = 1"..., 50', 50, "", 0, 0)],
        ),
        (
            [
                "10 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=1, si_uid=0} ---",
                f"11 fdatasync(9<{WAL}> <unfinished ...>",
                "11 +++ killed by SIGKILL +++",
            ],
            [],
        ),
    ],
)
def test_a_line_of_strace_is_read(lines: list[str], expected: list[Call]) -> None:
    assert parse_calls(lines) == expected


def fault(lines: list[str], offset: int = 100, port: int = 4711, text: str = "hello") -> str | None:
    return Timeline(parse_calls(lines)).fault(Arrival(port, offset, text))


def test_written_flushed_sent_is_right() -> None:
    assert fault(GOOD) is None


EARLY = "not flushed between being written and being sent"
UNWRITTEN = "not written before it was sent"
UNSENT = "no call sent it"
FLUSH_BEGUN, FLUSH_DONE = f"11 fdatasync(9<{WAL}> <unfinished ...>", "11 <... fdatasync resumed>) = 0"
SEND_BEGUN, SEND_DONE = r'10 write(14<socket:[2]>, "\27", 50 <unfinished ...>', "10 <... write resumed>) = 50"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([ACCEPT, HANDSHAKE, WRITE, SEND, FLUSH], EARLY),
        ([ACCEPT, HANDSHAKE, WRITE, SEND], EARLY),
        ([ACCEPT, HANDSHAKE, FLUSH, WRITE, SEND], EARLY),
        ([ACCEPT, HANDSHAKE, WRITE, FLUSH_BEGUN, SEND, FLUSH_DONE], EARLY),
        ([ACCEPT, HANDSHAKE, WRITE, SEND_BEGUN, FLUSH, SEND_DONE], EARLY),
        ([ACCEPT, HANDSHAKE, FLUSH_BEGUN, WRITE, FLUSH_DONE, SEND], EARLY),
        ([ACCEPT, HANDSHAKE, WRITE, "11 fdatasync(9</data/securechat.db>) = 0", SEND], EARLY),
        ([ACCEPT, HANDSHAKE, WRITE, f"11 fdatasync(9<{WAL}>) = -1 EIO (Input/output error)", SEND], EARLY),
        ([ACCEPT, HANDSHAKE, SEND, WRITE, FLUSH], UNWRITTEN),
        ([ACCEPT, HANDSHAKE, FLUSH, SEND], UNWRITTEN),
        ([ACCEPT, HANDSHAKE, WRITE.replace("-wal", ""), FLUSH, SEND], UNWRITTEN),
        ([ACCEPT, HANDSHAKE, WRITE, FLUSH], UNSENT),
        ([HANDSHAKE, WRITE, FLUSH, SEND], UNSENT),
    ],
)
def test_what_is_late_or_missing_is_found(lines: list[str], expected: str) -> None:
    assert fault(lines) == expected


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(99, UNWRITTEN), (100, None), (149, None), (150, UNSENT)],
)
def test_the_call_is_found_by_how_many_bytes_went_before_on_that_connection(offset: int, expected: str | None) -> None:
    to_somebody_else = r'10 write(15<socket:[3]>, "\27\3\3", 70) = 70'
    nothing_taken = r'10 write(14<socket:[2]>, "\27\3\3x", 50) = -1 EAGAIN (Resource temporarily unavailable)'
    lines = [ACCEPT, HANDSHAKE, to_somebody_else, nothing_taken, WRITE, FLUSH, SEND]
    assert fault(lines, offset) == expected
