"""METADATA: what people say of themselves, and what of it a client wants to be told. (IRCv3 metadata-2)

Channels have none: who is in one finds that nothing is set on it, and nobody sets anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from securechat.chat import profile
from securechat.chat.ask import Ask
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Effect, Entry, Send
from securechat.chat.events import MetadataSet
from securechat.chat.ports import AccountState, ChannelState
from securechat.chat.streams import account_stream
from securechat.wire import numerics
from securechat.wire.batch import close_batch, open_batch
from securechat.wire.capabilities import BATCH, METADATA
from securechat.wire.message import Message

KEYS_PER_LINE = 4
"""Keys of at most 64 bytes that fit into a line."""


def metadata(ask: Ask) -> Iterable[Effect]:
    """Carry out a subcommand."""
    if not ask.session.has(METADATA):
        raise ask.refuse(numerics.ERR_UNKNOWNCOMMAND, ask.message.command, "Negotiate draft/metadata-2 first")
    word = ask.param(1).upper()
    carry_out, parameters = _SUBCOMMANDS.get(word, (None, 0))
    if carry_out is None:
        raise ask.refuse_by_fail("SUBCOMMAND_INVALID", ask.param(1) or "*", f"Use {', '.join(_SUBCOMMANDS)}")
    if len(ask.message.params) < 2 + parameters:
        # "Servers MUST reply to erroneous requests using Standard Replies" (Notifications).
        raise ask.refuse_by_fail("NEED_MORE_PARAMS", word, "Missing parameters")
    return carry_out(ask)


# ── whose ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _target(ask: Ask) -> AccountState | ChannelState:
    """Return whose metadata is meant: a person's, or a channel's that the asker is in.

    Raises: Refusal, the same for a channel it is not in as for one that is not there.
    """
    name = ask.param(0)
    found: AccountState | ChannelState | None
    if name.startswith("#"):
        found = ask.world.visible_channel(name, ask.session.account)
        if found is not None and ask.session.account not in found.members:
            found = None
    else:
        found = ask.account if name == "*" else ask.world.directory.account_named(name)
    if found is None:
        raise ask.refuse_by_fail("INVALID_TARGET", name or "*", "There is nobody and no channel of yours by that name")
    return found


def _require_oneself(ask: Ask) -> None:
    if _target(ask) is not ask.account:
        raise ask.refuse_by_fail("INVALID_TARGET", ask.param(0), "Subscriptions are one's own: use *")


def _seen(ask: Ask, target: AccountState | ChannelState) -> Mapping[str, str]:
    if isinstance(target, ChannelState):
        return {}
    return dict(profile.seen_by(ask.world, ask.session.account, target))


def _is_or_is_not(ask: Ask, name: str, key: str, value: str | None) -> Message:
    if value:
        return ask.reply(numerics.RPL_KEYVALUE, name, key, profile.EVERYONE, value)
    return ask.reply(numerics.RPL_KEYNOTSET, name, key, "Key not set")


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _get(ask: Ask) -> Iterable[Effect]:
    target = _target(ask)
    seen = _seen(ask, target)

    def lines() -> Iterator[Message]:
        for text in ask.message.params[2:]:
            key = profile.normalize_key(text)
            yield _invalid_key(ask, text) if key is None else _is_or_is_not(ask, target.name, key, seen.get(key))

    return [Send(profile.in_batch(ask, target.name, lines()))]


def _list(ask: Ask) -> Iterable[Effect]:
    target = _target(ask)
    lines = [_is_or_is_not(ask, target.name, key, value) for key, value in sorted(_seen(ask, target).items())]
    return [Send(profile.in_batch(ask, target.name, lines))]


def _sync(ask: Ask) -> Iterable[Effect]:
    target = _target(ask)
    people = profile.members_of(ask.world, target) if isinstance(target, ChannelState) else [target]
    return [Send(profile.in_batch(ask, target.name, profile.sync_lines(ask, people, ask.session.subscriptions)))]


# ── saying ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _own(ask: Ask, key: str) -> AccountState:
    """Return the asker's account. Raises: Refusal when the target is anything else."""
    target = _target(ask)
    if target is not ask.account:
        raise ask.refuse_by_fail("KEY_NO_PERMISSION", target.name, key, "People say themselves what they are called")
    return ask.account


def _set(ask: Ask) -> Iterable[Effect]:
    key = profile.normalize_key(ask.param(2))
    if key is None:
        raise ask.refuse_by_fail("KEY_INVALID", ask.param(2) or "*", "Invalid key")
    account = _own(ask, key)
    if key not in profile.KEYS:
        raise ask.refuse_by_fail("KEY_NO_PERMISSION", account.name, key, f"Use {', '.join(profile.KEYS)}")
    given = ask.param(3)
    if not given:
        return _unset(ask, account, key)
    value = profile.tidy_value(key, given)
    if value is None:
        raise ask.refuse_by_fail("VALUE_INVALID", f"This is no {key}")
    return state(ask, MetadataSet(key, value), _is_or_is_not(ask, account.name, key, value))


