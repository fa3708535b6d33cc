"""The files of the public certificate service (公的個人認証, JPKI), as measured on cards.

docs/card.md lists the sources. On the Juki card the application holds the signature pair only; the
successor adds the authentication pair. EFs whose purpose is unknown exist and stay closed.
"""

from __future__ import annotations

from typing import Final

from jukicard.applets.counter import (
    AT_THE_COUNTER,
    COUNTER_KEY,
    ENCRYPTED_AT_THE_COUNTER,
    open_data,
    personal_data,
)
from jukicard.applets.names import JPKI as AID
from jukicard.filesystem.access import ALWAYS, Verified
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
from jukicard.kit.pin import PinCharacters, PinFile
from jukicard.kit.signing import KeyAlgorithm, SigningKeyFile

SIGN_CERTIFICATE: Final = 0x0001
SIGN_CA_CERTIFICATE: Final = 0x0002
TOKEN: Final = 0x0006
AVAILABILITY: Final = 0x0008
AUTH_CERTIFICATE: Final = 0x000A
AUTH_CA_CERTIFICATE: Final = 0x000B
AUTH_KEY: Final = 0x0017
AUTH_PIN: Final = 0x0018
SIGN_KEY: Final = 0x001A
SIGN_PIN: Final = 0x001B

CERTIFICATE_SIZE: Final = 2048
"""The size of a certificate's EF in bytes; what the certificate leaves free is FF."""
HOLDERS_CERTIFICATE_SIZE: Final = 3072
"""The same where the certificate names its holder: one with the longest name and the longest
address has some 2500 bytes."""
TOKEN_SIZE: Final = 160


def _certificate(fid: int) -> TransparentFile:
    return TransparentFile(fid=fid, size=CERTIFICATE_SIZE, access=open_data())


def _pair(
    *, certificate: TransparentFile, ca: int, key: int, pin: PinFile, algorithm: KeyAlgorithm
) -> tuple[ElementaryFile, ...]:
    signing = SigningKeyFile(
        fid=key,
        use=Verified(pin.fid),
        generate=AT_THE_COUNTER,
        read_public=certificate.access.read,
        algorithm=algorithm,
    )
    return certificate, _certificate(ca), signing, pin


def _signature_pair(algorithm: KeyAlgorithm) -> tuple[ElementaryFile, ...]:
    return _pair(
        # a certificate of the signature pair says who and where the holder is: not for everyone
        certificate=TransparentFile(
            fid=SIGN_CERTIFICATE,
            size=HOLDERS_CERTIFICATE_SIZE,
            access=personal_data(Verified(SIGN_PIN)),
        ),
        ca=SIGN_CA_CERTIFICATE,
        key=SIGN_KEY,
        pin=PinFile(
            fid=SIGN_PIN,
            min_length=6,
            max_length=16,
            characters=PinCharacters.UPPER_ALPHANUMERIC,
            tries=5,
            change=Verified(SIGN_PIN),
            unblock=ENCRYPTED_AT_THE_COUNTER,
        ),
        algorithm=algorithm,
    )


def _authentication_pair(algorithm: KeyAlgorithm) -> tuple[ElementaryFile, ...]:
    return _pair(
        certificate=_certificate(AUTH_CERTIFICATE),
        ca=AUTH_CA_CERTIFICATE,
        key=AUTH_KEY,
        pin=PinFile(fid=AUTH_PIN, change=Verified(AUTH_PIN), unblock=ENCRYPTED_AT_THE_COUNTER),
        algorithm=algorithm,
    )


def _closed(fid: int) -> InternalFile:
    return InternalFile(fid=fid, kind=InternalKind.KEY)


_EVERYWHERE: Final[tuple[ElementaryFile, ...]] = (
    TransparentFile(fid=TOKEN, size=TOKEN_SIZE, fill=0x20, access=AccessRules(read=ALWAYS)),
    COUNTER_KEY,
)
_ON_THE_SUCCESSOR: Final[tuple[ElementaryFile, ...]] = (
    TransparentFile(fid=0x0005, size=16),
    TransparentFile(fid=AVAILABILITY, size=3, fill=0x00, access=open_data()),
    TransparentFile(fid=0x0009, size=16, access=AccessRules(read=ALWAYS)),
    _closed(0x0010),
    _closed(0x0016),
    _closed(0x0019),
    _closed(0x001C),
    _closed(0x001E),
)


def _tree(*files: ElementaryFile) -> FileTree:
    return FileTree(
        DedicatedFile(
            name=AID,
            files=files,
            objects=(CARD_NUMBER,),
        )
    )


def _juki(algorithm: KeyAlgorithm, *more: ElementaryFile) -> FileTree:
    return _tree(*_signature_pair(algorithm), *_EVERYWHERE, *more)


TREES: Final = {
    "juki-1024": _juki(KeyAlgorithm.RSA_1024),
    "juki-2048": _juki(KeyAlgorithm.RSA_2048),
    "juki-1024-compat": _juki(KeyAlgorithm.RSA_1024, *_authentication_pair(KeyAlgorithm.RSA_1024)),
    "juki-2048-compat": _juki(KeyAlgorithm.RSA_2048, *_authentication_pair(KeyAlgorithm.RSA_2048)),
    "mynumber": _tree(
        *_signature_pair(KeyAlgorithm.RSA_2048),
        *_authentication_pair(KeyAlgorithm.RSA_2048),
        *_EVERYWHERE,
        *_ON_THE_SUCCESSOR,
    ),
}
"""The layouts by the name in the application's parameter `layout`."""
