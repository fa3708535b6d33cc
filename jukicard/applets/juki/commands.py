"""What the Juki application reads in command data, beyond the files of ISO/IEC 7816-4."""

from __future__ import annotations

from enum import IntEnum

from jukicard.apdu.status import StatusWord
from jukicard.applets.juki.files import RESIDENCE
from jukicard.errors import IsoError
from jukicard.filesystem.commands import PutData


class ResidenceState(IntEnum):
    """Whether the holder still lives where the card was issued: data object C1."""

    RESIDENT = 0
    MOVED_OUT = 1


def parse_residence(command: PutData) -> ResidenceState:
    """Read the new residence state; IsoError 6A88 for another object, 6A80 for another value."""
    (tag, value), *more = command.objects
    if tag != RESIDENCE or more:
        raise IsoError(StatusWord.REFERENCED_DATA_NOT_FOUND, f"PUT DATA: no object {tag:X} here")
    if len(value) != 1 or value[0] not in tuple(ResidenceState):
        raise IsoError(StatusWord.INCORRECT_DATA, "PUT DATA: residence is 00 or 01")
    return ResidenceState(value[0])
