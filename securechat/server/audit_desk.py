"""Administrative errands about the audit trail: showing it, and going over it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from securechat.chat.administration import Impossible
from securechat.chat.trail import TrailQuery, TrailRow, Verification, read_head
from securechat.server.auditing import record_of
from securechat.server.node import Node
from securechat.server.requests import Answers, AuditList, AuditVerify, BackupTaken, Result
from securechat.wire.times import format_time

ROWS_AT_ONCE = 500
"""Rows gone over in one turn of the loop: a millisecond or two."""

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class AuditDesk:
    """Carries out what is asked about the audit trail."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def answers(self) -> Answers:
        """Return what answers each kind of request."""
        return {AuditList: self._audit_list, AuditVerify: self._audit_verify, BackupTaken: self._backup_taken}

    async def _audit_list(self, request: AuditList) -> Result:
        query = TrailQuery(request.limit, since=request.since, newest=True)
        trail = await self._node.history.trail(query)
        return {"records": [self._tell(row) for row in trail.rows], "head": str(trail.head)}

    async def _audit_verify(self, request: AuditVerify) -> Result:
        try:
            kept = read_head(request.head) if request.head else None
        except ValueError as error:
            raise Impossible(f"{request.head!r}: {error}") from None
        verification = Verification(kept)
        while True:
            trail = await self._node.history.trail(TrailQuery(ROWS_AT_ONCE, after=verification.head.seq))
            verification.take(trail.rows)
            if len(trail.rows) < ROWS_AT_ONCE:
                break
        faults = verification.conclude(trail.newest)
        return {
            "records": verification.head.seq,
            "head": str(verification.head),
            "faults": [fault._asdict() for fault in faults],
        }

    async def _backup_taken(self, request: BackupTaken) -> Result:
        await self._node.append(lambda: record_of("backup", request.file))
        return {}

    def _tell(self, row: TrailRow) -> dict[str, Any]:
        """Return a record in the words of the trail: when, what was done, to what, by whom."""
        fields = _read(row.body)
        kind = str(fields.pop("type", row.kind))
        what = str(fields.pop("act", "")) or _CAPITAL.sub(" ", kind).lower().replace("sign in", "sign-in")
        return {
            "seq": row.seq,
            "time": _moment(row.time),
            "what": what,
            "target": self._name(fields.pop("target", "") or fields.pop("account", "")),
            "by": self._name(fields.pop("by", "")),
            "detail": str(fields.pop("detail", "")) or _rejection(fields) or _list(fields),
            "address": row.address,
            "hash": row.link.hex(),
        }

    def _name(self, known: object) -> str:
        """Return an account's name for its id, and what is none as it is."""
        account = self._node.world.directory.accounts.get(str(known))
        return str(known) if account is None else account.name


def _moment(time: int) -> str:
    try:
        return format_time(time)
    except (ValueError, OverflowError):
        # Put there by something else than the server: `audit verify` says so.
        return str(time)


def _read(body: str) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body)
    except msgspec.DecodeError:
        fields = None
    return fields if isinstance(fields, dict) else {"body": body}


def _rejection(fields: dict[str, Any]) -> str:
    """Return how often credentials were wrong, and which; "" for fields of another event."""
    count = fields.get("count", 1)
    return f"{fields['how']}, {count} times" if "how" in fields and count != 1 else str(fields.get("how", ""))


def _list(fields: dict[str, Any]) -> str:
    """Return fields as words; what a token was made from helps nobody who reads."""
    told = {key: _word(key, value) for key, value in fields.items() if key != "digest" and value not in ("", [], None)}
    return ", ".join(f"{key} {value}" for key, value in told.items())


def _word(key: str, value: Any) -> str:
    if key == "expires" and isinstance(value, int) and value:
        return _moment(value)
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
