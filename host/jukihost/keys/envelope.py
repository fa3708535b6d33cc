"""The encrypted form of a key store: a passphrase opens it, and no changed byte goes unnoticed.

scrypt (RFC 7914) makes the key, AES-256-GCM (NIST SP 800-38D) encrypts and authenticates. A
checksum over all the rest tells a damaged file from a wrong passphrase; it proves nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from jukihost.keys.custody import KeyCustodyError
from jukihost.waiting import call_once

FORMAT: Final = "jukihost key store"
VERSION: Final = 1
MAX_BYTES: Final = 1 << 20
"""The largest store in bytes; a thousand times what a town needs."""
_PREFIX: Final = f'{{\n "format": "{FORMAT}",\n "version": '.encode()
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_FIELDS: Final = ["format", "version", "kdf", "cipher", "ciphertext", "checksum"]


class KeyStoreError(KeyCustodyError):
    """The key store cannot be used; the file was not touched."""


class WrongPassphrase(KeyStoreError):
    """The passphrase is wrong, or somebody changed the file and its checksum on purpose."""


class StoreDamaged(KeyStoreError):
    """The file is a key store that lost or changed some of its bytes."""


class ForeignFile(KeyStoreError):
    """The file is no key store."""


class NewerStore(KeyStoreError):
    """The file was written by a newer version of this program."""


@dataclass(frozen=True)
class ScryptCost:
    """How much work the passphrase costs: `n` a power of two from 2^10 to 2^20, with r 8 and p 1.

    Memory is 1024 * n bytes: 128 MiB as it stands, as OWASP recommends. ValueError.
    """

    n: int = 1 << 17

    def __post_init__(self) -> None:
        if not (1 << 10 <= self.n <= 1 << 20) or self.n & (self.n - 1):
            raise ValueError("the cost n is a power of two from 2^10 to 2^20")


_DERIVING: Final = 600.0  # seconds: the highest cost takes a slow machine one minute
_BLOCK_SIZE: Final = 8
_PARALLEL: Final = 1


class EnvelopeKey:
    """What the passphrase becomes for one salt; opens and makes envelopes without asking again."""

    def __init__(self, passphrase: bytes, salt: bytes, cost: ScryptCost) -> None:
        self.salt = salt
        self.cost = cost
        kdf = Scrypt(salt=salt, length=32, n=cost.n, r=_BLOCK_SIZE, p=_PARALLEL)
        # It takes half a second, with the highest cost four: an interrupt does not wait for it.
        self._aead = AESGCM(call_once("scrypt", partial(kdf.derive, passphrase), _DERIVING))

    @classmethod
    def new(cls, passphrase: bytes, cost: ScryptCost) -> EnvelopeKey:
        """Return a key for a new store, with a salt of its own."""
        return cls(passphrase, secrets.token_bytes(_SALT_BYTES), cost)

    @classmethod
    def for_envelope(cls, envelope: Envelope, passphrase: bytes) -> EnvelopeKey:
        """Return the key that the passphrase is for this envelope (it may be the wrong one)."""
        return cls(passphrase, envelope.salt, envelope.cost)

    def seal(self, content: bytes) -> bytes:
        """Return the file that holds `content`, with a new nonce every time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        document = _header(self.salt, self.cost, nonce)
        ciphertext = self._aead.encrypt(nonce, content, _encode(document))
        document["ciphertext"] = _hex(ciphertext)
        document["checksum"] = _checksum(document)
        return _encode(document)

    def open(self, envelope: Envelope) -> bytes:
        """Return the content; WrongPassphrase when the key does not fit."""
        try:
            return self._aead.decrypt(envelope.nonce, envelope.ciphertext, envelope.header)
        except InvalidTag:
            raise WrongPassphrase(
                "the passphrase is wrong (or the file was changed on purpose); "
                "try again, or use a copy of the file"
            ) from None

    def fits(self, envelope: Envelope) -> bool:
        """Tell whether the envelope was made with this salt and cost."""
        return (self.salt, self.cost) == (envelope.salt, envelope.cost)

    def __repr__(self) -> str:
        return "<EnvelopeKey>"


@dataclass(frozen=True)
class Envelope:
    """A file that has the form of a key store and a right checksum; `header` is authenticated."""

    salt: bytes
    cost: ScryptCost
    nonce: bytes
    ciphertext: bytes
    header: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Envelope:
        """Read a file. ForeignFile, NewerStore, StoreDamaged."""
        if not raw.startswith(_PREFIX):
            if _PREFIX.startswith(raw):
                raise StoreDamaged("the key store is cut short; use a copy of it")
            raise ForeignFile("the file is no key store")
        document = _parse(raw)
        version = document.get("version")
        if isinstance(version, int) and version > VERSION:
            raise NewerStore(
                f"the key store has format version {version}, this program knows "
                f"{VERSION}; use a newer program"
            )
        try:
            return cls._from_document(document, raw)
        except (KeyError, TypeError, ValueError, RecursionError):
            raise StoreDamaged("the key store is damaged; use a copy of it") from None

    @classmethod
    def _from_document(cls, document: dict[str, Any], raw: bytes) -> Envelope:
        """KeyError, TypeError or ValueError for whatever is not as `seal` writes it."""
        checksum = document["checksum"]
        body = {name: document[name] for name in _FIELDS[:-1]}
        if not hmac.compare_digest(checksum, _checksum(body)) or _encode(document) != raw:
            raise ValueError("checksum")
        salt, nonce, ciphertext = (
            bytes.fromhex(value)
            for value in (
                document["kdf"]["salt"],
                document["cipher"]["nonce"],
                document["ciphertext"],
            )
        )
        cost = ScryptCost(document["kdf"]["n"])
        # Compared as text: to a dictionary, 1, 1.0 and true are the same.
        header = _encode(_header(salt, cost, nonce))
        if _encode({name: document[name] for name in _FIELDS[:4]}) != header or (
            len(salt),
            len(nonce),
        ) != (_SALT_BYTES, _NONCE_BYTES):
            raise ValueError("header")
        return cls(salt, cost, nonce, ciphertext, header)


def _header(salt: bytes, cost: ScryptCost, nonce: bytes) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "kdf": {
            "name": "scrypt",
            "n": cost.n,
            "r": _BLOCK_SIZE,
            "p": _PARALLEL,
            "salt": _hex(salt),
        },
        "cipher": {"name": "AES-256-GCM", "nonce": _hex(nonce)},
    }


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise StoreDamaged("the key store is cut short or damaged; use a copy of it")
    return document


def _checksum(document: dict[str, Any]) -> str:
    return _hex(hashlib.sha256(_encode(document)).digest())


def _encode(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


def _hex(value: bytes) -> str:
    return value.hex().upper()
