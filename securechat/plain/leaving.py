"""Leaving for good: the account is deleted once somebody has meant it twice, and what let this client in is forgotten."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from securechat.client.credentials import Credentials
from securechat.client.errors import Unsendable
from securechat.client.profile import account_directory, find_home, read_profile, remember
from securechat.errors import ConfigError, SecurechatError

if TYPE_CHECKING:
    from securechat.plain.access import Access
    from securechat.plain.line import Talk


class AccountGone(SecurechatError):
    """The account was deleted, as was asked for."""


async def delete_account(talk: Talk) -> None:
    """Have the account deleted if its name and its password are typed.

    Raises:
        Unsendable: there is no connection.
    """
    if not talk.link.is_online:
        raise Unsendable("no connection at the moment")
    nick = talk.link.state.nick
    talk.tell(f"deleting {nick} is for good: it leaves its channels, nobody can sign in with it again,")
    talk.tell("its name stays taken, and what you wrote stays under another name; /export before takes it along")
    typed = await talk.ask("The account's name, if you mean it: ")
    if typed is None:
        talk.tell("an account can be deleted on a terminal only, where its password is typed unseen")
        return
    password = await talk.ask_secret(f"The password of {nick}: ") if typed.strip() == nick else None
    if not password:
        talk.tell("nothing is deleted")
        return
    talk.link.command("ACCOUNT", "DELETE64", b64encode(password.encode(errors="surrogateescape")).decode())


def forget_account(access: Access) -> None:
    """Forget the token of an account, and that it is the one to sign in with."""
    home = find_home()
    Credentials(account_directory(home, access.address, access.user), access.address, access.user).forget(access.place)
    with suppress(ConfigError):
        known = read_profile(home).find(access.address)
        if known.user == access.user:
            remember(home, access.address, replace(known, user="", token=""))
