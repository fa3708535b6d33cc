"""Card verifiable certificates: read strictly, written canonically (BSI TR-03110-3, annex C).

A system's right to a card is a certificate that the card itself checks. Here terminals read the
ones they present, and an issuer makes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from jukicard.apdu import Tlv, TlvError
from jukihost.crypto.curves import CURVES, Curve, PointError, curve_of, point_of
from jukihost.crypto.signatures import (
    ECDSA_SHA256,
    CertificateError,
    Scheme,
    Signer,
    VerificationKey,
    algorithm_of,
)

# BSI TR-03110-3, C.1 and ISO/IEC 7816-8:2019, annex B
_CERTIFICATE: Final = 0x7F21
_BODY: Final = 0x7F4E
_SIGNATURE: Final = 0x5F37
_PROFILE: Final = 0x5F29
_AUTHORITY: Final = 0x42
_PUBLIC_KEY: Final = 0x7F49
_HOLDER: Final = 0x5F20
_AUTHORIZATION: Final = 0x7F4C
_EFFECTIVE: Final = 0x5F25
_EXPIRATION: Final = 0x5F24
_EXTENSIONS: Final = 0x65
_OID: Final = 0x06
_MASK: Final = 0x53
_BODY_TAGS: Final = [
    _PROFILE,
    _AUTHORITY,
    _PUBLIC_KEY,
    _HOLDER,
    _AUTHORIZATION,
    _EFFECTIVE,
    _EXPIRATION,
]
_EC_POINT: Final = 0x86
_EC_WITH_PARAMETERS: Final = [_OID, 0x81, 0x82, 0x83, 0x84, 0x85, _EC_POINT, 0x87]
_RSA_TAGS: Final = [_OID, 0x81, 0x82]


class Role(IntEnum):
    """Whose certificate it is: the two highest bits of the mask (BSI TR-03110-4, 2.2.3)."""

    TERMINAL = 0
    FOREIGN_AUTHORITY = 1
    AUTHORITY = 2
    ROOT = 3


@dataclass(frozen=True)
class Authorization:
    """What a certificate lets its holder do: `oid` says how to read `mask`, role bits first.

    CertificateError when either is empty.
    """

    oid: bytes
    mask: bytes

    def __post_init__(self) -> None:
        if not self.oid or not self.mask:
            raise CertificateError("an authorization is an object identifier and a mask")

    @property
    def role(self) -> Role:
        """Whose certificate it is."""
        return Role(self.mask[0] >> 6)

    def encode(self) -> Tlv:
        """Return the data object 7F4C."""
        return Tlv(_AUTHORIZATION, [Tlv(_OID, self.oid), Tlv(_MASK, self.mask)])


@dataclass(frozen=True)
class CertificateKey:
    """A public key as a certificate holds it.

    `curve` is None where the key has the domain parameters of the certificate above it, `value`
    the point (04, x, y). An RSA key has `value` and `exponent`, its modulus and public exponent.
    """

    oid: bytes
    value: bytes
    curve: Curve | None = None
    exponent: int = 0

    def resolve(self, inherited: Curve | None) -> VerificationKey:
        """Return the usable key; CertificateError when no curve is known or the key is wrong."""
        try:
            if self.exponent:
                modulus = int.from_bytes(self.value, "big")
                return rsa.RSAPublicNumbers(self.exponent, modulus).public_key()
            curve = self.curve or inherited
            if curve is None:
                raise CertificateError(
                    "the certificate has no domain parameters, nor has the one above it"
                )
            return curve.public_key(curve.decode(self.value))
        except PointError as error:
            raise CertificateError(f"the public key is of no use: {error}") from None
        except ValueError:
            raise CertificateError("the public key is of no use: no RSA key is like this") from None

    @classmethod
    def of(cls, key: ec.EllipticCurvePublicKey, oid: bytes, *, parameters: bool) -> CertificateKey:
        """Return an EC key for a certificate, with its domain parameters or without them."""
        curve = curve_of(key)
        return cls(oid, curve.encode(point_of(key)), curve if parameters else None)

    @classmethod
    def parse(cls, tlv: Tlv) -> CertificateKey:
        """Read the data object 7F49. TlvError, CertificateError."""
        children = tlv.children
        tags = [child.tag for child in children]
        values = [child.value for child in children]
        if not tags or tags[0] != _OID:
            raise CertificateError("the public key has no algorithm")
        oid = values[0]
        ecdsa = algorithm_of(oid).scheme is Scheme.ECDSA
        if not ecdsa and tags == _RSA_TAGS:
            exponent = int.from_bytes(values[2], "big")
            if exponent < 3 or not values[1]:
                raise CertificateError("the RSA key has no usable exponent or modulus")
            return cls(oid, values[1], exponent=exponent)
        if ecdsa and tags == [_OID, _EC_POINT]:
            return cls(oid, values[1])
        if ecdsa and tags == _EC_WITH_PARAMETERS:
            return cls(oid, values[6], _curve_with(values[1:6] + values[7:]))
        raise CertificateError("the public key has not the data objects of its algorithm")

    def encode(self) -> Tlv:
        """Return the data object 7F49."""
        children = [Tlv(_OID, self.oid)]
        if self.exponent:
            size = (self.exponent.bit_length() + 7) // 8
            children += [Tlv(0x81, self.value), Tlv(0x82, self.exponent.to_bytes(size, "big"))]
        elif self.curve is None:
            children.append(Tlv(_EC_POINT, self.value))
        else:
            values = _domain_parameters(self.curve)
            children += [Tlv(0x81 + index, value) for index, value in enumerate(values[:5])]
            children += [Tlv(_EC_POINT, self.value), Tlv(0x87, values[5])]
        return Tlv(_PUBLIC_KEY, children)


def _domain_parameters(curve: Curve) -> list[bytes]:
    """Return p, a, b, base point, order and cofactor (BSI TR-03110-3, D.3.3)."""
    field_elements = [curve.coordinate(value) for value in (curve.p, curve.a, curve.b)]
    order = curve.order.to_bytes(curve.order_size, "big")
    return [*field_elements, curve.encode(curve.base), order, b"\x01"]


def _curve_with(values: list[bytes]) -> Curve:
    for curve in CURVES:
        if _domain_parameters(curve) == values:
            return curve
    raise CertificateError("the domain parameters are those of no curve used here")


@dataclass(frozen=True)
class CvCertificate:
    """One card verifiable certificate, profile 00.

    `authority` and `holder` are the references CAR and CHR (8 to 16 bytes: country, mnemonic,
    sequence number), `body` the signed bytes with their tag, `extensions` the data object 65 as it
    is, empty when there is none.
    """

    authority: bytes
    key: CertificateKey
    holder: bytes
    authorization: Authorization
    effective: date
    expiration: date
    extensions: bytes = field(repr=False)
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, raw: bytes) -> CvCertificate:
        """Read the data object 7F21; CertificateError when anything is missing, more, or odd."""
        try:
            return cls._parse(Tlv.parse(raw))
        except (TlvError, PointError) as error:
            raise CertificateError(f"the certificate is malformed: {error}") from None

    @classmethod
    def _parse(cls, outer: Tlv) -> CvCertificate:
        if outer.tag != _CERTIFICATE or [tlv.tag for tlv in outer.children] != [_BODY, _SIGNATURE]:
            raise CertificateError("a certificate is 7F21 with 7F4E and 5F37")
        body, signature = outer.children
        parts = body.children
        tags = [part.tag for part in parts]
        extensions = b""
        if tags[-1:] == [_EXTENSIONS]:
            extensions = parts.pop().encode()
            tags.pop()
        if tags != _BODY_TAGS:
            raise CertificateError("the certificate's body has not the data objects of its profile")
        profile, authority, key, holder, authorization, effective, expiration = parts
        if profile.value != b"\x00":
            raise CertificateError(f"certificate profile {profile.value.hex().upper()} is not 00")
        return cls(
            _reference(authority.value),
            CertificateKey.parse(key),
            _reference(holder.value),
            _authorization(authorization),
            _date(effective.value),
            _date(expiration.value),
            extensions,
            body.encode(),
            signature.value,
        )

    @property
    def content(self) -> bytes:
        """The body and the signature: the data of PSO VERIFY CERTIFICATE."""
        return self.body + Tlv(_SIGNATURE, self.signature).encode()

    @property
    def role(self) -> Role:
        """Whose certificate it is."""
        return self.authorization.role

    def encode(self) -> bytes:
        """Return the data object 7F21."""
        return Tlv(_CERTIFICATE, self.content).encode()


def issue_certificate(
    *,
    authority: bytes,
    holder: bytes,
    key: ec.EllipticCurvePublicKey,
    authorization: Authorization,
    effective: date,
    expiration: date,
    sign: Signer,
    oid: bytes = ECDSA_SHA256,
) -> CvCertificate:
    """Make a certificate for `holder`, signed by `authority` with its raw ECDSA signer.

    A root's certificate gets its domain parameters, every other inherits them (BSI TR-03110-3,
    C.3.1). `oid` says how the holder's key signs. CertificateError for what could not be read.
    """
    if expiration < effective:
        raise CertificateError("the certificate would expire before it is effective")
    public = CertificateKey.of(key, oid, parameters=authorization.role is Role.ROOT)
    body = Tlv(
        _BODY,
        [
            Tlv(_PROFILE, b"\x00"),
            Tlv(_AUTHORITY, authority),
            public.encode(),
            Tlv(_HOLDER, holder),
            authorization.encode(),
            Tlv(_EFFECTIVE, _date_bytes(effective)),
            Tlv(_EXPIRATION, _date_bytes(expiration)),
        ],
    )
    signed = Tlv(_SIGNATURE, sign(body.encode()))
    return CvCertificate.parse(Tlv(_CERTIFICATE, [body, signed]).encode())


def _reference(value: bytes) -> bytes:
    # BSI TR-03110-3, A.6.1: country 2, mnemonic up to 9, sequence number 5
    if not 8 <= len(value) <= 16:
        raise CertificateError(f"a certificate reference has 8 to 16 bytes, not {len(value)}")
    return value


def _authorization(tlv: Tlv) -> Authorization:
    children = tlv.children
    if [child.tag for child in children] != [_OID, _MASK]:
        raise CertificateError("an authorization is an object identifier and a mask")
    return Authorization(children[0].value, children[1].value)


def _date(value: bytes) -> date:
    # BSI TR-03110-3, D.2.1.3: YYMMDD, one digit a byte, from the year 2000
    if len(value) != 6 or max(value) > 9:
        raise CertificateError("a date is six digits, one a byte")
    year, month, day = (10 * value[at] + value[at + 1] for at in (0, 2, 4))
    try:
        return date(2000 + year, month, day)
    except ValueError:
        raise CertificateError("a certificate names a day that is in no calendar") from None


def _date_bytes(day: date) -> bytes:
    if not 2000 <= day.year <= 2099:
        raise CertificateError("a certificate's dates are from 2000 to 2099")
    return bytes(int(digit) for digit in f"{day:%y%m%d}")
