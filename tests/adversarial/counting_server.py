"""python -m tests.adversarial.counting_server TALLY …: securechat-server, which notes every hash in the file TALLY.

`+` when argon2 begins with a password and `-` when it is done, as they happen: so how many there were and how many at
once can be told, though the server is killed.
"""

from __future__ import annotations

import os
import sys

import argon2


def count_hashes(tally: str) -> None:
    """Note them from now on."""
    out = os.open(tally, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    verify = argon2.PasswordHasher.verify

    def verify_counted(self: argon2.PasswordHasher, verifier: str, secret: bytes) -> bool:
        os.write(out, b"+")
        try:
            return bool(verify(self, verifier, secret))
        finally:
            os.write(out, b"-")

    argon2.PasswordHasher.verify = verify_counted  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    count_hashes(sys.argv.pop(1))
    from securechat.cli.server import main

    main()
