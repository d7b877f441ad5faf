"""Nothing that belongs to one installation alone is committed: no private key, no certificate, no token."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import trustme

ROOT = Path(__file__).parents[2]

PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----(?:\\n|\s)+[A-Za-z0-9+/=]{40,}")
TOKEN = re.compile(rb"\bsct_[A-Za-z2-7]{52}\b")
SUFFIXES = {".pem", ".key", ".crt", ".p12", ".pfx", ".der"}


def list_files(checkout: Path) -> list[Path]:
    """Return the files that are committed or would be by the next `git add --all`."""
    command = ["git", "-C", str(checkout), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    run = subprocess.run(command, capture_output=True, timeout=30, check=False)
    if run.returncode != 0:
        pytest.skip(f"not a git checkout: {run.stderr.decode().strip()}")
    paths = (checkout / name for name in sorted(set(run.stdout.decode().split("\0")) - {""}))
    return [path for path in paths if path.is_file()]


def find_secrets(paths: list[Path]) -> list[str]:
    """Return the names of the files that are, or hold, a key, a certificate or a token."""
    return [path.name for path in paths if path.suffix in SUFFIXES or holds_secret(path.read_bytes())]


def holds_secret(content: bytes) -> bool:
    """Tell whether a PEM block or a token stands in the content, also as a string literal of a program."""
    return bool(PEM.search(content) or TOKEN.search(content))


def test_no_key_certificate_or_token_is_committed() -> None:
    files = list_files(ROOT)
    assert ROOT / "pyproject.toml" in files
    assert find_secrets(files) == []


def test_control_secrets_are_found_under_any_name(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("localhost")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True, timeout=30)
    (tmp_path / "a-key.txt").write_bytes(issued.private_key_pem.bytes())
    (tmp_path / "b-cert.txt").write_bytes(issued.cert_chain_pems[0].bytes())
    (tmp_path / "c-literal.py").write_text(f"KEY = {issued.private_key_pem.bytes().decode()!r}\n")
    (tmp_path / "d-token.csv").write_text("alice,sct_" + "a2" * 26 + "\n")
    (tmp_path / "e.pem").write_text("empty\n")
    kind = "PRIVATE KEY"  # Apart, so that this file has no mark of a key in it.
    (tmp_path / "f-prose.md").write_text(f"It begins with -----BEGIN {kind}----- and then the base64.\nsct_short\n")
    found = find_secrets(list_files(tmp_path))
    assert found == ["a-key.txt", "b-cert.txt", "c-literal.py", "d-token.csv", "e.pem"]
