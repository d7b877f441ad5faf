"""Events of the server's own stream, for random histories."""

from __future__ import annotations

from hypothesis import strategies as st

from securechat.chat.event import Event
from securechat.chat.server_events import (
    Administered,
    CertificateIssued,
    CertificateRevoked,
    InvitationMade,
    InvitationRevoked,
    InvitationUsed,
    SignInRejected,
)

accounts = st.sampled_from(["alice", "bob", "carol"])
server_events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Administered, st.sampled_from(["kill", "user add"]), accounts),
    st.builds(SignInRejected, accounts, st.just("password"), st.integers(1, 3), st.sampled_from(["", "203.0.113.7"])),
    st.builds(
        InvitationMade,
        st.sampled_from(["i1", "i2", "i3"]),
        st.sampled_from(["e1", "e2", "e3"]),
        st.sampled_from(["member", "admin"]),
        st.sampled_from([(), ("#one", "#two, too")]),
        st.integers(1, 2),
        st.sampled_from([1002, 1010, 9999]),
        account=st.sampled_from(["", "", "alice"]),
    ),
    st.builds(InvitationUsed, st.sampled_from(["i1", "i2", "i3"]), accounts),
    st.builds(InvitationUsed, st.sampled_from(["i1", "i2"]), accounts),
    st.builds(InvitationRevoked, st.sampled_from(["i1", "i2", "i3"])),
    st.builds(
        CertificateIssued,
        st.sampled_from(["c1", "c2", "c3"]),
        st.sampled_from(["alice", "bob", "carol", "nobody"]),
        st.sampled_from(["", "laptop"]),
        st.sampled_from([1002, 9999]),
    ),
    st.builds(CertificateRevoked, st.sampled_from(["c1", "c2", "c9"])),
)
