"""Padding a message to whole blocks, and the strict way back."""

from __future__ import annotations

from typing import Final

_MARK: Final = b"\x80"


class PaddingError(ValueError):
    """The bytes do not end in the padding they should have; says nothing about the bytes."""


def pad_zero(data: bytes, block: int) -> bytes:
    """Fill with zeros to whole blocks of `block` bytes; an empty message becomes one block.

    # ISO/IEC 9797-1:2011, 6.3.2, padding method 1
    """
    return data + bytes(-len(data) % block) if data else bytes(block)


def pad_80(data: bytes, block: int) -> bytes:
    """Append 80 and as many zeros as fill the block; at least one byte is added, always.

    # ISO/IEC 9797-1:2011, 6.3.3, padding method 2; ISO/IEC 7816-4:2020, 10.2.3.1
    """
    return data + _MARK + bytes(-(len(data) + 1) % block)


def pad_length(data: bytes, block: int) -> bytes:
    """Fill with zeros and put a block with the length in bits in front.

    # ISO/IEC 9797-1:2011, 6.3.4, padding method 3
    """
    return (8 * len(data)).to_bytes(block, "big") + pad_zero(data, block)


def unpad_80(data: bytes, block: int) -> bytes:
    """Take 80 00.. off again; PaddingError unless exactly `pad_80` could have made `data`.

    Only ever used on data whose MAC was verified before: which way a padding was wrong is then
    nothing that an attacker can ask.
    """
    plain = data.rstrip(b"\0")
    if len(data) % block or len(data) - len(plain) >= block or not plain.endswith(_MARK):
        raise PaddingError("no padding 80 00.. at the end")
    return plain[:-1]
