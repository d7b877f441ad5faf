"""The exercise as it began: a server socket, one client after the other, lines as they come. No TLS, no names, no disk.

python3 plain_lines.py PORT     prints what the first client sends, and ends when that client does
"""

from __future__ import annotations

import socket
import sys


def main(port: int) -> None:
    """Bind an address and a port, wait for one client, and print what arrives until it hangs up."""
    with socket.create_server(("127.0.0.1", port)) as server:
        print("listening on {}:{}".format(*server.getsockname()), file=sys.stderr, flush=True)
        connection, address = server.accept()
        print("a client at {}:{}".format(*address), file=sys.stderr, flush=True)
        with connection:
            while received := connection.recv(4096):
                sys.stdout.buffer.write(received)
                sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
