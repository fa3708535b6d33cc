"""The files of the surface application on the successor card and on Juki cards of 2009.

The successor's are measured on cards. Of the Juki card's only the credentials and what they open
are public, the files are this project's own (docs/card.md, section 6). EFs whose purpose is unknown
exist and stay closed. A file whose size is not known is larger than its content and filled with FF,
as the files of real cards are.
"""

from __future__ import annotations

from typing import Final

from jukicard.applets.counter import COUNTER_KEY, open_data, own_key, personal_data, printed
from jukicard.applets.names import SURFACE as AID
from jukicard.filesystem.access import ALWAYS, AnyOf, Verified
from jukicard.filesystem.files import (
    AccessRules,
    DedicatedFile,
    ElementaryFile,
    FileTree,
    InternalFile,
    InternalKind,
    TransparentFile,
)
from jukicard.kit.keys import CARD_NUMBER

BIRTH: Final = 0x0001
FACE: Final = 0x0002
BASIC_INFORMATION: Final = 0x0003
CERTIFICATE: Final = 0x0004
NUMBER_IMAGE: Final = 0x0005
BIRTH_CODE: Final = 0x0011
NUMBER_B: Final = 0x0012
"""Verification number B; on Juki cards the one verification number."""
NUMBER_A: Final = 0x0013
CARD_KEY: Final = 0x001A
UNKNOWN: Final = (0x001C, 0x001E)

FACE_SIZE: Final = 12_288
"""The size in bytes of the file with the pictures; what they leave free is FF."""


def _tree(*files: ElementaryFile) -> FileTree:
    return FileTree(DedicatedFile(name=AID, files=(*files, COUNTER_KEY), objects=(CARD_NUMBER,)))


_FILLER: Final = TransparentFile(fid=0x0006, size=16, access=AccessRules(read=ALWAYS))

TREES: Final = {
    "mynumber": _tree(
        TransparentFile(fid=BIRTH, size=768, access=personal_data(Verified(BIRTH_CODE))),
        TransparentFile(
            fid=FACE,
            size=FACE_SIZE,
            access=personal_data(AnyOf(Verified(NUMBER_B), Verified(NUMBER_A))),
        ),
        TransparentFile(fid=BASIC_INFORMATION, size=512, access=open_data()),
        TransparentFile(fid=CERTIFICATE, size=568, access=open_data()),
        TransparentFile(fid=NUMBER_IMAGE, size=2048, access=personal_data(Verified(NUMBER_A))),
        _FILLER,
        printed(BIRTH_CODE, 6, 6),
        printed(NUMBER_B, 14, 14),
        printed(NUMBER_A, 12, 12),
        own_key(CARD_KEY),
        *(InternalFile(fid=fid, kind=InternalKind.KEY) for fid in UNKNOWN),
    ),
    "juki": _tree(
        TransparentFile(fid=BIRTH, size=288, access=personal_data(Verified(BIRTH_CODE))),
        TransparentFile(fid=FACE, size=FACE_SIZE, access=personal_data(Verified(NUMBER_B))),
        TransparentFile(fid=BASIC_INFORMATION, size=64, access=open_data()),
        TransparentFile(fid=CERTIFICATE, size=568, access=open_data()),
        _FILLER,
        printed(BIRTH_CODE, 6, 6),
        printed(NUMBER_B, 8, 14),
    ),
}
"""The layouts by the name in the application's parameter `layout`."""
