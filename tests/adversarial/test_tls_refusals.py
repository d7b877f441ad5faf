"""What a client of TLS may offer and does not get, and what a scanner says of a real server with a CA of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.scenario.processes import DEADLINE, Programs, port_of

SSLYZE = Path(__file__).parents[2] / ".cache" / "sslyze" / "bin" / "python"
UNGUARDED = (sys.executable, "-m", "tests.adversarial.unguarded", "tls-groups")
OPENSSL = shutil.which("openssl") or ""
needs_openssl = pytest.mark.skipif(not OPENSSL, reason="openssl is not there")
needs_sslyze = pytest.mark.skipif(not SSLYZE.exists(), reason="sslyze is not there: tests/adversarial/install gets it")

ATTEMPTS = {
    "TLS 1.2": ["-tls1_2"],
    "TLS 1.1": ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
    "P-521": ["-groups", "P-521"],
    "P-384": ["-groups", "P-384"],
    "X448": ["-groups", "X448"],
    "ffdhe2048": ["-groups", "ffdhe2048"],
    "ffdhe8192": ["-groups", "ffdhe8192"],
}
"""Each with what a client of OpenSSL's has to be told to offer nothing else."""
REASONS = {
    "not trusted by the public": "the server's CA is its own: clients trust it by its pin, or by the file",
    "chain contains its anchor": "clients that are given the pin alone have the CA from the handshake",
    "group secp256r1": "the one group left where Python cannot name X25519 (securechat.server.tls, OLDER_GROUP)",
}
"""Findings that are known, each with why it stays. Any other is a failure."""


def connects(port: int, offered: Sequence[str]) -> bool:
    """Tell whether a handshake with such an offer ends well."""
    command = [OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", *offered]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=DEADLINE)
    return done.returncode == 0


@needs_openssl
@pytest.mark.parametrize("program", [(), UNGUARDED], ids=["guarded", "control"])
def test_old_versions_and_costly_groups_are_refused(
    programs: Programs, tmp_path: Path, program: tuple[str, ...]
) -> None:
    """Attack: handshakes that offer one version or group alone. Expected: each fails. Control: Python's own groups."""
    options = {"program": program} if program else {}
    port = port_of(programs.server(tmp_path / "data", **options).wait_ready()[0])  # type: ignore[arg-type]
    assert connects(port, ["-tls1_3"])
    got_in = {name for name, offered in ATTEMPTS.items() if connects(port, offered)}
    if program:
        assert {"P-521", "X448", "ffdhe2048"} <= got_in
        assert "TLS 1.2" not in got_in
    else:
        assert got_in == set()


def scan(programs: Programs, directory: Path, program: tuple[str, ...] = (), settings: str = "") -> set[str]:
    """Run sslyze against a server; return what it finds, in words of ours."""
    data, report, config = directory / "data", directory / "report.json", directory / "config.toml"
    config.write_text(settings)
    options = {"program": program} if program else {}
    server = programs.server(data, "--config", str(config), **options)  # type: ignore[arg-type]
    address = f"127.0.0.1:{port_of(server.wait_ready()[0])}"
    asked = "certinfo tlsv1 tlsv1_1 tlsv1_2 tlsv1_3 sslv2 sslv3 elliptic_curves reneg robot heartbleed openssl_ccs"
    asked += " compression fallback early_data"
    command = [str(SSLYZE), "-m", "sslyze", *(f"--{name}" for name in asked.split()), "--quiet"]
    command += ["--certinfo_ca_file", str(data / "ca.pem"), "--mozilla_config", "disable", "--sni", "localhost"]
    subprocess.run([*command, "--json_out", str(report), address], capture_output=True, timeout=50)
    (result,) = json.loads(report.read_text())["server_scan_results"]
    parts = {name: part for name, part in result["scan_result"].items() if part["status"] != "NOT_SCHEDULED"}
    assert len(parts) == 15
    assert {part["status"] for part in parts.values()} == {"COMPLETED"}
    return set(findings({name: part["result"] for name, part in parts.items()}))


def findings(parts: dict[str, dict[str, object]]) -> Iterator[str]:
    """Say what is wrong, or might be, in a report of sslyze's."""
    found: dict[str, object] = {
        "compression": parts["tls_compression"]["supports_compression"],
        "early data": parts["tls_1_3_early_data"]["supports_early_data"],
        "CCS injection": parts["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"],
        "heartbleed": parts["heartbleed"]["is_vulnerable_to_heartbleed"],
        "ROBOT": not str(parts["robot"]["robot_result"]).startswith("NOT_VULNERABLE"),
        "no fallback SCSV": not parts["tls_fallback_scsv"]["supports_fallback_scsv"],
        "renegotiation by clients": parts["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"],
        "no secure renegotiation": not parts["session_renegotiation"]["supports_secure_renegotiation"],
    }
    yield from (name for name, is_so in found.items() if is_so)
    yield from (
        f"group {curve['name']}" for curve in parts["elliptic_curves"]["supported_curves"] if curve["name"] != "X25519"
    )  # type: ignore[attr-defined]
    for name in (name for name in parts if name.endswith("_cipher_suites")):
        if parts[name]["is_tls_version_supported"] and name != "tls_1_3_cipher_suites":
            yield str(parts[name]["tls_version_used"])
        for accepted in parts[name]["accepted_cipher_suites"]:  # type: ignore[attr-defined]
            suite = accepted["cipher_suite"]
            if (
                suite["is_anonymous"]
                or suite["key_size"] < 128
                or not suite["name"].endswith(("GCM_SHA256", "GCM_SHA384", "POLY1305_SHA256"))
            ):
                yield f"suite {suite['name']}"
    for deployment in parts["certificate_info"]["certificate_deployments"]:  # type: ignore[attr-defined]
        yield from certificate_findings(deployment)


def certificate_findings(deployment: dict[str, object]) -> Iterator[str]:
    """Say what is wrong with the certificates a server shows."""
    for validation in deployment["path_validation_results"]:  # type: ignore[attr-defined]
        is_ours = validation["trust_store"]["name"] == "Supplied CA file"
        if not validation["was_validation_successful"]:
            yield "not trusted by its own CA" if is_ours else "not trusted by the public"
    if not any(each["was_validation_successful"] for each in deployment["path_validation_results"]):  # type: ignore[attr-defined]
        yield "trusted by nobody"
    for key, name in {
        "verified_chain_has_sha1_signature": "SHA-1",
        "verified_chain_has_legacy_symantec_anchor": "legacy anchor",
        "received_chain_contains_anchor_certificate": "chain contains its anchor",
    }.items():
        if deployment[key]:
            yield name
    if not deployment["received_chain_has_valid_order"]:
        yield "chain out of order"


@needs_sslyze
def test_sslyze_finds_nothing_that_has_no_reason(programs: Programs, tmp_path: Path) -> None:
    """Attack: what a scanner knows. Expected: no finding but those above."""
    assert scan(programs, tmp_path) - set(REASONS) == set()


@needs_sslyze
def test_control_sslyze_finds_what_a_weaker_server_allows(programs: Programs, tmp_path: Path) -> None:
    found = scan(programs, tmp_path, UNGUARDED, "allow_tls12 = true\n")
    assert {"TLS_1_2", "group secp521r1", "group X448"} <= found
