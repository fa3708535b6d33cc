"""Logical channels: all volatile state of one, dropped whole on close and on reset."""

from __future__ import annotations

from typing import Any, Final

from jukicard.apdu.command import MAX_NE, CommandApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.access import MessagingLevel

NO_LIMIT: Final = MAX_NE
"""What `limit` is when answers are not protected: every answer fits."""
MAX_CHANNELS: Final = 20
"""Channels 0 to 19 can be expressed in a class byte (ISO/IEC 7816-4:2020, 5.4.1)."""


class LogicalChannel:
    """One channel: the application selected on it and everything that power-off forgets.

    `application` and `state` belong to the runtime (the selected application and its volatile
    state), `chain` is the command chain being collected, `chain_level` how its least protected link
    came, `waiting` what GET RESPONSE will fetch, `limit` how many bytes an answer may have when it
    is to be protected.
    """

    __slots__ = ("application", "chain", "chain_level", "limit", "number", "state", "waiting")

    def __init__(self, number: int) -> None:
        self.number = number
        self.application: Any = None
        self.state: Any = None
        self.chain: CommandApdu | None = None
        self.chain_level = MessagingLevel.NONE
        self.waiting = b""
        self.limit = NO_LIMIT

    def drop_transfers(self) -> None:
        """Forget a chain half collected and an answer half fetched."""
        self.chain = None
        self.waiting = b""

    def __repr__(self) -> str:
        return f"<LogicalChannel {self.number}>"


class ChannelTable:
    """The channels of a card, by number; the basic one is always open."""

    __slots__ = ("_channels",)

    def __init__(self, size: int = MAX_CHANNELS) -> None:
        """Make room for `size` channels, 1 to 20, and open the basic one."""
        if not 1 <= size <= MAX_CHANNELS:
            raise ValueError(f"a card has 1 to {MAX_CHANNELS} channels, not {size}")
        self._channels: list[LogicalChannel | None] = [LogicalChannel(0), *[None] * (size - 1)]

    @property
    def basic(self) -> LogicalChannel:
        """Channel 0."""
        return self.get(0)

    @property
    def open_channels(self) -> list[LogicalChannel]:
        """Every open channel."""
        return [channel for channel in self._channels if channel is not None]

    def get(self, number: int) -> LogicalChannel:
        """Return an open channel; IsoError 6881 when it is not open or does not exist."""
        channel = self._channels[number] if number < len(self._channels) else None
        if channel is None:
            raise IsoError(StatusWord.CHANNEL_NOT_SUPPORTED, f"channel {number} is not open")
        return channel

    def open(self, number: int | None = None) -> LogicalChannel:
        """Open channel `number`, or the lowest free one; IsoError 6881, 6A81, 6985."""
        # ISO/IEC 7816-4:2020, 11.1.2
        if number is None:
            number = next(
                (free for free, channel in enumerate(self._channels) if channel is None), None
            )
            if number is None:
                raise IsoError(StatusWord.FUNCTION_NOT_SUPPORTED, "every channel is open")
        elif number >= len(self._channels):
            raise IsoError(StatusWord.CHANNEL_NOT_SUPPORTED, f"there is no channel {number}")
        elif self._channels[number] is not None:
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, f"channel {number} is open")
        channel = self._channels[number] = LogicalChannel(number)
        return channel

    def close(self, number: int) -> LogicalChannel:
        """Close a channel and return what it was; IsoError 6881 when not open, 6A81 for 0."""
        if number == 0:
            raise IsoError(StatusWord.FUNCTION_NOT_SUPPORTED, "the basic channel stays open")
        channel = self.get(number)
        self._channels[number] = None
        return channel
