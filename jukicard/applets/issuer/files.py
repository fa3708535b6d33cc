"""The data objects of the issuer domain (card-level GET DATA)."""

from __future__ import annotations

from typing import Final

from jukicard.apdu.aid import Aid
from jukicard.filesystem.access import ALWAYS
from jukicard.filesystem.files import DataObject, DedicatedFile, FileTree

AID: Final = Aid("A0000001510000")
"""The name under which the issuer security domain of a GlobalPlatform card is known."""
CARD_STATE: Final = 0x8A
ISSUER_IDENTIFICATION: Final = 0x42
CARD_IDENTIFICATION: Final = 0x45
CARD_NUMBER: Final = 0x5A
MUNICIPALITY: Final = 0xF0
EXPIRY: Final = 0xF2
CONTACT_ATR: Final = 0x5F51

ISSUER_NUMBER: Final = bytes.fromhex("39200000") + b"JUKICARD-TST"
"""The issuer identification of synthetic cards, 16 bytes: Japan, and an issuer there is not."""

TREE: Final = FileTree(
    DedicatedFile(
        name=AID,
        objects=(
            DataObject(tag=ISSUER_IDENTIFICATION, read=ALWAYS, wrapped=True),
            DataObject(tag=CARD_IDENTIFICATION, read=ALWAYS, wrapped=True),
            DataObject(tag=CARD_NUMBER, read=ALWAYS, wrapped=True),
            DataObject(tag=MUNICIPALITY, read=ALWAYS),
            DataObject(tag=EXPIRY, read=ALWAYS),
            DataObject(tag=CONTACT_ATR, read=ALWAYS),
        ),
    )
)
