"""The files of the operator application (docs/card.md, "The operator card"): declared, not coded.

Nothing of the real operator card was ever published but what it is for: all numbers are this
project's own.
"""

from __future__ import annotations

from typing import Final

from jukicard.applets.names import OPERATOR as AID
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
    TransparentFile,
)
from jukicard.kit.keys import CARD_NUMBER, KeyFile
from jukicard.kit.pin import PinCharacters, PinFile
from jukicard.kit.signing import KeyAlgorithm, SigningKeyFile

IDENTITY: Final = 0x0001
CERTIFICATE: Final = 0x0002
AUTHORITY: Final = 0x0003
KEY: Final = 0x001A
PASSWORD: Final = 0x001B
CARD_STATE: Final = 0x8A
DATE: Final = 0xC2
"""The card's date: the newest day that a proven terminal has told it."""
LAST_DAY: Final = 0xC3
"""The last day of the password."""

LOGIN: Final = "OPERATOR_LOGIN"
ADMIN: Final = "ADMIN"
PURPOSES: Final = {6: LOGIN, 7: ADMIN}
"""Every purpose of use by the reference of its key: none of these numbers is a Juki purpose's."""

_AUTHENTIC: Final = SecureMessaging(MessagingLevel.MAC)
_ENCRYPTED: Final = SecureMessaging(MessagingLevel.ENCRYPTED)
_TERMINAL: Final = AnyOf(Authenticated(LOGIN), Authenticated(ADMIN))
_BY_ADMIN: Final = AllOf(Authenticated(ADMIN), _AUTHENTIC)
_BY_ADMIN_ENCRYPTED: Final = AllOf(Authenticated(ADMIN), _ENCRYPTED)

CARD_RULES: Final = AccessRules(activate=_BY_ADMIN, deactivate=_BY_ADMIN, terminate=_BY_ADMIN)
"""Who may suspend, resume and end the card through this application."""

TREE: Final = FileTree(
    DedicatedFile(
        name=AID,
        files=(
            TransparentFile(
                fid=IDENTITY,
                size=64,
                access=AccessRules(read=_TERMINAL, update=_BY_ADMIN_ENCRYPTED),
            ),
            TransparentFile(
                fid=CERTIFICATE,
                size=2048,
                access=AccessRules(read=_TERMINAL, update=_BY_ADMIN_ENCRYPTED),
            ),
            TransparentFile(
                fid=AUTHORITY, size=2048, access=AccessRules(read=ALWAYS, update=_BY_ADMIN)
            ),
            SigningKeyFile(
                fid=KEY,
                use=AllOf(Authenticated(LOGIN), Verified(PASSWORD)),
                generate=_BY_ADMIN,
                read_public=_TERMINAL,
                algorithm=KeyAlgorithm.P256,
            ),
            PinFile(
                fid=PASSWORD,
                min_length=8,
                max_length=16,
                characters=PinCharacters.PRINTABLE,
                change=AllOf(Verified(PASSWORD), _ENCRYPTED),
                unblock=_BY_ADMIN_ENCRYPTED,
            ),
            *(
                KeyFile(fid=0x0100 + reference, reference=reference, right=right)
                for reference, right in PURPOSES.items()
            ),
        ),
        objects=(
            CARD_NUMBER,
            DataObject(
                tag=DATE,
                read=_TERMINAL,
                write=AllOf(_TERMINAL, _AUTHENTIC),
                wrapped=True,
                max_size=8,
            ),
            DataObject(tag=LAST_DAY, read=_TERMINAL, wrapped=True, max_size=8),
        ),
    )
)
