"""What stands in the surface application of Juki cards, declared.

The layout was never published. It is this project's own (docs/card.md, section 6), in the form
that the successor has; public is what each kind of card shows: type A, without a photo, until when
it is valid and that it is of this type; type B the four items, the photo and the expiry.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import ClassVar

from jukicard.applets.certificates import RecordSigner
from jukicard.kit.layouts import (
    DATE,
    OCTETS,
    CardObject,
    Layout,
    digits,
    template,
)

TYPE_A = "1"
"""The card with the name only (form 1)."""
TYPE_B = "2"
"""The card with photo and four items (form 2)."""


@dataclass(frozen=True, repr=False)
class JukiBirthRecord(CardObject):
    """EF 0001 of type B: the birth date, signed; all that the number in the QR code opens."""

    birth: datetime.date
    signature: bytes

    layout: ClassVar[Layout] = template(
        0xFF10, (0xDF11, "birth", DATE), (0xDF13, "signature", OCTETS)
    )
    source: ClassVar[str] = "docs/card.md, section 6: surface of Juki cards, EF 0001 (D)"

    @classmethod
    def issue(cls, birth: datetime.date, signer: RecordSigner) -> JukiBirthRecord:
        """Sign what stands before the signature."""
        return signer.seal(cls(birth, b""), 0xDF11)


JukiBirthRecord.examples = (
    (
        "FF10818F" + "DF11083139383030323137" + "DF138180" + "55" * 128,
        JukiBirthRecord(datetime.date(1980, 2, 17), b"\x55" * 128),
    ),
)


@dataclass(frozen=True, repr=False)
class PlainFace(CardObject):
    """EF 0002 of type A: until when the card is valid, and that it has no photo; signed."""

    expires: datetime.date
    signature: bytes
    kind: str = TYPE_A

    layout: ClassVar[Layout] = template(
        0xFF20,
        (0xDF29, "expires", DATE),
        (0xDF2B, "kind", digits(1)),
        (0xDF28, "signature", OCTETS),
        offsets=0xDF21,
    )
    source: ClassVar[str] = "docs/card.md, section 6: surface of Juki cards, EF 0002 (D)"

    @classmethod
    def issue(cls, expires: datetime.date, signer: RecordSigner) -> PlainFace:
        """Sign what stands before the signature."""
        return signer.seal(cls(expires, b""), 0xDF29, 0xDF2B)


PlainFace.examples = (
    (
        "FF20819C" + "DF2106" + "000D0018001C" + "DF29083230313930333331" + "DF2B0131"
        + "DF288180" + "66" * 128,
        PlainFace(datetime.date(2019, 3, 31), b"\x66" * 128),
    ),
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class PhotoFace(CardObject):
    """EF 0002 of type B: the four items, the photo and the expiry; signed.

    Name and address are pictures, as on the successor card.
    """

    birth: datetime.date
    sex: str
    name_image: bytes
    address_image: bytes
    photo: bytes
    expires: datetime.date
    signature: bytes = b""
    kind: str = TYPE_B

    layout: ClassVar[Layout] = template(
        0xFF20,
        (0xDF22, "birth", DATE),
        (0xDF23, "sex", digits(1)),
        (0xDF25, "name_image", OCTETS),
        (0xDF26, "address_image", OCTETS),
        (0xDF27, "photo", OCTETS),
        (0xDF29, "expires", DATE),
        (0xDF2B, "kind", digits(1)),
        (0xDF28, "signature", OCTETS),
        offsets=0xDF21,
    )
    source: ClassVar[str] = "docs/card.md, section 6: surface of Juki cards, EF 0002 (D)"

    def signed_by(self, signer: RecordSigner) -> PhotoFace:
        """Return the same face with this signer's signature over what stands before it."""
        return signer.seal(self, 0xDF22, 0xDF23, 0xDF25, 0xDF26, 0xDF27, 0xDF29, 0xDF2B)


PhotoFace.examples = (
    (
        "FF2081C5" + "DF2110" + "00170022" "0026002B" "00310036" "00410045"
        + "DF22083139383030323137" "DF230131" "DF25028950" "DF2603895047" "DF27020C6A"
        + "DF29083230313930333331" "DF2B0132" + "DF288180" + "66" * 128,
        PhotoFace(
            datetime.date(1980, 2, 17), "1", b"\x89P", b"\x89PG", b"\x0cj",
            datetime.date(2019, 3, 31), b"\x66" * 128,
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class JukiInformation(CardObject):
    """EF 0003: version, the municipality's five digits, and of which type the card is.

    Free to read: a reader must know which verification number to ask for.
    """

    municipality: str
    kind: str
    version: str = "02"

    layout: ClassVar[Layout] = template(
        0xFF30,
        (0xDF33, "version", digits(2)),
        (0xDF34, "municipality", digits(5)),
        (0xDF36, "kind", digits(1)),
    )
    source: ClassVar[str] = "docs/card.md, section 6: surface of Juki cards, EF 0003 (D)"


JukiInformation.examples = (
    ("FF3011" + "DF33023032" + "DF34053133323231" + "DF360132", JukiInformation("13221", TYPE_B)),
)
