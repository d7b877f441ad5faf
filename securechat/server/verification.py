"""Checking credentials off the loop: what a client that signs in has shown, or one that changes its password."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog

from securechat.auth.pool import Overloaded
from securechat.auth.tokens import digest_token, is_token
from securechat.chat.certificates import fault_of
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Entry, Purpose, Verify
from securechat.chat.events import PasswordRehashed
from securechat.chat.guesses import GuessState
from securechat.chat.ports import AccountState, Lane, Submission
from securechat.chat.signin import Conclusion
from securechat.chat.streams import account_stream
from securechat.server.errand import Errand
from securechat.server.guard import Guard
from securechat.server.redeeming import redeem_code

if TYPE_CHECKING:
    from securechat.server.node import Node

log = structlog.get_logger()

_BY_PASSWORD = {Purpose.PASSWD, Purpose.DELETE}
"""What a token does not do: whoever finds a device must not be able to take the account away."""


class Verification:
    """Checks credentials for one node."""

    def __init__(self, node: Node, guesses: GuessState) -> None:
        self._node = node
        self.guard = Guard(node, guesses)

    async def verify(self, verify: Verify, address: str, connection: str) -> Conclusion:
        """Check credentials that came from an address, and note that its owner was there; connection: as logs name it."""
        conclusion = await self._check(verify, address)
        if conclusion.account and conclusion.enabled and verify.purpose not in _BY_PASSWORD:
            self.guard.throttle.remember(conclusion.account, address)
        self._node.sign_ins.note(verify, conclusion, address, connection)
        return conclusion

    async def _check(self, verify: Verify, address: str) -> Conclusion:
        """Check credentials: a token by its digest, a password by the same work whether the account exists or not."""
        if verify.purpose is Purpose.EXTERNAL:
            return self._verify_certificate(verify)
        if is_token(verify.secret) and verify.purpose is not Purpose.INVITATION:
            return self._verify_token(verify)
        try:
            if verify.purpose is Purpose.INVITATION:
                # 128 random bits are not guessed; a window would let whoever tries keep out who was invited.
                return await redeem_code(self._node, verify)
            return await self._check_password(verify, address)
        except Overloaded:
            return Conclusion("", busy=True)

    async def _check_password(self, verify: Verify, address: str) -> Conclusion:
        account = self._node.world.directory.account_named(verify.name)
        attempt = self.guard.throttle.attempt(
            "" if account is None else account.id, verify.name, address, inside=verify.purpose in _BY_PASSWORD
        )
        check = partial(self._verify_password, verify, first=attempt.is_known)
        return await self.guard.ask(attempt, check)

    def _verify_token(self, verify: Verify) -> Conclusion:
        found = self._node.world.directory.device_with(digest_token(verify.secret))
        account = self._node.world.directory.account_named(verify.name)
        if found is None or account is None or found[0].id != account.id or verify.purpose in _BY_PASSWORD:
            return Conclusion("")
        return Conclusion(account.id, account.enabled, found[1].id)

    def _verify_certificate(self, verify: Verify) -> Conclusion:
        directory = self._node.world.directory
        shown = verify.certificate
        account = None if shown is None else directory.accounts.get(shown.account)
        if shown is None or account is None or account.deleted or self._is_wrong(verify.name, account):
            return Conclusion("")
        if fault_of(shown, directory.server.revoked, self._node.world.clock()) is not None:
            return Conclusion("")
        issued = directory.server.certificates.get(shown.serial)
        return Conclusion(account.id, account.enabled, shown.serial, label="" if issued is None else issued.label)

    def _is_wrong(self, name: str, account: AccountState) -> bool:
        return bool(name) and self._node.world.directory.account_named(name) is not account

    async def _verify_password(self, verify: Verify, *, first: bool) -> Conclusion:
        while True:
            account = self._node.world.directory.account_named(verify.name)
            # Nobody has the id "": the same read is made in vain, and takes as long.
            verifier, epoch = await self._node.history.verifier("" if account is None else account.id)
            verdict = await self._node.passwords.verify(verifier or None, verify.secret, first=first)
            if account is None or not verdict.ok:
                return Conclusion("")
            new_verifier = ""
            if verify.new_secret:
                new_verifier = await self._node.passwords.hash(verify.new_secret, first=first)
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
