"""This project's own terminal at a JPKI card: what other programs said is compared with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jukicard import Card
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.errors import PinBlocked, PinRejected
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.transport.pcsc.connection import PcscConnection

PIN = "1234"
PASSWORD = "ABC123"
"""The PINs of synthetic cards, of the authentication key and of the signature key."""


@dataclass(frozen=True)
class Certificates:
    """What is in a card."""

    authentication: x509.Certificate
    authentication_ca: x509.Certificate
    signature: x509.Certificate
    signature_ca: x509.Certificate


def certificates_of(card: Card) -> Certificates:
    """Read the certificates from a copy of the card, in-process."""
    with LocalReader(card.fork()) as connection, JpkiSession(build_channel(connection)) as jpki:
        jpki.verify_password(PASSWORD)
        return Certificates(
            authentication=jpki.certificate(JpkiKey.AUTHENTICATION),
            authentication_ca=jpki.authority_certificate(JpkiKey.AUTHENTICATION),
            signature=jpki.certificate(JpkiKey.SIGNATURE),
            signature_ca=jpki.authority_certificate(JpkiKey.SIGNATURE),
        )


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def public_pem(certificate: x509.Certificate) -> bytes:
    """Return the certificate's public key."""
    return certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@contextmanager
def session(reader: str) -> Iterator[JpkiSession]:
    """Open the application through PC/SC; other programs have to wait until it ends."""
    with PcscConnection(reader) as connection, JpkiSession(build_channel(connection)) as jpki:
        yield jpki


@contextmanager
def shared_session(reader: str) -> Iterator[JpkiSession]:
    """Open the application through PC/SC, and let other programs at the card between commands."""
    with PcscConnection(reader) as connection:
        jpki = JpkiSession(build_channel(connection)).open()
        yield jpki
        jpki.close()


def verify(jpki: JpkiSession, key: JpkiKey, pin: str) -> None:
    """Give the PIN that belongs to a key."""
    if key is JpkiKey.AUTHENTICATION:
        jpki.verify_pin(pin)
    else:
        jpki.verify_password(pin)


def tries_left(reader: str, key: JpkiKey) -> int:
    with session(reader) as jpki:
        return jpki.pin_retries(key)


def block(reader: str, key: JpkiKey) -> None:
    """Give wrong PINs until the card takes none any more."""
    wrong = {JpkiKey.AUTHENTICATION: "9999", JpkiKey.SIGNATURE: "ZZZ999"}[key]
    with session(reader) as jpki:
        for left in reversed(range(jpki.pin_retries(key))):
            with pytest.raises(PinRejected if left else PinBlocked):
                verify(jpki, key, wrong)
        assert jpki.pin_retries(key) == 0
