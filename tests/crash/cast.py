"""Who is there: writers in two processes, readers of several kinds in a third, and some who read only at the end."""

from __future__ import annotations

from tests.crash.people import Part

CHANNELS = ("#general", "#crash")
DIRECT = "ann & bob"
# Who could ask for history is not replayed: what they do here is talk.
_SENDING = "message-tags echo-message draft/chathistory securechat.internal/once"
_FULL = "server-time message-tags echo-message batch labeled-response account-tag draft/chathistory"

WRITERS = (
    (Part("ann1", "ann@desk", _SENDING, ("#general", "bob", "#crash")), Part("cid", "cid", _SENDING, CHANNELS)),
    (Part("bob1", "bob@desk", _SENDING, ("ann", "#general")), Part("ann2", "ann@phone", _SENDING, ("#crash", "bob"))),
)
READERS = (
    Part("eve", "eve", "message-tags batch draft/chathistory", follows=CHANNELS),
    Part("fay", "fay", f"{_FULL} away-notify extended-join", follows=CHANNELS),
    Part("ann3", "ann@screen", _FULL, follows=(*CHANNELS, DIRECT)),
    Part("bob2", "bob@screen", _FULL, follows=(DIRECT,)),
    Part("gus", "gus", "server-time message-tags", follows=CHANNELS, page=0),
)
LATE_READERS = (
    Part("hal", "hal", _FULL, follows=CHANNELS, page=500),
    Part("bob3", "bob@archive", _FULL, follows=(*CHANNELS, DIRECT), page=500),
)
ACCOUNTS = ("ann", "bob", "cid", "eve", "fay", "gus", "hal")
