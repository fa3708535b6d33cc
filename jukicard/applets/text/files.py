"""The files of the text application, as measured on cards (docs/card.md, section 6).

EFs whose purpose is unknown exist and stay closed. A file whose size is not known is larger than
its content and filled with FF, as the files of real cards are.
"""

from __future__ import annotations

from typing import Final

from jukicard.applets.counter import (
    COUNTER_KEY,
    ENCRYPTED_AT_THE_COUNTER,
    open_data,
    own_key,
    personal_data,
    printed,
)
from jukicard.applets.names import TEXT as AID
from jukicard.filesystem.access import ALWAYS, AnyOf, Verified
from jukicard.filesystem.files import (
    AccessRules,
    DedicatedFile,
    FileTree,
    InternalFile,
    InternalKind,
    TransparentFile,
)
from jukicard.kit.keys import CARD_NUMBER
from jukicard.kit.pin import PinFile

INDIVIDUAL_NUMBER: Final = 0x0001
ATTRIBUTES: Final = 0x0002
INTEGRITY: Final = 0x0003
CERTIFICATE: Final = 0x0004
BASIC_INFORMATION: Final = 0x0005
SESSION_KEY: Final = 0x0006
SIGNED_KEY: Final = 0x0007
PIN: Final = 0x0011
BLOCKED: Final = 0x0012
"""A reference that is blocked on every card that was examined; what it was for is unknown."""
CARD_KEY: Final = 0x0013
NUMBER_A: Final = 0x0014
NUMBER_B: Final = 0x0015

_ANY_CREDENTIAL: Final = AnyOf(Verified(PIN), Verified(NUMBER_A), Verified(NUMBER_B))

_DATA: Final = (
    # 15 bytes and two of filler, over all of which the integrity record's hash is made
    TransparentFile(
        fid=INDIVIDUAL_NUMBER,
        size=17,
        access=personal_data(AnyOf(Verified(PIN), Verified(NUMBER_A))),
    ),
    # 200 characters of address and 100 of name in UTF-8
    TransparentFile(
        fid=ATTRIBUTES,
        size=1280,
        access=personal_data(AnyOf(Verified(PIN), Verified(NUMBER_B))),
    ),
    # these two are as long as what is in them: clients ask for exactly as much
    TransparentFile(fid=INTEGRITY, size=336, access=personal_data(_ANY_CREDENTIAL)),
    TransparentFile(fid=CERTIFICATE, size=568, access=open_data()),
    # a client reads 256 bytes of what is 162, and gives up when there are fewer
    TransparentFile(fid=BASIC_INFORMATION, size=256, access=open_data()),
    TransparentFile(fid=SESSION_KEY, size=512, access=open_data()),
    TransparentFile(fid=SIGNED_KEY, size=768, access=open_data()),
    TransparentFile(fid=0x0008, size=16, access=AccessRules(read=ALWAYS)),
)
_CREDENTIALS: Final = (
    PinFile(fid=PIN, change=Verified(PIN), unblock=ENCRYPTED_AT_THE_COUNTER),
    PinFile(fid=BLOCKED),
    printed(NUMBER_A, 12, 12),
    printed(NUMBER_B, 14, 14),
)
UNKNOWN: Final = (0x0010, 0x001C, 0x001E)

TREE: Final = FileTree(
    DedicatedFile(
        name=AID,
        files=(
            *_DATA,
            *_CREDENTIALS,
            own_key(CARD_KEY),
            *(InternalFile(fid=fid, kind=InternalKind.KEY) for fid in UNKNOWN),
            COUNTER_KEY,
        ),
        objects=(CARD_NUMBER,),
    )
)
