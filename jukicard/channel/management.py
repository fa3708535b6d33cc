"""MANAGE CHANNEL, parsed once (ISO/IEC 7816-4:2020, 11.1.2)."""

from __future__ import annotations

from typing import NamedTuple

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError


class OpenChannel(NamedTuple):
    """MANAGE CHANNEL, open (11.1.2); None lets the card choose the number."""

    number: int | None


class CloseChannel(NamedTuple):
    """MANAGE CHANNEL, close."""

    number: int


def parse_manage_channel(command: CommandApdu) -> OpenChannel | CloseChannel:
    """Read MANAGE CHANNEL (ISO/IEC 7816-4:2020, 11.1.2)."""
    if command.data or command.p1 not in (0x00, 0x80):
        status = StatusWord.WRONG_LENGTH if command.data else StatusWord.INCORRECT_P1_P2
        raise IsoError(status, "MANAGE CHANNEL has P1 00 or 80 and no data")
    if command.p1 == 0x80:
        if command.ne:
            raise IsoError(StatusWord.WRONG_LENGTH, "closing a channel answers nothing")
        # P2 00 is the channel the command came on
        return CloseChannel(command.p2 or command.cla.channel)
    if command.p2 == 0:
        if not command.ne:
            raise IsoError(StatusWord.WRONG_LENGTH, "opening a channel answers one byte")
        return OpenChannel(None)
    return OpenChannel(command.p2)
