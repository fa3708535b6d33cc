"""Private keys of the holder: they sign in the card, are made in the card and never leave it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.crypto.asymmetric import HASH_SIZES, EcPrivateKey, RsaPrivateKey, RsaPublicKey
from jukicard.crypto.curves import P256, P384
from jukicard.crypto.private import SALT_BYTES, PrivateKey, load_private_key, sign_pss_sha256
from jukicard.environment import RandomSource
from jukicard.errors import IsoError
from jukicard.filesystem.access import NEVER, AccessCondition, Proof
from jukicard.filesystem.commands import FileReference
from jukicard.filesystem.door import Use, enter
from jukicard.filesystem.files import EfNode, InternalFile, InternalKind
from jukicard.filesystem.selection import Selection
from jukicard.filesystem.store import FileStore

_SHA256_DIGEST_INFO: Final = bytes.fromhex("3031300D060960864801650304020105000420")
"""The DER of a DigestInfo with SHA-256 up to the hash itself (RFC 8017, 9.2, note 1)."""
_HASH_BYTES: Final = 32


class SignatureScheme(IntEnum):
    """P1 of the card's own signature command: what is padded how (docs/card.md, JPKI).

    In `BARE_HASH`, `HASHED` and `HASHED_PSS` the card hashes the message with SHA-256 itself.
    """

    VERBATIM = 0
    BARE_HASH = 1
    PREHASHED = 2
    HASHED = 3
    PREHASHED_PSS = 4
    HASHED_PSS = 5


_HASHES_ITSELF: Final = frozenset(
    {SignatureScheme.BARE_HASH, SignatureScheme.HASHED, SignatureScheme.HASHED_PSS}
)
_WITH_DIGEST_INFO: Final = frozenset({SignatureScheme.PREHASHED, SignatureScheme.HASHED})
_PSS: Final = frozenset({SignatureScheme.PREHASHED_PSS, SignatureScheme.HASHED_PSS})
_TAKES_HASH: Final = frozenset({SignatureScheme.PREHASHED, SignatureScheme.PREHASHED_PSS})


class KeyAlgorithm(Enum):
    """What kind of key pair a key object holds when the card makes it itself."""

    RSA_1024 = "RSA-1024"
    RSA_2048 = "RSA-2048"
    P256 = "P-256"
    P384 = "P-384"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyFile(InternalFile):
    """An internal EF that holds a private key.

    `use` says what must be proven before it signs, `generate` who may have the card make a new
    pair, `read_public` who is told the public key (it tells holders apart), `algorithm` what pair
    is made.
    """

    kind: InternalKind = InternalKind.KEY_PAIR
    use: AccessCondition = NEVER
    generate: AccessCondition = NEVER
    read_public: AccessCondition = NEVER
    algorithm: KeyAlgorithm = KeyAlgorithm.RSA_2048

    @property
    def awaited(self) -> bool:
        """True: without its key the application is not whole."""
        return True

    def proofs(self) -> Iterator[Proof]:
        """Yield what was proven to sign with the key that is replaced."""
        yield from self.use.proofs()

    def check_kept(self, content: bytes | None, tries: bytes | None) -> None:
        """Refuse a private key that is none. ValueError."""
        if content is not None:
            load_private_key(content, check=False)


_KIND: Final = (SigningKeyFile, "holds no private key")
SIGN: Final = Use("COMPUTE DIGITAL SIGNATURE", *_KIND, lambda spec: spec.use)
"""What signing with a key is."""
_GENERATE: Final = Use("GENERATE ASYMMETRIC KEY PAIR", *_KIND, lambda spec: spec.generate)
_READ_PUBLIC: Final = Use(
    "GENERATE ASYMMETRIC KEY PAIR (read)", *_KIND, lambda spec: spec.read_public
)


class SigningKeys:
    """The private keys of one application, in its partition, as PKCS #8."""

    __slots__ = ("_loaded", "_random", "_store")

    def __init__(self, store: FileStore, random: RandomSource) -> None:
        self._store = store
        self._random = random
        self._loaded: dict[str, tuple[bytes, PrivateKey]] = {}

    def load(self, ef: EfNode, der: bytes, *, check: bool = True) -> None:
        """Write a private key (PKCS #8 DER), as personalisation does; KeyFormatError.

        `check` False skips the slow part for a key that is known to be one.
        """
        load_private_key(der, check=check)
        self._store.put_value(ef, der)

    def key(self, ef: EfNode) -> PrivateKey:
        """Return the key of an EF; IsoError 6984 when there is none yet."""
        raw = self._store.value(ef)
        if raw is None:
            raise IsoError(StatusWord.REFERENCE_DATA_NOT_USABLE, f"{ef.label} holds no key yet")
        known = self._loaded.get(ef.path)
        if known is not None and known[0] is raw:
            return known[1]
        key = load_private_key(raw, check=False)  # it was checked before it was kept
        self._loaded[ef.path] = (raw, key)
        return key

    def rsa_public(self, ef: EfNode) -> RsaPublicKey:
        """Return the public half of an RSA key, for what is written about it beside it.

        IsoError 6984 without a key; TypeError for one of an elliptic curve.
        """
        key = self.key(ef)
        if not isinstance(key, RsaPrivateKey):
            raise TypeError(f"{ef.label} holds no RSA key")
        return key.public

    def sign(
        self,
        selection: Selection,
        reference: FileReference,
        scheme: SignatureScheme,
        data: bytes,
        use: Use[SigningKeyFile] = SIGN,
    ) -> bytes:
        """Return the signature; IsoError 6982 without what `use` asks for, 6700, 6985 for data.

        use: SIGN, or SIGN under the name of the command that it is.
        """
        ef, _ = enter(self._store, selection, reference, use)
        key = self.key(ef)
        if scheme in _TAKES_HASH and len(data) != _HASH_BYTES:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"{use.command}: a SHA-256 hash has {_HASH_BYTES} bytes, not {len(data)}",
            )
        if isinstance(key, EcPrivateKey):
            return self._sign_ec(key, scheme, data)
        return self._sign_rsa(key, scheme, data)

    @staticmethod
    def _sign_ec(key: EcPrivateKey, scheme: SignatureScheme, data: bytes) -> bytes:
        """ECDSA, r || s: over the data as a hash, or over the hash that the card makes."""
        if scheme in (SignatureScheme.VERBATIM, SignatureScheme.PREHASHED):
            if len(data) not in HASH_SIZES:
                raise IsoError(
                    StatusWord.CONDITIONS_NOT_SATISFIED,
                    f"ECDSA signs a hash of a known length, not {len(data)} bytes",
                )
            return key.sign_hash(data)
        if scheme in (SignatureScheme.BARE_HASH, SignatureScheme.HASHED):
            return key.sign_hash(hashlib.sha256(data).digest())
        raise IsoError(StatusWord.INCORRECT_P1_P2, "PSS is a scheme of RSA keys only")

    def _sign_rsa(self, key: RsaPrivateKey, scheme: SignatureScheme, data: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 over what the scheme makes of the data, or RSASSA-PSS."""
        block = hashlib.sha256(data).digest() if scheme in _HASHES_ITSELF else data
        if scheme in _PSS:
            return sign_pss_sha256(key, block, self._random.take(SALT_BYTES))
        if scheme in _WITH_DIGEST_INFO:
            block = _SHA256_DIGEST_INFO + block
        most = key.public.size - 11
        if not 1 <= len(block) <= most:
            raise IsoError(
                StatusWord.WRONG_LENGTH, f"this key signs 1 to {most} bytes, not {len(block)}"
            )
        return key.sign_block(block)

    def generate(self, selection: Selection, reference: FileReference) -> bytes:
        """Make a new key pair in the card and return its public key (template 7F49)."""
        ef, spec = enter(self._store, selection, reference, _GENERATE)
        key = make_private_key(spec.algorithm, self._random.take)
        self._store.put_value(ef, key.der)
        return public_key_template(key)

    def public(self, selection: Selection, reference: FileReference) -> bytes:
        """Return the public key of an EF's key (template 7F49); IsoError 6982."""
        ef, _ = enter(self._store, selection, reference, _READ_PUBLIC)
        return public_key_template(self.key(ef))


_RSA_BITS: Final = {KeyAlgorithm.RSA_1024: 1024, KeyAlgorithm.RSA_2048: 2048}
_CURVES: Final = {KeyAlgorithm.P256: P256, KeyAlgorithm.P384: P384}


def make_private_key(algorithm: KeyAlgorithm, random: Callable[[int], bytes]) -> PrivateKey:
    """Make a key pair from passed-in randomness; RSA of 2048 bits takes about a second."""
    bits = _RSA_BITS.get(algorithm)
    if bits is not None:
        from jukicard.crypto.rsa_generation import generate_rsa

        return generate_rsa(bits, random)
    return EcPrivateKey.generate(_CURVES[algorithm], random)


def public_key_template(key: PrivateKey) -> bytes:
    """Return the public key as 7F49: 81 modulus and 82 exponent, or 86 point.

    ISO/IEC 7816-8:2021, 9.2, table 4.
    """
    if isinstance(key, EcPrivateKey):
        return Tlv(0x7F49, (Tlv(0x86, key.public.point),)).encode()
    public = key.public
    exponent = public.exponent.to_bytes((public.exponent.bit_length() + 7) // 8, "big")
    return Tlv(
        0x7F49, (Tlv(0x81, public.modulus.to_bytes(public.size, "big")), Tlv(0x82, exponent))
    ).encode()
