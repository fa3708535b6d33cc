"""Selecting an application by its name, the way every known card takes it."""

from __future__ import annotations

from typing import Final

from jukicard.apdu import Aid, CommandApdu, Ins, StatusWord
from jukihost.channel import ApduChannel

# What a card answers to SELECT when it insists on returning control information.
_WANTS_FCI: Final = frozenset(
    {StatusWord.INCORRECT_P1_P2, StatusWord.WRONG_P1_P2, StatusWord.WRONG_LENGTH}
)


def select_application(channel: ApduChannel, aid: Aid) -> StatusWord:
    """Select an application by its full name and return the card's status.

    Without control information, which every known card accepts, and with it where a card insists.
    """
    response = channel.transmit(select_command(aid))
    if response.status in _WANTS_FCI:
        response = channel.transmit(CommandApdu(0x00, Ins.SELECT, 0x04, 0x00, aid, 256))
    return response.status


def select_command(aid: Aid) -> CommandApdu:
    """Return the SELECT that names an application in full."""
    # ISO/IEC 7816-4:2020, 11.2.2: by DF name, first occurrence, no answer data
    return CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, aid)
