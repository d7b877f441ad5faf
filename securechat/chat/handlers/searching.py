"""Searching what was said: SEARCH, and the service that answers `/msg Search words` to clients without it.

(`soju.im/search`, as publicly described; IRCv3 pull request 496, "Add SEARCH")
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import Final

from securechat.chat import render
from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, ReadHistory, Send
from securechat.chat.events import Posted, Record
from securechat.chat.handlers.history import batched, conversation_named
from securechat.chat.ports import Found, SearchQuery
from securechat.chat.searchwords import MAX_WORDS, TooManyWords, read_asked
from securechat.wire import capabilities, numerics
from securechat.wire.framing import MAX_REST
from securechat.wire.message import Message, encode, unescape_tag_value
from securechat.wire.names import fold
from securechat.wire.times import format_time, parse_time

SERVICE: Final = "Search"
"""The nick that answers; nobody can be named anything like it (`wire.names`)."""
USUAL_PAGE: Final = 50
LARGEST_PAGE: Final = 100
SERVICE_PAGE: Final = 20
"""Messages the service shows at once: they come one a line."""

_ATTRIBUTES: Final = {"in", "from", "after", "before", "text", "limit"}
_FILTERS: Final = ("from", "in", "before", "after")
_NOWHERE: Final = "-"
"""A stream that there is not: where the asker has no part is answered as what does not exist, by the same way."""
_END: Final = SearchQuery("").end
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?Z?)?", re.ASCII)
_BREAKS: Final = re.compile(r"\s*[\r\n]\s*")
_HELP: Final = (
    "I find what was said where you take part. Write me words; all of them must be in a message.",
    '"some words" stand together in this order; begin* is any word that begins so (2 letters or more).',
    "from:nick  in:#channel or in:nick  before:2026-11-22  after:2026-11-22T09:30  narrow it down. Times are UTC.",
    f"Case and accents do not count. I show the newest {SERVICE_PAGE}, and how to go on to those before.",
    'Example:  from:alice in:#lab after:2026-11-01 "socket server" handshak*',
)


# ── SEARCH ──


def search(ask: Ask) -> Iterable[Effect]:
    """Find messages by attributes, written as tags are: `in=#c;from=nick;text=words`. (soju.im/search)"""
    if not ask.session.has(capabilities.SEARCH):
        raise ask.refuse(numerics.ERR_UNKNOWNCOMMAND, ask.message.command, "Negotiate soju.im/search first")
    given = dict(_attribute(ask, pair) for pair in ask.param(0).split(";") if pair)
    try:
        asked = read_asked(given.get("text", ""))
    except TooManyWords as error:
        raise ask.refuse_by_fail("INVALID_PARAMS", "text", str(error)) from error
    if "text" in given and not asked.phrases:
        raise ask.refuse_by_fail("INVALID_PARAMS", "text", "There is no word in it")
    query = SearchQuery(
        ask.session.account,
        asked.phrases,
        *_whose(ask, given),
        start=_time(ask, "after", given["after"]) if "after" in given else 0,
        end=_time(ask, "before", given["before"]) if "before" in given else _END,
        limit=_limit(ask, given["limit"]) if "limit" in given else USUAL_PAGE,
    )
    return [ReadHistory(query, partial(_answer_search, query.limit))]


def _attribute(ask: Ask, pair: str) -> tuple[str, str]:
    key, _, value = pair.partition("=")
    if key not in _ATTRIBUTES or not value:
        raise ask.refuse_by_fail("INVALID_PARAMS", key, "Not an attribute with a value")
    return key, unescape_tag_value(value)


def _whose(ask: Ask, given: dict[str, str]) -> tuple[str, str]:
    """Return stream and author that are meant, "" for any, and a stream there is not for what cannot be."""
    stream = author = ""
    if "in" in given:
        stream = conversation_named(ask, given["in"]) or _NOWHERE
    if "from" in given:
        person = ask.world.directory.anyone_named(given["from"])
        author, stream = ("", _NOWHERE) if person is None else (person.id, stream)
    return stream, author


def _time(ask: Ask, key: str, text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise ask.refuse_by_fail("INVALID_PARAMS", key, "Not a time like 2026-11-22T10:11:12.345Z") from error


def _limit(ask: Ask, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise ask.refuse_by_fail("INVALID_PARAMS", "limit", "The limit is a positive number")
    return min(int(text), LARGEST_PAGE)


def _answer_search(limit: int, ask: Ask, found: Found, reference: str) -> Iterable[Effect]:
    """Answer with what was found, in a batch where the client knows them, oldest first."""
    if not found.whole and len(found.records) < limit:
        # Never shown as if it were all there is.
        raise ask.refuse_by_fail("INTERNAL_ERROR", "That would take too long; narrow it down by in, after or before")
    world, caps = ask.world, ask.session.caps
    lines = (line for record in found.records for line in render.messages(record, world, caps))
    return [Send(batched(ask, reference, ("soju.im/search",), lines))]


# ── the service ──


def is_service(nick: str) -> bool:
    """Tell whether this nick is the service's."""
    return fold(nick) == fold(SERVICE)


