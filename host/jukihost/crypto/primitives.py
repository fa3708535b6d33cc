"""The symmetric building blocks of secure messaging: CBC, CMAC, retail MAC, padding, KDF.

Only these pieces touch the cryptography package's ciphers, so the protocols above them read like
their clauses. Contexts are made once a key and used again: making one costs ten times the
encryption of a short message. Objects here belong to one session and one thread.
"""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

# 3DES is here for the cards of 2003 only; NIST SP 800-131A withdrew it (suite MA-3DES).
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

AES_BLOCK: Final = 16
"""Block size of AES in bytes."""
DES_BLOCK: Final = 8
"""Block size of DES and 3DES in bytes."""


class PaddingError(ValueError):
    """The padding is not 80 00.. up to the block; the text tells nothing about the data."""


class Mac(Protocol):
    """A keyed message authentication code: called with the message, returns the full MAC."""

    def __call__(self, message: bytes, /) -> bytes:
        """Return the MAC of `message`."""
        ...


class CbcCipher:
    """CBC with one key and an IV for each message; no padding.

    A CBC context goes on where its last message ended: the last cryptogram block is chained into
    the next one. Encrypting takes that block out of the first plain block and puts the IV in;
    decrypting sends the IV through first and drops its block. Both give what a new context would.
    """

    __slots__ = ("_block", "_chain", "_decrypt", "_encrypt")

    def __init__(self, algorithm: BlockCipherAlgorithm, block: int) -> None:
        cipher = Cipher(algorithm, modes.CBC(bytes(block)))
        self._block = block
        self._chain = 0
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def encrypt(self, iv: bytes, plain: bytes) -> bytes:
        """Return the cryptogram of whole blocks; ValueError for anything else."""
        block = self._block
        if len(iv) != block or not plain or len(plain) % block:
            raise ValueError("CBC takes an IV and one or more whole blocks")
        first = self._chain ^ int.from_bytes(iv, "big") ^ int.from_bytes(plain[:block], "big")
        cryptogram = self._encrypt(first.to_bytes(block, "big") + plain[block:])
        self._chain = int.from_bytes(cryptogram[-block:], "big")
        return cryptogram

    def decrypt(self, iv: bytes, cryptogram: bytes) -> bytes:
        """Return the plain blocks of a cryptogram; ValueError for anything but whole blocks."""
        block = self._block
        if len(iv) != block or not cryptogram or len(cryptogram) % block:
            raise ValueError("CBC takes an IV and one or more whole blocks")
        return self._decrypt(iv + cryptogram)[block:]

    def __repr__(self) -> str:
        return f"<CbcCipher, {self._block}-byte blocks>"


def aes_cbc(key: bytes) -> CbcCipher:
    """Return AES-CBC for a key of 16, 24 or 32 bytes; ValueError otherwise."""
    return CbcCipher(AES(key), AES_BLOCK)


def triple_des_cbc(key: bytes) -> CbcCipher:
    """Return 2-key 3DES-CBC for a key of 16 bytes; ValueError otherwise."""
    return CbcCipher(_two_key(key), DES_BLOCK)


