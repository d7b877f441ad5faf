"""What happens to the server as a whole: the events of the stream `streams.SERVER`, which are the audit trail.

They are tied into a chain by their storage, so that a record that was changed afterwards shows.
"""

from __future__ import annotations

from typing import ClassVar, Final

from securechat.chat.event import Event

KILL: Final = "kill"
"""The act that closes every connection of somebody: it is carried out when it is on record, and not before."""


class Administered(Event, frozen=True):
    """Somebody did an administrative act that the events of no account or channel tell all of.

    act: its stable name, as `user disable`. target: the account, channel or device it was done to, as it was called.
    by: the account id of an administrator, or `local:<user>` for one on the server's own machine.
    """

    act: str
    target: str = ""
    by: str = ""
    detail: str = ""


class SignInRejected(Event, frozen=True):
    """Credentials were wrong, `count` times within a minute.

    account: the id of the account whose name was given, empty where there is none of that name: what was typed is never
    kept, for people type passwords there. how: by `password`, `token`, ...; `several` where more were rejected than are
    told one by one. address: from where; not in the record, but beside it for a time.
    """

    secret_fields: ClassVar[tuple[str, ...]] = ("address",)

    account: str
    how: str
    count: int = 1
    address: str = ""


class InvitationMade(Event, frozen=True):
    """Whoever has the token can make an account, or (`account`, an id) reset that one's secrets.

    digest: SHA-256 of the token (hex), which cannot be turned back into 128 random bits. expires: ms since 1970.
    role, channels: what the account gets besides what every account does. name: the only one it may have, "" for any.
    by: as in `Administered`.
    """

    id: str
    digest: str
    role: str = "member"
    channels: tuple[str, ...] = ()
    uses: int = 1
    expires: int = 0
    name: str = ""
    account: str = ""
    by: str = ""


class InvitationRevoked(Event, frozen=True):
    """The invitation of this id opens nothing any more; `by` as in `Administered`."""

    id: str
    by: str = ""


class InvitationUsed(Event, frozen=True):
    """An account (id) was made, or reset, by an invitation, which has one use less."""

    id: str
    account: str


class CertificateIssued(Event, frozen=True):
    """Our CA has signed a certificate by which a client signs in as an account.

    serial: lower-case hexadecimal. account: its id. label: what the device is called. expires: ms since 1970.
    """

    serial: str
    account: str
    label: str = ""
    expires: int = 0
    by: str = ""


class CertificateRevoked(Event, frozen=True):
    """A client certificate, of whatever CA, opens nothing any more."""

    serial: str
    by: str = ""

    @property
    def restricts(self) -> bool:
        """Connections that showed it end."""
        return True
