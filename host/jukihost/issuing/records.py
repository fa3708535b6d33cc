"""Who signs what stands on a card's face, and prints it: what a terminal itself has no key for.

The records of text and surface are signed by the municipality. The terminal composes them and has
only their hashes signed; the signature is checked with the certificate before it goes onto a card.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from jukicard.apdu import Tlv, TlvError
from jukihost.issuing.errors import AuthorityAway, AuthorityBroken, AuthorityRefused

KEY_IDENTIFIER_BYTES: Final = 16
_EXPONENT, _MODULUS = 0x90, 0x91
# RFC 8017, 9.2, note 1: the AlgorithmIdentifier of SHA-256
_SHA256: Final = bytes.fromhex("300D06096086480165030402010500")
_MAX_TEXT: Final = 200


class RecordSigner(Protocol):
    """A municipality's record signer, and its printer of faces; in plain values.

    It refuses with ValueError, in words that name no holder; OSError says that it is away. A
    municipality is five digits, a key identifier 16 bytes.
    """

    def certificate(self, municipality: str, /) -> bytes:
        """Return the card verifiable certificate of the municipality's key, data object 7F21."""

    def upper_certificate(self) -> bytes:
        """Return that of the authority's key, data object 7F21."""

    def authority_key(self) -> bytes:
        """Return the identifier of the authority's key."""

    def named_key(self, use: str, /) -> bytes:
        """Return the identifier of a key that the information on a card names.

        use: `text`, `surface`, `surface-reference` or `common`.
        """

    def delivery_key(self) -> bytes:
        """Return the public key under which session keys are delivered: objects 90 and 91."""

    def sign(self, municipality: str, hashes: tuple[bytes, ...], /) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature over SHA-256 hashes in one DigestInfo."""

    def text_image(self, text: str, columns: int, /) -> bytes:
        """Return a text as it stands on the card's face, in lines of `columns`: a 1-bit PNG."""


@dataclass(frozen=True, slots=True)
class Records:
    """A record signer for one municipality, whose answers are checked. AuthorityError."""

    signer: RecordSigner = field(repr=False)
    municipality: str

    def certificate(self) -> bytes:
        """Return the municipality's certificate, 7F21. AuthorityBroken where it is none."""
        with _asking():
            raw = self.signer.certificate(self.municipality)
        _certified_key(raw)
        return raw

    def upper(self) -> tuple[bytes, bytes]:
        """Return the authority's certificate, 7F21, and its key's identifier."""
        with _asking():
            raw, key = self.signer.upper_certificate(), self.signer.authority_key()
        _certified_key(raw)
        return raw, _identifier(key)

    def named_key(self, use: str) -> bytes:
        """Return the identifier of a key, 16 bytes."""
        with _asking():
            return _identifier(self.signer.named_key(use))

    def delivery_key(self) -> bytes:
        """Return the public key under which session keys are delivered."""
        with _asking():
            raw = self.signer.delivery_key()
        _public_key(raw)
        return raw

    def sign(self, *groups: bytes) -> bytes:
        """Have groups of data signed, each by its hash, and check the signature."""
        hashes = tuple(hashlib.sha256(group).digest() for group in groups)
        with _asking():
            signature = self.signer.sign(self.municipality, hashes)
        exponent, modulus = _certified_key(self.certificate())
        size = (modulus.bit_length() + 7) // 8
        if len(signature) != size or _recovered(signature, exponent, modulus) != _block(
            hashes, size
        ):
            raise AuthorityBroken(
                "the record signer's signature does not fit its certificate: nothing was written "
                "to the card; have its key and its certificate looked at"
            )
        return signature

    def text_image(self, text: str, columns: int) -> bytes:
        """Return a text as an image (PNG). AuthorityBroken where it is none."""
        with _asking():
            raw = self.signer.text_image(text, columns)
        if not raw.startswith(b"\x89PNG\r\n\x1a\n"):
            raise AuthorityBroken("the record signer's image of a text is no PNG file; update it")
        return raw


def public_key_objects(exponent: int, modulus: int) -> bytes:
    """Return a public key as these records have it: 90 exponent (3 bytes or more), 91 modulus."""
    return b"".join(
        Tlv(tag, number.to_bytes((number.bit_length() + 7) // 8, "big")).encode()
        for tag, number in ((_EXPONENT, exponent), (_MODULUS, modulus))
    )


def _certified_key(raw: bytes) -> tuple[int, int]:
    """Return the key that a card verifiable certificate certifies. AuthorityBroken."""
    try:
        found = Tlv.parse(raw)
        values = {child.tag: child.value for child in found.children}
        body = values[0x5F4E]
        if found.tag != 0x7F21 or 0x5F37 not in values:
            raise ValueError("no certificate")
    except (TlvError, ValueError, KeyError, TypeError):
        raise AuthorityBroken("the record signer's certificate is none; update it") from None
    return _public_key(body[2 * KEY_IDENTIFIER_BYTES :])


def _public_key(raw: bytes) -> tuple[int, int]:
    try:
        values = {found.tag: found.value for found in Tlv.parse_all(raw)}
        exponent, modulus = (int.from_bytes(values[tag], "big") for tag in (_EXPONENT, _MODULUS))
        if exponent < 3 or modulus.bit_length() < 1024:
            raise ValueError("no key")
    except (TlvError, ValueError, KeyError, TypeError):
        raise AuthorityBroken("a public key of the record signer is none; update it") from None
    return exponent, modulus


def _identifier(raw: bytes) -> bytes:
    if len(raw) != KEY_IDENTIFIER_BYTES:
        raise AuthorityBroken(
            f"a key identifier of the record signer has not {KEY_IDENTIFIER_BYTES} bytes; update it"
        )
    return raw


def _recovered(signature: bytes, exponent: int, modulus: int) -> int:
    return pow(int.from_bytes(signature, "big"), exponent, modulus)


def _block(hashes: tuple[bytes, ...], size: int) -> int:
    """Return what was signed (RFC 8017, 9.2), with all hashes in one DigestInfo."""
    info = Tlv(0x30, _SHA256 + Tlv(0x04, b"".join(hashes)).encode()).encode()
    padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    return int.from_bytes(padded, "big")


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AuthorityAway(
            f"the record signer cannot be reached now: {_words(error)}; ask again later"
        ) from None
    except ValueError as error:
        raise AuthorityRefused(f"the record signer refused: {_words(error)}") from None


def _words(error: Exception) -> str:
    return "".join(c for c in str(error)[:_MAX_TEXT] if c.isprintable()) or "it did not say why"
