"""Keys of AES and triple DES as two types that can never stand in for each other.

A key keeps what is costly to make (the key schedule in a cipher context, the CMAC subkeys) and
nothing that changes: contexts in ECB mode carry no state from call to call, and every CMAC
starts from a copy of a fresh one. So a key may be used by any number of sessions.
"""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from typing import ClassVar

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.cmac import CMAC

from jukicard.crypto.padding import pad_80, pad_length, pad_zero


def equal(left: bytes, right: bytes) -> bool:
    """Compare two secrets of the same length without telling by the time where they differ."""
    return hmac.compare_digest(left, right)


class BlockKey(ABC):
    """A secret key of a block cipher; its repr shows the length and nothing else.

    Data goes in and comes out in whole blocks of `block` bytes; anything else is a ValueError.
    """

    __slots__ = ("_algorithm", "_cmac", "_decryptor", "_encryptor", "_value")

    block: ClassVar[int]
    lengths: ClassVar[tuple[int, ...]]
    """The lengths, in bytes, that a key of this type may have."""

    _value: bytes
    _algorithm: BlockCipherAlgorithm
    _encryptor: CipherContext | None
    _decryptor: CipherContext | None
    _cmac: CMAC | None

    def __init__(self, value: bytes) -> None:
        """Take the key's bytes; ValueError when there are too few or too many."""
        if len(value) not in self.lengths:
            allowed = ", ".join(map(str, self.lengths))
            raise ValueError(f"a key of this cipher has {allowed} bytes, not {len(value)}")
        self._value = bytes(value)
        self._algorithm = self._make_algorithm()
        self._encryptor = None
        self._decryptor = None
        self._cmac = None

    @abstractmethod
    def _make_algorithm(self) -> BlockCipherAlgorithm: ...

    @property
    def value(self) -> bytes:
        """The key's bytes: for key stores and derivations only, never for a log."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {len(self._value)} bytes>"

    def encrypt_ecb(self, data: bytes) -> bytes:
        """Encrypt each block by itself."""
        self._check_blocks(data)
        if self._encryptor is None:
            self._encryptor = Cipher(self._algorithm, ECB()).encryptor()
        return self._encryptor.update(data)

    def decrypt_ecb(self, data: bytes) -> bytes:
        """Decrypt each block by itself."""
        self._check_blocks(data)
        if self._decryptor is None:
            self._decryptor = Cipher(self._algorithm, ECB()).decryptor()
        return self._decryptor.update(data)

    def encrypt_cbc(self, data: bytes, iv: bytes | None = None) -> bytes:
        """Encrypt in CBC mode, without padding; the initial vector is zero unless given."""
        self._check_blocks(data)
        return Cipher(self._algorithm, CBC(self._start(iv))).encryptor().update(data)

    def decrypt_cbc(self, data: bytes, iv: bytes | None = None) -> bytes:
        """Decrypt in CBC mode; the padding stays on. The initial vector is zero unless given."""
        # D(C) xor (IV || C without its last block): one call on a context kept with the key, a
        # quarter of the time that a new CBC context takes.
        mask = int.from_bytes((self._start(iv) + data)[: len(data)], "big")
        blocks = int.from_bytes(self.decrypt_ecb(data), "big")
        return (blocks ^ mask).to_bytes(len(data), "big")

    def cmac(self, data: bytes) -> bytes:
        """Return the whole CMAC, one block, of a message of any length.

        # NIST SP 800-38B; ISO/IEC 9797-1:2011, 7.6, MAC algorithm 5
        """
        if self._cmac is None:
            self._cmac = CMAC(self._algorithm)
        context = self._cmac.copy()
        context.update(data)
        return context.finalize()

    def _start(self, iv: bytes | None) -> bytes:
        if iv is None:
            return bytes(self.block)
        if len(iv) != self.block:
            raise ValueError(f"an initial vector has {self.block} bytes, not {len(iv)}")
        return iv

    def _check_blocks(self, data: bytes) -> None:
        if not data or len(data) % self.block:
            raise ValueError(f"{len(data)} bytes are no whole number of blocks")


class AesKey(BlockKey):
    """A key of AES-128, AES-192 or AES-256."""

    __slots__ = ()

    block = 16
    lengths = (16, 24, 32)

    def _make_algorithm(self) -> BlockCipherAlgorithm:
        return AES(self._value)

    def check_value(self) -> bytes:
        """Return the key check value, 3 bytes: E(01 01 .. 01).

        # GlobalPlatform Card Specification 2.3.1, B.6
        """
        return self.encrypt_ecb(b"\1" * 16)[:3]


class TripleDesKey(BlockKey):
    """A triple DES key of two (16 bytes) or three (24 bytes) DES keys. Legacy: cards of 2003.

    Parity bits are kept as given; the cipher ignores them.
    """

    __slots__ = ("_single",)

    block = 8
    lengths = (16, 24)

    _single: BlockCipherAlgorithm | None

    def __init__(self, value: bytes) -> None:
        super().__init__(value)
        self._single = None

    def _make_algorithm(self) -> BlockCipherAlgorithm:
        return TripleDES((self._value + self._value[:8])[:24])

    def check_value(self) -> bytes:
        """Return the key check value, 3 bytes: E(00 00 .. 00).

        # GlobalPlatform Card Specification 2.3.1, B.5
        """
        return self.encrypt_ecb(bytes(8))[:3]

    def retail_mac(self, data: bytes, padding_method: int = 2) -> bytes:
        """Return the 8-byte retail MAC; padding method 1, 2 or 3, or 0 for padded data.

        # ISO/IEC 9797-1:2011, 7.4, MAC algorithm 3: DES-CBC under K, then D under K', E under K

        ValueError for a three-key key, another padding method, or unpadded data with method 0.
        """
        if len(self._value) != 16:
            raise ValueError("the retail MAC takes a key of 16 bytes")
        message = self._padded(data, padding_method)
        self._check_blocks(message)
        if self._single is None:
            self._single = TripleDES(self._value[:8] * 3)
        # The last block goes through E, D, E under K, K', K: two-key triple DES of its CBC input.
        chained = bytes(8)
        if len(message) > 8:
            chained = Cipher(self._single, CBC(bytes(8))).encryptor().update(message[:-8])[-8:]
        last = int.from_bytes(chained, "big") ^ int.from_bytes(message[-8:], "big")
        return self.encrypt_ecb(last.to_bytes(8, "big"))

    @staticmethod
    def _padded(data: bytes, method: int) -> bytes:
        match method:
            case 0:
                return data
            case 1:
                return pad_zero(data, 8)
            case 2:
                return pad_80(data, 8)
            case 3:
                return pad_length(data, 8)
            case _:
                raise ValueError(f"there is no padding method {method}")


def with_odd_parity(key: bytes) -> bytes:
    """Return a DES key with the last bit of each byte set so that its number of ones is odd.

    # FIPS 46-3
    """
    return bytes(byte & 0xFE | (byte >> 1).bit_count() + 1 & 1 for byte in key)
