"""SASL PLAIN and EXTERNAL: what is accepted, what fails and how, and chunks at every awkward length."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.wire.sasl import Credentials, ExternalExchange, PlainExchange, SaslError, encode_plain, split_user


def encode_response(response: bytes) -> str:
    return b64encode(response).decode()


def run_exchange(chunks: list[str]) -> Credentials | None:
    exchange = PlainExchange()
    for chunk in chunks[:-1]:
        assert exchange.step(chunk) is None
    return exchange.step(chunks[-1])


# The example of RFC 4616, 4, and that of IRCv3 sasl-3.1.
KNOWN = [
    ("AHRpbQB0YW5zdGFhZnRhbnN0YWFm", Credentials("tim", "", "tanstaaftanstaaf")),
    ("amlsbGVzAGppbGxlcwBzZXNhbWU=", Credentials("jilles", "", "sesame")),
]


@pytest.mark.parametrize(("chunk", "credentials"), KNOWN)
def test_the_examples_of_the_specifications_are_read(chunk: str, credentials: Credentials) -> None:
    assert run_exchange([chunk]) == credentials


@pytest.mark.parametrize(
    ("response", "credentials"),
    [
        (b"\0anna\0secret", Credentials("anna", "", "secret")),
        (b"anna\0anna\0secret", Credentials("anna", "", "secret")),
        (b"Anna\0anna\0secret", Credentials("anna", "", "secret")),
        (b"\0anna@phone\0secret", Credentials("anna", "phone", "secret")),
        (b"anna\0anna@phone\0secret", Credentials("anna", "phone", "secret")),
        (b"anna@phone\0anna@phone\0secret", Credentials("anna", "phone", "secret")),
        (b"\0anna@my phone\0secret", Credentials("anna", "my phone", "secret")),
        (b"\0anna@\0secret", Credentials("anna", "", "secret")),
        (b"\0anna@a@b\0secret", Credentials("anna", "a@b", "secret")),
        ("\0anna\0päss wörd 🔑".encode(), Credentials("anna", "", "päss wörd 🔑")),
        (b"\0anna\0 s:p@ce ", Credentials("anna", "", " s:p@ce ")),
    ],
)
def test_a_response_is_read_as_written_here(response: bytes, credentials: Credentials) -> None:
    assert run_exchange([encode_response(response)]) == credentials


@pytest.mark.parametrize(
    "chunk",
    [
        "+",
        "",
        "*",
        "=",
        "not base64!",
        "AHRpbQB0YW5zdGFhZnRhbnN0YWFm=",
        "AHRpbQB0YW5zdGFhZnRhbnN0YWFm====",
        "amlsbGVzAGppbGxlcwBzZXNhbWU",
        "amlsbGVzAGppbGxlcwBzZXNhbWV=",  # bits set that no byte holds
        "AHRpbQ B0YW5z",
        "AHRpbQB0YW5zdGFhZnRhbnN0YWFm\n",
        "AHRpbQB0YW5zdGFhZnRhbnN0YWF",
        "ÄHRpbQB0YW5zdGFhZnRhbnN0YWFm",
        "PLAIN",
        "A" * 399,
        encode_response(b""),
        encode_response(b"anna"),
        encode_response(b"\0anna"),
        encode_response(b"\0anna\0secret\0"),
        encode_response(b"\0anna\0sec\0ret"),
        encode_response(b"\0\0secret"),
        encode_response(b"\0@phone\0secret"),
        encode_response(b"\0anna\0"),
        encode_response(b"bea\0anna\0secret"),
        encode_response(b"phone\0anna@phone\0secret"),
        encode_response(b"anna@tablet\0anna@phone\0secret"),
        encode_response(b"\0anna@a\nb\0secret"),
        encode_response(b"\0anna@a\x1bb\0secret"),
        encode_response(b"\0anna@" + b"x" * 65 + b"\0secret"),
        encode_response(b"\0anna\0\xff\xfe"),
        encode_response(b"\0\xff\0secret"),
    ],
)
def test_anything_else_fails_with_904(chunk: str) -> None:
    with pytest.raises(SaslError) as caught:
        run_exchange([chunk])
    assert not caught.value.too_long


def chunk_lengths(secret_length: int) -> list[int]:
    return [len(chunk) for chunk in encode_plain("anna", "x" * secret_length)]


def test_a_response_is_cut_at_400_and_a_full_last_chunk_is_followed_by_plus() -> None:
    # 6 bytes of NULs and name; 300 bytes make 400 characters.
    assert chunk_lengths(291) == [396]
    assert chunk_lengths(292) == [400, 1]
    assert chunk_lengths(294) == [400, 1]
    assert chunk_lengths(295) == [400, 4]
    assert chunk_lengths(594) == [400, 400, 1]
    assert chunk_lengths(1024) == [400, 400, 400, 176]
    assert encode_plain("anna", "x" * 294)[-1] == "+"


@pytest.mark.parametrize("length", [1, 290, 291, 292, 293, 294, 295, 296, 593, 594, 595, 1024, 6000])
def test_a_secret_of_any_length_arrives_whole(length: int) -> None:
    secret = "x" * length
    assert run_exchange(encode_plain("anna@phone", secret)) == Credentials("anna", "phone", secret)


printable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=400)


@given(st.from_regex(r"[a-z]{1,32}(@[a-z]{1,8})?", fullmatch=True), printable)
def test_the_two_sides_understand_each_other(user: str, secret: str) -> None:
    account, _, device = user.partition("@")
    assert run_exchange(encode_plain(user, secret)) == Credentials(account, device, secret)


def test_a_full_chunk_alone_is_not_the_end() -> None:
    chunks = encode_plain("anna", "x" * 294)
    exchange = PlainExchange()
    assert exchange.step(chunks[0]) is None
    assert exchange.step("+") == Credentials("anna", "", "x" * 294)


def test_a_chunk_of_401_is_too_long() -> None:
    with pytest.raises(SaslError) as caught:
        PlainExchange().step("A" * 401)
    assert caught.value.too_long


def test_a_response_without_end_is_too_long_at_8192() -> None:
    exchange = PlainExchange()
    for _ in range(20):
        assert exchange.step("A" * 400) is None
    with pytest.raises(SaslError) as caught:
        exchange.step("A" * 400)
    assert caught.value.too_long


@pytest.mark.parametrize(
    ("account", "secret"), [("", "x"), ("anna", ""), ("an\0na", "x"), ("anna", "x\0"), ("\ud800", "x")]
)
def test_what_plain_cannot_carry_is_not_encoded(account: str, secret: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_plain(account, secret)


def test_a_user_name_is_split_at_the_first_at_sign() -> None:
    assert split_user("anna") == ("anna", "")
    assert split_user("anna@phone") == ("anna", "phone")
    assert split_user("anna@a@b") == ("anna", "a@b")


def test_credentials_do_not_show_the_secret() -> None:
    assert "hunter2" not in repr(Credentials("anna", "phone", "hunter2"))


def test_control_base64_read_leniently_would_accept_what_fails_here() -> None:
    assert b64decode("AHRpbQ B0YW5zdGFhZnRhbnN0YWFm\n") == b"\0tim\0tanstaaftanstaaf"


# EXTERNAL


def run_external(chunks: list[str]) -> Credentials | None:
    exchange = ExternalExchange()
    for chunk in chunks[:-1]:
        assert exchange.step(chunk) is None
    return exchange.step(chunks[-1])


@pytest.mark.parametrize(
    ("chunks", "account", "device"),
    [
        (["+"], "", ""),
        ([encode_response(b"anna")], "anna", ""),
        ([encode_response(b"anna@phone")], "anna", "phone"),
        ([encode_response(b"@phone")], "", "phone"),
        ([encode_response(b"a" * 300), "+"], "a" * 300, ""),
        ([encode_response(b"a" * 300), encode_response(b"@x")], "a" * 300, "x"),
        ([encode_response("änna".encode())], "änna", ""),
    ],
)
def test_external_says_whom_to_act_as_or_leaves_it_open(chunks: list[str], account: str, device: str) -> None:
    assert run_external(chunks) == Credentials(account, device, "")


@pytest.mark.parametrize(
    ("chunks", "too_long"),
    [
        (["A" * 401], True),
        (["A" * 400] * 21, True),
        (["!"], False),
        (["YQ"], False),
        ([encode_response(b"\xff")], False),
        ([encode_response(b"anna\0bob")], False),
        ([encode_response(b"anna@\0")], False),
        ([encode_response(b"anna@" + b"d" * 65)], False),
    ],
)
def test_external_refuses_what_is_no_name(chunks: list[str], too_long: bool) -> None:
    with pytest.raises(SaslError) as refused:
        run_external(chunks)
    assert refused.value.too_long is too_long