class AesCmac:
    """AES-CMAC (NIST SP 800-38B); the MAC has 16 bytes. Keys of 16, 24 or 32 bytes."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        self._keyed = CMAC(AES(key))

    def __call__(self, message: bytes, /) -> bytes:
        """Return the 16-byte MAC of a message of any length."""
        mac = self._keyed.copy()
        mac.update(message)
        return mac.finalize()

    def __repr__(self) -> str:
        return "<AesCmac>"


class RetailMac:
    """ISO/IEC 9797-1:2011 MAC algorithm 3 with DES; 16-byte key, 8-byte MAC.

    Takes whole blocks: the padding method belongs to the protocol above (`pad` is method 2).
    """

    __slots__ = ("_chain", "_last")

    def __init__(self, key: bytes) -> None:
        # DES alone is 3DES with one key three times.
        self._chain = CbcCipher(TripleDES(_sixteen(key)[:8] * 3), DES_BLOCK)
        self._last = CbcCipher(_two_key(key), DES_BLOCK)

    def __call__(self, message: bytes, /) -> bytes:
        """Return the 8-byte MAC of one or more whole blocks; ValueError otherwise."""
        head, tail = message[:-DES_BLOCK], message[-DES_BLOCK:]
        chained = self._chain.encrypt(_ZERO_IV, head)[-DES_BLOCK:] if head else _ZERO_IV
        # Steps K, K' and K of the last block are 2-key 3DES of it.
        return self._last.encrypt(chained, tail)

    def __repr__(self) -> str:
        return "<RetailMac>"


_ZERO_IV: Final = bytes(DES_BLOCK)


def _sixteen(key: bytes) -> bytes:
    if len(key) != 16:
        raise ValueError(f"a 2-key 3DES key has 16 bytes, not {len(key)}")
    return key


def _two_key(key: bytes) -> TripleDES:
    return TripleDES(_sixteen(key) + key[:8])


def pad(data: bytes, block: int) -> bytes:
    """Append 80 and zeros up to the block, at least one byte.

    ISO/IEC 9797-1:2011, 6.3.3 (padding method 2); ISO/IEC 7816-4:2020, 10.2.3.1.
    """
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def unpad(padded: bytes, block: int) -> bytes:
    """Take `pad` back; PaddingError unless its 80 is in the last block with only zeros after."""
    data = padded.rstrip(b"\0")
    if not padded or len(padded) % block or len(padded) - len(data) >= block or data[-1:] != _MARK:
        raise PaddingError("the padding is not 80 and zeros up to the block")
    return data[:-1]


_MARK: Final = b"\x80"


def xor(left: bytes, right: bytes) -> bytes:
    """Return the exclusive or of two strings of the same length; ValueError otherwise."""
    if len(left) != len(right):
        raise ValueError("exclusive or takes two strings of the same length")
    size = len(left)
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(size, "big")


def derive_key(secret: bytes, counter: int, size: int) -> bytes:
    """Derive a key of 16, 24 or 32 bytes: the hash of `secret` and the 4-byte counter.

    SHA-1 for 16 bytes, SHA-256 for 24 and 32 (ICAO Doc 9303-11, 9.7.1; BSI TR-03110-3, A.2.3).
    Counter 1 is for encryption, 2 for the MAC, 3 for a password. ValueError for other sizes.
    """
    material = secret + counter.to_bytes(4, "big")
    if size == 16:
        # A key derivation does not need a hash without collisions; the protocol fixes SHA-1.
        return hashlib.sha1(material).digest()[:16]  # noqa: S324
    if size in (24, 32):
        return hashlib.sha256(material).digest()[:size]
    raise ValueError(f"a session key has 16, 24 or 32 bytes, not {size}")


def derive_in_counter_mode(key: bytes, before: bytes, after: bytes, size: int) -> bytes:
    """Return `size` bytes, up to 4080, derived with AES-CMAC from a key of 16, 24 or 32 bytes.

    NIST SP 800-108, 5.1: a counter of one byte, from 1, between the fixed inputs. ValueError.
    """
    mac = AesCmac(key)
    blocks = range(1, -(-size // AES_BLOCK) + 1)
    return b"".join(mac(before + bytes((at,)) + after) for at in blocks)[:size]


def check_value(key: bytes) -> bytes:
    """Return the 3 bytes that tell one AES key from another without giving it away.

    GlobalPlatform Card Specification 2.3.1, Amendment D, 4.1.4: of a block of 01, encrypted.
    """
    return aes_cbc(key).encrypt(bytes(AES_BLOCK), b"\x01" * AES_BLOCK)[:3]


def adjust_parity(key: bytes) -> bytes:
    """Return the key with odd parity in every byte, as DES keys are written."""
    return bytes(byte if byte.bit_count() & 1 else byte ^ 1 for byte in key)
