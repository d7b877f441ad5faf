"""Administrative errands about client certificates: what was issued to whom, and what is revoked."""

from __future__ import annotations

from securechat.chat import administration
from securechat.chat.administration import Impossible
from securechat.chat.effects import Append, Entry
from securechat.chat.event import Event
from securechat.chat.server_events import CertificateIssued, CertificateRevoked
from securechat.chat.streams import SERVER
from securechat.server.auditing import current_asker
from securechat.server.node import Node
from securechat.server.requests import (
    Answers,
    CertificateIssue,
    CertificateList,
    CertificateRevoke,
    CertificateSubject,
    Result,
)
from securechat.wire.names import is_device_name
from securechat.wire.times import format_time


class CertificateDesk:
    """Carries out what is asked about client certificates."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def answers(self) -> Answers:
        """Return what answers each kind of request."""
        return {
            CertificateSubject: self._subject,
            CertificateIssue: self._issue,
            CertificateList: self._list,
            CertificateRevoke: self._revoke,
        }

    async def _subject(self, request: CertificateSubject) -> Result:
        account = administration.find_account(self._node.world, request.name)
        return {"id": account.id, "name": account.name}

    async def _issue(self, request: CertificateIssue) -> Result:
        if request.label and not is_device_name(request.label):
            raise Impossible("a device has a name of 1 to 64 bytes without control characters")
        by = current_asker()

        def build() -> Append:
            directory = self._node.world.directory
            account = directory.accounts.get(request.account)
            if account is None or account.deleted:
                raise Impossible("there is no such account any more")
            if request.serial in directory.server.certificates:
                raise Impossible("a certificate with this serial is on record already")
            return _record(CertificateIssued(request.serial, account.id, request.label, request.expires, by))

        await self._node.append(build)
        return {"serial": request.serial}

    async def _list(self, _request: CertificateList) -> Result:
        directory = self._node.world.directory
        revoked, now = directory.server.revoked, self._node.world.clock()
        rows = [
            {
                "serial": each.serial,
                "name": directory.name_of(each.account),
                "device": each.label,
                "state": "revoked" if each.serial in revoked else "expired" if each.expires <= now else "valid",
                "issued": format_time(each.issued),
                "expires": format_time(each.expires),
                "revoked": format_time(revoked[each.serial]) if each.serial in revoked else None,
                "days_left": (each.expires - now) // 86_400_000,
            }
            for each in sorted(directory.server.certificates.values(), key=lambda each: (each.issued, each.serial))
        ]
        foreign = [serial for serial in revoked if serial not in directory.server.certificates]
        return rows + [_foreign_row(serial, revoked[serial]) for serial in foreign]

    async def _revoke(self, request: CertificateRevoke) -> Result:
        by = current_asker()

        def build() -> Append | None:
            server = self._node.world.directory.server
            if request.serial not in server.certificates and not request.foreign:
                raise Impossible(
                    f"no certificate {request.serial} is on record; `cert list` shows all, or name its file"
                )
            return None if request.serial in server.revoked else _record(CertificateRevoked(request.serial, by))

        await self._node.append(build)
        issued = self._node.world.directory.server.certificates.get(request.serial)
        name = "" if issued is None else self._node.world.directory.name_of(issued.account)
        return {"serial": request.serial, "name": name}


def _foreign_row(serial: str, revoked: int) -> dict[str, object]:
    nothing = dict.fromkeys(("issued", "expires", "days_left"))
    return {"serial": serial, "name": "", "device": "", "state": "revoked", "revoked": format_time(revoked), **nothing}


def _record(event: Event) -> Append:
    return Append((Entry(SERVER, event),))
