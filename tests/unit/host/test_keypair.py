"""Public keys as cards tell them: read strictly, or a ProtocolError, whatever a card answers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, strategies as st

from jukicard.apdu import Tlv
from jukihost.conversation.keypair import parse_public_key
from jukihost.errors import ProtocolError

MODULUS = "C9" + "AB" * 126 + "AD"


def test_an_rsa_key() -> None:
    raw = bytes.fromhex("7F49818881" + "8180" + MODULUS + "8203010001")
    found = parse_public_key(raw)
    assert isinstance(found, rsa.RSAPublicKey)
    assert found.public_numbers() == rsa.RSAPublicNumbers(65537, int(MODULUS, 16))


def test_a_point_of_p_256() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    found = parse_public_key(bytes.fromhex("7F49438641") + point)
    assert isinstance(found, ec.EllipticCurvePublicKey)
    assert found.public_numbers() == key.public_numbers()


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "7F49",
        "7F4900",
        "7F48818881" + "8180" + MODULUS + "8203010001",
        "7F49058203010001",
        "7F4903810100",
        "7F4908810101" + "8203010001",
        "7F490681010182" + "0102",
        "7F49438641" + "04" + "11" * 64,
        "7F4902" + "8600",
    ],
)
def test_what_is_no_key_is_refused(raw: str) -> None:
    with pytest.raises(ProtocolError):
        parse_public_key(bytes.fromhex(raw))


@given(st.binary(max_size=40), st.binary(max_size=8), st.binary(max_size=70))
def test_whatever_a_card_answers_is_a_key_or_refused(
    modulus: bytes, exponent: bytes, point: bytes
) -> None:
    for children in (
        [Tlv(0x81, modulus), Tlv(0x82, exponent)],
        [Tlv(0x86, point)],
        [Tlv(0x81, modulus * 8), Tlv(0x82, exponent)],
    ):
        with suppress(ProtocolError):
            parse_public_key(Tlv(0x7F49, children).encode())
    with suppress(ProtocolError):
        parse_public_key(modulus)
