"""RSA keys that everyone has: of the test authorities, and a pool for the holders of cards.

Making a pair of 2048 bits takes about a second, so these were made once and are shipped. What they
sign or protect is worth nothing. That they are valid keys is checked by the tests, not on loading:
the check takes fifty times as long as a signature.
"""

from __future__ import annotations

import hashlib
from functools import cache, cached_property
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jukicard.crypto.asymmetric import EcPublicKey, RsaPublicKey
from jukicard.crypto.kdf import HashName
from jukicard.environment import RandomSource
from jukicard.synthetic.datafiles import load_json
from jukicard.synthetic.draws import choice
from jukicard.synthetic.pki import der

EXPONENT: Final = 65537
POOL_BITS: Final = (1024, 2048)
"""The lengths of modulus that the pool has keys of."""
RSA_ENCRYPTION: Final = "1.2.840.113549.1.1.1"
_EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
_P256: Final = "1.2.840.10045.3.1.7"
_HASHES: Final[dict[HashName, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 (Juki cards: certificates of their time)
    "sha256": hashes.SHA256(),
}


class PublishedKey:
    """An RSA key pair of the data files: public, both halves of it."""

    def __init__(self, name: str, p: int, q: int) -> None:
        """Take two primes, p > q, that make a key with exponent 65537."""
        self.name = name
        self._primes = (p, q)

    @cached_property
    def public(self) -> RsaPublicKey:
        """The public key."""
        p, q = self._primes
        return RsaPublicKey(p * q, EXPONENT)

    @property
    def bits(self) -> int:
        """The length of the modulus."""
        return self.public.modulus.bit_length()

    @cached_property
    def _private(self) -> rsa.RSAPrivateKey:
        p, q = self._primes
        d = pow(EXPONENT, -1, (p - 1) * (q - 1))
        public = rsa.RSAPublicNumbers(EXPONENT, p * q)
        numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
        return numbers.private_key(unsafe_skip_rsa_key_validation=True)

    @cached_property
    def private_der(self) -> bytes:
        """The private key in PKCS #8 DER, as a card's key store takes it."""
        return self._private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, hash_name: HashName, message: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature (RFC 8017, 8.2.1) with SHA-1 or SHA-256."""
        return self._private.sign(message, PKCS1v15(), _HASHES[hash_name])

    def __repr__(self) -> str:
        return f"<PublishedKey {self.name}>"


def sign_pkcs1_sha256(key: PublishedKey, message: bytes) -> bytes:
    """Return the RSASSA-PKCS1-v1_5 signature of a message with SHA-256 (RFC 8017, 8.2.1)."""
    return key.sign("sha256", message)


@cache
def published_key(name: str) -> PublishedKey:
    """Return a key by its name in `data/rsa_keys.json`; ValueError when there is none."""
    primes = load_json("rsa_keys.json")["keys"].get(name)
    if primes is None:
        raise ValueError(f"there is no published key {name!r}")
    return PublishedKey(name, int(primes[0], 16), int(primes[1], 16))


def issuer_key() -> PublishedKey:
    """Return the test issuer's key (2048 bits) that signs what surface and text hold."""
    return published_key("issuer")


def card_key(number: bytes, bits: int, place: int = 0) -> PublishedKey:
    """Return a key that a card of this number proves itself with, of 1024 or 2048 bits.

    `place`, 0 to 3, tells the keys of one card apart. No holder of any card has one of them: what a
    card signs for everybody must not pass for a holder's signature. ValueError for other lengths.
    """
    names = _names("card", bits)
    return published_key(names[(int.from_bytes(number, "big") + place) % len(names)])


def pool(bits: int) -> tuple[str, ...]:
    """Return the names of the holders' keys of 1024 or 2048 bits; ValueError for other lengths."""
    return _names("user", bits)


@cache
def _names(owner: str, bits: int) -> tuple[str, ...]:
    if bits not in POOL_BITS:
        raise ValueError("there are published RSA keys of 1024 and of 2048 bits")
    return tuple(
        name for name in load_json("rsa_keys.json")["keys"] if name.startswith(f"{owner}-{bits}-")
    )


def pick_key(random: RandomSource, bits: int) -> PublishedKey:
    """Draw one of the pool's keys for a holder; ValueError unless `bits` is 1024 or 2048.

    The pool is small: many synthetic cards have the same key.
    """
    return published_key(choice(random, pool(bits)))


def public_key_bits(public: RsaPublicKey | EcPublicKey) -> bytes:
    """Return an RSAPublicKey (RFC 8017, A.1.1), or a point of P-256 (RFC 5480, 2.2)."""
    if isinstance(public, EcPublicKey):
        return public.point
    return der.sequence(der.integer(public.modulus), der.integer(public.exponent))


def public_key_info(public: RsaPublicKey | EcPublicKey) -> bytes:
    """Return the SubjectPublicKeyInfo (RFC 5280, 4.1.2.7; RFC 3279, 2.3.1; RFC 5480, 2.1)."""
    if isinstance(public, EcPublicKey):
        algorithm = der.sequence(der.oid(_EC_PUBLIC_KEY), der.oid(_P256))
    else:
        algorithm = der.sequence(der.oid(RSA_ENCRYPTION), der.NULL)
    return der.sequence(algorithm, der.bits(public_key_bits(public)))


def key_identifier(public: RsaPublicKey | EcPublicKey) -> bytes:
    """Return the key identifier of 20 bytes (RFC 5280, 4.2.1.2, method 1)."""
    return hashlib.sha1(public_key_bits(public), usedforsecurity=False).digest()
