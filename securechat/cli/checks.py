"""What a server needs of the machine it runs on, looked at one by one: each is well, or there is a remedy."""

from __future__ import annotations

import os
import pwd
import socket
import stat
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from securechat import RELEASED
from securechat.server.footprint import is_open_to_others
from securechat.server.sockets import open_listening
from securechat.storage.sqlite import free_bytes

LONGEST_LEAP = timedelta(days=3650)
"""After this version's release: a clock that shows more is wrong, or it is time for an upgrade."""
NAME_SECONDS = 2.0
"""How long a name may take to be looked up; the chat itself needs no name service."""
LARGEST_STEP_BACK = timedelta(minutes=5)
"""Between the newest record and the clock: the times of records never run backwards, and would stand still so long."""


class Finding(NamedTuple):
    """What was looked at, whether it is well, what was seen, and the remedy where it is not.

    fatal: a server does not start with it.
    """

    what: str
    ok: bool
    seen: str
    remedy: str = ""
    fatal: bool = False

    def line(self) -> str:
        """Return the finding as one line for people."""
        mark = "ok " if self.ok else "FIX"
        return f"  {mark}  {self.what:<12} {self.seen}{'' if self.ok else f' - {self.remedy}'}"


def check_clock(now: datetime, newest: int | None = None) -> Finding:
    """Compare the clock with what it cannot show less than.

    newest: the time of the newest record (ms since 1970).
    """
    released = datetime.fromisoformat(RELEASED).replace(tzinfo=UTC)
    shown = f"{now:%Y-%m-%d %H:%M} UTC"
    remedy = "set the clock (timedatectl set-ntp true); certificates made now would be of no use"
    if not released - timedelta(days=1) <= now <= released + LONGEST_LEAP:
        return Finding(
            "clock", False, f"shows {shown}, and this version is of {RELEASED}", remedy, fatal=now < released
        )
    if newest is not None and datetime.fromtimestamp(newest / 1000, UTC) - now > LARGEST_STEP_BACK:
        seen = f"shows {shown}, which is before the newest message"
        return Finding("clock", False, seen, "set the clock (timedatectl set-ntp true)")
    return Finding("clock", True, shown)


def check_disk(data: Path, mark: int) -> Finding:
    """See how much room there is where the data is, or will be; `mark`: bytes below which nothing is stored."""
    place = next(path for path in (data, *data.absolute().parents) if path.is_dir())
    free = free_bytes(place)
    seen = f"{_size(free)} free at {place}"
    if free < 2 * mark:
        remedy = "make room, or lower limits.free_space"
        return Finding("disk", False, f"{seen}; below {_size(mark)} nothing is stored", remedy)
    return Finding("disk", True, seen)


def check_ownership(data: Path, *, looks_only: bool = False) -> Finding:
    """See that the data directory is this user's, or can be made; looks_only: root may be asking for whom it belongs to."""
    place = next(path for path in (data, *data.absolute().parents) if os.path.lexists(path))
    owner = os.geteuid()
    if place == data:
        if not data.is_dir():
            remedy = "remove it, or choose another place with --data"
            return Finding("permissions", False, f"{data} is no directory", remedy, fatal=True)
        owner = data.stat().st_uid
        if owner != os.geteuid() and not (looks_only and os.geteuid() == 0):
            remedy = f"run this as {_user(owner)}, or choose another place with --data"
            return Finding("permissions", False, f"{data} belongs to {_user(owner)}", remedy, fatal=True)
        if is_open_to_others(data):
            return Finding("permissions", False, f"{data}: others can write there", f"chmod 700 {data}", fatal=True)
    if not os.access(place, os.W_OK | os.X_OK):
        remedy = f"let {_user(os.geteuid())} write there, or choose another place with --data"
        return Finding("permissions", False, f"{place} cannot be written", remedy, fatal=True)
    return Finding("permissions", True, f"{data} is {_user(owner)}'s")


def check_files(data: Path) -> Iterator[Finding]:
    """See that nobody else can read what is in a data directory, or change it."""
    place = data.resolve()
    loose = [place] if _mode(place) & (stat.S_IWGRP | stat.S_IWOTH) else []
    loose += [path for path in sorted(data.iterdir()) if (fault := _mode(path)) & ~_allowed(path) and fault]
    for path in loose:
        remedy = f"chmod {'600' if path.is_file() else '700'} {path}"
        yield Finding("permissions", False, f"{path} has mode {_mode(path):04o}", remedy)
    foreign = [path for path in sorted(data.iterdir()) if path.lstat().st_uid != data.stat().st_uid]
    for path in foreign:
        owner = _user(data.stat().st_uid)
        yield Finding("permissions", False, f"{path} belongs to {_user(path.lstat().st_uid)}", f"chown {owner} {path}")
    if not loose and not foreign:
        yield Finding("permissions", True, "every file is for its owner alone")


def check_port(host: str, port: int) -> Finding:
    """See whether an address can be listened on."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        open_listening(host, port).close()
    except (OSError, UnicodeError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        remedy = "stop what uses it, or choose another with --listen"
        if isinstance(error, PermissionError):
            remedy = "choose a port above 1023, or see `install-service --low-port`"
        return Finding("port", False, f"{where}: {reason}", remedy)
    return Finding("port", True, f"{where} is free")


def check_names(names: Sequence[str]) -> Iterator[Finding]:
    """See whether the names people connect to lead anywhere, as far as this machine can tell."""
    for name in names:
        if _leads_somewhere(name):
            yield Finding("name", True, name)
        else:
            remedy = "add it to the name service or to /etc/hosts, or say the right one with --name"
            yield Finding("name", False, f"{name} is not known here", remedy)


def _leads_somewhere(name: str) -> bool:
    found: list[object] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(name, None))
        except (OSError, UnicodeError):
            return

    # A name service that is silent must not hold up a start.
    looking = threading.Thread(target=look_up, daemon=True)
    looking.start()
    looking.join(NAME_SECONDS)
    return bool(found)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def _allowed(path: Path) -> int:
    """Return the mode that a file may have at most: certificates are no secret, but nobody else may change them."""
    if path.is_symlink():
        return 0o777
    return 0o644 if path.suffix == ".pem" else 0o700


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
