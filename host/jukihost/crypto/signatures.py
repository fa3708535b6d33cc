"""Signatures of card verifiable certificates and of terminal authentication, by object identifier.

BSI TR-03110-3, A.7.3.2 and BSI TR-03111, 5.2.2 (raw ECDSA signatures: r and s, one after the other
in the full length of the group order).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from jukihost.crypto.curves import curve_of
from jukihost.errors import CardError

Signer = Callable[[bytes], bytes]
"""Signs a message with a key that it keeps to itself."""
VerificationKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class CertificateError(CardError):
    """A certificate or its signature is malformed, wrong, or not valid here."""


class Scheme(Enum):
    """How the hash is signed."""

    ECDSA = "ECDSA"
    RSA_PKCS1 = "RSASSA-PKCS1-v1_5"
    RSA_PSS = "RSASSA-PSS"


class SignatureAlgorithm(NamedTuple):
    """A signature scheme with its hash."""

    scheme: Scheme
    hash: hashes.HashAlgorithm


ID_TA: Final = bytes.fromhex("04007F0007020202")
"""The arc of terminal authentication, id-TA."""
ECDSA_SHA256: Final = ID_TA + b"\x02\x03"
ECDSA_SHA384: Final = ID_TA + b"\x02\x04"
ECDSA_SHA512: Final = ID_TA + b"\x02\x05"

# SHA-1 is read because the published examples have it; nothing is signed with it.
_SHA1: Final = hashes.SHA1()  # noqa: S303
_ALGORITHMS: Final = {
    ID_TA + b"\x01\x01": SignatureAlgorithm(Scheme.RSA_PKCS1, _SHA1),
    ID_TA + b"\x01\x02": SignatureAlgorithm(Scheme.RSA_PKCS1, hashes.SHA256()),
    ID_TA + b"\x01\x03": SignatureAlgorithm(Scheme.RSA_PSS, _SHA1),
    ID_TA + b"\x01\x04": SignatureAlgorithm(Scheme.RSA_PSS, hashes.SHA256()),
    ID_TA + b"\x01\x05": SignatureAlgorithm(Scheme.RSA_PKCS1, hashes.SHA512()),
    ID_TA + b"\x01\x06": SignatureAlgorithm(Scheme.RSA_PSS, hashes.SHA512()),
    ID_TA + b"\x02\x01": SignatureAlgorithm(Scheme.ECDSA, _SHA1),
    ID_TA + b"\x02\x02": SignatureAlgorithm(Scheme.ECDSA, hashes.SHA224()),
    ECDSA_SHA256: SignatureAlgorithm(Scheme.ECDSA, hashes.SHA256()),
    ECDSA_SHA384: SignatureAlgorithm(Scheme.ECDSA, hashes.SHA384()),
    ECDSA_SHA512: SignatureAlgorithm(Scheme.ECDSA, hashes.SHA512()),
}


def algorithm_of(oid: bytes) -> SignatureAlgorithm:
    """Return the algorithm of an object identifier (its value bytes); CertificateError."""
    try:
        return _ALGORITHMS[oid]
    except KeyError:
        raise CertificateError(f"signature algorithm {oid.hex().upper()} is not known") from None


def verify_signature(oid: bytes, key: VerificationKey, message: bytes, signature: bytes) -> None:
    """Check a signature; CertificateError unless it is right and fits the algorithm and key."""
    scheme, hash_algorithm = algorithm_of(oid)
    try:
        if scheme is Scheme.ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(_encode_raw(key, signature), message, ec.ECDSA(hash_algorithm))
        elif scheme is Scheme.RSA_PKCS1 and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hash_algorithm)
        elif scheme is Scheme.RSA_PSS and isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(hash_algorithm), hash_algorithm.digest_size)
            key.verify(signature, message, pss, hash_algorithm)
        else:
            raise CertificateError(f"the key is not for {scheme.value}")
    except InvalidSignature:
        raise CertificateError("the signature is wrong") from None


def ecdsa_signer(key: ec.EllipticCurvePrivateKey, oid: bytes = ECDSA_SHA256) -> Signer:
    """Return a signer with a key in memory that makes raw signatures; CertificateError."""
    scheme, hash_algorithm = algorithm_of(oid)
    if scheme is not Scheme.ECDSA or hash_algorithm is _SHA1:
        raise CertificateError("a terminal signs with ECDSA and SHA-2")
    size = curve_of(key).order_size

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hash_algorithm)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return sign


def _encode_raw(key: ec.EllipticCurvePublicKey, signature: bytes) -> bytes:
    curve = curve_of(key)
    size = curve.order_size
    if len(signature) != 2 * size:
        raise CertificateError(f"a raw signature on {curve.name} has {2 * size} bytes")
    return encode_dss_signature(
        int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    )
