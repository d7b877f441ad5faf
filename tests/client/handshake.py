"""The bytes of a sign-in, and sessions that have come so far."""

from __future__ import annotations

from base64 import b64encode

from securechat.client.session import ClientSession
from securechat.client.signin import Phase

NOW = 1_700_000_000_000
LS = (
    b":irc.test CAP * LS :sasl=PLAIN server-time message-tags echo-message batch labeled-response "
    b"draft/chathistory securechat.internal/once away-notify\r\n"
)
ACK = (
    b":irc.test CAP * ACK :sasl server-time message-tags echo-message batch labeled-response draft/chathistory "
    b"securechat.internal/once\r\n"
)
REQ = (
    b"CAP REQ :sasl server-time message-tags echo-message batch labeled-response draft/chathistory "
    b"securechat.internal/once away-notify\r\n"
)
RESPONSE = b64encode(b"\0alice\0opensesame")


def make_session() -> ClientSession:
    return ClientSession("alice", "opensesame", lambda: NOW)


def sign_in() -> ClientSession:
    session = make_session()
    session.receive(LS)
    session.receive(ACK + b"AUTHENTICATE +\r\n:irc.test 903 alice :ok\r\n")
    session.receive(
        b":irc.test 001 Alice :Welcome\r\n:irc.test 005 Alice CHATHISTORY=50 :are\r\n:irc.test 422 Alice :-\r\n"
    )
    session.outgoing()
    assert session.phase is Phase.ACTIVE
    return session
