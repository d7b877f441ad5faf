"""Administrative errands about channels."""

from __future__ import annotations

from securechat.chat import administration
from securechat.chat.export import ROLE_NAMES
from securechat.chat.ports import ChannelState
from securechat.chat.streams import channel_stream
from securechat.server.auditing import record_of, recorded
from securechat.server.node import Node
from securechat.server.requests import (
    Answers,
    ChannelCreate,
    ChannelDrop,
    ChannelExport,
    ChannelList,
    ChannelRetention,
    ChannelRole,
    ChannelShow,
    Result,
)
from securechat.wire.names import fold
from securechat.wire.times import format_time


class ChannelDesk:
    """Carries out what is asked about channels."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def answers(self) -> Answers:
        """Return what answers each kind of request."""
        return {
            ChannelList: self._channel_list,
            ChannelShow: self._channel_show,
            ChannelCreate: self._channel_create,
            ChannelDrop: self._channel_drop,
            ChannelRole: self._channel_role,
            ChannelRetention: self._channel_retention,
            ChannelExport: self._channel_export,
        }

    async def _channel_list(self, _request: ChannelList) -> Result:
        channels = sorted(self._node.world.directory.channels.values(), key=lambda channel: fold(channel.name))
        counts = await self._node.history.count_messages([channel_stream(channel.id) for channel in channels])
        return [_row_of(channel, messages) for channel, messages in zip(channels, counts, strict=True)]

    async def _channel_show(self, request: ChannelShow) -> Result:
        world = self._node.world
        channel = administration.find_channel(world, request.name)
        (messages,) = await self._node.history.count_messages([channel_stream(channel.id)])
        people = [
            {"name": world.directory.name_of(account), "role": ROLE_NAMES[member.role]}
            for account, member in channel.members.items()
        ]
        return {**_row_of(channel, messages), "people": people}

    async def _channel_create(self, request: ChannelCreate) -> Result:
        world = self._node.world
        await self._node.append(
            lambda: recorded(
                administration.create_channel(world, request.name, request.owner),
                *("channel create", request.name, f"for {request.owner}"),
            )
        )
        return {"name": request.name, "owner": administration.find_account(world, request.owner).name}

    async def _channel_drop(self, request: ChannelDrop) -> Result:
        world = self._node.world
        name = administration.find_channel(world, request.name).name
        await self._node.append(
            lambda: recorded(administration.drop_channel(world, request.name), "channel drop", name)
        )
        return {"name": name}

    async def _channel_role(self, request: ChannelRole) -> Result:
        world = self._node.world
        await self._node.append(
            lambda: recorded(
                administration.set_role(world, request.channel, request.name, request.role),
                *("channel role", request.channel, f"{request.name} {request.role}"),
            )
        )
        return {
            "channel": administration.find_channel(world, request.channel).name,
            "name": administration.find_account(world, request.name).name,
            "role": request.role,
        }

    async def _channel_retention(self, request: ChannelRetention) -> Result:
        world = self._node.world
        await self._node.append(
            lambda: recorded(
                administration.set_retention(world, request.name, request.days),
                *("channel retention", request.name, "default" if request.days is None else f"{request.days} days"),
            )
        )
        return {"name": administration.find_channel(world, request.name).name, "days": request.days}

    async def _channel_export(self, request: ChannelExport) -> Result:
        channel = administration.find_channel(self._node.world, request.name)
        await self._node.append(lambda: record_of("channel export", channel.name))
        return {"name": channel.name, "stream": channel_stream(channel.id)}


def _row_of(channel: ChannelState, messages: int) -> Result:
    return {
        "name": channel.name,
        "members": len(channel.members),
        "messages": messages,
        "topic": channel.topic,
        "modes": channel.modes + "k" * bool(channel.key) + "l" * bool(channel.limit) + "W" * bool(channel.slow),
        "created": format_time(channel.created),
        "retention": channel.retention,
    }
