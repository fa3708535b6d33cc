"""The test municipalities' record signer, as terminals that issue cards ask for it.

`jukihost` says as a protocol what such a terminal has no key for; this fits it by structure and is
offered under the entry-point group `jukihost.recordsigners`. Neither side imports the other.
"""

from __future__ import annotations

from typing import Final

from jukicard.applets.certificates import (
    AUTHORITY,
    PUBLIC_KEY,
    RecordSigner,
    municipal_signer,
    upper_certificate,
)
from jukicard.applets.common import personalisation as common
from jukicard.applets.surface import personalisation as surface
from jukicard.applets.text import personalisation as text
from jukicard.profiles.authorities import authority_key

_NAMED: Final = {
    "text": text.NAMED_KEY,
    "surface": surface.NAMED_KEY,
    "surface-reference": surface.REFERENCE.key,
    "common": common.NAMED_KEY,
}
_HASH_BYTES: Final = 32
_DELIVERY: Final = "issuer"
"""The published key under which a session key would be delivered: nothing here uses it."""


class RecordOffice:
    """The record signer and the printer of faces of every test municipality.

    Its keys are published: what it signs is worth nothing outside a test. ValueError refuses.
    """

    def certificate(self, municipality: str) -> bytes:
        """Return the certificate of a municipality's key, data object 7F21."""
        return _signer(municipality).certificate.encode()

    def upper_certificate(self) -> bytes:
        """Return the certificate of the authority's key, data object 7F21."""
        return upper_certificate(authority_key("cv-authority"), authority_key("cv-root")).encode()

    def authority_key(self) -> bytes:
        """Return the identifier of the authority's key, 16 bytes."""
        return AUTHORITY.encode()

    def named_key(self, use: str) -> bytes:
        """Return the identifier of a key that the information on a card names, 16 bytes."""
        if use not in _NAMED:
            raise ValueError(f"cards name keys for {', '.join(_NAMED)}")
        return _NAMED[use].encode()

    def delivery_key(self) -> bytes:
        """Return the public key under which session keys are delivered: objects 90 and 91."""
        from jukicard.synthetic.pki.keys import published_key

        return bytes(PUBLIC_KEY.build(published_key(_DELIVERY).public))

    def sign(self, municipality: str, hashes: tuple[bytes, ...]) -> bytes:
        """Return the signature over SHA-256 hashes, all in one DigestInfo (RFC 8017, 9.2)."""
        if not hashes or any(len(one) != _HASH_BYTES for one in hashes):
            raise ValueError("what is signed are hashes of 32 bytes, one at least")
        return _signer(municipality).sign_hashes(*hashes)

    def text_image(self, text: str, columns: int) -> bytes:
        """Return a text as it stands on the face, in lines of `columns`: a 1-bit PNG."""
        from jukicard.synthetic.portraits import text_image

        return text_image(text, columns)

    def __repr__(self) -> str:
        return "<RecordOffice of the test municipalities>"


def _signer(municipality: str) -> RecordSigner:
    if not (len(municipality) == 5 and municipality.isascii() and municipality.isdigit()):
        raise ValueError("a municipality code has five digits, for example 13221")
    return municipal_signer(municipality, authority_key("issuer"), authority_key("cv-authority"))
