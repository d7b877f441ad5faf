"""The names a certificate is for: host names and IP addresses, in the one form X.509 wants them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from cryptography import x509

from securechat.errors import ConfigError

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LONGEST_HOST = 253
_AMBIGUOUS = frozenset("ß\u03c2\u200c\u200d")
"""What IDNA of 2003 and of 2008 write as different hosts (Unicode UTS #46, 7: deviation characters)."""

SubjectName = x509.DNSName | x509.IPAddress


def parse_names(names: Sequence[str]) -> list[SubjectName]:
    """Read host names (also `*.example.org` and names beyond ASCII) and IP addresses; each once, in their order.

    Raises:
        ConfigError: There is none, or one is neither a host name nor an address.

    """
    parsed = list(dict.fromkeys(_parse_name(name) for name in names))
    if not parsed:
        raise ConfigError("a certificate needs a name: give the host name or address that clients connect to")
    return parsed


def read_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the host names and addresses that a certificate is for, in its own order."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(str(name.value) for name in extension.value if isinstance(name, SubjectName))


def find_missing(wanted: Sequence[str], covered: Sequence[str]) -> list[str]:
    """Return the host names and addresses that a certificate for the names `covered` is not for (RFC 6125, 6.4).

    Raises:
        ConfigError: One of them is neither.

    """
    if not wanted:
        return []
    have = {str(name.value) for name in parse_names(covered)} if covered else set()
    return [str(name.value) for name in parse_names(wanted) if not _is_covered(name, have)]


def constrain_to(names: Sequence[str]) -> x509.NameConstraints:
    """Allow these names, host names with everything below them, and nothing else (RFC 5280, 4.2.1.10).

    Raises:
        ConfigError: As `parse_names`.

    """
    permitted = [_to_subtree(name) for name in parse_names(names)]
    excluded: list[SubjectName] = []
    # A kind of name that is not mentioned at all would be free.
    if not any(isinstance(name, x509.DNSName) for name in permitted):
        excluded.append(x509.DNSName(""))
    if not any(isinstance(name, x509.IPAddress) for name in permitted):
        excluded += [x509.IPAddress(ipaddress.ip_network("0.0.0.0/0")), x509.IPAddress(ipaddress.ip_network("::/0"))]
    return x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=excluded or None)


def find_outside(constraints: x509.NameConstraints, names: Sequence[SubjectName]) -> list[str]:
    """Return the names that `constrain_to` does not allow."""
    permitted = constraints.permitted_subtrees or []
    return [str(name.value) for name in names if not any(_is_within(name, subtree) for subtree in permitted)]


def _parse_name(text: str) -> SubjectName:
    bare = text.strip().removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return _parse_host(text)
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise ConfigError(f"{text!r}: an address with a zone is known on one machine only: give it without %")
    return x509.IPAddress(address)


def _parse_host(text: str) -> x509.DNSName:
    refusal = ConfigError(f"{text!r} is neither a host name nor an IP address: give one like chat.example.org or ::1")
    host = text.strip().rstrip(".").lower()
    if not host.isascii():
        if not _AMBIGUOUS.isdisjoint(host):
            raise ConfigError(f"{text!r}: clients differ on which host that is: give it in its form xn--…")
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise refusal from None
    labels = host.removeprefix("*.").split(".")
    wild_alone = host.startswith("*.") and len(labels) < 2
    if wild_alone or len(host) > _LONGEST_HOST or labels[-1].isdigit():
        raise refusal
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise refusal
    return x509.DNSName(host)


def _is_covered(name: SubjectName, have: set[str]) -> bool:
    text = str(name.value)
    is_host = isinstance(name, x509.DNSName) and not text.startswith("*.")
    return text in have or (is_host and f"*.{text.partition('.')[2]}" in have)


def _to_subtree(name: SubjectName) -> SubjectName:
    if isinstance(name, x509.IPAddress):
        return x509.IPAddress(ipaddress.ip_network(str(name.value)))
    return x509.DNSName(name.value.removeprefix("*."))


def _is_within(name: SubjectName, subtree: x509.GeneralName) -> bool:
    if isinstance(name, x509.DNSName):
        return isinstance(subtree, x509.DNSName) and f".{name.value}".endswith(f".{subtree.value}")
    return isinstance(subtree, x509.IPAddress) and _to_subtree(name) == subtree
