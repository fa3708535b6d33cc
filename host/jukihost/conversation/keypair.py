"""Key pairs that the card makes itself: its public half comes out, the private one never does."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from jukicard.apdu import CommandApdu, Ins, Tlv, TlvError
from jukihost.conversation.session import AppletSession
from jukihost.errors import ProtocolError

_MAKE, _TELL = 0x80, 0x81
_CURRENT_EF: Final = 0x80
_TEMPLATE, _MODULUS, _EXPONENT, _POINT = 0x7F49, 0x81, 0x82, 0x86
_LONGEST_ANSWER: Final = 256

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def generate(session: AppletSession, identifier: int) -> PublicKey:
    """Have the card make a new key pair in an EF, in place of the one that it had.

    Return the public half. It needs the right of who manages the card: SecurityStatusNotSatisfied.
    ProtocolError.
    """
    return _ask(session, identifier, _MAKE)


def public_half(session: AppletSession, identifier: int) -> PublicKey:
    """Return the public half of the key in an EF; SecurityStatusNotSatisfied without the right.

    ReferenceNotUsable where there is no key yet. ProtocolError.
    """
    return _ask(session, identifier, _TELL)


def _ask(session: AppletSession, identifier: int, what: int) -> PublicKey:
    session.select_file(identifier)
    # ISO/IEC 7816-8:2019, GENERATE ASYMMETRIC KEY PAIR: P1 80 makes one, 81 tells of it
    command = CommandApdu(
        0x00, Ins.GENERATE_ASYMMETRIC_KEY_PAIR, what, _CURRENT_EF, ne=_LONGEST_ANSWER
    )
    return parse_public_key(session.ask(command).data)


def parse_public_key(raw: bytes) -> PublicKey:
    """Read a public key as a card tells it, data object 7F49. ProtocolError."""
    try:
        found = Tlv.parse(raw)
        if found.tag != _TEMPLATE:
            raise ValueError("another data object")
        values = {child.tag: child.value for child in found.children}
        if _POINT in values:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), values[_POINT])
        numbers = (int.from_bytes(values[tag], "big") for tag in (_EXPONENT, _MODULUS))
        return rsa.RSAPublicNumbers(*numbers).public_key()
    except (TlvError, ValueError, KeyError, UnsupportedAlgorithm):
        raise ProtocolError(
            "the public key that the card told is none; have the card looked at"
        ) from None
