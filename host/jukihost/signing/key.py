"""A key that signs somewhere else, in the shape that libraries for local keys expect."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NoReturn, Protocol, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from jukihost.errors import CardError


class SigningError(CardError):
    """A signature could not be made or cannot be accepted; the text says what to do."""


class WrongCardSignature(SigningError):
    """The card's signature is not one of the key in its certificate."""


class HashName(Enum):
    """A hash function, with what a DigestInfo has in front of it (RFC 8017, 9.2, note 1)."""

    SHA1 = (hashes.SHA1, "3021300906052B0E03021A05000414")
    """For signatures of the first years only."""
    SHA256 = (hashes.SHA256, "3031300D060960864801650304020105000420")
    SHA384 = (hashes.SHA384, "3041300D060960864801650304020205000430")
    SHA512 = (hashes.SHA512, "3051300D060960864801650304020305000440")

    def __init__(self, make: Callable[[], hashes.HashAlgorithm], prefix: str) -> None:
        self.algorithm = make()
        self._prefix = bytes.fromhex(prefix)

    def digest(self, data: bytes) -> bytes:
        """Return the hash of `data`."""
        running = hashes.Hash(self.algorithm)
        running.update(data)
        return running.finalize()

    def digest_info(self, digest: bytes) -> bytes:
        """Return the DigestInfo of a hash. ValueError when the hash has another length."""
        if len(digest) != self.algorithm.digest_size:
            raise ValueError(f"a hash of {self.name} has {self.algorithm.digest_size} bytes")
        return self._prefix + digest

    @classmethod
    def of(cls, algorithm: hashes.HashAlgorithm) -> HashName:
        """Return it for the package's object. SigningError for one that is not used here."""
        for name in cls:
            if name.algorithm.name == algorithm.name:
                return name
        raise SigningError(f"nothing is signed here with {algorithm.name}; use SHA-256")


class SigningKey(Protocol):
    """An RSA key with its certificates: `jukihost.sessions.jpki.CardSigningKey` is one."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""

    @property
    def authorities(self) -> tuple[x509.Certificate, ...]:
        """Certificates above it, as far as they are known."""

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        """The public key in the certificate."""

    @property
    def sign(self) -> Callable[[bytes], bytes]:
        """Takes a DigestInfo, returns the signature after PKCS#1 v1.5 (RFC 8017, 8.2.1)."""


def sign_digest(key: SigningKey, digest: bytes, name: HashName) -> bytes:
    """Return the signature of a hash; checked, because a card may hold the wrong certificate.

    WrongCardSignature; and what the card refuses with, StatusError (PinNotVerified).
    """
    signature = key.sign(name.digest_info(digest))
    try:
        key.public_key.verify(signature, digest, padding.PKCS1v15(), Prehashed(name.algorithm))
    except InvalidSignature:
        raise WrongCardSignature(
            "the card's signature does not fit its certificate; "
            "have the card checked at the counter"
        ) from None
    return signature


class RemoteRsaKey(rsa.RSAPrivateKey):
    """A private key of the cryptography package whose operations are those of a `SigningKey`.

    It signs with PKCS#1 v1.5 and does nothing else: there are no private numbers to show.
    """

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def sign(self, data: Any, padding: AsymmetricPadding, algorithm: Any) -> bytes:
        """Return the signature of `data`, or of the hash that it is. SigningError, StatusError."""
        if padding.name != "EMSA-PKCS1-v1_5":
            raise SigningError(f"the card pads with PKCS#1 v1.5, not with {padding.name}")
        if isinstance(algorithm, Prehashed):
            raise SigningError("the hash of data that was hashed before is not known")
        name = HashName.of(algorithm)
        return sign_digest(self._key, name.digest(bytes(data)), name)

    def public_key(self) -> rsa.RSAPublicKey:
        """Return the public key in the certificate."""
        return self._key.public_key

    @property
    def key_size(self) -> int:
        """Bits of the modulus."""
        return self._key.public_key.key_size

    def decrypt(self, ciphertext: bytes, padding: AsymmetricPadding) -> NoReturn:
        """Refuse: the card's keys sign and nothing else. SigningError."""
        raise SigningError("the card's key signs, it does not decrypt")

    def private_numbers(self) -> NoReturn:
        """Refuse: the key never leaves the card. SigningError."""
        raise SigningError("the key never leaves the card")

    def private_bytes(
        self,
        encoding: object,
        format: object,
        encryption_algorithm: object,
    ) -> NoReturn:
        """Refuse: the key never leaves the card. SigningError."""
        raise SigningError("the key never leaves the card")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<RemoteRsaKey, {self.key_size} bits>"


DEFAULT_HASH: Final = HashName.SHA256
