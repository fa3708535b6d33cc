"""A card with points: the application, its terminal's side, and what both agree on."""

from enum import IntEnum

from jukicard.apdu import Aid

AID = Aid("F0504F494E5453")  # F0, then POINTS
BALANCE, LOG, PIN, BOOKINGS = 0x0001, 0x0002, 0x0003, 0x0004  # the EFs
CREDIT, DEBIT = 0x40, 0x42  # the instructions; the amount, two bytes; answered with the entry
LOG_SIZE = 10
ENTRY_SIZE = 9  # number (4), 40 or 42, amount (2), balance behind it (2); the newest is record 1


class PointsPurpose(IntEnum):
    """The systems, by the number of their key in the application."""

    POINTS_CREDIT = 1
    POINTS_DEBIT = 2
    POINTS_DESK = 3
