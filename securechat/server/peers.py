"""Who is at the other end of a Unix socket: what the kernel says, not what is claimed."""

from __future__ import annotations

import os
import pwd
import socket
import struct
import sys

_UCRED = struct.Struct("3i")
"""Process, user, group (unix(7), SO_PEERCRED)."""
_XUCRED = struct.Struct("2I")
"""Version and user, with which macOS's answer begins (sys/ucred.h)."""
_SOL_LOCAL, _LOCAL_PEERCRED = 0, 1


def uid_of_peer(connected: socket.socket) -> int | None:
    """Return the user id of the process at the other end, as it was when it connected; None where nobody can tell."""
    system = str(sys.platform)  # mypy would take the others' lines for unreachable
    try:
        if system == "linux":
            return int(_UCRED.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[1])
        if system == "darwin":
            found = connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 128)
            return int(_XUCRED.unpack_from(found)[1])
    except (OSError, struct.error):
        return None
    return None


def may_administer(uid: int | None) -> bool:
    """Tell whether a process of this user may ask for administrative acts: ours, or the machine's administrator's."""
    return uid is not None and uid in (0, os.geteuid())


def name_of_user(uid: int) -> str:
    """Return `local:` and what the user is called on this machine, as the audit trail names who acted."""
    try:
        return f"local:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"local:{uid}"
