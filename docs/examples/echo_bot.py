"""A bot that answers `!echo TEXT` in a channel, each time once, whatever breaks: the link, the server or the bot itself.

python3 echo_bot.py HOST[:PORT] CA_FILE NAME TOKEN_FILE CHANNEL POSITION_FILE
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from pathlib import Path

from securechat.client import Following, LineTooLong, Link, MessageSeen, SecurechatError, build_context, parse_address


def prepare_link(server: str, ca: str, name: str, token_file: str, channel: str, position: Path) -> Link:
    """Return a link that will go on behind the last message that needs no answer any more."""
    token = Path(token_file).read_text().strip()
    since = {channel: (0, position.read_text())} if position.exists() else None
    return Link(parse_address(server), name, token, build_context(Path(ca)), follow=(channel,), since=since)


async def serve(link: Link, channel: str, position: Path) -> None:
    """Sign in, and answer until the link ends for good."""
    async with link:
        async for event in link:
            match event:
                case Following():
                    print(f"following {channel}", file=sys.stderr, flush=True)
                case MessageSeen():
                    if is_question(event):
                        answer(link, channel, event)
                    if not link.outbox.waiting:
                        # All answers up to here have their echo. Written beside and moved, so that it is always whole.
                        position.with_suffix(".new").write_text(event.msgid)
                        position.with_suffix(".new").replace(position)
                case _:
                    pass


def is_question(message: MessageSeen) -> bool:
    """Tell whether somebody asks; NOTICEs are never answered, or two bots could talk for ever."""
    return message.command == "PRIVMSG" and message.text.startswith("!echo ") and not message.own


def answer(link: Link, channel: str, question: MessageSeen) -> None:
    """Answer under an id that follows from the question's: said again after a crash, it is not stored again."""
    answer_id = str(uuid.uuid5(uuid.NAMESPACE_OID, question.msgid))
    try:
        link.post(channel, f"{question.sender}: {question.text.removeprefix('!echo ')}", message_id=answer_id)
    except LineTooLong:
        link.post(channel, f"{question.sender}: that is too long for me", message_id=answer_id)


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    server, ca, name, token_file, channel, position_file = sys.argv[1:]
    position = Path(position_file)
    try:
        asyncio.run(serve(prepare_link(server, ca, name, token_file, channel, position), channel, position))
    except SecurechatError as error:
        sys.exit(f"echo_bot: {error}")
