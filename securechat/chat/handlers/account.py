"""ACCOUNT: one's password, devices, whom one ignores, one's data, one's leaving. (vendor extension, docs/protocol.md)"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable, Iterable, Iterator

from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Effect, Entry, Purpose, ReadHistory, Send, Verify
from securechat.chat.event import Event
from securechat.chat.events import DeviceAdded, DeviceRevoked, Ignored, Unignored
from securechat.chat.ports import WritingsQuery
from securechat.chat.streams import account_stream
from securechat.wire.message import Message
from securechat.wire.names import fold, is_device_name
from securechat.wire.times import format_time


def account(ask: Ask) -> Iterable[Effect]:
    """Carry out a subcommand: `PASSWD old new [KEEP]`, `DEVICES`, `DEVICE ADD label` and so on.

    `PASSWD64` and `DELETE64` are their namesakes with passwords in base64: a parameter that is not the last one cannot
    hold a space.
    """
    carry_out = _SUBCOMMANDS.get(ask.param(0).upper())
    if carry_out is None:
        raise ask.refuse_by_fail("UNKNOWN_SUBCOMMAND", f"Use {', '.join(_SUBCOMMANDS)}")
    return carry_out(ask)


def _needed(ask: Ask, i: int, what: str) -> str:
    value = ask.param(i)
    if not value:
        raise ask.refuse_by_fail("NEED_MORE_PARAMS", f"Missing parameter: {what}")
    return value


def _password(ask: Ask, i: int, what: str) -> str:
    text = _needed(ask, i, what)
    subcommand = ask.param(0).upper()
    if not subcommand.endswith("64"):
        return text
    try:
        return a2b_base64(text, strict_mode=True).decode()
    except ValueError:
        raise ask.refuse_by_fail("INVALID_PARAMS", subcommand, f"Give the {what} in base64") from None


def _passwd(ask: Ask) -> Iterable[Effect]:
    old, new = _password(ask, 1, "old password"), _password(ask, 2, "new password")
    option = ask.param(3).upper()
    if option not in ("", "KEEP"):
        raise ask.refuse_by_fail("INVALID_PARAMS", "PASSWD", "After the new password only KEEP can follow")
    fault = ask.world.fault_of_password(new, ask.account.name)
    if fault is not None:
        raise ask.refuse_by_fail("INVALID_PASSWORD", "PASSWD", fault)
    return [Verify(Purpose.PASSWD, ask.account.name, old, new_secret=new, keep_devices=option == "KEEP")]


def _delete(ask: Ask) -> Iterable[Effect]:
    return [Verify(Purpose.DELETE, ask.account.name, _password(ask, 1, "password"))]


def _export(ask: Ask) -> Iterable[Effect]:
    return [ReadHistory(WritingsQuery(ask.account.id))]


def _append(ask: Ask, event: Event, answer: Message) -> Iterable[Effect]:
    entry = Entry(account_stream(ask.session.account), event)
    return [Append((entry,), expects=(epoch_of(ask.account),), answer=(answer,))]


# ── devices ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _devices(ask: Ask) -> Iterable[Effect]:
    return [Send(_device_lines(ask))]


def _device_lines(ask: Ask) -> Iterator[Message]:
    for device in list(ask.account.devices.values()):
        this = "this-device" if device.id == ask.session.device else "device"
        yield ask.note("DEVICE", device.id, format_time(device.created), this, device.label)
    yield ask.note("END_OF_DEVICES", f"{len(ask.account.devices)} devices")


def _device(ask: Ask) -> Iterable[Effect]:
    action = ask.param(1).upper()
    if action == "ADD":
        return _add_device(ask, _needed(ask, 2, "label"))
    if action == "DEL":
        return _delete_device(ask, _needed(ask, 2, "id"))
    raise ask.refuse_by_fail("UNKNOWN_SUBCOMMAND", "Use DEVICE ADD label or DEVICE DEL id")


def _add_device(ask: Ask, label: str) -> Iterable[Effect]:
    if not is_device_name(label):
        raise ask.refuse_by_fail("INVALID_PARAMS", "DEVICE", "A label has 1 to 64 bytes and no control characters")
    if len(ask.account.devices) >= limits.DEVICES_PER_ACCOUNT:
        raise ask.refuse_by_fail("TOO_MANY_DEVICES", "DEVICE", "Revoke one with ACCOUNT DEVICE DEL first")
    token, digest = ask.world.new_token()
    device_id = ask.world.new_id()
    text = "Sign in with this token where a password is asked for; it is shown only once"
    return _append(ask, DeviceAdded(device_id, label, digest), ask.note("DEVICE_ADDED", device_id, token, text))


def _delete_device(ask: Ask, device_id: str) -> Iterable[Effect]:
    if device_id not in ask.account.devices:
        raise ask.refuse_by_fail("UNKNOWN_DEVICE", "DEVICE", "There is no such device; ACCOUNT DEVICES lists them")
    return _append(ask, DeviceRevoked(device_id), ask.note("DEVICE_REVOKED", device_id, "The token is revoked"))


# ── whom one ignores ─────────────────────────────────────────────────────────────────────────────────────────────


def _ignore(ask: Ask) -> Iterable[Effect]:
    nick = _needed(ask, 1, "nick")
    person = ask.world.directory.account_named(nick)
    if person is None:
        raise ask.refuse_by_fail("UNKNOWN_ACCOUNT", "IGNORE", nick, "There is nobody of that name")
    if person.id == ask.account.id:
        raise ask.refuse_by_fail("INVALID_PARAMS", "IGNORE", "Nobody can ignore themselves")
    answer = ask.note("IGNORED", person.name, "What they say to you directly is kept from you; they are not told")
    if person.id in ask.account.ignored:
        return [Send([answer])]
    if len(ask.account.ignored) >= limits.IGNORED_PER_ACCOUNT:
        raise ask.refuse_by_fail("TOO_MANY_IGNORED", "IGNORE", "Take somebody out with ACCOUNT UNIGNORE first")
    return _append(ask, Ignored(person.id), answer)


def _unignore(ask: Ask) -> Iterable[Effect]:
    nick = _needed(ask, 1, "nick")
    name_of = ask.world.directory.name_of
    # Not looked up among all names: who is ignored may have been deleted since.
    for account_id in ask.account.ignored:
        if fold(name_of(account_id)) == fold(nick):
            answer = ask.note("UNIGNORED", name_of(account_id), "What they say to you from now on reaches you")
            return _append(ask, Unignored(account_id), answer)
    raise ask.refuse_by_fail("NOT_IGNORED", "UNIGNORE", nick, "You do not ignore them; ACCOUNT IGNORED lists whom")


def _ignored(ask: Ask) -> Iterable[Effect]:
    names = sorted(map(ask.world.directory.name_of, ask.account.ignored), key=fold)
    lines = [ask.note("IGNORED", name, "is ignored") for name in names]
    return [Send([*lines, ask.note("END_OF_IGNORED", f"{len(names)} ignored")])]


_SUBCOMMANDS: dict[str, Callable[[Ask], Iterable[Effect]]] = {
    "PASSWD": _passwd,
    "PASSWD64": _passwd,
    "DEVICES": _devices,
    "DEVICE": _device,
    "IGNORE": _ignore,
    "UNIGNORE": _unignore,
    "IGNORED": _ignored,
    "EXPORT": _export,
    "DELETE": _delete,
    "DELETE64": _delete,
}
