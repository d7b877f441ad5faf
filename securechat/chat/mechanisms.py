"""By which SASL mechanisms one client may sign in: EXTERNAL only where it has shown a certificate. (IRCv3 sasl-3.2)"""

from __future__ import annotations

from securechat.chat.ask import Ask
from securechat.wire.sasl import ExternalExchange, PlainExchange

_EXCHANGES: dict[str, type[PlainExchange] | type[ExternalExchange]] = {
    "PLAIN": PlainExchange,
    "EXTERNAL": ExternalExchange,
}


def offered_to(ask: Ask) -> str | None:
    """Return the value of the capability sasl as this client is shown it, None while it is not offered."""
    value = ask.world.offer.value_of("sasl")
    certificate = ask.session.certificate
    if not value or certificate is None or not certificate.account or "EXTERNAL" in value.split(","):
        return value
    return f"{value},EXTERNAL"


def own_values(ask: Ask) -> dict[str, str]:
    """Return the capabilities whose value this client is shown another one of than others, by name."""
    value = offered_to(ask)
    return {} if value is None else {"sasl": value}


def open_exchange(ask: Ask, mechanism: str) -> PlainExchange | ExternalExchange | None:
    """Begin to sign in by a mechanism; None for one that this client is not offered."""
    if mechanism.upper() not in (offered_to(ask) or "").split(","):
        return None
    exchange = _EXCHANGES.get(mechanism.upper())
    return None if exchange is None else exchange()
