"""The certificate of the chip's key, checked before it is written: a card must not hold another's.

docs/card.md says what is in it. Whoever reads it verifies the signature; the card does not, because
it need not trust who issued it.
"""

from __future__ import annotations

from typing import Final

from jukicard.crypto.asymmetric import EcPrivateKey
from jukicard.crypto.cvc import Certificate, CertificateError, Role
from jukicard.crypto.private import load_private_key
from jukicard.profiles.order import ProfileError

CARD_TYPE: Final = bytes.fromhex("88370102")
"""The type of holder that certificates of cards speak of: 2.999.1.2, next to that of systems."""


def holder_reference(card_number: bytes) -> bytes:
    """Return what a card is called in its certificate: its number in 16 hexadecimal digits."""
    return card_number.hex().upper().encode("ascii")


def checked_certificate(raw: bytes, chip_key: bytes | None, card_number: bytes) -> bytes:
    """Return the value of DO 7F21, to be kept by this card with this key. ProfileError."""
    if chip_key is None:
        raise ProfileError("a certificate of the chip's key and no key: give chip_key too")
    try:
        certificate = Certificate.parse(raw)
        key = load_private_key(chip_key)
    except (CertificateError, ValueError) as problem:
        raise ProfileError(f"the chip's certificate or key is of no use: {problem}") from None
    authorization = certificate.authorization
    if authorization.terminal_type != CARD_TYPE or authorization.role is not Role.TERMINAL:
        raise ProfileError("the chip's certificate is no card's: those are of type 2.999.1.2")
    if certificate.holder != holder_reference(card_number):
        raise ProfileError(
            "the chip's certificate is another card's: its holder is not the number "
            f"{card_number.hex().upper()}"
        )
    if certificate.key.curve is not None:
        raise ProfileError("the chip's certificate has domain parameters; its issuer's has them")
    if not isinstance(key, EcPrivateKey) or certificate.key.point != key.public.point:
        raise ProfileError("the chip's certificate is for another key than chip_key")
    return certificate.content
