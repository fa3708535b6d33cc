"""From a master key to the keys of one card (NXP AN10922 rev. 2.2, CMAC-based diversification)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

# 3DES diversification is for reading the application note's other half; no system here uses it.
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from jukihost.crypto.primitives import adjust_parity, xor
from jukihost.keys.custody import CARD_NUMBER_BYTES, CardKeys, KeyUnfit, WeakKey, check_version

MASTER_BYTES: Final = {"MA-AES128": 16, "MA-AES192": 24, "MA-AES256": 32, "MA-3DES": 16}
"""Bytes of a master key by suite. Masters are AES keys; only the derived key of MA-3DES is not:
the application note's own 3DES has no room for the input here, which is longer than 15 bytes."""

BlockMac: TypeAlias = Callable[[int, bytes], bytes]
"""Computes the CMAC of AN10922 over a constant of one byte and data, with a master key."""
_CONSTANTS: Final = {16: (0x01,), 24: (0x11, 0x12), 32: (0x41, 0x42)}
_ENCRYPTION: Final = b"\x01"
_MAC: Final = b"\x02"


def derive_card_keys(
    suite: str, master: bytes, card_number: bytes, aid: bytes, version: int
) -> CardKeys:
    """Derive K.ENC and K.MAC of one card: DIV(master, CSN || AID || KVN || 01 or 02).

    The input layout is this project's. KeyUnfit for a length or version that is none, WeakKey for
    derived keys that are of no use.
    """
    if MASTER_BYTES.get(suite) != len(master):
        raise KeyUnfit(f"{suite} is no suite for a master key of {len(master)} bytes")
    return combine_card_keys(suite, partial(_mac, AES(master), 16), card_number, aid, version)


def combine_card_keys(
    suite: str, mac: BlockMac, card_number: bytes, aid: bytes, version: int
) -> CardKeys:
    """Derive K.ENC and K.MAC of one card where only `mac` can use the master; see above."""
    if len(card_number) != CARD_NUMBER_BYTES:
        raise KeyUnfit(f"a card number has {CARD_NUMBER_BYTES} bytes, not {len(card_number)}")
    if not 5 <= len(aid) <= 16:
        raise KeyUnfit(f"an AID has 5 to 16 bytes, not {len(aid)}")
    layout = card_number + aid + bytes((check_version(version),))
    size = MASTER_BYTES[suite]
    keys = [_diversify_aes(size, mac, layout + purpose) for purpose in (_ENCRYPTION, _MAC)]
    if suite == "MA-3DES":
        keys = [_as_triple_des(key) for key in keys]
    return CardKeys(suite, version, *keys)


def diversify_aes(master: bytes, data: bytes) -> bytes:
    """Return the diversified key of an AES master key of 16, 24 or 32 bytes, of the same length.

    `data` is the diversification input M, 1 to 31 bytes (AN10922, 2.2 to 2.4). KeyUnfit.
    """
    if len(master) not in _CONSTANTS:
        raise KeyUnfit(f"an AES key has 16, 24 or 32 bytes, not {len(master)}")
    return _diversify_aes(len(master), partial(_mac, AES(master), 16), data)


def _diversify_aes(size: int, mac: BlockMac, data: bytes) -> bytes:
    parts = [mac(constant, data) for constant in _CONSTANTS[size]]
    if size == 24:
        first, second = parts
        return first[:8] + xor(first[8:], second[:8]) + second[8:]
    return b"".join(parts)


def diversify_tdea(master: bytes, data: bytes, key_version: int) -> bytes:
    """Return the diversified key of a 2- or 3-key 3DES master key (16 or 24 bytes).

    `data` is M, 1 to 15 bytes; `key_version` (0 to 255) goes into the parity bits of the first 8
    bytes, the others are left as they come (AN10922, 2.5 and 2.6). KeyUnfit.
    """
    constants = {16: (0x21, 0x22), 24: (0x31, 0x32, 0x33)}.get(len(master))
    if constants is None:
        raise KeyUnfit(f"a 3DES key has 16 or 24 bytes, not {len(master)}")
    algorithm = TripleDES(master if len(master) == 24 else master + master[:8])
    key = b"".join(_mac(algorithm, 8, constant, data) for constant in constants)
    if not 0 <= key_version <= 255:
        raise KeyUnfit(f"a key version is a byte, not {key_version}")
    bits = [key_version >> (7 - at) & 1 for at in range(8)]
    return bytes(byte & 0xFE | bit for byte, bit in zip(key[:8], bits, strict=True)) + key[8:]


def _mac(algorithm: BlockCipherAlgorithm, block: int, constant: int, data: bytes) -> bytes:
    """CMAC over constant and data, but always of two blocks: that is where AN10922 differs."""
    size = 2 * block
    message = bytes((constant,)) + data
    if not data or len(message) > size:
        raise KeyUnfit(f"the diversification input has 1 to {size - 1} bytes, not {len(data)}")
    zero = bytes(block)
    subkey = _double(_cbc(algorithm, zero, zero))
    if len(message) < size:
        subkey = _double(subkey)
        message = (message + b"\x80").ljust(size, b"\0")
    return _cbc(algorithm, zero, message[:block] + xor(message[block:], subkey))[block:]


def _cbc(algorithm: BlockCipherAlgorithm, iv: bytes, blocks: bytes) -> bytes:
    return Cipher(algorithm, modes.CBC(iv)).encryptor().update(blocks)


def _double(value: bytes) -> bytes:
    # NIST SP 800-38B, 6.1: multiplication by x; the constants are those of 128 and 64 bits.
    size = len(value)
    number = int.from_bytes(value, "big") << 1
    if number >> 8 * size:
        number ^= 1 << 8 * size | (0x87 if size == 16 else 0x1B)
    return number.to_bytes(size, "big")


def _as_triple_des(key: bytes) -> bytes:
    """Return the key with odd parity; WeakKey when its halves are the same (then it is DES)."""
    key = adjust_parity(key)
    if key[:8] == key[8:]:
        raise WeakKey("the derived 3DES key has two equal halves")
    return key
