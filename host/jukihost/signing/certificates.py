"""What a JPKI certificate says: whose it is, what for, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from jukicard.apdu import Tlv, TlvError
from jukihost.crypto.foreign import CertificateUnreadable, check_certificate, quietly
from jukihost.models import Sex
from jukihost.signing.key import SigningError

# 公的個人認証サービス プロファイル仕様書: the holder's items in subjectAltName, by the last number
_HOLDER: Final = "1.2.392.200149.8.5.5."
_NAME, _NAME_SUBSTITUTES, _SEX, _BIRTH, _ADDRESS, _ADDRESS_SUBSTITUTES = range(1, 7)
_UTF8_STRING: Final = 0x0C
_POLICY: Final = "1.2.392.200149.8.5.1."


class CertificateMalformed(SigningError):
    """The certificate does not say what its profile promises."""


class CertificateKind(Enum):
    """What a certificate is for, by its policy and its basic constraints."""

    SIGNATURE = "signature"
    AUTHENTICATION = "authentication"
    AUTHORITY = "authority"
    OTHER = "other"


_KINDS: Final[Mapping[str, CertificateKind]] = {
    "1.20": CertificateKind.SIGNATURE,
    "0.20": CertificateKind.SIGNATURE,
    "1.40": CertificateKind.SIGNATURE,
    "3.30": CertificateKind.AUTHENTICATION,
}


@dataclass(frozen=True, slots=True)
class Holder:
    """The four items of the holder (基本4情報); nothing of them shows in the repr.

    `birth` is None where month or day is not known. A character that no certificate can hold has a
    substitute; `name_substitutes` and `address_substitutes` have one digit for each character, not
    0 where it is a substitute.
    """

    name: str = field(repr=False)
    birth: date | None = field(repr=False)
    birth_text: str = field(repr=False)
    sex: Sex = field(repr=False)
    address: str = field(repr=False)
    name_substitutes: str = field(repr=False)
    address_substitutes: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateSummary:
    """What is worth showing of a certificate; names as RFC 4514 writes them, `key_bits` of RSA."""

    kind: CertificateKind
    subject: str
    issuer: str
    serial_number: int
    first: datetime
    last: datetime
    key_bits: int | None

    def expired(self, at: datetime) -> bool:
        """Tell whether its last second has passed."""
        return at > self.last


def summarize(certificate: x509.Certificate) -> CertificateSummary:
    """Return what is worth showing of any certificate. CertificateMalformed."""
    kind = kind_of(certificate)
    key = certificate.public_key()
    with quietly():
        number = certificate.serial_number
    return CertificateSummary(
        kind=kind,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial_number=number,
        first=certificate.not_valid_before_utc,
        last=certificate.not_valid_after_utc,
        key_bits=key.key_size if isinstance(key, rsa.RSAPublicKey) else None,
    )


def kind_of(certificate: x509.Certificate) -> CertificateKind:
    """Return what a certificate is for. CertificateMalformed."""
    extensions = _readable(certificate).extensions
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return CertificateKind.AUTHORITY
    except x509.ExtensionNotFound:
        pass
    try:
        policies = extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return CertificateKind.OTHER
    for policy in policies:
        oid = policy.policy_identifier.dotted_string
        if oid.startswith(_POLICY) and oid.removeprefix(_POLICY) in _KINDS:
            return _KINDS[oid.removeprefix(_POLICY)]
    return CertificateKind.OTHER


def holder_of(certificate: x509.Certificate) -> Holder | None:
    """Return the holder that a signature certificate names, None where it names nobody.

    CertificateMalformed when an item is missing or impossible.
    """
    extensions = _readable(certificate).extensions
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    items = [
        (name.type_id.dotted_string.removeprefix(_HOLDER), name.value)
        for name in names
        if isinstance(name, x509.OtherName) and _is_item(name.type_id.dotted_string)
    ]
    if not items:
        return None
    try:
        texts = {int(number): _text(value) for number, value in items}
        if len(texts) < len(items):
            raise ValueError("an item twice")
        return _holder(texts)
    except (KeyError, ValueError, TlvError):
        raise CertificateMalformed(
            "the certificate does not name its holder as it should; "
            "have the card checked at the counter"
        ) from None


def _readable(certificate: x509.Certificate) -> x509.Certificate:
    try:
        return check_certificate(certificate)
    except CertificateUnreadable as error:
        raise CertificateMalformed(str(error)) from None


def _is_item(oid: str) -> bool:
    return oid.startswith(_HOLDER) and oid.removeprefix(_HOLDER).isdigit()


def _text(value: bytes) -> str:
    tlv = Tlv.parse(value)
    if tlv.tag != _UTF8_STRING:
        raise ValueError("no UTF8String")
    return tlv.value.decode("utf-8")


def _holder(items: Mapping[int, str]) -> Holder:
    birth = items[_BIRTH]
    return Holder(
        name=items[_NAME],
        birth=_birth(birth),
        birth_text=birth,
        sex=Sex(int(items[_SEX])),
        address=items[_ADDRESS],
        name_substitutes=items.get(_NAME_SUBSTITUTES, ""),
        address_substitutes=items.get(_ADDRESS_SUBSTITUTES, ""),
    )


def _birth(text: str) -> date | None:
    # One digit for the era, then the common year, month and day.
    if len(text) != 9 or not (text.isascii() and text.isdigit()):
        raise ValueError("no birth date")
    year, month, day = int(text[1:5]), int(text[5:7]), int(text[7:])
    return date(year, month, day) if month and day else None
