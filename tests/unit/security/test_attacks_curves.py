"""docs/attacks.md: attack 10, on curves and signatures, over APDUs on the card.

The number in a test's name is that of the attack.
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from jukicard.apdu import CommandApdu, Tlv
from tests.support.cards.eac_desk import (
    DV_DRAFT,
    EPHEMERAL,
    SYSTEM_DRAFT,
    eac_desk,
    point,
)
from tests.support.cards.juki_desk import READ_DATA
from tests.support.naive.cvc_writer import key

ORDER = 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7
PRIME = 0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377
UPDATE_DATA = CommandApdu(0x00, 0xD6, 0x83, 0x3F, b"\xff")


SIGNATURES = {
    "zeros": bytes(64),
    "r is zero": bytes(32) + b"\x01" * 32,
    "s is zero": b"\x01" * 32 + bytes(32),
    "r is the order": ORDER.to_bytes(32, "big") + b"\x01" * 32,
    "s is the order": b"\x01" * 32 + ORDER.to_bytes(32, "big"),
    "both are ones": b"\xff" * 64,
    "one and one": (1).to_bytes(32, "big") * 2,
    "short": bytes(63),
    "long": bytes(65),
    "DER": bytes.fromhex("3006020101020101"),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_10_a_signature_that_is_none(name: str) -> None:
    there = eac_desk()
    assert there.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
    assert there.set_terminal() == 0x9000
    there.terminal.get_challenge()
    assert there.external_authenticate(SIGNATURES[name]) == 0x6300
    assert there.set_chip() == 0x6985


def test_10_r_and_s_are_not_taken_modulo_the_order() -> None:
    there = eac_desk()
    assert there.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
    assert there.set_terminal() == 0x9000
    right = there.signature()
    s = int.from_bytes(right[32:], "big") + ORDER
    wrong = right[:32] + s.to_bytes(33, "big")[-32:]
    assert there.external_authenticate(wrong) == 0x6300


def _other_curve() -> bytes:
    return point(ec.derive_private_key(5, ec.SECP256R1()))


POINTS = {
    "the point at infinity": b"\x00",
    "infinity, filled up": bytes(65),
    "off the curve": b"\x04" + bytes(31) + b"\x01" + bytes(31) + b"\x01",
    "a point of another curve": _other_curve(),
    "x not reduced": b"\x04" + PRIME.to_bytes(32, "big") + bytes(32),
    "compressed": b"\x02" + point(EPHEMERAL)[1:33],
    "hybrid": b"\x06" + point(EPHEMERAL)[1:],
    "one byte short": point(EPHEMERAL)[:-1],
    "one byte long": point(EPHEMERAL) + b"\0",
    "the inverse of the proven one": point(EPHEMERAL)[:33]
    + (PRIME - int.from_bytes(point(EPHEMERAL)[33:], "big")).to_bytes(32, "big"),
    "another one than was proven": point(key(6)),
}


@pytest.mark.parametrize("name", POINTS)
def test_10_a_point_that_is_none_or_another(name: str) -> None:
    there = eac_desk()
    there.prove_terminal()
    assert there.set_chip() == 0x9000
    if name == "the inverse of the proven one":
        # only x is signed: the inverse point is accepted and gives the same shared x, so the same
        # keys; who cannot multiply by the scalar gains nothing (BSI TR-03110-3, A.2.2.3)
        data = Tlv(0x7C, [Tlv(0x80, POINTS[name])]).encode()
        answer = there.terminal.plain(CommandApdu(0x00, 0x86, 0, 0, data, 256))
        assert answer.status == 0x9000
        return
    assert there.general_authenticate(POINTS[name]) == 0x6300
    assert there.general_authenticate() == 0x6985, "one terminal authentication, one attempt"
    assert there.terminal.protected(READ_DATA).status == 0x6988
