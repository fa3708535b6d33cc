"""Card verifiable certificates: strict reading, and the verification of one by its issuer.

# ICAO Doc 9303-12, 7.2 (profile); Doc 9303-11, 7.1.4.3 (validation); BSI TR-03110-3, annex C
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Final, NamedTuple

from jukicard.apdu import StatusWord, Tlv, TlvError
from jukicard.crypto.asymmetric import (
    EcPublicKey,
    KeyFormatError,
    RsaPublicKey,
    SignatureError,
)
from jukicard.crypto.curves import Curve, PointError, curve_of_parameters
from jukicard.crypto.kdf import HashName


class CertificateError(Exception):
    """A certificate was refused; `status` is the status word that says so on the wire."""

    status: ClassVar[StatusWord]


class MalformedCertificate(CertificateError):
    """Not of the profile, or with a key or parameters that this card does not compute with."""

    status = StatusWord.INCORRECT_DATA


class WrongIssuer(CertificateError):
    """Issued by another than the one it is to be verified with, or by nobody that is known."""

    status = StatusWord.REFERENCED_DATA_NOT_FOUND


class WrongSignature(CertificateError):
    """The issuer's signature is not right."""

    status = StatusWord.AUTHENTICATION_FAILED


class CertificateExpired(CertificateError):
    """The certificate's or its issuer's time is over, or has not come."""

    status = StatusWord.CONDITIONS_NOT_SATISFIED


class RoleNotAllowed(CertificateError):
    """The issuer may not issue certificates of this role."""

    status = StatusWord.CONDITIONS_NOT_SATISFIED


class Role(IntEnum):
    """The two highest bits of the authorisation template (BSI TR-03110-4, 2.2.3)."""

    TERMINAL = 0
    FOREIGN_DV = 1
    DOMESTIC_DV = 2
    CVCA = 3


_MAY_ISSUE: Final = {
    Role.CVCA: frozenset((Role.CVCA, Role.DOMESTIC_DV, Role.FOREIGN_DV)),
    Role.DOMESTIC_DV: frozenset((Role.TERMINAL,)),
    Role.FOREIGN_DV: frozenset((Role.TERMINAL,)),
    Role.TERMINAL: frozenset[Role](),
}

_ECDSA: Final = bytes.fromhex("04007F000702020202")
_RSA: Final = bytes.fromhex("04007F000702020201")
# BSI TR-03110-3, A.7.3; RSASSA-PSS and SHA-224 are left out
_HASHES: Final[dict[bytes, HashName]] = {
    _ECDSA + b"\x01": "sha1",
    _ECDSA + b"\x03": "sha256",
    _ECDSA + b"\x04": "sha384",
    _ECDSA + b"\x05": "sha512",
    _RSA + b"\x01": "sha1",
    _RSA + b"\x02": "sha256",
    _RSA + b"\x05": "sha512",
}


