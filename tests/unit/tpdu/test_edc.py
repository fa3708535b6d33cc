"""Checksums of blocks against published values, and what they find."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from jukicard.transport.tpdu import CRC, CRC_A, CRC_B, CRC_OF_DRIVERS, LRC, Edc
from tests.support.readers import iso14443_reader, t1_reader

ALL = [LRC, CRC, CRC_OF_DRIVERS, CRC_A, CRC_B]


@pytest.mark.parametrize(
    ("edc", "data", "code"),
    [
        # ISO/IEC 14443-3:2018, annex B
        (CRC_A, "0000", "A01E"),
        (CRC_A, "1234", "26CF"),
        (CRC_B, "000000", "CCC6"),
        (CRC_B, "0FAAFF", "FCD1"),
        (CRC_B, "0A123456", "2CF6"),
        # REQB with the CRC that every reader sends
        (CRC_B, "050000", "71FF"),
        # the check value of this code, and of the one that is not inverted, for "123456789"
        (CRC, "313233343536373839", "6E90"),
        (CRC_OF_DRIVERS, "313233343536373839", "6F91"),
        (LRC, "00C10120", "E0"),
        (LRC, "", "00"),
    ],
)
def test_published_values(edc: Edc, data: str, code: str) -> None:
    assert edc.compute(bytes.fromhex(data)).hex().upper() == code
    assert edc.fits(edc.seal(bytes.fromhex(data)))


@given(st.binary(max_size=300))
def test_the_second_opinion_agrees(data: bytes) -> None:
    assert LRC.compute(data) == t1_reader.lrc(data)
    assert CRC.compute(data) == t1_reader.crc(data)
    for edc, kind in ((CRC_A, iso14443_reader.Type.A), (CRC_B, iso14443_reader.Type.B)):
        assert edc.compute(data) == iso14443_reader.crc(data, kind)


@pytest.mark.parametrize("edc", ALL, ids=repr)
@given(st.binary(min_size=1, max_size=60), st.integers(0), st.integers(1, 255))
def test_one_wrong_byte_is_always_found(edc: Edc, data: bytes, place: int, mask: int) -> None:
    block = bytearray(edc.seal(data))
    block[place % len(block)] ^= mask
    assert not edc.fits(bytes(block))


@pytest.mark.parametrize("edc", ALL, ids=repr)
def test_a_block_shorter_than_its_code_does_not_fit(edc: Edc) -> None:
    assert not any(edc.fits(bytes(size)) for size in range(edc.size))
