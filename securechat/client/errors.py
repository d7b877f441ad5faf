"""What a client's caller must act on.

SecurechatError
├── NoEntryError
│   └── SignInError    the server knows us and says no: final, no retry; `fault` and `remedy` say more
├── MessageRefused     the server says no to one message: it is not stored
├── DeliveryUnknown    no echo in time: the message may or may not be stored
├── LineTooLong        does not fit into one line, so nothing was sent
└── Unsendable         can be no message at all (empty, a NUL, no UTF-8), so nothing was sent
"""

from __future__ import annotations

from securechat.errors import NoEntryError, SecurechatError


class SignInError(NoEntryError):
    """The server did not let us in, and trying again would change nothing."""


class MessageRefused(SecurechatError):
    """The server refused one message.

    id: the message's own id.
    code: a numeric such as `404`, or the code of a FAIL.
    reason: the server's words, not yet made fit for a terminal.
    """

    def __init__(self, message_id: str, code: str, reason: str) -> None:
        super().__init__(reason or code)
        self.id = message_id
        self.code = code
        self.reason = reason


class DeliveryUnknown(SecurechatError):
    """No echo came in time: send again with the same id, never with a new one."""

    def __init__(self, message_id: str) -> None:
        super().__init__(
            f"not confirmed; it may have been sent. To try again without sending it twice: --id {message_id}"
        )
        self.id = message_id


class LineTooLong(SecurechatError):
    """A line is `excess` bytes longer than the protocol allows."""

    def __init__(self, excess: int) -> None:
        super().__init__(f"{excess} bytes too long for one message")
        self.excess = excess


class Unsendable(SecurechatError):
    """A text that no line can carry."""
