"""A backup file that somebody made to do harm, or that the way here has harmed, is refused, and nothing leaves its directory."""

from __future__ import annotations

import contextlib
import io
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from securechat.errors import SecurechatError
from securechat.storage import archive
from securechat.storage.archive import ArchiveWriter, BadArchiveError, Head, Manifest, unpack, written_whole

DATABASE = "chat.db"


def ignore(_bytes: int) -> None:
    """Draw no bar."""


def make(path: Path, files: dict[str, bytes] | None = None, version: int = 1) -> Path:
    """Write a backup as we do."""
    files = {"ca.pem": b"a certificate", DATABASE: b"x" * 100_000} if files is None else files
    with written_whole(path) as file:
        writer = ArchiveWriter(file, ignore)
        for name, content in files.items():
            writer.add(name, io.BytesIO(content), len(content))
        writer.finish(Manifest(version, "1.0", 4, "2026-01-01T00:00:00.000Z", writer.members, {"c/x": Head(3, 1000)}))
    return path


def out(tmp_path: Path) -> Path:
    directory = tmp_path / "outer" / "out"
    directory.mkdir(parents=True)
    return directory


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path, directory = make(tmp_path / "b.tar"), out(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    manifest = unpack(path, directory, [DATABASE])
    assert manifest.streams == {"c/x": Head(3, 1000)}
    assert {each.name: each.read_bytes() for each in directory.iterdir()} == {
        "ca.pem": b"a certificate",
        DATABASE: b"x" * 100_000,
    }
    assert {each.stat().st_mode & 0o777 for each in directory.iterdir()} == {0o600}
    # Anybody can read what is in it.
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["ca.pem", DATABASE, "manifest.json"]


def tampered(change: Callable[[tarfile.TarInfo], None], name: str = "ca.pem") -> Callable[[Path], Path]:
    """Return what writes an archive whose first member was changed."""

    def write(path: Path) -> Path:
        with tarfile.open(path, "w") as tar:
            entry = tarfile.TarInfo(name)
            entry.size = 5
            change(entry)
            tar.addfile(entry, io.BytesIO(b"1" * entry.size))
            text = msgspec.json.encode(Manifest(1, "1", 4, "", [], {}))
            end = tarfile.TarInfo("manifest.json")
            end.size = len(text)
            tar.addfile(end, io.BytesIO(text))
        return path

    return write


def become(**fields: object) -> Callable[[tarfile.TarInfo], None]:
    def change(entry: tarfile.TarInfo) -> None:
        for field, value in fields.items():
            setattr(entry, field, value)

    return change


HOSTILE = {
    "an absolute path": become(name="/tmp/evil.pem"),
    "a way up": become(name="../evil.pem"),
    "a way up and down": become(name="x/../../evil.pem"),
    "a directory": become(type=tarfile.DIRTYPE, size=0),
    "a file in a directory": become(name="sub/ca.pem"),
    "a symbolic link": become(type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0),
    "a hard link": become(type=tarfile.LNKTYPE, linkname="/etc/passwd", size=0),
    "a device": become(type=tarfile.CHRTYPE, size=0),
    "a pipe": become(type=tarfile.FIFOTYPE, size=0),
    "a sparse file": become(type=tarfile.GNUTYPE_SPARSE),
    "an unknown name": become(name="authorized_keys"),
    "a hidden name": become(name=".bashrc.pem"),
    "a control character": become(name="a\n.pem"),
    "a large setting": become(size=archive.LARGEST_SMALL + 1),
    "nobody has told of it": become(),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_nothing_is_taken_from_a_strange_archive(tmp_path: Path, attack: str) -> None:
    path, directory = tampered(HOSTILE[attack])(tmp_path / "b.tar"), out(tmp_path)
    with pytest.raises(BadArchiveError) as caught:
        unpack(path, directory, [DATABASE])
    assert "\n" not in str(caught.value)
    assert [each.name for each in directory.iterdir()] in ([], ["ca.pem"])
    assert [each.name for each in directory.parent.iterdir()] == ["out"]


def test_a_name_that_is_there_twice_a_missing_file_and_a_newer_format_are_refused(tmp_path: Path) -> None:
    twice = make(tmp_path / "twice.tar", {"a.pem": b"1"})
    content = twice.read_bytes()
    (tmp_path / "twice.tar").write_bytes(content[:1024] + content)
    missing = make(tmp_path / "missing.tar")
    (tmp_path / "missing.tar").write_bytes(missing.read_bytes()[1024:])
    newer = make(tmp_path / "newer.tar", version=2)
    for path, words in ((twice, "is there twice"), (missing, "'ca.pem' is missing"), (newer, "newer securechat")):
        directory = tmp_path / f"{path.name}.d"
        directory.mkdir()
        with pytest.raises(BadArchiveError, match=words):
            unpack(path, directory, [DATABASE])


def test_one_changed_byte_is_found_and_so_is_a_file_that_was_cut_short_anywhere(tmp_path: Path) -> None:
    whole = make(tmp_path / "b.tar").read_bytes()
    end = whole.rindex(b"}") + 1
    broken = tmp_path / "broken.tar"
    cases = [whole[:place] for place in (0, 1, 511, 512, 700, 50_000, end - 1)]
    cases += [whole[:place] + b"!" + whole[place + 1 :] for place in (515, 2000, 60_000)]
    for number, content in enumerate(cases):
        broken.write_bytes(content)
        directory = tmp_path / str(number)
        directory.mkdir()
        with pytest.raises(BadArchiveError):
            unpack(broken, directory, [DATABASE])


def test_whatever_the_bytes_are_it_is_an_error_made_on_purpose(tmp_path: Path) -> None:
    whole = make(tmp_path / "b.tar", {"ca.pem": b"a certificate", DATABASE: b"x" * 2000}).read_bytes()
    chance, broken = random.Random(6), tmp_path / "broken.tar"
    for number in range(2000):
        content = bytearray(whole[: 8 * 512])
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        broken.write_bytes(content)
        directory = tmp_path / f"d{number}"
        directory.mkdir()
        with contextlib.suppress(SecurechatError):
            unpack(broken, directory, [DATABASE])


def header(kind: bytes, size: bytes, content: bytes = b"") -> bytes:
    """Write a header of this type, with whatever stands where the size of what follows does."""
    entry = bytearray(tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT))
    entry[124:136], entry[156:157] = size, kind
    entry[148:156] = b" " * 8
    entry[148:156] = b"%06o\0 " % sum(entry)
    return bytes(entry) + content + b"\0" * (-len(content) % 512)


def remark(text: bytes) -> bytes:
    """Write a header that says more of the next one (pax)."""
    return header(b"x", b"%011o\0" % len(text), text)


def large(size: int) -> bytes:
    return b"\x80" + size.to_bytes(11, "big")


STRANGE_HEADERS = {
    "more than a number holds": header(b"x", large(1 << 80)),
    "more than there is memory": header(b"L", large(1 << 62)),
    "for all that follows": header(b"g", large(1 << 40)),
    "a remark of endless length": remark(b"9" * 480 + b" a=b\n"),
    "sparse, of no numbers": remark(b"22 GNU.sparse.map=1,x\n"),
    "sparse, without a size": remark(b"21 GNU.sparse.size=z\n"),
    "one in another, for ever": header(b"x", b"%011o\0" % 0) * 2000,
}


@pytest.mark.parametrize("attack", STRANGE_HEADERS)
def test_a_header_that_lies_of_a_size_is_refused_before_memory_is_taken_for_it(tmp_path: Path, attack: str) -> None:
    whole = make(tmp_path / "whole.tar").read_bytes()
    path, directory = tmp_path / "b.tar", out(tmp_path)
    path.write_bytes(STRANGE_HEADERS[attack] + whole)
    with pytest.raises(BadArchiveError, match="is no backup, or a damaged one"):
        unpack(path, directory, [DATABASE])
    # Control: headers before the first file are no fault by themselves.
    path.write_bytes(remark(b"8 a=bcd\n") + whole)
    unpack(path, directory, [DATABASE])


def fail_half_way(path: Path) -> None:
    with written_whole(path) as file:
        file.write(b"abc")
        raise ValueError("half")


def test_of_a_file_that_could_not_be_written_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="half"):
        fail_half_way(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
