"""The files of the Juki application (docs/card.md, "The Juki application"): declared, not coded.

The real card's file contents were never published; numbers marked so in docs/card.md are this
project's own. The PIN's place and rules are those of the successor card, which keeps the
application.
"""

from __future__ import annotations

from typing import Final

from jukicard.apdu.aid import Aid
from jukicard.filesystem.access import (
    ALWAYS,
    AccessCondition,
    AllOf,
    AnyOf,
    Authenticated,
    MessagingLevel,
    SecureMessaging,
    Verified,
)
from jukicard.filesystem.files import (
    AccessRules,
    DataObject,
    DedicatedFile,
    FileTree,
    RecordFile,
    RecordStructure,
    TransparentFile,
)
from jukicard.runtime.pin import PinFile

AID: Final = Aid("D3921000310001010401")
"""The Juki application (住基AP), on the Juki card and on its successor."""

PIN: Final = 0x001C
CODE: Final = 0x0002
CARD_DATA: Final = 0x0003
CARD_NUMBER: Final = 0x5A

COUNTER: Final = "COUNTER"
READING_PURPOSES: Final = ("RESIDENT_IDENTIFICATION", "WIDE_AREA_ISSUANCE", "MOVE_IN", COUNTER)
"""The purposes of use for which the resident record code may be read."""
PURPOSES: Final = (*READING_PURPOSES, "SUSPEND")
"""Every purpose of use that has a key."""

_ENCRYPTED: Final = SecureMessaging(MessagingLevel.ENCRYPTED)


def _any_of(purposes: tuple[str, ...]) -> AccessCondition:
    return AnyOf(*(Authenticated(purpose) for purpose in purposes))


TREE: Final = FileTree(
    DedicatedFile(
        name=AID,
        files=(
            PinFile(
                fid=PIN,
                change=Verified(PIN),
                unblock=Authenticated(COUNTER),
            ),
            RecordFile(
                fid=CODE,
                structure=RecordStructure.LINEAR_VARIABLE,
                record_size=64,
                record_count=4,
                access=AccessRules(
                    read=AllOf(_any_of(READING_PURPOSES), Verified(PIN), _ENCRYPTED),
                    update=AllOf(Authenticated(COUNTER), _ENCRYPTED),
                ),
            ),
            TransparentFile(
                fid=CARD_DATA,
                size=64,
                access=AccessRules(
                    read=_any_of(PURPOSES),
                    update=AllOf(Authenticated(COUNTER), SecureMessaging(MessagingLevel.MAC)),
                ),
            ),
        ),
        objects=(DataObject(tag=CARD_NUMBER, read=ALWAYS, wrapped=True),),
    )
)
