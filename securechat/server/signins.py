"""What became of credentials that were shown: counted for the metrics, and when they were wrong told to log and audit trail."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog

from securechat.auth.tokens import is_token
from securechat.chat.effects import Purpose, Verify
from securechat.chat.ports import AccountState
from securechat.chat.signin import Conclusion
from securechat.server.rejections import Rejections

if TYPE_CHECKING:
    from securechat.server.node import Node

log = structlog.get_logger()

ACCEPTED, REJECTED, DISABLED, BUSY = "accepted", "rejected", "disabled", "busy"
_HOWS = {Purpose.EXTERNAL: "certificate", Purpose.INVITATION: "invitation"}


class SignIns:
    """Takes note of credentials on one node. tally: how many there were, by result and how, a password say."""

    def __init__(self, node: Node) -> None:
        self.tally: Counter[tuple[str, str]] = Counter()
        self.rejections = Rejections(node.loop, node.append, lambda: node.config.logs.addresses)
        self._node = node

    def note(self, verify: Verify, conclusion: Conclusion, address: str, connection: str) -> None:
        """Take note of what was concluded; `connection`: as logs name it."""
        how = _HOWS.get(verify.purpose) or ("token" if is_token(verify.secret) else "password")
        result = _result_of(conclusion)
        self.tally[result, how] += 1
        if result in (REJECTED, DISABLED):
            account = self._account(verify)
            # Never what was typed: people type passwords where the name belongs.
            name = None if account is None else account.name
            log.info("sign-in rejected", connection=connection, account=name, by=how, result=result)
            self.rejections.note("" if account is None else account.id, how, address)
        elif result == BUSY:
            log.warning("password queue is full", connection=connection, waiting=self._node.passwords.waiting)

    def _account(self, verify: Verify) -> AccountState | None:
        directory = self._node.world.directory
        if verify.purpose is Purpose.INVITATION:
            return None
        if verify.purpose is Purpose.EXTERNAL:
            return None if verify.certificate is None else directory.accounts.get(verify.certificate.account)
        return directory.account_named(verify.name)


def _result_of(conclusion: Conclusion) -> str:
    if conclusion.busy:
        return BUSY
    if not (conclusion.account or conclusion.invitation):
        return REJECTED
    return ACCEPTED if conclusion.enabled else DISABLED
