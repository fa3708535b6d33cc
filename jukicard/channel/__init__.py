"""Logical channels and what belongs to them: selection, chaining, waiting answers."""

from jukicard.channel.chaining import Chaining
from jukicard.channel.logical import ChannelTable, LogicalChannel

__all__ = ["Chaining", "ChannelTable", "LogicalChannel"]
