"""Key derivation: from shared secrets to session keys, from a master key to the key of a card."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from jukicard.crypto.symmetric import AesKey, BlockKey, TripleDesKey, with_odd_parity

HashName = Literal["sha1", "sha256", "sha384", "sha512"]
"""The hash functions that derivations here are defined with, by their hashlib name."""

_AES_DIVERSIFICATION: Final = {16: (b"\x01",), 24: (b"\x11", b"\x12"), 32: (b"\x41", b"\x42")}
_TDES_DIVERSIFICATION: Final = {16: (b"\x21", b"\x22"), 24: (b"\x31", b"\x32", b"\x33")}


def digest(hash_name: HashName, data: bytes) -> bytes:
    """Return the hash of `data`. SHA-1 is there because the protocols fix it."""
    return hashlib.new(hash_name, data, usedforsecurity=False).digest()


def derive_counted(hash_name: HashName, secret: bytes, counter: int, size: int) -> bytes:
    """Return the first `size` bytes of H(secret || counter), the counter in four bytes.

    # ICAO Doc 9303-11, 9.7.1; BSI TR-03110-3, A.2.3

    ValueError when the hash is shorter than `size`.
    """
    output = digest(hash_name, secret + counter.to_bytes(4, "big"))
    if len(output) < size:
        raise ValueError(f"{hash_name} gives {len(output)} bytes, not {size}")
    return output[:size]


def derive_aes(secret: bytes, counter: int, size: int) -> AesKey:
    """Derive an AES key of `size` bytes: SHA-1 for 16, SHA-256 for 24 and 32.

    # ICAO Doc 9303-11, 9.7.1.2
    """
    return AesKey(derive_counted("sha1" if size == 16 else "sha256", secret, counter, size))


def derive_triple_des(secret: bytes, counter: int) -> TripleDesKey:
    """Derive a two-key triple DES key, its parity adjusted.

    # ICAO Doc 9303-11, 9.7.1.1
    """
    return TripleDesKey(with_odd_parity(derive_counted("sha1", secret, counter, 16)))


def derive_x963(hash_name: HashName, secret: bytes, shared_info: bytes, size: int) -> bytes:
    """Return `size` bytes: H(secret || 1 || info) || H(secret || 2 || info) || ...

    # ANSI X9.63-2001, 5.6.3
    """
    blocks = -(-size // hashlib.new(hash_name, usedforsecurity=False).digest_size)
    return b"".join(
        digest(hash_name, secret + counter.to_bytes(4, "big") + shared_info)
        for counter in range(1, blocks + 1)
    )[:size]


def derive_sp800_108(
    key: BlockKey, size: int, before: bytes, after: bytes = b"", *, counter_size: int = 1
) -> bytes:
    """Return `size` bytes of CMAC(key, before || counter || after), the counter from 1.

    # NIST SP 800-108r1, 4.1, counter mode; GlobalPlatform Amendment D, 4.1.5

    `counter_size` in bytes. The counter is before the fixed input when `before` is empty, after
    it when `after` is. ValueError when the counter cannot count that far.
    """
    blocks = -(-size // key.block)
    if blocks >= 1 << 8 * counter_size:
        raise ValueError(f"a counter of {counter_size} bytes does not reach {blocks} blocks")
    return b"".join(
        key.cmac(before + counter.to_bytes(counter_size, "big") + after)
        for counter in range(1, blocks + 1)
    )[:size]


def diversify_aes(master: AesKey, diversifier: bytes) -> AesKey:
    """Derive one card's AES key, as long as the master, from what is unique to the card.

    # NXP AN10922 rev. 2.2, 2.2 to 2.4; `diversifier` has 1 to 31 bytes, else ValueError
    """
    blocks = [
        _diversified(master, constant + diversifier)
        for constant in _AES_DIVERSIFICATION[len(master)]
    ]
    if len(master) == 24:
        # AN10922, 2.3: bytes 0 to 7 of A, 8 to 15 of A xor 0 to 7 of B, 8 to 15 of B
        first, second = blocks
        return AesKey(first[:8] + _xor(first[8:], second[:8]) + second[8:])
    return AesKey(b"".join(blocks))


def diversify_triple_des(master: TripleDesKey, diversifier: bytes, version: int) -> TripleDesKey:
    """Derive one card's triple DES key, as long as the master, with the key version (one byte).

    # NXP AN10922 rev. 2.2, 2.4 and 2.5; `diversifier` has 1 to 15 bytes, else ValueError

    The version is written into the parity bits, where the cipher ignores it.
    """
    raw = b"".join(
        _diversified(master, constant + diversifier)
        for constant in _TDES_DIVERSIFICATION[len(master)]
    )
    return TripleDesKey(with_key_version(raw, version))


def with_key_version(key: bytes, version: int) -> bytes:
    """Return a DES key whose first 8 parity bits carry `version`, the highest bit in byte 0.

    # NXP AN10922 rev. 2.2, 2.4.1
    """
    first = bytes(byte & 0xFE | version >> 7 - i & 1 for i, byte in enumerate(key[:8]))
    return first + key[8:]


def _diversified(master: BlockKey, message: bytes) -> bytes:
    """CMAC over `message`, except that it is padded to exactly two blocks whatever its length."""
    size = 2 * master.block
    if not 2 <= len(message) <= size:
        raise ValueError(
            f"{size - 1} bytes can be used for diversification, not {len(message) - 1}"
        )
    if len(message) > master.block:
        return master.cmac(message)
    # Shorter than CMAC's own last block would be: subkey K2 goes on the second of two blocks.
    padded = message + b"\x80" + bytes(size - 1 - len(message))
    last = _xor(padded[master.block :], _subkey_2(master))
    return master.encrypt_cbc(padded[: master.block] + last)[-master.block :]


def _subkey_2(key: BlockKey) -> bytes:
    """The CMAC subkey for padded messages (NIST SP 800-38B, 6.1)."""
    bits = 8 * key.block
    reduction = 0x87 if bits == 128 else 0x1B
    subkey = int.from_bytes(key.encrypt_ecb(bytes(key.block)), "big")
    for _ in range(2):
        carry = subkey >> bits - 1
        subkey = (subkey << 1 & (1 << bits) - 1) ^ reduction * carry
    return subkey.to_bytes(key.block, "big")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
