"""LIST: which channels there are, by name, mask, size and age."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from securechat.chat import policy
from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, Send
from securechat.chat.ports import ChannelState
from securechat.wire import numerics
from securechat.wire.mask import compile_mask
from securechat.wire.message import Message
from securechat.wire.names import fold

MAX_MASKS = 4
"""Of one LIST: every channel is held against each of them."""
_CONDITION = re.compile(r"([CT]?)([<>])([0-9]{1,9})", re.ASCII | re.IGNORECASE)


@dataclass
class Selection:
    """Which channels are asked for: those with a name or a mask (all, if neither is given) that meet every condition.

    names: as they were given. conditions: (what is measured: members, or minutes since creation `C` or topic `T`,
    sign, bound). A mask that is too long, or one too many, counts for nothing. (Modern IRC, ELIST)
    """

    names: dict[str, str] = field(default_factory=dict)
    masks: list[re.Pattern[str]] = field(default_factory=list)
    shunned: list[re.Pattern[str]] = field(default_factory=list)
    conditions: list[tuple[str, str, int]] = field(default_factory=list)

    def add(self, word: str) -> None:
        """Take a name, a mask, `!mask` or a condition."""
        condition = _CONDITION.fullmatch(word)
        if condition is not None:
            what, sign, bound = condition.groups()
            self.conditions.append((what.upper(), sign, int(bound)))
        elif word.startswith("!"):
            self._add_mask(self.shunned, word[1:])
        else:
            if "*" in word or "?" in word:
                self._add_mask(self.masks, word)
            # It may be a name all the same: nothing keeps these two out of one.
            self.names[fold(word)] = word

    def _add_mask(self, masks: list[re.Pattern[str]], mask: str) -> None:
        pattern = compile_mask(mask)
        if pattern is not None and len(self.masks) + len(self.shunned) < MAX_MASKS:
            masks.append(pattern)

    @property
    def is_by_name(self) -> bool:
        """Whether exact names are all that is asked for."""
        return bool(self.names) and not self.masks

    def matches(self, name: str) -> bool:
        """Tell whether a channel of this name is asked for."""
        folded = fold(name)
        if self.names and folded not in self.names and not _any(self.masks, folded):
            return False
        return not _any(self.shunned, folded)

    def admits(self, channel: ChannelState, topic_time: int, now: int) -> bool:
        """Tell whether a channel meets the conditions; `topic_time` is 0 where no topic is shown. Times in ms."""
        measures = {"": len(channel.members), "C": (now - channel.created) // 60_000, "T": (now - topic_time) // 60_000}
        return all(
            (measures[what] < bound if sign == "<" else measures[what] > bound) and (what != "T" or bool(topic_time))
            for what, sign, bound in self.conditions
        )


def _any(patterns: list[re.Pattern[str]], text: str) -> bool:
    return any(pattern.fullmatch(text) is not None for pattern in patterns)


def list_(ask: Ask) -> Iterable[Effect]:
    """List the channels the asker may know of. (Modern IRC, LIST and ELIST)"""
    selection = Selection()
    for word in (word for param in ask.message.params[:2] for word in param.split(",") if word):
        selection.add(word)
    return [Send(_list_lines(ask, selection))]


def _list_lines(ask: Ask, selection: Selection) -> Iterator[Message]:
    yield ask.reply(numerics.RPL_LISTSTART, "Channel", "Users  Name")
    everything = (channel.name for channel in list(ask.world.directory.channels.values()))
    now = ask.world.clock()
    for name in selection.names.values() if selection.is_by_name else everything:
        if not selection.matches(name):
            continue
        channel = ask.world.visible_channel(name, ask.session.account)
        if channel is None:
            continue
        topic = channel.topic if policy.may_look_into(channel, ask.session.account) else ""
        if selection.admits(channel, channel.topic_time if topic else 0, now):
            yield ask.reply(numerics.RPL_LIST, channel.name, str(len(channel.members)), topic)
    yield ask.reply(numerics.RPL_LISTEND, "End of /LIST")
