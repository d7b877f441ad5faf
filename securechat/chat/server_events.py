"""What happens to the server as a whole: the events of the stream `streams.SERVER`, which are the audit trail.

They are tied into a chain by their storage, so that a record that was changed afterwards shows.
"""

from __future__ import annotations

from securechat.chat.event import Event


class Administered(Event, frozen=True):
    """Somebody did an administrative act that the events of no account or channel tell all of.

    act: its stable name, as `user disable`. target: the account, channel or device it was done to, as it was called.
    by: the account id of an administrator, or `local:<user>` for one on the server's own machine.
    """

    act: str
    target: str = ""
    by: str = ""
    detail: str = ""
