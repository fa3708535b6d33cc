"""JPKI cards whose certificates have a known size, for transcripts that read them to the byte.

The profiles draw names and numbers, and with them the certificates' sizes.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from functools import cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from jukicard import PROFILES, Card
from jukicard.applets.jpki import AID, JpkiApplet
from jukicard.applets.jpki.files import AUTH_CERTIFICATE, SIGN_CERTIFICATE
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from jukicard.testing.applets import with_forbidden
from tests.support.cards.issuing import issue

SIZES: Final = {AUTH_CERTIFICATE: 1470, SIGN_CERTIFICATE: 1764}
"""The size in bytes of each holder's certificate; real ones are about as large."""
PROFILE_OF: Final[dict[str, dict[str, Any]]] = {
    "juki": {"profile": "juki-v2", "compat": True, "rsa_bits": 2048},
    "juki-without": {
        "profile": replace(
            PROFILES["juki-v1"],
            applications=tuple(
                entry for entry in PROFILES["juki-v1"].applications if entry.aid != AID
            ),
        )
    },
    "mynumber": {"profile": "mynumber"},
    "mynumber-contactless": {"profile": "mynumber", "contactless": True},
}
"""What each card is issued with: a Juki card with both pairs, and one without JPKI."""


def jpki_card(name: str) -> Card:
    """Return a card of a kind in `PROFILE_OF`, without power."""
    return Card.restore(_snapshot(name), on_bug=raise_bug)


@cache
def _snapshot(name: str) -> MemorySnapshot:
    wishes = dict(PROFILE_OF[name])
    profile = wishes.pop("profile")
    chosen = PROFILES[profile] if isinstance(profile, str) else profile
    card = issue(with_forbidden(chosen), **wishes, seed=1, on_bug=raise_bug)
    application = card.applications.get(AID)
    if application is not None:
        assert isinstance(application.applet, JpkiApplet)
        _replace_certificates(card, application.applet)
    return card.snapshot()


def _replace_certificates(card: Card, applet: JpkiApplet) -> None:
    files, root = applet.files, applet.tree.root
    with card.environment.memory.transaction():
        for fid, size in SIZES.items():
            ef = root.efs[fid]
            old = files.content(ef)
            length = int.from_bytes(old[2:4], "big") + 4
            files.put_content(ef, _resized(x509.load_der_x509_certificate(old[:length]), size))


def _resized(old: x509.Certificate, size: int) -> bytes:
    """Return a certificate for the same key and names that has exactly `size` bytes."""
    key = rsa.generate_private_key(65537, 2048)
    filler = size - len(_certificate(old, key, 300)) + 300
    certificate = _certificate(old, key, filler)
    assert len(certificate) == size
    return certificate


def _certificate(old: x509.Certificate, key: rsa.RSAPrivateKey, filler: int) -> bytes:
    public = old.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    begins = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    room = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), bytes(filler))
    builder = x509.CertificateBuilder(
        issuer_name=old.issuer,
        subject_name=old.subject,
        public_key=public,
        serial_number=0x1234,
        not_valid_before=begins,
        not_valid_after=begins.replace(year=2049),
    ).add_extension(room, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
