"""Keys of elliptic curves and RSA: agree, sign, verify. A verification raises, it returns no bool.

Everything is deterministic: ECDSA takes its nonce from the message and the key (RFC 6979), so
nothing here needs randomness but the making of keys, where it is passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from jukicard.crypto.curves import Curve
from jukicard.crypto.kdf import HashName

Random = Callable[[int], bytes]
"""Returns as many random bytes as it is asked for."""

_HASHES: Final[dict[HashName, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
HASH_SIZES: Final = frozenset(function.digest_size for function in _HASHES.values())
"""The lengths in bytes that a hash made elsewhere may have to be signed."""
MIN_RSA_BITS: Final = 1024
"""The shortest modulus: what the cards of 2003 had."""
MAX_RSA_BITS: Final = 4096
"""The longest modulus; a longer one in a certificate would only cost time."""


class SignatureError(Exception):
    """The signature is not this key's signature of this message; says no more than that."""


class KeyFormatError(ValueError):
    """The numbers or bytes are no key that this card can use; says nothing about them."""


class EcPublicKey:
    """A point of a curve that was checked to be one: not at infinity, not off the curve."""

    __slots__ = ("_key", "curve", "point")

    curve: Curve
    point: bytes
    """04 || x || y."""

    def __init__(self, curve: Curve, point: bytes) -> None:
        """Take an uncompressed point; PointError when it is none of this curve."""
        curve.decode(point)
        self.curve = curve
        self.point = bytes(point)
        self._key = ec.EllipticCurvePublicKey.from_encoded_point(curve.library, self.point)

    @property
    def compressed(self) -> bytes:
        """Comp(point): the x coordinate (BSI TR-03110-3, A.2.2.3)."""
        return self.point[1 : 1 + self.curve.size]

    def verify(self, hash_name: HashName, message: bytes, signature: bytes) -> None:
        """Verify an ECDSA signature r || s, both as long as the order. SignatureError.

        # BSI TR-03111, 4.2.1.2 and 5.2.1, plain format
        """
        half = self.curve.order_size
        if len(signature) != 2 * half:
            raise SignatureError
        r = int.from_bytes(signature[:half], "big")
        s = int.from_bytes(signature[half:], "big")
        if not (0 < r < self.curve.n and 0 < s < self.curve.n):
            raise SignatureError
        try:
            self._key.verify(encode_dss_signature(r, s), message, ec.ECDSA(_HASHES[hash_name]))
        except InvalidSignature:
            raise SignatureError from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EcPublicKey):
            return NotImplemented
        return self.curve is other.curve and self.point == other.point

    def __hash__(self) -> int:
        return hash(self.point)

    def __repr__(self) -> str:
        return f"<EcPublicKey {self.curve.name}>"


class EcPrivateKey:
    """A private key of a curve; its repr does not show it."""

    __slots__ = ("_key", "curve", "public")

    curve: Curve
    public: EcPublicKey

    def __init__(self, curve: Curve, value: bytes) -> None:
        """Take the private value, big-endian; KeyFormatError unless it is 1 to n - 1."""
        scalar = int.from_bytes(value, "big")
        if not 0 < scalar < curve.n:
            raise KeyFormatError(f"no private key of {curve.name}")
        self.curve = curve
        self._key = ec.derive_private_key(scalar, curve.library)
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public = EcPublicKey(curve, point)

    @classmethod
    def generate(cls, curve: Curve, random: Random) -> EcPrivateKey:
        """Make a key from randomness."""
        return cls(curve, random_scalar(curve, random).to_bytes(curve.order_size, "big"))

    @property
    def value(self) -> bytes:
        """The private value, as long as the order: for key stores only, never for a log."""
        scalar = self._key.private_numbers().private_value
        return scalar.to_bytes(self.curve.order_size, "big")

    @property
    def der(self) -> bytes:
        """The key in PKCS #8 DER: for key stores only, never for a log."""
        return self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def sign_hash(self, digest: bytes) -> bytes:
        """Return the ECDSA signature r || s over a hash that was made elsewhere.

        ValueError when no hash function here makes hashes of that length.
        """
        found = next((h for h in _HASHES.values() if h.digest_size == len(digest)), None)
        if found is None:
            raise ValueError(f"a hash of {len(digest)} bytes is not known here")
        algorithm = ec.ECDSA(Prehashed(found), deterministic_signing=True)
        return self._raw(self._key.sign(digest, algorithm))

    def agree(self, point: bytes) -> bytes:
        """Return the x coordinate of this key times `point`, as long as the field.

        # BSI TR-03111, 4.3.1, ECKA. PointError when `point` is no point of the curve.
        """
        peer = EcPublicKey(self.curve, point)
        return self._key.exchange(ec.ECDH(), peer._key)

    def sign(self, hash_name: HashName, message: bytes) -> bytes:
        """Return the ECDSA signature r || s (RFC 6979: the same each time)."""
        algorithm = ec.ECDSA(_HASHES[hash_name], deterministic_signing=True)
        return self._raw(self._key.sign(message, algorithm))

    def _raw(self, signature: bytes) -> bytes:
        """Return r || s, each as long as the order."""
        r, s = decode_dss_signature(signature)
        half = self.curve.order_size
        return r.to_bytes(half, "big") + s.to_bytes(half, "big")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not copied or pickled")

    def __repr__(self) -> str:
        return f"<EcPrivateKey {self.curve.name}>"


