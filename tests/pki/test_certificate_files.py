from __future__ import annotations

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from securechat.errors import ConfigError
from securechat.pki import authority, files
from securechat.pki.pairs import renewal_due, require_servable
from securechat.pki.pem import load_certificate
from tests.pki.handshake import NAMES, NOW, STRICT, read_all, shake


def test_init_makes_four_files_whose_keys_are_private_even_with_umask_0(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        written = authority.init(tmp_path / "pki", NAMES, now=NOW)
    finally:
        os.umask(before)
    assert sorted(path.name for path in written) == ["ca.key", "ca.pem", "server.key", "server.pem"]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "pki").iterdir()}
    assert modes == {"ca.key": 0o600, "ca.pem": 0o644, "server.key": 0o600, "server.pem": 0o644}
    assert stat.S_IMODE((tmp_path / "pki").stat().st_mode) == 0o700


def test_init_prints_nothing_and_a_second_time_changes_nothing(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = read_all(made)
    assert authority.init(made, NAMES, now=NOW) == []
    assert read_all(made) == before
    assert capfd.readouterr() == ("", "")


def test_init_with_other_names_keeps_the_authority_and_its_clients(made: Path) -> None:
    before = read_all(made)
    written = authority.init(made, ["new.example.org"], now=NOW)
    assert sorted(path.name for path in written) == ["server.key", "server.pem"]
    after = read_all(made)
    assert (after["ca.pem"], after["ca.key"]) == (before["ca.pem"], before["ca.key"])
    assert shake(made, "new.example.org") == "TLSv1.3"


@pytest.mark.parametrize("files_left", [["ca.key"], ["ca.key", "ca.pem"], ["ca.key", "ca.pem", "server.key"]])
def test_init_goes_on_where_a_crash_cut_it_short(made: Path, files_left: list[str]) -> None:
    before = read_all(made)
    for path in list(made.iterdir()):
        if path.name not in files_left:
            path.unlink()
    authority.init(made, NAMES, now=NOW)
    assert shake(made, "chat.example.org", flags=STRICT) == "TLSv1.3"
    after = read_all(made)
    assert [name for name in ("ca.key", "ca.pem") if after[name] != before[name]] == (
        ["ca.pem"] if files_left == ["ca.key"] else []
    )


def test_a_lost_ca_certificate_made_again_from_its_key_locks_nobody_out(made: Path, tmp_path: Path) -> None:
    (made / "ca.pem").rename(tmp_path / "old-ca.pem")
    (made / "server.pem").unlink()
    authority.init(made, NAMES, now=NOW)
    assert shake(made, "chat.example.org", ca=tmp_path / "old-ca.pem", flags=STRICT) == "TLSv1.3"


def test_names_are_judged_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        authority.init(tmp_path / "pki", ["no name"], now=NOW)
    with pytest.raises(ConfigError):
        authority.init(tmp_path / "pki", ["a.org"], now=NOW, constrain=["b.org"])
    assert list(tmp_path.iterdir()) == []


BROKEN = [
    ("ca.key", None, "ca.key: is missing: put it back, or run `securechat-admin cert init`"),
    ("ca.key", b"rubbish", "ca.key: is not a private key in PEM without a passphrase: put the right one back"),
    ("ca.key", "server.key", "ca.key: is not the key of ca.pem: put the right one back"),
    ("ca.pem", b"", "ca.pem: is not a certificate in PEM: put the right file back, or move it away"),
    ("server.pem", b"rubbish", "server.pem: is not a certificate in PEM: put the right file back, or move it away"),
]


@pytest.mark.parametrize(("name", "instead", "line"), BROKEN)
def test_what_is_broken_is_one_plain_line_and_nothing_is_touched(
    made: Path, name: str, instead: bytes | str | None, line: str
) -> None:
    if instead is None:
        (made / name).unlink()
    else:
        (made / name).write_bytes((made / instead).read_bytes() if isinstance(instead, str) else instead)
    before = read_all(made)
    for attempt in (
        lambda: authority.init(made, ["another.example.org"], now=NOW),
        lambda: authority.renew(made, NOW, force=True),
    ):
        with pytest.raises(ConfigError) as refused:
            attempt()
        assert str(refused.value) == f"{made}/{line}"
    assert read_all(made) == before


def test_the_key_of_the_authority_may_be_away_while_nothing_is_to_be_signed(made: Path, tmp_path: Path) -> None:
    (made / "ca.key").rename(tmp_path / "in-the-safe")
    before = read_all(made)
    assert authority.init(made, NAMES, now=NOW) == []
    assert authority.renew(made, NOW) is False
    for sign in (
        lambda: authority.init(made, [*NAMES, "another.example.org"], now=NOW),
        lambda: authority.renew(made, NOW, force=True),
        lambda: authority.renew(made, NOW + timedelta(days=61)),
    ):
        with pytest.raises(ConfigError, match=r"ca\.key: is missing: put it back"):
            sign()
    assert read_all(made) == before


def start(directory: Path) -> None:
    """Look at a directory's certificates as a server does that starts."""
    authority.init(directory, NAMES, now=NOW)
    require_servable(directory / "server.pem", directory / "server.key", NOW)


@pytest.mark.parametrize("name", ["ca.key", "server.key"])
def test_a_key_that_others_can_read_is_refused(made: Path, name: str) -> None:
    (made / name).chmod(0o604)
    path = made / name
    with pytest.raises(ConfigError) as refused:
        start(made)
    assert str(refused.value) == f"{path}: others may read or change this private key (mode 0604): chmod 600 {path}"


def test_a_leaf_is_no_authority(made: Path) -> None:
    (made / "ca.pem").write_bytes((made / "server.pem").read_bytes())
    (made / "ca.key").write_bytes((made / "server.key").read_bytes())
    with pytest.raises(ConfigError, match=r"ca\.pem: is not the certificate of an authority"):
        authority.Authority.load(made)


def test_a_directory_in_the_place_of_a_file_is_one_plain_line(made: Path) -> None:
    (made / "ca.key").unlink()
    (made / "ca.key").mkdir()
    with pytest.raises(ConfigError, match=r"ca\.key: cannot be read \(Is a directory\): check its owner and mode"):
        authority.Authority.load(made)


def test_a_certificate_from_elsewhere_is_never_replaced(made: Path, tmp_path: Path) -> None:
    authority.init(tmp_path / "other", NAMES, now=NOW)
    for name in ("server.pem", "server.key"):
        (made / name).write_bytes((tmp_path / "other" / name).read_bytes())
    before = read_all(made)
    with pytest.raises(ConfigError, match=r"server\.pem: is not from this ca\.pem"):
        authority.init(made, NAMES, now=NOW)
    with pytest.raises(ConfigError, match=r"server\.pem: is not from this ca\.pem"):
        authority.renew(made, NOW, force=True)
    (made / "ca.pem").unlink()
    (made / "ca.key").unlink()
    with pytest.raises(ConfigError, match=r"server\.pem: is not from this ca\.pem"):
        authority.init(made, NAMES, now=NOW)
    assert read_all(made) == {name: before[name] for name in ("server.pem", "server.key")}


def test_issue_writes_a_pair_elsewhere_and_replaces_none(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = read_all(made)
    written = authority.issue(made, ["irc.example.org"], out=out, now=NOW, days=7)
    assert written == [out / "server.pem", out / "server.key"]
    assert stat.S_IMODE((out / "server.key").stat().st_mode) == 0o600
    assert shake(out, "irc.example.org", ca=made / "ca.pem") == "TLSv1.3"
    assert authority.facts(out / "server.pem", now=NOW - timedelta(hours=1)).days_left == 7
    issued = read_all(out)
    with pytest.raises(ConfigError, match=r"server\.pem: exists already"):
        authority.issue(made, ["irc.example.org"], out=out, now=NOW)
    assert read_all(out) == issued
    assert read_all(made) == before


# Renewal


def test_renewal_is_due_at_two_thirds_of_the_life(tmp_path: Path) -> None:
    born = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
    authority.init(tmp_path, NAMES, now=born)
    leaf = load_certificate(tmp_path / "server.pem")
    # From 1 January 00:00 to 1 April 00:05: 90 days and 5 minutes, of which two thirds are 60 days and 200 s.
    assert not renewal_due(leaf, datetime(2026, 3, 2, 0, 3, 19, tzinfo=UTC))
    assert renewal_due(leaf, datetime(2026, 3, 2, 0, 3, 20, tzinfo=UTC))


def test_renew_does_nothing_until_it_is_due_or_forced(made: Path) -> None:
    before = read_all(made)
    assert authority.renew(made, NOW + timedelta(days=59)) is False
    assert read_all(made) == before
    assert authority.renew(made, NOW, force=True) is True
    assert read_all(made) != before


def test_a_renewed_certificate_has_the_same_names_and_authority_and_all_else_new(made: Path) -> None:
    before, old = read_all(made), authority.facts(made / "server.pem", now=NOW)
    old_leaf = load_certificate(made / "server.pem")
    later = NOW + timedelta(days=61)
    assert authority.renew(made, later) is True
    after, new = read_all(made), authority.facts(made / "server.pem", now=later)
    assert (after["ca.pem"], after["ca.key"]) == (before["ca.pem"], before["ca.key"])
    assert after["server.key"] != before["server.key"]
    assert load_certificate(made / "server.pem").public_key() != old_leaf.public_key()
    assert new.names == old.names == ("chat.example.org", "127.0.0.1", "::1")
    assert new.issuer == old.issuer
    assert new.not_after - old.not_after == timedelta(days=61)
    assert stat.S_IMODE((made / "server.key").stat().st_mode) == 0o600


def test_clients_accept_a_renewed_certificate_by_the_ca_they_have(made: Path) -> None:
    authority.renew(made, NOW, force=True)
    assert shake(made, "chat.example.org", flags=STRICT) == "TLSv1.3"


def test_a_crash_between_key_and_certificate_is_seen_and_mended(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Crash(BaseException):
        pass

    real = Path.replace

    def crash_at_the_certificate(self: Path, target: Path) -> Path:
        if target.name == "server.pem":
            raise Crash
        return real(self, target)

    before = read_all(made)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash_at_the_certificate)
        with pytest.raises(Crash):
            authority.renew(made, NOW, force=True)
    assert read_all(made)["server.pem"] == before["server.pem"]
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        shake(made, "chat.example.org")
    assert authority.renew(made, NOW) is True
    assert shake(made, "chat.example.org") == "TLSv1.3"


def test_a_full_disk_during_renewal_leaves_a_pair_that_works(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_all(made)
    real = files._write_new

    def fill_up(path: Path, data: bytes, mode: int) -> None:
        if "server.pem" in path.name:
            raise OSError(28, "No space left on device")
        real(path, data, mode)

    monkeypatch.setattr(files, "_write_new", fill_up)
    with pytest.raises(ConfigError, match="No space left on device"):
        authority.renew(made, NOW, force=True)
    assert read_all(made) == before
    assert shake(made, "chat.example.org") == "TLSv1.3"
