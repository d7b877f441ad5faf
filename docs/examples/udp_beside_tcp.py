"""The same numbers to a reader that is slow to begin, by UDP and by TCP: one loses some, the other makes its sender wait.

python3 udp_beside_tcp.py
"""

from __future__ import annotations

import socket
import threading

NUMBERS = [b"%06d" % number for number in range(50_000)]
SMALL = 8192
"""Bytes the kernel keeps for each reader, roughly."""


def by_udp() -> tuple[int, list[bytes]]:
    """Send every number as a datagram, then read; return how many were sent and what arrived."""
    with socket.socket(type=socket.SOCK_DGRAM) as reader, socket.socket(type=socket.SOCK_DGRAM) as writer:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        reader.bind(("127.0.0.1", 0))
        sent = sum(writer.sendto(number, reader.getsockname()) == len(number) for number in NUMBERS)
        # Nobody says that it was the last: a reader of datagrams can only stop waiting.
        reader.settimeout(0.2)
        arrived = []
        try:
            while True:
                arrived.append(reader.recv(4096))
        except TimeoutError:
            return sent, arrived


def write_all(writer: socket.socket) -> None:
    """Write every number without a seam, and say that this was all."""
    writer.sendall(b"".join(NUMBERS))
    writer.shutdown(socket.SHUT_WR)


def by_tcp() -> tuple[int, list[bytes]]:
    """Send the same over a connection; the writer stands still until the reader begins, and nothing is lost."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        with socket.create_connection(server.getsockname()) as writer, server.accept()[0] as reader:
            writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
            threading.Thread(target=write_all, args=(writer,)).start()
            arrived = b"".join(iter(lambda: reader.recv(4096), b""))
    # The sizes of what was written are gone: a stream has no messages, only bytes.
    return len(NUMBERS), [arrived[start : start + 6] for start in range(0, len(arrived), 6)]


if __name__ == "__main__":
    for name, send in (("UDP", by_udp), ("TCP", by_tcp)):
        sent, arrived = send()
        order = "in order" if arrived == sorted(arrived) else "out of order"
        print(f"{name}: {sent} sent, {len(arrived)} arrived, {sent - len(arrived)} lost, {order}")
