"""Settings whose types are right and that still cannot be used, found before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterator

from securechat.config import Config
from securechat.errors import ConfigError
from securechat.server.metrics_page import find_faults
from securechat.server.preface import parse_balancers
from securechat.wire.names import fold, is_channel_name


def check_settings(config: Config) -> None:
    """Refuse settings that the chat could not use.

    Raises: ConfigError.
    """
    for fault in find_unfit(config):
        raise ConfigError(fault)


def find_unfit(config: Config) -> Iterator[str]:
    """Yield what is wrong with the settings, a line for each with the key and the remedy."""
    names = config.chat.default_channels
    for name in names:
        if not is_channel_name(name):
            yield f"chat.default_channels: {name!r} cannot be a channel; write for example #general"
    if len({fold(name) for name in names}) < len(names):
        yield "chat.default_channels: the same channel stands there twice; remove one"
    if not config.chat.contact.isprintable():
        yield "chat.contact: holds control characters; remove them"
    if not all(line.isprintable() for line in config.chat.motd.splitlines()):
        yield "chat.motd: holds control characters; remove them"
    try:
        parse_balancers(config.balancers)
    except ConfigError as error:
        yield str(error)
    yield from find_faults(config.metrics)
    if len(set(config.listen)) < len(config.listen):
        yield "listen: the same address stands there twice; remove one"