def random_scalar(curve: Curve, random: Random) -> int:
    """Return a number from 1 to n - 1, each with the same probability."""
    excess = 8 * curve.order_size - curve.n.bit_length()
    while True:
        scalar = int.from_bytes(random(curve.order_size), "big") >> excess
        if 0 < scalar < curve.n:
            return scalar


class RsaPublicKey:
    """A modulus of 1024 to 4096 bits and a public exponent."""

    __slots__ = ("_key", "exponent", "modulus")

    modulus: int
    exponent: int

    def __init__(self, modulus: int, exponent: int) -> None:
        """Take the numbers; KeyFormatError when they are no RSA key of a length in use."""
        if modulus < 0 or not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
            raise KeyFormatError(f"no modulus of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits")
        if exponent < 0 or exponent.bit_length() > 64:
            raise KeyFormatError("no public exponent of at most 64 bits")
        try:
            self._key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        except ValueError:
            raise KeyFormatError("no RSA public key") from None
        self.modulus = modulus
        self.exponent = exponent

    @property
    def size(self) -> int:
        """The length of the modulus and of a signature, in bytes."""
        return (self.modulus.bit_length() + 7) // 8

    def verify(self, hash_name: HashName, message: bytes, signature: bytes) -> None:
        """Verify an RSASSA-PKCS1-v1_5 signature. SignatureError.

        # RFC 8017, 8.2.2
        """
        if len(signature) != self.size:
            raise SignatureError
        try:
            self._key.verify(signature, message, PKCS1v15(), _HASHES[hash_name])
        except InvalidSignature:
            raise SignatureError from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RsaPublicKey):
            return NotImplemented
        return (self.modulus, self.exponent) == (other.modulus, other.exponent)

    def __hash__(self) -> int:
        return hash((self.modulus, self.exponent))

    def __repr__(self) -> str:
        return f"<RsaPublicKey, {self.modulus.bit_length()} bits>"


class RsaPrivateKey:
    """An RSA private key; its repr does not show it."""

    __slots__ = ("_key", "public")

    public: RsaPublicKey

    def __init__(self, der: bytes, *, check: bool = True) -> None:
        """Take a private key in PKCS #8 or PKCS #1 DER, not encrypted. KeyFormatError.

        `check` also looks whether its numbers make a key, which takes about 25 ms for 2048 bits:
        False is for keys that were checked before they were kept.
        """
        try:
            key = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=not check)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise KeyFormatError("no private key in DER") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise KeyFormatError("no RSA private key")
        numbers = key.public_key().public_numbers()
        self._key = key
        self.public = RsaPublicKey(numbers.n, numbers.e)

    @classmethod
    def from_primes(cls, p: int, q: int, exponent: int = 65537) -> RsaPrivateKey:
        """Make a key of two primes. KeyFormatError when they make none."""
        try:
            d = pow(exponent, -1, (p - 1) * (q - 1))
            numbers = rsa.RSAPrivateNumbers(
                p,
                q,
                d,
                rsa.rsa_crt_dmp1(d, p),
                rsa.rsa_crt_dmq1(d, q),
                rsa.rsa_crt_iqmp(p, q),
                rsa.RSAPublicNumbers(exponent, p * q),
            )
            key = numbers.private_key(unsafe_skip_rsa_key_validation=True)  # it is checked below
            der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        except ValueError:
            raise KeyFormatError("these numbers make no RSA key") from None
        return cls(der)

    @property
    def der(self) -> bytes:
        """The key in PKCS #8 DER: for key stores only, never for a log."""
        return self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, hash_name: HashName, message: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature (RFC 8017, 8.2.1), as long as the modulus."""
        return self._key.sign(message, PKCS1v15(), _HASHES[hash_name])

    def sign_block(self, block: bytes) -> bytes:
        """Pad what the terminal hashed already (a DigestInfo, as a rule) and sign it as it is.

        # RFC 8017, 9.2: 00 01 FF .. FF 00 || block

        ValueError when `block` is longer than the modulus less 11 bytes.
        """
        if len(block) > self.public.size - 11:
            raise ValueError(f"{len(block)} bytes are too many for this key")
        return self._key.sign(block, PKCS1v15(), NoDigestInfo())

    def apply(self, encoded: bytes) -> bytes:
        """Return RSASP1 (RFC 8017, 5.2.1) of a block that is padded already, for RSASSA-PSS only.

        The library gives no way to it but with its own salt, so this is plain arithmetic: slower
        than `sign_block` and not in constant time, which an emulator does not claim to be.
        ValueError when the block is not below the modulus.
        """
        message = int.from_bytes(encoded, "big")
        if message >= self.public.modulus:
            raise ValueError("the block is not below the modulus")
        numbers = self._key.private_numbers()
        first = pow(message, numbers.dmp1, numbers.p)
        second = pow(message, numbers.dmq1, numbers.q)
        lift = (first - second) * numbers.iqmp % numbers.p
        signature = second + lift * numbers.q
        if pow(signature, self.public.exponent, self.public.modulus) != message:
            raise ValueError("the signature does not verify")  # a fault would give the key away
        return signature.to_bytes(self.public.size, "big")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not copied or pickled")

    def __repr__(self) -> str:
        return f"<RsaPrivateKey, {self.public.modulus.bit_length()} bits>"
