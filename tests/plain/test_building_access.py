"""Who signs in where with what: options before the profile, and a token file that others can read is complained of."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from securechat.client.address import Address
from securechat.client.profile import KnownServer, remember
from securechat.plain.access import build_access

ADDRESS = Address("chat.example")


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token.txt"
    path.touch(0o600)
    path.write_text("secret\n")
    return path


@pytest.fixture
def other_ca(tmp_path: Path) -> Path:
    path = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


def test_what_an_option_says_goes_before_the_profile_and_the_rest_comes_from_it(
    client_home: Path, ca_file: Path, other_ca: Path, token_file: Path
) -> None:
    remember(client_home, ADDRESS, KnownServer("alice", str(other_ca)))
    by_option = build_access(None, ca_file, "bob", from_stdin=False, token_file=token_file)
    assert (by_option.address, by_option.ca, by_option.user, by_option.secret) == (ADDRESS, ca_file, "bob", "secret")
    by_profile = build_access(None, None, None, from_stdin=False, token_file=token_file)
    assert (by_profile.address, by_profile.ca, by_profile.user) == (ADDRESS, other_ca, "alice")
    elsewhere = build_access("other.example", ca_file, "bob", from_stdin=False, token_file=token_file)
    assert (str(elsewhere.address), elsewhere.ca) == ("other.example:6697", ca_file)


@pytest.mark.parametrize(
    ("mode", "told"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o620, True)]
)
def test_a_token_file_that_others_can_read_is_complained_of(
    ca_file: Path, token_file: Path, capsys: pytest.CaptureFixture[str], mode: int, told: bool
) -> None:
    token_file.chmod(mode)
    access = build_access("chat.example", ca_file, "alice", from_stdin=False, token_file=token_file)
    assert access.secret == "secret"
    complaint = f"securechat-client: others can read {token_file}: chmod 600 it\n" if told else ""
    assert capsys.readouterr().err == complaint
    assert "secret" not in repr(access)
