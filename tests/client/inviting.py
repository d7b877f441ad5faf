"""A scripted server that takes invitations and hands out a CA; every byte that it is sent is kept."""

from __future__ import annotations

import asyncio

import trustme

from tests.client.fakeserver import CAPS, FakeServer, Guest

CODE = "aaaqeayeaudaocajbifqydiob4"
"""The token of an invitation."""


class InvitingServer(FakeServer):
    """Takes CODE as often as `uses` says; `fixed` is the only name that it is for, where it is for one.

    authority_page: what is answered to GET, None for 404. mute: VERIFY is done and never answered; cut: done, then the link is cut.
    refusal_to_register, refusal_to_verify: the answer instead. takes_invitations: the capability is offered.
    """

    def __init__(self, authority: trustme.CA, names: tuple[str, ...] = ("localhost", "127.0.0.1")) -> None:
        super().__init__(authority, names)
        self.context.set_alpn_protocols(["irc", "http/1.1"])
        self.authority_page: bytes | None = authority.cert_pem.bytes()
        self.uses = 1
        self.fixed = ""
        self.mute = self.cut = False
        self.takes_invitations = True
        self.refusal_to_register = self.refusal_to_verify = ""
        self.redeemed: list[str] = []
        self.asked: dict[int, tuple[str, str]] = {}
        self.told = asyncio.Event()

    def _on_get(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        body = self.authority_page if params[0] == "/ca.pem" else None
        if body is None:
            guest.writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        else:
            guest.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def _on_cap(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        if params[0] == "LS" and self.takes_invitations:
            guest.tell(f":irc.test CAP * LS * :{CAPS}", ":irc.test CAP * LS :draft/account-registration=before-connect")
            return
        super()._on_cap(guest, params, tags)

    def _on_user(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        if guest.nick:
            super()._on_user(guest, params, tags)

    def _on_register(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        self.asked[id(guest)] = (params[0], params[2])
        guest.tell(self.refusal_to_register or f"REGISTER VERIFICATION_REQUIRED {params[0]} :Give the code")

    def _on_verify(self, guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        name, secret = self.asked[id(guest)]
        refusal = self.refusal_to_verify or self._refuse(name, params[1])
        if refusal:
            guest.tell(refusal)
            return
        self.uses -= 1
        self.passwords[name] = "none"
        self.tokens[secret] = name
        self.redeemed.append(name)
        self.told.set()
        if self.cut:
            guest.cut()
        elif not self.mute:
            guest.tell(f"VERIFY SUCCESS {name} :Welcome", f":irc.test 900 {name} * {name} :You are now logged in")

    def _refuse(self, name: str, code: str) -> str:
        if code != CODE or not self.uses:
            return f"FAIL VERIFY INVALID_CODE {name} :That code is not valid"
        if self.fixed and name != self.fixed:
            return f"FAIL VERIFY NAME_FIXED {name} {self.fixed} :This invitation is for another name"
        if name in self.passwords:
            return f"FAIL VERIFY ACCOUNT_EXISTS {name} :That name is taken"
        return ""
