from __future__ import annotations

import re
import subprocess
import sys

import pytest

from securechat.auth import tokens
from securechat.auth.passwords import check_password

ZEROS = "sct_" + "a" * 52


def test_a_token_is_256_random_bits_in_lower_case_base32() -> None:
    assert tokens.create_token(lambda size: b"\x00" * size) == ZEROS
    assert tokens.create_token(lambda size: b"\xff" * size) == "sct_" + "7" * 51 + "q"


def test_tokens_come_from_the_system_and_are_never_the_same() -> None:
    made = {tokens.create_token() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"sct_[a-z2-7]{52}", token) for token in made)


def test_what_is_kept_of_a_token_is_its_sha_256() -> None:
    assert tokens.digest_token("sct_abc") == "78fa11b58cd0082c88f8736cff26fce5ae0a00f8309f4f43d9706649c6ace9cd"
    assert len(tokens.digest_token("\ud800")) == 64


@pytest.mark.parametrize(
    ("secret", "expected"),
    [(ZEROS, True), ("sct_", True), ("sct-abc", False), ("SCT_ABC", False), (" sct_a", False), ("", False)],
)
def test_a_token_is_known_by_its_beginning(secret: str, expected: bool) -> None:
    assert tokens.is_token(secret) is expected


def test_a_generated_password_has_80_random_bits_and_may_be_used() -> None:
    assert tokens.create_password(lambda size: bytes(range(size))) == "aaaq-eaye-auda-ocaj"
    made = {tokens.create_password() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[a-z2-7]{4}(-[a-z2-7]{4}){3}", password) for password in made)
    assert {check_password(password) for password in made} == {None}


@pytest.mark.parametrize(("module", "loads"), [("tokens", False), ("passwords", True)])
def test_tokens_do_not_cost_the_import_of_argon2(module: str, loads: bool) -> None:
    program = f"import sys, securechat.auth.{module}; print('argon2' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=20)
    assert run.stdout == f"{loads}\n"
