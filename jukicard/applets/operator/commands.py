"""What the operator application reads in command data, beyond the files of ISO/IEC 7816-4."""

from __future__ import annotations

import datetime

from jukicard.apdu.status import StatusWord
from jukicard.applets.operator.files import DATE
from jukicard.errors import IsoError
from jukicard.filesystem.commands import PutData
from jukicard.kit.layouts import eight_digits


def parse_day(command: PutData) -> datetime.date:
    """Read the card's new date; IsoError 6A88 for another object, 6A80 for what is no day."""
    (tag, value), *more = command.objects
    if tag != DATE or more:
        raise IsoError(StatusWord.REFERENCED_DATA_NOT_FOUND, f"PUT DATA: no object {tag:X} here")
    day = day_of(value)
    if day is None:
        raise IsoError(StatusWord.INCORRECT_DATA, "PUT DATA: a day has eight digits, YYYYMMDD")
    return day


def day_of(value: bytes) -> datetime.date | None:
    """Return the day that eight digits say; None when they say none."""
    if len(value) != 8 or not value.isdigit():
        return None
    try:
        return datetime.date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return None


def encode_day(day: datetime.date) -> bytes:
    """Return a day in eight digits."""
    return eight_digits(day).encode("ascii")
