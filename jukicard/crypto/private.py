"""Private keys as a key store keeps them (PKCS #8), and RSASSA-PSS with a salt passed in."""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from jukicard.crypto.asymmetric import EcPrivateKey, KeyFormatError, RsaPrivateKey
from jukicard.crypto.curves import CURVES

PrivateKey = RsaPrivateKey | EcPrivateKey

SALT_BYTES: Final = 32
"""The length of the salt of RSASSA-PSS, that of SHA-256."""
_TRAILER: Final = b"\xbc"


def load_private_key(der: bytes, *, check: bool = True) -> PrivateKey:
    """Read a private key in PKCS #8 DER, RSA or of a known curve; KeyFormatError otherwise.

    `check` as for `RsaPrivateKey`.
    """
    try:
        key = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFormatError("no private key in DER") from None
    if isinstance(key, rsa.RSAPrivateKey):
        return RsaPrivateKey(der, check=check)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        for curve in CURVES:
            if curve.library.name == key.curve.name:
                value = key.private_numbers().private_value
                return EcPrivateKey(curve, value.to_bytes(curve.order_size, "big"))
    raise KeyFormatError("neither an RSA key nor one of a known curve")


def sign_pss_sha256(key: RsaPrivateKey, digest: bytes, salt: bytes) -> bytes:
    """Return the RSASSA-PSS signature over a SHA-256 hash, with the salt that is passed in.

    RFC 8017, 8.1.1 and 9.1.1, MGF1 with SHA-256. The library draws its salt from the operating
    system and cannot be told otherwise, so the padding is done here.
    """
    bits = key.public.modulus.bit_length() - 1
    size = (bits + 7) // 8
    hashed = hashlib.sha256(bytes(8) + digest + salt).digest()
    block = bytes(size - len(salt) - len(hashed) - 2) + b"\x01" + salt
    mask = _mgf1(hashed, len(block))
    masked = bytearray(a ^ b for a, b in zip(block, mask, strict=True))
    masked[0] &= 0xFF >> 8 * size - bits
    return key.apply(bytes(masked) + hashed + _TRAILER)


def _mgf1(seed: bytes, size: int) -> bytes:
    blocks = (
        hashlib.sha256(seed + counter.to_bytes(4, "big")).digest()
        for counter in range(-(-size // 32))
    )
    return b"".join(blocks)[:size]
