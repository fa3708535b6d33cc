"""Who signed what is in the card's files: key identifiers, card-verifiable certificates, records.

The successor card's applications for the card face share one format (docs/card.md, section 6).
The key that signs their records is certified in EF 0004 of each; the key above it is not on the
card.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from construct import Const, ExprAdapter, ExprValidator, Sequence, Struct

from jukicard.apdu.tlv import Tlv
from jukicard.crypto.asymmetric import RsaPrivateKey, RsaPublicKey
from jukicard.kit.layouts import (
    OCTETS,
    CardObject,
    Layout,
    data_object,
    digits,
    nested,
    objects_in,
    octets,
    template,
)

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

RSA_2048_BYTES: Final = 256
NO_SIGNATURE: Final = bytes(RSA_2048_BYTES)
"""What stands in the place of a signature until it is made."""
_Object = TypeVar("_Object", bound=CardObject)


def _unsigned(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _public_key(found: list[bytes], _: object) -> RsaPublicKey:
    exponent, modulus = (int.from_bytes(raw, "big") for raw in found)
    return RsaPublicKey(modulus, exponent)


PUBLIC_KEY: Final[Layout] = ExprAdapter(
    Sequence(data_object(0x90, OCTETS), data_object(0x91, OCTETS)),
    _public_key,
    lambda key, _: [_unsigned(key.exponent), _unsigned(key.modulus)],
)
"""An RSA public key: 90 exponent, 91 modulus; 265 bytes for 2048 bits."""
PUBLIC_KEY_2048: Final[Layout] = ExprValidator(PUBLIC_KEY, lambda key, _: key.size == 256)
SIGNATURE_2048: Final[Layout] = octets(RSA_2048_BYTES)


@dataclass(frozen=True, repr=False)
class KeyIdentifier(CardObject):
    """The name of a key, 16 bytes: a number of seven digits, a group of three, and a rest.

    The numbers of test hierarchies begin with 6 or 9, those of real ones with 5.
    """

    number: str
    group: str = "001"
    rest: bytes = bytes(4)

    layout: ClassVar[Layout] = Struct(
        "number" / digits(7), Const(b"\x08\x05"), "group" / digits(3), "rest" / octets(4)
    )
    source: ClassVar[str] = "docs/card.md, section 6 (L)"


KeyIdentifier.examples = (
    ("39323030303733080530303100000000", KeyIdentifier("9200073")),
    ("36303030303334080530303000000001", KeyIdentifier("6000034", "000", b"\0\0\0\1")),
)


KEY_IDENTIFIER: Final[Layout] = nested(KeyIdentifier, octets(16))


@dataclass(frozen=True, repr=False)
class CertificateBody(CardObject):
    """What a card-verifiable certificate says and its signature covers: 297 bytes.

    `issuer` names the key that signed it, `subject` the key that it certifies.
    """

    issuer: KeyIdentifier
    subject: KeyIdentifier
    key: RsaPublicKey

    layout: ClassVar[Layout] = Struct(
        "issuer" / KEY_IDENTIFIER, "subject" / KEY_IDENTIFIER, "key" / PUBLIC_KEY
    )
    source: ClassVar[str] = "docs/card.md, section 6: text and surface, EF 0004 (L)"


@dataclass(frozen=True, repr=False)
class CvCertificate(CardObject):
    """A card-verifiable certificate with a key of RSA-2048, 568 bytes; RSA with SHA-256."""

    body: CertificateBody
    signature: bytes

    layout: ClassVar[Layout] = template(
        0x7F21,
        (0x5F4E, "body", nested(CertificateBody)),
        (0x5F37, "signature", OCTETS),
    )
    source: ClassVar[str] = "docs/card.md, section 6: text and surface, EF 0004 (L)"

    @classmethod
    def issue(cls, body: CertificateBody, authority: RsaPrivateKey) -> CvCertificate:
        """Sign a certificate with the key of its issuer."""
        return cls(body, authority.sign("sha256", body.encode()))


# -- an authority's signature over a file ---------------------------------------------------------

_SHA256: Final = Tlv(0x30, bytes.fromhex("06096086480165030402010500"))
"""AlgorithmIdentifier of SHA-256 (RFC 8017, 9.2, note 1)."""


@dataclass(frozen=True, slots=True, repr=False)
class RecordSigner:
    """The municipality's key that signs a card's records, with its certificate for EF 0004.

    ValueError when the certificate is another key's.
    """

    key: RsaPrivateKey
    certificate: CvCertificate

    def __post_init__(self) -> None:
        if self.certificate.body.key != self.key.public:
            raise ValueError("the certificate is another key's")

    def sign(self, signed: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256."""
        return self.key.sign("sha256", signed)

    def seal(self, draft: _Object, *tags: int) -> _Object:
        """Return the object with the signature over those of its objects that have these tags."""
        signature = {"signature": self.sign(objects_in(draft.encode(), *tags))}
        return replace(draft, **signature)

    def sign_groups(self, *groups: bytes) -> bytes:
        """Return a signature over the hashes of several groups, one behind the other.

        A terminal can check it with a group's hash instead of the group (the photograph, as a
        rule). The DigestInfo then holds as many hashes as there are groups.
        """
        return self.sign_hashes(*(hashlib.sha256(group).digest() for group in groups))

    def sign_hashes(self, *hashes: bytes) -> bytes:
        """Return a signature over SHA-256 hashes, all in one DigestInfo."""
        return self.key.sign_block(Tlv(0x30, (_SHA256, Tlv(0x04, b"".join(hashes)))).encode())

    def __repr__(self) -> str:
        return "<RecordSigner>"


