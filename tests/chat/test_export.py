"""An export as lines: rows of JSON in parts that never cut a character, in a batch where the client knows them."""

from __future__ import annotations

import json

import pytest

from securechat.chat.ask import Ask
from securechat.chat.events import DeviceAdded, Ignored, Posted, Record, TopicSet
from securechat.chat.export import Export, split_text
from securechat.chat.ports import Writings
from securechat.wire.capabilities import BATCH
from securechat.wire.message import Message
from tests.chat.stage import NOON, Stage, told


@pytest.mark.parametrize(
    ("text", "length", "parts"),
    [
        ("", 3, []),
        ("abc", 3, ["abc"]),
        ("abcd", 3, ["abc", "d"]),
        ("aäb", 3, ["aä", "b"]),
        ("ääb", 3, ["ä", "äb"]),
        ("a b ", 2, ["a ", "b "]),
        ("😀😀", 4, ["😀", "😀"]),
    ],
)
def test_parts_end_between_characters(text: str, length: int, parts: list[str]) -> None:
    assert list(split_text(text, length)) == parts


def export_of(stage: Stage, caps: int, *pages: Writings) -> list[str]:
    export = Export(Ask(stage.enter("alice", caps), Message("ACCOUNT", ("EXPORT",)), stage.world), "b7")
    lines = [*export.begin()]
    for page in pages:
        lines += export.add(page)
    return told([*lines, *export.end()])


def test_rows_are_lines_with_their_number() -> None:
    stage = Stage("alice", "bob")
    stage.channel("#room", {"alice": "o"})
    stage.happen("a/id-alice", DeviceAdded("d1", "phone", "secret digest"))
    stage.happen("a/id-alice", Ignored("id-bob"))
    noon = '"2026-11-21T12:00:00.000Z"'
    said = Record("c/gone", 4, "m4", NOON, Posted("id-alice", "PRIVMSG", "hi", {"+x": "y"}))
    topics = [Record("c/gone", 5 + i, f"t{i}", NOON, TopicSet("id-alice", text)) for i, text in enumerate(("news", ""))]
    direct = Record("d/id-alice/id-bob", 1, "m5", NOON, Posted("id-alice", "NOTICE", 'a "b"'))
    lines = export_of(
        stage, 0, Writings((said, *topics), {"c/gone": "#gone"}, ("c/gone", 4)), Writings((direct,), {}, None)
    )
    assert lines == [
        f":chat.example NOTE ACCOUNT EXPORT {number + 1} {row}"
        for number, row in enumerate(
            [
                f'{{"type":"account","v":1,"name":"alice","role":"member","created":{noon}}}',
                f'{{"type":"device","id":"d1","label":"phone","created":{noon}}}',
                '{"type":"ignored","name":"bob"}',
                '{"type":"membership","channel":"#room","role":"operator"}',
                f'{{"type":"message","msgid":"m4","time":{noon},"target":"#gone",'
                '"command":"PRIVMSG","text":"hi","tags":{"+x":"y"}}',
                f'{{"type":"topic","msgid":"t0","time":{noon},"target":"#gone","text":"news"}}',
            ]
        )
    ] + [
        f':chat.example NOTE ACCOUNT EXPORT 7 :{{"type":"message","msgid":"m5","time":{noon},"target":"bob",'
        '"command":"NOTICE","text":"a \\"b\\"","tags":{}}',
        ":chat.example NOTE ACCOUNT END_OF_EXPORT :7 rows",
    ]


def test_with_batches_everything_is_in_one() -> None:
    first, *inside, last = export_of(Stage("alice"), BATCH)
    assert first == ":chat.example BATCH +b7 securechat.internal/export"
    assert last == ":chat.example BATCH -b7"
    assert all(line.startswith("@batch=b7 :chat.example NOTE ACCOUNT ") for line in inside)
    assert inside[-1] == "@batch=b7 :chat.example NOTE ACCOUNT END_OF_EXPORT :1 rows"


def test_a_long_row_comes_in_parts_of_at_most_350_bytes() -> None:
    stage = Stage("alice")
    text = "ä\x01 " * 120
    record = Record("d/id-alice/id-alice", 1, "m1", NOON, Posted("id-alice", "PRIVMSG", text))
    lines = export_of(stage, 0, Writings((record,), {}, None))[1:-1]
    parts = [line.removeprefix(":chat.example NOTE ACCOUNT EXPORT 2 ").removeprefix(":") for line in lines]
    assert len(parts) > 2
    assert max(len(part.encode()) for part in parts) <= 350
    assert max(len(line.encode()) for line in lines) <= 510
    assert json.loads("".join(parts))["text"] == text
