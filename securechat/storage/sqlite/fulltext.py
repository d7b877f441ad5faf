"""The index of words: an FTS5 table whose rows are messages, numbered so that a conversation is a range of them.

Its text is no message's text but the words of one (`chat.searchwords`) and a mark of who wrote it; the tokenizer has
nothing left to decide, and no word of it can be anything but a word in an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw

from securechat.chat.events import Posted, decode_event
from securechat.chat.searchwords import RULES, Phrase, split_words

Run = Callable[..., Any]
"""Executes a statement."""

# Never part of a word, and to the tokenizer a letter like any beyond ASCII.
_AUTHOR: Final = "§"
_BITS: Final = 32
INDEXED_PREFIX: Final = 3
"""Characters: beginnings of 2 and 3 have an index of their own (`prefix` in the schema)."""
MOST_ENDINGS: Final = 128
"""Words with the same longer beginning that are looked for one by one."""

_ENDINGS: Final = "SELECT term FROM vocabulary WHERE term >= ? AND term < ? LIMIT ?"
_ADD: Final = "INSERT INTO words (rowid, said) VALUES (?, ?)"
_REMOVE: Final = "INSERT INTO words (words, rowid, said) VALUES ('delete', ?, ?)"
_SET: Final = "INSERT INTO words (words, rank) VALUES (?, ?)"
_INDEXED: Final = """
    SELECT body FROM records JOIN streams ON streams.id = stream
    WHERE stream = ? AND records.seq = ? AND kind = 'Posted' AND records.seq <= indexed"""
_WRITTEN: Final = """
    SELECT stream, records.seq, body FROM records JOIN streams ON streams.id = stream
    WHERE kind = 'Posted' AND records.seq <= indexed AND json_extract(body, '$.account') = ?
    AND stream IN (SELECT stream FROM directs WHERE account = ? UNION ALL SELECT id FROM streams WHERE name LIKE 'c/%')"""


def follow_rules(connection: apsw.Connection) -> None:
    """Have the index made anew, by and by, where it was made by other rules than `split_words` follows now."""
    run: Run = connection.execute
    with connection:
        made_by = [name for (name,) in run("SELECT name FROM word_rules")]
        if made_by == [RULES]:
            return
        if made_by:
            run("INSERT INTO words (words) VALUES ('delete-all')")
            run("UPDATE streams SET indexed = 0")
        run("DELETE FROM word_rules")
        run("INSERT INTO word_rules (name) VALUES (?)", (RULES,))


def row_of(key: int, seq: int) -> int:
    """Return the number of a record's row; `key` is its stream's."""
    return key << _BITS | seq


def place_of(row: int) -> tuple[int, int]:
    """Return key of the stream and seq of the record whose row this is."""
    return row >> _BITS, row & ((1 << _BITS) - 1)


def express(run: Run, phrases: Sequence[Phrase], author: str) -> str:
    """Return the FTS5 expression for messages that hold all phrases and are an account's; "" for any message.

    author: an account id, "" for anybody. What it finds may not be what was asked for: a beginning that very many
    words share is looked for by its first characters.
    """
    terms = [_alternatives(run, phrase) for phrase in phrases]
    if author:
        terms.append(_quote(f"{_AUTHOR}{author}"))
    return " AND ".join(terms)


def _alternatives(run: Run, phrase: Phrase) -> str:
    """Write a phrase, with all the words its last one may be: FTS5 would gather all their rows before the first."""
    *first, last = phrase.words
    if not phrase.prefix:
        return _quote(*phrase.words)
    if len(last) > INDEXED_PREFIX:
        endings = run(_ENDINGS, (last, f"{last}\U0010ffff", MOST_ENDINGS + 1)).fetchall()
        if not endings:
            return _quote(*phrase.words)
        if len(endings) <= MOST_ENDINGS:
            return f"({' OR '.join(_quote(*first, word) for (word,) in endings)})"
    return f"{_quote(*first, last[:INDEXED_PREFIX])} *"


def _quote(*words: str) -> str:
    return '"{}"'.format(" ".join(words).replace('"', '""'))


def add(run_many: Run, messages: Sequence[tuple[int, int, Posted]]) -> None:
    """Enter messages, each with its stream's key and its seq, in the order of their rows."""
    run_many(_ADD, [(row_of(key, seq), _said(event)) for key, seq, event in messages])


def forget_message(run: Run, key: int, seq: int) -> None:
    """Take a message's words out, within the writer's transaction, before its record is emptied; none may be there.

    With `secure-delete` they leave the rows of the index at once; a page's free space is overwritten as any other's.
    """
    row = run(_INDEXED, (key, seq)).fetchone()
    if row is not None:
        run(_REMOVE, (row_of(key, seq), _said(_posted(row[0]))))


def forget_author(run: Run, account: str) -> None:
    """Take out the words of all that an account wrote, within the writer's transaction, before it is emptied.

    Their rows are only marked as gone, which takes a hundredth of the time; `settle` writes the index without them.
    """
    forget_messages(run, [(key, seq, _posted(body)) for key, seq, body in run(_WRITTEN, (account, account))])


def forget_messages(run: Run, messages: Sequence[tuple[int, int, Posted]]) -> None:
    """Take out the words of messages, each with its stream's key and its seq; all of them must be there.

    Their rows are only marked as gone: it is for who asks for this to have the index written without them.
    """
    run(_SET, ("secure-delete", 0))
    for row in sorted((row_of(key, seq), _said(event)) for key, seq, event in messages):
        run(_REMOVE, row)
    run(_SET, ("secure-delete", 1))


def settle(run: Run) -> None:
    """Write the index anew, without what has left it."""
    run("INSERT INTO words (words) VALUES ('optimize')")


def merge(run: Run, pages: int) -> None:
    """Make fewer pieces of the index, for about so many pages' worth of work."""
    run(_SET, ("merge", pages))


def _said(event: Posted) -> str:
    return f"{_AUTHOR}{event.account} {' '.join(split_words(event.text))}"


def _posted(body: str) -> Posted:
    event = decode_event(body)
    assert isinstance(event, Posted)
    return event
