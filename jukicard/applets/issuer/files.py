"""The data objects of the issuer domain (card-level GET DATA), and a Juki card's own key."""

from __future__ import annotations

from typing import Final

from jukicard.applets.names import ISSUER as AID
from jukicard.filesystem.access import ALWAYS
from jukicard.filesystem.files import DataObject, DedicatedFile, ElementaryFile, FileTree
from jukicard.kit.signing import KeyAlgorithm, SigningKeyFile

CARD_STATE: Final = 0x8A
ISSUER_IDENTIFICATION: Final = 0x42
CARD_IDENTIFICATION: Final = 0x45
CARD_NUMBER: Final = 0x5A
CARD_RECOGNITION: Final = 0x66
MUNICIPALITY: Final = 0xF0
EXPIRY: Final = 0xF2
AUTHORITY_KEY: Final = 0xF7
"""The identifier of the key that the upper certificate certifies and that signed the lower."""
UPPER_CERTIFICATE: Final = 0xF8
KEY_INFORMATION: Final = 0xE0
CONTACT_ATR: Final = 0x5F51
LOWER_CERTIFICATE: Final = 0x7F21
PRODUCTION: Final = 0x9F7F
"""Where and when the card was made (CPLC), 42 bytes."""

CARD_KEY: Final = 0x0019
"""The key of INTERNAL AUTHENTICATE, on Juki cards; with the number it has in common."""

ISSUER_NUMBER: Final = bytes.fromhex("39200000") + b"JUKICARD-TST"
"""The issuer identification of synthetic cards, 16 bytes: Japan, and an issuer there is not."""


def _tree(*files: ElementaryFile) -> FileTree:
    return FileTree(
        DedicatedFile(
            name=AID,
            files=files,
            objects=(
                DataObject(tag=ISSUER_IDENTIFICATION, read=ALWAYS, wrapped=True),
                DataObject(tag=CARD_IDENTIFICATION, read=ALWAYS, wrapped=True),
                DataObject(tag=CARD_NUMBER, read=ALWAYS, wrapped=True),
                DataObject(tag=CARD_RECOGNITION, read=ALWAYS, wrapped=True),
                DataObject(tag=MUNICIPALITY, read=ALWAYS),
                DataObject(tag=EXPIRY, read=ALWAYS),
                DataObject(tag=AUTHORITY_KEY, read=ALWAYS),
                DataObject(tag=UPPER_CERTIFICATE, read=ALWAYS),
                DataObject(tag=CONTACT_ATR, read=ALWAYS),
                DataObject(tag=LOWER_CERTIFICATE, read=ALWAYS, wrapped=True),
                DataObject(tag=PRODUCTION, read=ALWAYS, wrapped=True),
            ),
        )
    )


TREE: Final = _tree()
JUKI_TREE: Final = _tree(
    SigningKeyFile(fid=CARD_KEY, use=ALWAYS, algorithm=KeyAlgorithm.RSA_1024),
)