class Authorization(NamedTuple):
    """A holder authorisation template: a terminal type and a mask of role and rights."""

    terminal_type: bytes
    """The object identifier's value."""
    mask: bytes

    @classmethod
    def read(cls, value: bytes) -> Authorization:
        """Read the value of DO 7F4C; ValueError when it is malformed or empty."""
        terminal_type, mask = _tagged(Tlv.parse_all(value), 0x06, 0x53)
        if not terminal_type or not mask:
            raise ValueError("an empty authorisation template")
        return cls(terminal_type, mask)

    @property
    def role(self) -> Role:
        """The role of the holder."""
        return Role(self.mask[0] >> 6)

    def grants(self, bit: int) -> bool:
        """Tell whether a right is given; bit 0 is the lowest of the last byte."""
        if not 0 <= bit < 8 * len(self.mask) - 2:
            return False
        return bool(self.mask[-1 - bit // 8] >> bit % 8 & 1)

    def limited_by(self, issuer: Authorization) -> Authorization:
        """Return this role with the rights that the issuer has as well.

        # ICAO Doc 9303-11, 7.1.4.3.6

        Rights for another type of terminal are other rights: nothing is left of them.
        """
        role = bytes((self.mask[0] & 0xC0,)) + bytes(len(self.mask) - 1)
        if (self.terminal_type, len(self.mask)) != (issuer.terminal_type, len(issuer.mask)):
            return Authorization(self.terminal_type, role)
        shared = bytes(a & b for a, b in zip(self.mask, issuer.mask, strict=True))
        rights = bytes((shared[0] & 0x3F,)) + shared[1:]
        mask = bytes(a | b for a, b in zip(role, rights, strict=True))
        return Authorization(self.terminal_type, mask)


class _KeyObject(NamedTuple):
    """DO 7F49 as it was read; an EC point needs the curve of its issuer, perhaps."""

    algorithm: bytes
    curve: Curve | None = None
    point: bytes = b""
    rsa: RsaPublicKey | None = None

    def resolve(self, inherited: Curve | None) -> EcPublicKey | RsaPublicKey:
        """Return the key itself. MalformedCertificate when there is none."""
        if self.rsa is not None:
            return self.rsa
        curve = self.curve or inherited
        if curve is None:
            raise MalformedCertificate("no domain parameters, and none to inherit")
        try:
            return EcPublicKey(curve, self.point)
        except PointError as error:
            raise MalformedCertificate(str(error)) from None


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that follows the profile; nothing in it has been verified."""

    issuer: bytes
    """The certification authority reference (DO 42), 1 to 16 bytes."""
    holder: bytes
    """The certificate holder reference (DO 5F20), 1 to 16 bytes."""
    key: _KeyObject
    authorization: Authorization
    effective: datetime.date
    expires: datetime.date
    body: bytes = field(repr=False)
    """DO 7F4E with tag and length: what is signed."""
    signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, raw: bytes) -> Certificate:
        """Read a whole certificate, DO 7F21. MalformedCertificate."""
        try:
            whole = Tlv.parse(raw)
        except TlvError as error:
            raise MalformedCertificate(str(error)) from None
        if whole.tag != 0x7F21:
            raise MalformedCertificate(f"DO {whole.tag:X} is no certificate")
        return cls.parse_content(whole.value)

    @classmethod
    def parse_content(cls, raw: bytes) -> Certificate:
        """Read what PSO: VERIFY CERTIFICATE carries, DO 7F4E and DO 5F37. MalformedCertificate."""
        try:
            body, signature = _exactly(raw, 0x7F4E, 0x5F37)
            return cls._of(body, signature)
        except (TlvError, KeyFormatError, ValueError) as error:
            raise MalformedCertificate(str(error)) from None

    @classmethod
    def _of(cls, body: Tlv, signature: Tlv) -> Certificate:
        items = body.children
        if len(items) == 8 and items[-1].tag == 0x65:
            for extension in items.pop().children:
                _ = extension.children  # well-formed, and of no meaning to this card
        profile, issuer, key, holder, template, effective, expires = _tagged(
            items, 0x5F29, 0x42, 0x7F49, 0x5F20, 0x7F4C, 0x5F25, 0x5F24
        )
        if profile != b"\0":
            raise ValueError("not of profile 1")
        certificate = cls(
            _reference(issuer), _reference(holder), _read_key(key), Authorization.read(template),
            _read_date(effective), _read_date(expires), body.encode(), signature.value,
        )  # fmt: skip
        if certificate.expires < certificate.effective:
            raise ValueError("expires before it is effective")
        return certificate

    @property
    def content(self) -> bytes:
        """DO 7F4E and DO 5F37, as `parse_content` reads them."""
        return self.body + Tlv(0x5F37, self.signature).encode()


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever a verified certificate speaks of: an authority, or a terminal."""

    reference: bytes
    key: EcPublicKey | RsaPublicKey
    algorithm: bytes
    """The object identifier's value of the key's signature algorithm."""
    curve: Curve | None
    """The domain parameters that certificates issued by this holder inherit."""
    authorization: Authorization
    """What is left of the rights after all issuers up to the trust anchor."""
    effective: datetime.date
    expires: datetime.date
    certificate: Certificate = field(repr=False)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Verify a signature with the key's algorithm. SignatureError."""
        self.key.verify(_HASHES[self.algorithm], message, signature)


def trust_anchor(certificate: Certificate, mask: bytes | None = None) -> Holder:
    """Make a trust anchor of an authority's certificate, without verifying anything.

    `mask` is what was left of its rights when it was accepted (for one that came with a link
    certificate); without, all that it says. MalformedCertificate when it has no usable key,
    RoleNotAllowed when it is no authority's.
    """
    authorization = certificate.authorization
    if mask is not None:
        limit = Authorization(authorization.terminal_type, mask)
        authorization = authorization.limited_by(limit)
    if authorization.role is not Role.CVCA:
        raise RoleNotAllowed("only an authority is a trust anchor")
    return _holder(certificate, None, authorization)


def verify_certificate(
    certificate: Certificate,
    issuer: Holder,
    today: datetime.date,
    latest: datetime.date | None = None,
) -> Holder:
    """Verify a certificate by its issuer's key; return its holder. CertificateError.

    # ICAO Doc 9303-11, 7.1.4.3.4

    `today` is the card's date. A link certificate is accepted when it, or its issuer, has
    expired; no other is. `latest` refuses what is effective only later, for a card with a clock.

    The rights are limited by the issuer's, for link certificates too, where Doc 9303 lets an
    authority give itself more: on this card a link renews a key and never widens a right.
    """
    if certificate.issuer != issuer.reference:
        raise WrongIssuer("issued by another authority")
    try:
        issuer.verify(certificate.body, certificate.signature)
    except SignatureError:
        raise WrongSignature("not signed by its issuer") from None
    role = certificate.authorization.role
    if role not in _MAY_ISSUE[issuer.authorization.role]:
        raise RoleNotAllowed(f"{issuer.authorization.role.name} issued {role.name}")
    if role is not Role.CVCA and min(certificate.expires, issuer.expires) < today:
        raise CertificateExpired("the certificate or its issuer has expired")
    if latest is not None and latest < certificate.effective:
        raise CertificateExpired("the certificate is not yet effective")
    if role is not Role.CVCA:
        _check_same_algorithm(certificate, issuer)
    inherited = None if role is Role.CVCA else issuer.curve
    rights = certificate.authorization.limited_by(issuer.authorization)
    return _holder(certificate, inherited, rights)


def _check_same_algorithm(certificate: Certificate, issuer: Holder) -> None:
    """The authority chooses algorithm and parameters for all below it (BSI TR-03110-3, 2.3)."""
    if certificate.key.algorithm != issuer.algorithm:
        raise MalformedCertificate("not the signature algorithm of its authority")
    if certificate.key.curve is not None:
        raise MalformedCertificate("domain parameters outside an authority's certificate")


def date_after(today: datetime.date, issuer: Holder, accepted: Holder) -> datetime.date:
    """Return the card's date after it accepted a certificate.

    # ICAO Doc 9303-11, 7.1.4.3.3: authorities and domestic DVs date certificates correctly
    """
    if issuer.authorization.role in (Role.CVCA, Role.DOMESTIC_DV):
        return max(today, accepted.effective)
    return today


def _holder(
    certificate: Certificate, inherited: Curve | None, authorization: Authorization
) -> Holder:
    key = certificate.key.resolve(inherited)
    return Holder(
        certificate.holder, key, certificate.key.algorithm,
        key.curve if isinstance(key, EcPublicKey) else None,
        authorization, certificate.effective, certificate.expires, certificate,
    )  # fmt: skip


# -- reading -------------------------------------------------------------------------------------


def _exactly(raw: bytes, *tags: int) -> list[Tlv]:
    items = Tlv.parse_all(raw)
    _tagged(items, *tags)
    return items


def _tagged(items: list[Tlv], *tags: int) -> list[bytes]:
    """Return the values of data objects that must have exactly these tags, in this order."""
    if tuple(item.tag for item in items) != tags:
        raise ValueError("data objects are missing, unknown or out of order")
    return [item.value for item in items]


def _reference(value: bytes) -> bytes:
    if not 1 <= len(value) <= 16:
        raise ValueError("a reference has 1 to 16 bytes")
    return value


def _read_date(value: bytes) -> datetime.date:
    # ICAO Doc 9303-12, 7.2.2.5: YYMMDD, one digit a byte
    if len(value) != 6 or max(value) > 9:
        raise ValueError("a date has six digits")
    year, month, day = (10 * value[i] + value[i + 1] for i in (0, 2, 4))
    return datetime.date(2000 + year, month, day)


def _read_key(value: bytes) -> _KeyObject:
    items = Tlv.parse_all(value)
    if not items or items[0].tag != 0x06 or items[0].value not in _HASHES:
        raise ValueError("no signature algorithm of this card")
    algorithm = items.pop(0).value
    if algorithm.startswith(_RSA):
        modulus, exponent = (_number(part) for part in _tagged(items, 0x81, 0x82))
        return _KeyObject(algorithm, rsa=RsaPublicKey(modulus, exponent))
    if len(items) == 1:
        (point,) = _tagged(items, 0x86)
        return _KeyObject(algorithm, point=point)
    p, a, b, g, n, point, cofactor = _tagged(items, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87)
    if _number(cofactor) != 1 or g[:1] != b"\x04" or len(g) % 2 == 0:
        raise ValueError("not the domain parameters of a known curve")
    half = len(g) // 2
    generator = _number(g[1 : 1 + half]), _number(g[1 + half :])
    try:
        curve = curve_of_parameters(_number(p), _number(a), _number(b), generator, _number(n))
    except KeyError:
        raise ValueError("not the domain parameters of a known curve") from None
    return _KeyObject(algorithm, curve, point)


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")
