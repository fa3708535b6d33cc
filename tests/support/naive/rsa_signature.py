"""Looks into an RSASSA-PKCS1-v1_5 signature by plain arithmetic, without the code under test."""

from __future__ import annotations

import hashlib
from typing import Final

from jukicard.crypto.asymmetric import RsaPublicKey


def pkcs1_hash_info(public: RsaPublicKey, signature: bytes) -> bytes:
    """The DigestInfo in an RSASSA-PKCS1-v1_5 signature, by plain arithmetic (RFC 8017, 8.2.2)."""
    block = pow(int.from_bytes(signature, "big"), public.exponent, public.modulus)
    raw = block.to_bytes(public.size, "big")
    padding, separator, info = raw[2:].partition(b"\x00")
    assert raw[:2] == b"\x00\x01"
    assert separator
    assert len(padding) >= 8
    assert set(padding) == {0xFF}
    return info


SHA256_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")


def assert_signed(public: RsaPublicKey, message: bytes, signature: bytes) -> None:
    assert pkcs1_hash_info(public, signature) == SHA256_INFO + hashlib.sha256(message).digest()
