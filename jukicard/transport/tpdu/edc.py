"""Checksums of blocks: LRC and CRC of T=1, CRC_A and CRC_B of ISO/IEC 14443."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Final, NamedTuple


class Edc(NamedTuple):
    """An error detection code: `size` bytes at the end of a block, computed from all before it."""

    name: str
    size: int
    compute: Callable[[bytes], bytes]

    def seal(self, body: bytes) -> bytes:
        """Return the block with its code appended."""
        return body + self.compute(body)

    def fits(self, block: bytes) -> bool:
        """Tell whether a block, code included, is whole; False for one too short to have a code."""
        return len(block) >= self.size and self.compute(block[: -self.size]) == block[-self.size :]

    def __repr__(self) -> str:
        return f"<Edc {self.name}>"


def _table_entry(value: int) -> int:
    # x^16 + x^12 + x^5 + 1, the lowest bit first (ISO/IEC 13239:2002, 4.2.5.2)
    for _ in range(8):
        value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value


_TABLE: Final = tuple(_table_entry(value) for value in range(256))


def _remainder(data: bytes, register: int) -> int:
    for byte in data:
        register = register >> 8 ^ _TABLE[(register ^ byte) & 0xFF]
    return register


def _lrc(data: bytes) -> bytes:
    return bytes((reduce(xor, data, 0),))


def _crc_13239(data: bytes) -> bytes:
    return (_remainder(data, 0xFFFF) ^ 0xFFFF).to_bytes(2, "little")


def _crc_of_drivers(data: bytes) -> bytes:
    return _remainder(data, 0xFFFF).to_bytes(2, "big")


def _crc_a(data: bytes) -> bytes:
    return _remainder(data, 0x6363).to_bytes(2, "little")


LRC: Final = Edc("LRC", 1, _lrc)
"""The exclusive-or of all bytes (ISO/IEC 7816-3:2006, 11.3.4)."""
CRC: Final = Edc("CRC", 2, _crc_13239)
"""The check sequence of ISO/IEC 13239, which ISO/IEC 7816-3:2006, 11.3.4 refers to."""
CRC_OF_DRIVERS: Final = Edc("CRC of drivers", 2, _crc_of_drivers)
"""What widely used reader drivers compute for T=1: not inverted, the high byte first.

The two ends only have to agree. Cards with a CRC are rare and differ here, as drivers do.
"""
CRC_A: Final = Edc("CRC_A", 2, _crc_a)
"""Type A frames (ISO/IEC 14443-3:2018, 6.2.4)."""
CRC_B: Final = Edc("CRC_B", 2, _crc_13239)
"""Type B frames (ISO/IEC 14443-3:2018, 7.2)."""
