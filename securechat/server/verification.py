"""Checking credentials off the loop: what a client that signs in has shown, or one that changes its password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from securechat.auth.passwords import Overloaded
from securechat.auth.tokens import digest_token, is_token
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Entry, Purpose, Verify
from securechat.chat.events import PasswordRehashed
from securechat.chat.ports import AccountState, Lane, Submission
from securechat.chat.signin import Conclusion
from securechat.chat.streams import account_stream
from securechat.server.errand import Errand

if TYPE_CHECKING:
    from securechat.server.node import Node

log = structlog.get_logger()

_BY_PASSWORD = {Purpose.PASSWD, Purpose.DELETE}
"""What a token does not do: whoever finds a device must not be able to take the account away."""


class Verification:
    """Checks credentials for one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def verify(self, verify: Verify) -> Conclusion:
        """Check credentials: a token by its digest, a password by the same work whether the account exists or not."""
        if is_token(verify.secret):
            return self._verify_token(verify)
        try:
            return await self._verify_password(verify)
        except Overloaded:
            log.warning("password queue is full", waiting=self._node.passwords.waiting)
            return Conclusion("", busy=True)

    def _verify_token(self, verify: Verify) -> Conclusion:
        found = self._node.world.directory.device_with(digest_token(verify.secret))
        account = self._node.world.directory.account_named(verify.name)
        if found is None or account is None or found[0].id != account.id or verify.purpose in _BY_PASSWORD:
            _note_rejection(account, "token")
            return Conclusion("")
        return Conclusion(account.id, account.enabled, found[1].id)

    async def _verify_password(self, verify: Verify) -> Conclusion:
        while True:
            account = self._node.world.directory.account_named(verify.name)
            # Nobody has the id "": the same read is made in vain, and takes as long.
            verifier, epoch = await self._node.history.verifier("" if account is None else account.id)
            verdict = await self._node.passwords.verify(verifier or None, verify.secret)
            if account is None or not verdict.ok:
                _note_rejection(account, "password")
                return Conclusion("")
            new_verifier = await self._node.passwords.hash(verify.new_secret) if verify.new_secret else ""
            if account.epoch == epoch:
                break
            # The account changed while its password was being checked: what was checked may be revoked.
        if verdict.new_verifier:
            self._store_rehash(account, verdict.new_verifier)
        return Conclusion(account.id, account.enabled, new_verifier=new_verifier)

    def _store_rehash(self, account: AccountState, verifier: str) -> None:
        entry = Entry(account_stream(account.id), PasswordRehashed(verifier=verifier))
        errand = Errand(self._node.loop.create_future())
        self._node.history.submit(Submission(Append((entry,), expects=(epoch_of(account),)), Lane(), errand))


def _note_rejection(account: AccountState | None, by: str) -> None:
    # Never what was typed: people type passwords where the name belongs.
    log.info("sign-in rejected", account=None if account is None else account.name, by=by)
