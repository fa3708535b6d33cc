"""The files of the common application, as measured on cards (docs/card.md, section 6)."""

from __future__ import annotations

from typing import Final

from jukicard.applets.counter import (
    AT_THE_COUNTER,
    COUNTER_KEY,
    ENCRYPTED_AT_THE_COUNTER,
)
from jukicard.applets.names import COMMON as AID
from jukicard.filesystem.access import ALWAYS, Verified
from jukicard.filesystem.files import (
    AccessRules,
    DedicatedFile,
    FileTree,
    RecordFile,
    RecordStructure,
)
from jukicard.kit.keys import CARD_NUMBER
from jukicard.kit.pin import PinFile
from jukicard.kit.signing import SigningKeyFile

CARD_INFORMATION: Final = 0x0001
KEY_REFERENCE: Final = 0x0002
CARD_KEY: Final = 0x0019
PIN: Final = 0x001C


def _record(fid: int, size: int) -> RecordFile:
    return RecordFile(
        fid=fid,
        structure=RecordStructure.LINEAR_VARIABLE,
        record_size=size,
        record_count=1,
        access=AccessRules(read=ALWAYS, update=AT_THE_COUNTER),
    )


TREE: Final = FileTree(
    DedicatedFile(
        name=AID,
        files=(
            _record(CARD_INFORMATION, 30),
            _record(KEY_REFERENCE, 18),
            SigningKeyFile(fid=CARD_KEY, use=ALWAYS),
            PinFile(fid=PIN, change=Verified(PIN), unblock=ENCRYPTED_AT_THE_COUNTER),
            COUNTER_KEY,
        ),
        objects=(CARD_NUMBER,),
    )
)
