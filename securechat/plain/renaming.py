"""The account has another name: what this client keeps for it follows, so that the next start signs in by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from securechat.client.profile import KEYRING, account_directory, find_home, read_profile, remember
from securechat.client.signin import rename_user
from securechat.errors import ConfigError
from securechat.plain.access import Access


def follow_name(access: Access, nick: str) -> tuple[Access, str]:
    """Keep everything for an account under its new name; return the access by that name, and a remark for people.

    Another client on the same home may have done it a moment before.
    """
    user = rename_user(access.user, nick)
    if user == access.user:
        return access, f"you are called {nick} now"
    moved = replace(access, user=user)
    try:
        if access.home is not None:
            moved = replace(moved, home=_move_home(access.home, account_directory(find_home(), access.address, user)))
        moved = replace(moved, place=_move_token(access, moved))
        signs_in = _change_profile(access, moved)
    except (OSError, ConfigError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return moved, f"you are called {nick} now; start with --user {user}, for it cannot be remembered: {reason}"
    if not signs_in:
        return moved, f"you are called {nick} now; start with --user {user} from now on"
    return moved, f"you are called {nick} now, and this client signs in by that name from now on"


def _move_home(old: Path, new: Path) -> Path:
    if not new.exists():
        old.rename(new)
    return new


def _move_token(access: Access, moved: Access) -> str:
    """Return where the token is kept by the new name."""
    there = moved.credentials
    if not access.place or there.find(access.place):
        return access.place
    place = there.keep(access.secret)
    if access.place == KEYRING:
        access.credentials.forget(KEYRING)
    return place


def _change_profile(access: Access, moved: Access) -> bool:
    """Tell whether it is this account that signs in where no name is given, and remember its new name if so."""
    known = read_profile(find_home()).find(access.address)
    if known.user not in (access.user, moved.user):
        return False
    remember(find_home(), access.address, replace(known, user=moved.user, token=moved.place))
    return True