def _unset(ask: Ask, account: AccountState, key: str) -> Iterable[Effect]:
    if key not in account.metadata:
        raise ask.refuse_by_fail("KEY_NOT_SET", account.name, key, "Key not set")
    return state(ask, MetadataSet(key), _is_or_is_not(ask, account.name, key, None))


def state(ask: Ask, event: MetadataSet, *answer: Message) -> Iterable[Effect]:
    """Put what the asker says of itself into its account's history, unless it has said so already."""
    account = ask.account
    if account.metadata.get(event.key, "") == event.value:
        return [Send(answer)]
    return [Append((Entry(account_stream(account.id), event),), expects=(epoch_of(account),), answer=answer)]


def _clear(ask: Ask) -> Iterable[Effect]:
    account = _own(ask, "*")
    keys = sorted(account.metadata)
    lines = [_is_or_is_not(ask, account.name, key, None) for key in keys]
    answer = tuple(profile.in_batch(ask, account.name, lines))
    if not keys:
        return [Send(answer)]
    entries = tuple(Entry(account_stream(account.id), MetadataSet(key)) for key in keys)
    return [Append(entries, expects=(epoch_of(account),), answer=answer)]


# ── subscribing ──────────────────────────────────────────────────────────────────────────────────────────────────


def _invalid_key(ask: Ask, text: str) -> Message:
    return ask.fail("KEY_INVALID", text or "*", "Invalid key")


def _sub(ask: Ask) -> Iterable[Effect]:
    """Subscribe to keys, as many as there is room for, and show what is set of them. (IRCv3 metadata, METADATA SUB)"""
    _require_oneself(ask)
    subscriptions = ask.session.subscriptions
    granted: list[str] = []
    fresh: list[str] = []
    failures = []
    for text in ask.message.params[2:]:
        key = profile.normalize_key(text)
        if key is None:
            failures.append(_invalid_key(ask, text))
            continue
        if len(subscriptions) >= profile.MAX_SUBSCRIPTIONS:
            failures.append(ask.fail("TOO_MANY_SUBS", key, f"{profile.MAX_SUBSCRIPTIONS} keys are the most"))
            break
        if key not in subscriptions:
            subscriptions[key] = None
            fresh.append(key)
        granted.append(key)
    lines = [*_keys_lines(ask, numerics.RPL_METADATASUBOK, granted), *failures]
    return [Send(lines), Send(_news(ask, fresh))]


def _news(ask: Ask, keys: list[str]) -> Iterator[Message]:
    """Yield what is set of keys that were just subscribed to, by whoever is visible."""
    world, account = ask.world, ask.account
    people = (world.account(each) for each in world.directory.acquaintances(account.id))
    wanted = [person for person in people if not person.metadata.keys().isdisjoint(keys)]
    if wanted:
        yield from profile.in_batch(ask, "*", profile.sync_lines(ask, wanted, keys))


def _unsub(ask: Ask) -> Iterable[Effect]:
    _require_oneself(ask)
    keys = {text: profile.normalize_key(text) for text in ask.message.params[2:]}
    dropped = [key for key in keys.values() if key is not None]
    for key in dropped:
        ask.session.subscriptions.pop(key, None)
    failures = [_invalid_key(ask, text) for text, key in keys.items() if key is None]
    return [Send([*_keys_lines(ask, numerics.RPL_METADATAUNSUBOK, dropped), *failures])]


def _subs(ask: Ask) -> Iterable[Effect]:
    _require_oneself(ask)
    lines = list(_keys_lines(ask, numerics.RPL_METADATASUBS, list(ask.session.subscriptions)))
    if ask.session.has(BATCH):
        reference, source = ask.world.new_id(), ask.world.server_name
        for line in lines:
            line.tags["batch"] = reference
        opening = open_batch(reference, "metadata-subs", source=source)
        lines = [opening, *lines, close_batch(reference, source=source)]
    return [Send(lines)]


def _keys_lines(ask: Ask, numeric: str, keys: list[str]) -> Iterator[Message]:
    for start in range(0, len(keys), KEYS_PER_LINE):
        yield ask.reply(numeric, *keys[start : start + KEYS_PER_LINE])


_SUBCOMMANDS: dict[str, tuple[Callable[[Ask], Iterable[Effect]], int]] = {
    "GET": (_get, 1),
    "LIST": (_list, 0),
    "SET": (_set, 1),
    "CLEAR": (_clear, 0),
    "SUB": (_sub, 1),
    "UNSUB": (_unsub, 1),
    "SUBS": (_subs, 0),
    "SYNC": (_sync, 0),
}
"""Each with the parameters it needs behind the target and itself."""
