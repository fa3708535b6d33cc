"""Seal registration (印鑑登録): the application, its terminal's side, and what both agree on."""

from enum import IntEnum

from jukicard.apdu import Aid

AID = Aid("F05345414C")  # F0, then SEAL
REGISTRATION, PIN = 0x0001, 0x0002  # the EFs
SIZE = 16  # number (8 digits), day of registration (YYYYMMDD), in ASCII; FF: not registered


class SealPurpose(IntEnum):
    """The systems, by the number of their key in the application."""

    SEAL_DESK = 1
    SEAL_KIOSK = 2
