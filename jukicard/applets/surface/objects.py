"""What stands in the successor card's surface application, declared (docs/card.md, section 6)."""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass
from typing import ClassVar

from construct import Byte, Struct

from jukicard.applets.certificates import (
    EXAMPLE_KEY,
    EXAMPLE_KEY_HEX,
    KEY_IDENTIFIER,
    NO_SIGNATURE,
    PUBLIC_KEY_2048,
    SIGNATURE_2048,
    KeyIdentifier,
    RecordSigner,
)
from jukicard.crypto.asymmetric import RsaPublicKey
from jukicard.kit.layouts import (
    DATE,
    OCTETS,
    CardObject,
    Layout,
    digits,
    nested,
    objects_in,
    octets,
    template,
)


@dataclass(frozen=True, repr=False)
class BirthRecord(CardObject):
    """EF 0001: the birth date and the card's own public key, signed; 547 bytes.

    All that a terminal learns which only wants to know an age.
    """

    birth: datetime.date
    key: RsaPublicKey
    signature: bytes

    layout: ClassVar[Layout] = template(
        0xFF10,
        (0xDF11, "birth", DATE),
        (0xDF12, "key", PUBLIC_KEY_2048),
        (0xDF13, "signature", SIGNATURE_2048),
    )
    source: ClassVar[str] = "docs/card.md, section 6: surface, EF 0001 (C/L)"

    @classmethod
    def issue(cls, birth: datetime.date, key: RsaPublicKey, signer: RecordSigner) -> BirthRecord:
        """Sign what stands before the signature."""
        return signer.seal(cls(birth, key, NO_SIGNATURE), 0xDF11, 0xDF12)


BirthRecord.examples = (
    (
        "FF1082021E" + "DF11083139383030323137" + "DF12820109" + EXAMPLE_KEY_HEX
        + "DF13820100" + "55" * 256,
        BirthRecord(datetime.date(1980, 2, 17), EXAMPLE_KEY, b"\x55" * 256),
    ),
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class CardFace(CardObject):
    """EF 0002: the face of the card as pictures, behind a table of where each object begins.

    Name, address and security code are 1-bit PNG, the photograph is grey JPEG 2000. The signature
    covers three groups of what stands before it (`RecordSigner.sign_groups`); expiry and security
    code stand behind it and are not covered.
    """

    birth: datetime.date
    sex: str
    key: RsaPublicKey
    name_image: bytes
    address_image: bytes
    photo: bytes
    signature: bytes
    expires: datetime.date
    code_image: bytes

    layout: ClassVar[Layout] = template(
        0xFF20,
        (0xDF22, "birth", DATE),
        (0xDF23, "sex", digits(1)),
        (0xDF24, "key", PUBLIC_KEY_2048),
        (0xDF25, "name_image", OCTETS),
        (0xDF26, "address_image", OCTETS),
        (0xDF27, "photo", OCTETS),
        (0xDF28, "signature", SIGNATURE_2048),
        (0xDF29, "expires", DATE),
        (0xDF2A, "code_image", OCTETS),
        offsets=0xDF21,
    )
    source: ClassVar[str] = "docs/card.md, section 6: surface, EF 0002 (C/L)"

    def signed_by(self, signer: RecordSigner) -> CardFace:
        """Return the same face with this signer's signature."""
        raw = self.encode()
        signature = signer.sign_groups(
            objects_in(raw, 0xDF22, 0xDF23, 0xDF24),
            objects_in(raw, 0xDF25, 0xDF26),
            objects_in(raw, 0xDF27),
        )
        return dataclasses.replace(self, signature=signature)


CardFace.examples = (
    (
        "FF2082026B"
        "DF2112" "001A" "0025" "0029" "0137" "013C" "0142" "0147" "024C" "0257"
        "DF22083139383030323137" "DF230131" "DF24820109" + EXAMPLE_KEY_HEX
        + "DF25028950" "DF2603895047" "DF27020C6A" + "DF28820100" + "66" * 256
        + "DF29083230333530323137" "DF2A16" + "89" * 22,
        CardFace(
            datetime.date(1980, 2, 17), "1", EXAMPLE_KEY, b"\x89P", b"\x89PG", b"\x0cj",
            b"\x66" * 256, datetime.date(2035, 2, 17), b"\x89" * 22,
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class SealedReference(CardObject):
    """DF35 of EF 0003: a key identifier and 256 bytes; what they are is not known."""

    key: KeyIdentifier
    sealed: bytes = b"\xff" * 256

    layout: ClassVar[Layout] = Struct("key" / KEY_IDENTIFIER, "sealed" / octets(256))
    source: ClassVar[str] = "docs/card.md, section 6: surface, EF 0003 (L; its meaning unknown)"


SealedReference.examples = (
    ("36393030303235080530303100000000" + "FF" * 256, SealedReference(KeyIdentifier("6900025"))),
)


@dataclass(frozen=True, repr=False)
class BasicInformation(CardObject):
    """EF 0003: of which make the application is, and the municipality's five digits; 320 bytes.

    `identification`: version of the specification, extended lengths, vendor, vendor's own byte.
    """

    municipality: str
    key: KeyIdentifier
    reference: SealedReference
    version: int = 0
    identification: bytes = b"\x06\x03\x0e\x01"

    layout: ClassVar[Layout] = template(
        0xFF30,
        (0xDF31, "identification", octets(4)),
        (0xDF32, "key", KEY_IDENTIFIER),
        (0xDF33, "version", Byte),
        (0xDF34, "municipality", digits(5)),
        (0xDF35, "reference", nested(SealedReference)),
    )
    source: ClassVar[str] = "docs/card.md, section 6: surface, EF 0003 (C/L)"


BasicInformation.examples = (
    (
        "FF3082013B" + "DF310406030E01" + "DF321036303030303234080530303100000000"
        + "DF330100" + "DF34053133323231"
        + "DF35820110" + "36393030303235080530303100000000" + "FF" * 256,
        BasicInformation(
            "13221", KeyIdentifier("6000024"), SealedReference(KeyIdentifier("6900025"))
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class NumberImage(CardObject):
    """EF 0005: the individual number as a 1-bit PNG, signed."""

    image: bytes
    key: RsaPublicKey
    signature: bytes

    layout: ClassVar[Layout] = template(
        0xFF40,
        (0xDF41, "image", OCTETS),
        (0xDF42, "key", PUBLIC_KEY_2048),
        (0xDF43, "signature", SIGNATURE_2048),
    )
    source: ClassVar[str] = "docs/card.md, section 6: surface, EF 0005 (C/L)"

    @classmethod
    def issue(cls, image: bytes, key: RsaPublicKey, signer: RecordSigner) -> NumberImage:
        """Sign what stands before the signature."""
        return signer.seal(cls(image, key, NO_SIGNATURE), 0xDF41, 0xDF42)


NumberImage.examples = (
    (
        "FF4082021B" + "DF410589504E470D" + "DF42820109" + EXAMPLE_KEY_HEX
        + "DF43820100" + "77" * 256,
        NumberImage(b"\x89PNG\r", EXAMPLE_KEY, b"\x77" * 256),
    ),
)  # fmt: skip
