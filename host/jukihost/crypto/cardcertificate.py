"""The certificate of a card's own key: whose card it is, before a terminal agrees on keys with it.

Chip authentication proves that the card holds a key. This says whose key that is: an issuer that
the terminal trusts signed it together with the card's number.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from jukihost.crypto.certificate_chain import check_day, root_key
from jukihost.crypto.curves import curve_of
from jukihost.crypto.cvc import Authorization, CvCertificate, Role
from jukihost.crypto.signatures import CertificateError, VerificationKey, verify_signature

CARD_TYPE: Final = bytes.fromhex("88370102")
"""What kind of holder a card's certificate names: 2.999.1.2, next to that of systems."""
CARD: Final = Authorization(CARD_TYPE, b"\x00")
"""What the certificate of a card says of its holder: it is a card, and has no rights."""
CARD_ISSUER: Final = Authorization(CARD_TYPE, b"\xc0")
"""What the root certificate of an issuer of cards says of its holder."""


class CardCertificateError(CertificateError):
    """The card's certificate does not say whose key it holds: do not go on with this key."""


class NoCardCertificate(CardCertificateError):
    """The card holds no certificate of its key."""


class NotACardCertificate(CardCertificateError):
    """What the card holds is malformed, or the certificate of something else than a card."""


class CardIssuerUnknown(CardCertificateError):
    """None of the trusted roots has the name of who issued the certificate."""


class CardCertificateForged(CardCertificateError):
    """The signature is not its issuer's: the certificate was changed, or made by somebody else."""


class CardCertificateExpired(CardCertificateError):
    """The certificate, or its issuer's, is not valid on that day."""


class ForeignCardCertificate(CardCertificateError):
    """The certificate is good, but another card's: it was copied from there."""


def card_reference(card_number: bytes) -> bytes:
    """Return the holder reference in a card's certificate: its number in hexadecimal digits."""
    return card_number.hex().upper().encode("ascii")


def parse_card_certificate(raw: bytes) -> CvCertificate:
    """Read a card's certificate, the data object 7F21, and verify nothing. NotACardCertificate."""
    try:
        certificate = CvCertificate.parse(raw)
    except CertificateError as error:
        raise NotACardCertificate(f"the card's certificate is of no use: {error}") from None
    if certificate.authorization.oid != CARD_TYPE or certificate.role is not Role.TERMINAL:
        raise NotACardCertificate("the card holds the certificate of something else than a card")
    return certificate


def verify_card_certificate(
    certificate: CvCertificate, roots: Iterable[CvCertificate], *, card_number: bytes, on: date
) -> ec.EllipticCurvePublicKey:
    """Verify a card's certificate and return the card's public key.

    `roots` are the issuers' root certificates, trusted as they are; the one that the certificate
    names must have signed it itself, and both must be valid on the day `on`. `card_number` is
    what the card says its number is. NotACardCertificate, CardIssuerUnknown, CardCertificateForged,
    CardCertificateExpired, ForeignCardCertificate; CertificateError for a root that is none.
    """
    certificate = parse_card_certificate(certificate.encode())
    root, issuer = _signer(certificate, roots)
    for each in (root, certificate):
        try:
            check_day(each, on)
        except CertificateError as error:
            raise CardCertificateExpired(f"{error}; the card needs a new one") from None
    if certificate.holder != card_reference(card_number):
        raise ForeignCardCertificate(
            "the certificate is another card's; keep this card, and ask where it comes from"
        )
    return _card_key(certificate, issuer)


def _signer(
    certificate: CvCertificate, roots: Iterable[CvCertificate]
) -> tuple[CvCertificate, VerificationKey]:
    """Return the root that signed a certificate, and its key."""
    named = [
        root
        for root in roots
        if root.holder == certificate.authority and root.authorization.oid == CARD_TYPE
    ]
    if not named:
        raise CardIssuerUnknown(
            f"the card's certificate was issued by {certificate.authority.decode('latin-1')}, "
            "which is none of the trusted issuers of cards"
        )
    for root in named:
        key = root_key(root)
        try:
            verify_signature(root.key.oid, key, certificate.body, certificate.signature)
        except CertificateError:
            continue
        return root, key
    raise CardCertificateForged(
        "the card's certificate is not signed by its issuer; keep this card, and ask where it "
        "comes from"
    )


def _card_key(certificate: CvCertificate, issuer: VerificationKey) -> ec.EllipticCurvePublicKey:
    """Return the key of a verified certificate: a point of its issuer's curve."""
    if not isinstance(issuer, ec.EllipticCurvePublicKey) or certificate.key.curve is not None:
        raise NotACardCertificate("the card's key is not on the curve of its issuer")
    try:
        key = certificate.key.resolve(curve_of(issuer))
    except CertificateError as error:
        raise NotACardCertificate(f"the card's certificate is of no use: {error}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise NotACardCertificate("the card's key is not one of an elliptic curve")
    return key
