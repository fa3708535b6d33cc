"""What stands in the files of the text application, declared (docs/card.md, section 6)."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from typing import ClassVar

from construct import Struct

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
    UTF8,
    CardObject,
    Layout,
    data_object,
    digits,
    objects_in,
    octets,
    template,
)


@dataclass(frozen=True, repr=False)
class IndividualNumber(CardObject):
    """EF 0001: the individual number (個人番号), twelve digits; 15 bytes."""

    number: str

    layout: ClassVar[Layout] = data_object(0xFF10, Struct("number" / digits(12)))
    source: ClassVar[str] = "docs/card.md, section 6: text, EF 0001 (C)"


IndividualNumber.examples = (("FF100C353337363836363737313838", IndividualNumber("537686677188")),)


@dataclass(frozen=True, repr=False)
class Attributes(CardObject):
    """EF 0002: the four items (基本4情報), behind a table of where each of them begins.

    Family and given name have an ideographic space (U+3000) between them. `sex` is a digit of JIS
    X 0303: 1 male, 2 female, 9 not applicable.
    """

    name: str
    address: str
    birth: datetime.date
    sex: str

    layout: ClassVar[Layout] = template(
        0xFF20,
        (0xDF22, "name", UTF8),
        (0xDF23, "address", UTF8),
        (0xDF24, "birth", DATE),
        (0xDF25, "sex", digits(1)),
        offsets=0xDF21,
    )
    source: ClassVar[str] = "docs/card.md, section 6: text, EF 0002 (C)"


Attributes.examples = (
    (
        "FF2065DF2108000E002000590064DF220FE9BB92E6A190E38080E5B9B9E4B99F"
        "DF2336E69DB1E4BAACE983BDE6B885E780ACE5B882E8A6B3E5B883E5AD90E58D97"
        "EFBC91EFBC92EFBC8DEFBC97EFBC8DEFBC92EFBC90EFBC92"
        "DF24083139383030323137DF250131",
        Attributes(
            "黒桐　幹也",
            "東京都清瀬市観布子南１２－７－２０２",
            datetime.date(1980, 2, 17),
            "1",
        ),
    ),
    # the header of a template of 128 to 255 bytes is one byte longer, and every offset with it
    (
        "FF208194DF2108000F001500890094DF220341204D"
        "DF2371" + "41" * 113 + "DF24083230313930353031DF250132",
        Attributes("A M", "A" * 113, datetime.date(2019, 5, 1), "2"),
    ),
)


@dataclass(frozen=True, repr=False)
class IntegrityRecord(CardObject):
    """EF 0003: SHA-256 of EF 0001 and of EF 0002, signed by the municipality; 336 bytes.

    Of EF 0001 the whole file is hashed, filler and all; of EF 0002 what stands in the template
    behind the table of offsets.
    """

    number_hash: bytes
    attributes_hash: bytes
    signature: bytes

    layout: ClassVar[Layout] = template(
        0xFF30,
        (0xDF31, "number_hash", octets(32)),
        (0xDF32, "attributes_hash", octets(32)),
        (0xDF33, "signature", SIGNATURE_2048),
    )
    source: ClassVar[str] = "docs/card.md, section 6: text, EF 0003 (L)"

    @classmethod
    def issue(
        cls, number_file: bytes, attributes: Attributes, signer: RecordSigner
    ) -> IntegrityRecord:
        """Hash the two files and sign the hashes, with their tags and lengths."""
        items = objects_in(attributes.encode(), 0xDF22, 0xDF23, 0xDF24, 0xDF25)
        draft = cls(
            hashlib.sha256(number_file).digest(), hashlib.sha256(items).digest(), NO_SIGNATURE
        )
        return signer.seal(draft, 0xDF31, 0xDF32)


IntegrityRecord.examples = (
    (
        "FF3082014B" + "DF3120" + "11" * 32 + "DF3220" + "22" * 32 + "DF33820100" + "33" * 256,
        IntegrityRecord(b"\x11" * 32, b"\x22" * 32, b"\x33" * 256),
    ),
)


@dataclass(frozen=True, repr=False)
class BasicInformation(CardObject):
    """EF 0005: of which make the application is, and a key it names; 162 bytes.

    `identification`: version of the specification, extended lengths, vendor, vendor's own byte.
    What `rest` means is not known.
    """

    key: KeyIdentifier
    identification: bytes = b"\x01\x03\x0e\x01"
    rest: bytes = b"\xff" * 128

    layout: ClassVar[Layout] = template(
        0xFF40,
        (0xDF41, "identification", octets(4)),
        (0xDF42, "key", KEY_IDENTIFIER),
        (0xDF43, "rest", octets(128)),
    )
    source: ClassVar[str] = "docs/card.md, section 6: text, EF 0005 (C; what DF43 holds, unknown)"


BasicInformation.examples = (
    (
        "FF40819E" + "DF410401030E01" + "DF421036303030303334080530303100000000"
        "DF438180" + "FF" * 128,
        BasicInformation(KeyIdentifier("6000034")),
    ),
)


@dataclass(frozen=True, repr=False)
class SessionPublicKey(CardObject):
    """EF 0006: the key under which a terminal would deliver a session key; 269 bytes."""

    key: RsaPublicKey

    layout: ClassVar[Layout] = data_object(0xA1, Struct("key" / PUBLIC_KEY_2048))
    source: ClassVar[str] = "docs/card.md, section 6: text, EF 0006 (L)"


SessionPublicKey.examples = (("A1820109" + EXAMPLE_KEY_HEX, SessionPublicKey(EXAMPLE_KEY)),)


@dataclass(frozen=True, repr=False)
class SignedPublicKey(CardObject):
    """EF 0007: the public half of the card's own key (EF 0013), signed; 536 bytes."""

    key: RsaPublicKey
    signature: bytes

    layout: ClassVar[Layout] = template(
        0xFF50, (0xDF51, "key", PUBLIC_KEY_2048), (0xDF52, "signature", SIGNATURE_2048)
    )
    source: ClassVar[str] = "docs/card.md, section 6: text, EF 0007 (L)"

    @classmethod
    def issue(cls, key: RsaPublicKey, signer: RecordSigner) -> SignedPublicKey:
        """Sign the key, with its tag and length."""
        return signer.seal(cls(key, NO_SIGNATURE), 0xDF51)


SignedPublicKey.examples = (
    (
        "FF50820213" + "DF51820109" + EXAMPLE_KEY_HEX + "DF52820100" + "44" * 256,
        SignedPublicKey(EXAMPLE_KEY, b"\x44" * 256),
    ),
)
