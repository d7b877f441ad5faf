"""ACCOUNT: one's own password and devices, from any client. (vendor extension, docs/protocol.md)"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Iterable, Iterator

from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Effect, Entry, Purpose, Send, Verify
from securechat.chat.events import DeviceAdded, DeviceRevoked, Event, account_stream
from securechat.wire.message import Message
from securechat.wire.names import is_device_name
from securechat.wire.times import format_time


def account(ask: Ask) -> Iterable[Effect]:
    """Carry out `ACCOUNT PASSWD old new [KEEP]`, `DEVICES`, `DEVICE ADD label`, `DEVICE DEL id`.

    `PASSWD64` is PASSWD with both passwords in base64: a parameter that is not the last one cannot hold a space.
    """
    words = [word.upper() for word in ask.message.params[:2]]
    if words[0] in ("PASSWD", "PASSWD64"):
        passwords = [_needed(ask, 1, "old password"), _needed(ask, 2, "new password")]
        if words[0] == "PASSWD64":
            passwords = [_decoded(ask, text) for text in passwords]
        return _passwd(ask, *passwords)
    if words[0] == "DEVICES":
        return [Send(_device_lines(ask))]
    if words == ["DEVICE", "ADD"]:
        return _add_device(ask, _needed(ask, 2, "label"))
    if words == ["DEVICE", "DEL"]:
        return _delete_device(ask, _needed(ask, 2, "id"))
    raise ask.refuse_by_fail("UNKNOWN_SUBCOMMAND", "Use PASSWD old new, DEVICES, DEVICE ADD label or DEVICE DEL id")


def _needed(ask: Ask, i: int, what: str) -> str:
    value = ask.param(i)
    if not value:
        raise ask.refuse_by_fail("NEED_MORE_PARAMS", f"Missing parameter: {what}")
    return value


def _decoded(ask: Ask, text: str) -> str:
    try:
        return a2b_base64(text, strict_mode=True).decode()
    except ValueError:
        raise ask.refuse_by_fail("INVALID_PARAMS", "PASSWD64", "Give both passwords in base64") from None


def _passwd(ask: Ask, old: str, new: str) -> Iterable[Effect]:
    option = ask.param(3).upper()
    if option not in ("", "KEEP"):
        raise ask.refuse_by_fail("INVALID_PARAMS", "PASSWD", "After the new password only KEEP can follow")
    fault = ask.world.fault_of_password(new, ask.account.name)
    if fault is not None:
        raise ask.refuse_by_fail("INVALID_PASSWORD", "PASSWD", fault)
    return [Verify(Purpose.PASSWD, ask.account.name, old, new_secret=new, keep_devices=option == "KEEP")]


def _device_lines(ask: Ask) -> Iterator[Message]:
    for device in list(ask.account.devices.values()):
        this = "this-device" if device.id == ask.session.device else "device"
        yield ask.note("DEVICE", device.id, format_time(device.created), this, device.label)
    yield ask.note("END_OF_DEVICES", f"{len(ask.account.devices)} devices")


def _append(ask: Ask, event: Event, answer: Message) -> Iterable[Effect]:
    entry = Entry(account_stream(ask.session.account), event)
    return [Append((entry,), expects=(epoch_of(ask.account),), answer=(answer,))]


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
