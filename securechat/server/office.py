"""Administrative errands on a node: what the admin tool asks for, over the control socket or in its own process."""

from __future__ import annotations

import msgspec
import structlog

from securechat.errors import SecurechatError
from securechat.server.audit_desk import AuditDesk
from securechat.server.auditing import asked_by
from securechat.server.certificate_desk import CertificateDesk
from securechat.server.channel_desk import ChannelDesk
from securechat.server.invitation_desk import InvitationDesk
from securechat.server.node import Node
from securechat.server.people_desk import PeopleDesk
from securechat.server.requests import Answers, Request, Result
from securechat.server.settings_desk import Running, SettingsDesk

log = structlog.get_logger()


class Office:
    """Carries out requests on one node, each at the desk that is there for it.

    running: the server around the node, where there is one.
    """

    def __init__(self, node: Node, running: Running | None = None) -> None:
        self._answers: Answers = {
            **PeopleDesk(node).answers(),
            **InvitationDesk(node).answers(),
            **ChannelDesk(node).answers(),
            **CertificateDesk(node).answers(),
            **AuditDesk(node).answers(),
            **SettingsDesk(running).answers(),
        }

    async def perform(self, request: Request) -> Result:
        """Carry out a request.

        Raises: SecurechatError with a text for the administrator.
        """
        return await self._answers[type(request)](request)


_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


async def answer_request(office: Office, line: bytes, by: str = "") -> bytes:
    """Carry out a request given as one line of JSON, and return the answer as one: `{"result": …}` or `{"error": …}`.

    by: who asks, as the audit trail has it.
    """
    try:
        with asked_by(by):
            result = await office.perform(_decoder.decode(line))
    except SecurechatError as error:
        return msgspec.json.encode({"error": str(error)}) + b"\n"
    except msgspec.MsgspecError as error:
        text = f"the server does not understand this ({error}); restart it if it is older than the admin tool"
        return msgspec.json.encode({"error": text}) + b"\n"
    except Exception:
        log.exception("internal error in a control request")
        return msgspec.json.encode({"error": "internal error; the server's log says more"}) + b"\n"
    return msgspec.json.encode({"result": result}) + b"\n"
