"""The secrets of invitations: their form, and that a code in whatever form is the same."""

from __future__ import annotations

import pytest

from securechat.auth.invites import create_code, digest_code

TOKEN = "aaaqeayeaudaocajbifqydiob4"
DIGEST = "006c73fc27114d6d54c6258ccc8b0a293e4fdcb68e05a2639f6a12cd2330dcb4"
"""Of its 26 letters: SHA-256, by sha256sum."""


def test_a_token_is_128_random_bits_in_lower_case_base32() -> None:
    assert create_code(lambda count: bytes(range(count))) == TOKEN
    assert len({create_code() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "code", [TOKEN, f"v1.{TOKEN}", f"v1.{TOKEN}.{'b' * 25}a", f"securechat://localhost/#v1.{TOKEN}.{'b' * 25}a"]
)
def test_a_code_in_whatever_form_is_kept_as_the_digest_of_its_token(code: str) -> None:
    assert digest_code(code) == DIGEST


@pytest.mark.parametrize("code", ["", "x", TOKEN.upper(), TOKEN + "a", f"v2.{TOKEN}", f"http://localhost/#v1.{TOKEN}"])
def test_what_is_no_code_is_that_of_no_invitation(code: str) -> None:
    assert digest_code(code) == digest_code("another that is none") != DIGEST