def serve(ask: Ask, *, has_id: bool) -> Iterable[Effect]:
    """Answer what was said to the service: a command, which nobody keeps. A NOTICE gets no answer. (RFC 2812, 3.3.2)

    has_id: the client has given its message an id, and waits for it to come back.
    """
    query = None if ask.message.command == "NOTICE" else _read_query(ask)
    if isinstance(query, SearchQuery):
        return [ReadHistory(query, partial(_answer_service, has_id))]
    return [_say(ask, has_id, *query or ())]


def _read_query(ask: Ask) -> SearchQuery | tuple[str, ...]:
    """Return what is to be looked for, or what there is to say instead."""
    text = ask.param(1)
    if text.strip().lower() in ("help", "?"):
        return _HELP
    try:
        asked = read_asked(text, _FILTERS)
    except TooManyWords:
        return (f"At most {MAX_WORDS} words at once, please.",)
    if not asked.phrases and not asked.filters:
        return ("There is no word in that. Write  help  to me.",)
    times = {key: _moment(asked.filters[key]) for key in ("before", "after") if key in asked.filters}
    if None in times.values():
        return ("I know times like 2026-11-22 and 2026-11-22T09:30 (UTC).",)
    end = times.get("before")
    return SearchQuery(
        ask.session.account,
        asked.phrases,
        *_whose(ask, asked.filters),
        start=times.get("after") or 0,
        end=_END if end is None else end - 1,
        limit=SERVICE_PAGE,
    )


def _moment(text: str) -> int | None:
    """Return the beginning of a day or minute (ms since 1970), None for what is no time."""
    found = _MOMENT.fullmatch(text.upper())
    if found is None:
        return None
    day, minute, second = found.groups()
    try:
        return parse_time(f"{day}T{minute or '00:00'}{second or ':00'}Z")
    except ValueError:
        return None


def _answer_service(has_id: bool, ask: Ask, found: Found, _reference: str) -> Iterable[Effect]:
    count = len(found.records)
    if found.whole:
        last = "Nothing found." if not count else "That is all." if count > 1 else "That is the only one."
    elif count == SERVICE_PAGE:
        last = f"These are the newest {count}; for those before say also  before:{format_time(found.records[0].time)}"
    else:
        last = "I looked as long as I may; there may be more. Narrow it down:  in:#channel  after:2026-11-22"
    return [_say(ask, has_id, *(_shown(ask, record) for record in found.records), last)]


def _shown(ask: Ask, record: Record) -> str:
    """Return a message as one line: when, where, who, what."""
    event = record.event
    assert isinstance(event, Posted)
    world = ask.world
    text = _BREAKS.sub(" / ", event.text).replace("\x01", "").strip()
    where, who = world.conversation_name(record.stream, ask.session.account), world.directory.name_of(event.account)
    when = format_time(record.time)[:16].replace("T", " ")
    return f"{when} {where} <{who}> {text}"


def _say(ask: Ask, has_id: bool, *texts: str) -> Send:
    """Return NOTICEs of the service, each cut to what a line holds; before them what was said to it, where it had an id."""
    room = MAX_REST - len(encode(_notice(ask, " ")))
    world, account = ask.world, ask.session.account
    said = (SERVICE, ask.param(1))
    lines = [render.person_message(world, account, "PRIVMSG", said, world.clock(), ask.session.caps)] if has_id else []
    return Send([*lines, *(_notice(ask, _cut(text, room)) for text in texts)])


def _cut(text: str, room: int) -> str:
    whole = text.encode()
    return text if len(whole) <= room else whole[: room - len("…".encode())].decode(errors="ignore") + "…"


def _notice(ask: Ask, text: str) -> Message:
    return Message("NOTICE", (ask.nick, text), f"{SERVICE}!{SERVICE}@securechat")
