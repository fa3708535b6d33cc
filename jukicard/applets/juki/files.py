"""The files of the Juki application (docs/card.md, "The Juki application"): declared, not coded.

The real card's file contents were never published; numbers marked so in docs/card.md are this
project's own. The PIN's place and rules are those of the successor card, which keeps the
application.
"""

from __future__ import annotations

from typing import Final

from jukicard.apdu.ins import Ins
from jukicard.applets.counter import (
    AT_THE_COUNTER,
    COUNTER,
    ENCRYPTED_AT_THE_COUNTER,
    open_data,
    personal_data,
)
from jukicard.applets.names import JUKI as AID
from jukicard.filesystem.access import (
    ALWAYS,
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
from jukicard.kit.keys import CARD_NUMBER, KeyFile
from jukicard.kit.pin import PinFile

PIN: Final = 0x001C
CODE: Final = 0x0002
CARD_DATA: Final = 0x0003
KEYS: Final = 0x0100
"""The key with reference n is in the internal EF 0100 + n."""
CARD_STATE: Final = 0x8A
RESIDENCE: Final = 0xC1
CHIP_CERTIFICATE: Final = 0x7F21
"""The certificate of the chip's key: what a system verifies before it agrees on keys with it."""

MOVE_IN: Final = "MOVE_IN"
SUSPEND: Final = "SUSPEND"
PURPOSES: Final = {
    1: "RESIDENT_IDENTIFICATION",
    2: "WIDE_AREA_ISSUANCE",
    3: MOVE_IN,
    4: COUNTER,
    5: SUSPEND,
}
"""Every purpose of use by the reference of its key."""
ROLE_BITS: Final = {reference - 1: purpose for reference, purpose in PURPOSES.items()}
"""The bit of a certificate's role that grants each purpose of use."""
READING_PURPOSES: Final = tuple(name for name in PURPOSES.values() if name != SUSPEND)
"""The purposes of use for which the resident record code may be read: all but suspension."""
RIGHTS_AFTER_MOVING_OUT: Final = frozenset({MOVE_IN, COUNTER})

ENCRYPTED: Final = SecureMessaging(MessagingLevel.ENCRYPTED)
AUTHENTIC: Final = SecureMessaging(MessagingLevel.MAC)

TO_SUSPEND: Final = AllOf(AnyOf(Authenticated(SUSPEND), Authenticated(COUNTER)), AUTHENTIC)
CARD_RULES: Final = AccessRules(
    activate=AT_THE_COUNTER,
    deactivate=TO_SUSPEND,
    terminate=AT_THE_COUNTER,
)
"""Who may resume, suspend and end the card through this application."""

CHANGES: Final = frozenset(
    {
        Ins.CHANGE_REFERENCE_DATA,
        Ins.CHANGE_KEY,
        Ins.RESET_RETRY_COUNTER,
        Ins.UPDATE_BINARY,
        Ins.UPDATE_BINARY_ODD,
        Ins.UPDATE_RECORD,
        Ins.UPDATE_RECORD_ODD,
        Ins.ERASE_BINARY,
        Ins.ERASE_BINARY_ODD,
        Ins.ERASE_RECORD,
        Ins.ACTIVATE_FILE,
        Ins.DEACTIVATE_FILE,
    }
)
"""The instructions that leave a receipt, beside PUT DATA of the residence. The end of the card
leaves none: its state says it, and nobody would be let in to read one."""

_PIN_FILE: Final = PinFile(
    fid=PIN,
    change=AllOf(Verified(PIN), ENCRYPTED),
    unblock=ENCRYPTED_AT_THE_COUNTER,
)
_CODE_FILE: Final = RecordFile(
    fid=CODE,
    structure=RecordStructure.LINEAR_VARIABLE,
    record_size=64,
    record_count=4,
    access=personal_data(
        read=AllOf(
            AnyOf(*(Authenticated(name) for name in READING_PURPOSES)), Verified(PIN), ENCRYPTED
        )
    ),
)
_CARD_DATA_FILE: Final = TransparentFile(
    fid=CARD_DATA,
    size=64,
    access=open_data(read=AnyOf(*(Authenticated(name) for name in PURPOSES.values()))),
)

TREE: Final = FileTree(
    DedicatedFile(
        name=AID,
        files=(
            _PIN_FILE,
            _CODE_FILE,
            _CARD_DATA_FILE,
            *(
                KeyFile(fid=KEYS + reference, reference=reference, right=right)
                for reference, right in PURPOSES.items()
            ),
        ),
        objects=(
            CARD_NUMBER,
            DataObject(tag=RESIDENCE, read=ALWAYS, write=AT_THE_COUNTER, wrapped=True, max_size=1),
            DataObject(tag=CHIP_CERTIFICATE, read=ALWAYS, wrapped=True),
        ),
    )
)