_ROOT: Final = KeyIdentifier("6000031")
"""The test root that certifies the authority's key; it is on no card."""
AUTHORITY: Final = KeyIdentifier("6000033")
"""The test authority that certifies the municipalities' keys."""


def record_signer(order: Order) -> RecordSigner:
    """Return the key that signs the records of the holder's municipality, and its certificate."""
    return municipal_signer(
        order.holder.municipality,
        order.authority_key("issuer"),
        order.authority_key("cv-authority"),
    )


def authority_certificate(order: Order) -> CvCertificate:
    """Return the certificate in which the root names the authority."""
    return upper_certificate(order.authority_key("cv-authority"), order.authority_key("cv-root"))


@cache
def municipal_signer(municipality: str, own: bytes, authority: bytes) -> RecordSigner:
    """Return the same from the private keys (PKCS #8) of the municipality and the authority."""
    key = RsaPrivateKey(own, check=False)
    body = CertificateBody(AUTHORITY, KeyIdentifier(f"{municipality}21", "000"), key.public)
    return RecordSigner(key, CvCertificate.issue(body, RsaPrivateKey(authority, check=False)))


@cache
def upper_certificate(authority: bytes, root: bytes) -> CvCertificate:
    """Return the same from the private keys (PKCS #8) of the authority and the root."""
    body = CertificateBody(_ROOT, AUTHORITY, RsaPrivateKey(authority, check=False).public)
    return CvCertificate.issue(body, RsaPrivateKey(root, check=False))


# -- examples -------------------------------------------------------------------------------------

_MODULUS: Final = "C9" + "AB" * 255
EXAMPLE_KEY_HEX: Final = "9003010001" + "91820100" + _MODULUS
EXAMPLE_KEY: Final = RsaPublicKey(int(_MODULUS, 16), 0x010001)
"""A number of 2048 bits in the place of a modulus: nobody's key."""
_BODY_HEX: Final = (
    "39323030303733080530303100000000" + "31333232313231080530303000000000" + EXAMPLE_KEY_HEX
)
CertificateBody.examples = (
    (
        _BODY_HEX,
        CertificateBody(KeyIdentifier("9200073"), KeyIdentifier("1322121", "000"), EXAMPLE_KEY),
    ),
)
EXAMPLE_CERTIFICATE_HEX: Final = (
    "7F21820233" + "5F4E820129" + _BODY_HEX + "5F37820100" + "5A" * RSA_2048_BYTES
)
EXAMPLE_CERTIFICATE: Final = CvCertificate(
    CertificateBody(KeyIdentifier("9200073"), KeyIdentifier("1322121", "000"), EXAMPLE_KEY),
    b"\x5a" * RSA_2048_BYTES,
)
CvCertificate.examples = ((EXAMPLE_CERTIFICATE_HEX, EXAMPLE_CERTIFICATE),)
