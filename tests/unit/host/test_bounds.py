"""Small files of strangers that would keep a computer busy for hours are refused at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from jukihost.crypto import foreign
from jukihost.crypto.breadth import MAX_STARTS, can_be_followed
from jukihost.crypto.foreign import CertificateUnreadable, load_certificate
from jukihost.signing import xmlreader
from jukihost.signing.cms import verify_cms
from jukihost.signing.key import RemoteRsaKey
from jukihost.signing.raw import SignatureInvalid
from jukihost.signing.validity import CertificateNotTrusted, Trust
from jukihost.signing.xmldsig import sign_xml, verify_xml
from jukihost.signing.xmlreader import XmlNotSignable
from tests.support.host.pki import FIRST, LAST, NOW, Authority, name, private_key

AUTHORITY = Authority.make()
KEY = AUTHORITY.issue()
TRUST = Trust((AUTHORITY.certificate,), NOW)
SECONDS = 5.0
"""Of work, on a slow machine; without a bound it is hours."""


@contextmanager
def at_once() -> Iterator[None]:
    began = time.process_time()
    yield
    assert time.process_time() - began < SECONDS


def mesh(count: int) -> list[x509.Certificate]:
    """Certificates of authorities that all have one name, each signed by the next."""
    keys = [private_key(900 + at % 3) for at in range(count)]
    return [
        x509.CertificateBuilder()
        .subject_name(name("loop"))
        .issuer_name(name("loop"))
        .public_key(key.public_key())
        .serial_number(1000 + at)
        .not_valid_before(FIRST)
        .not_valid_after(LAST)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(keys[(at + 1) % count], hashes.SHA256())
        for at, key in enumerate(keys)
    ]


def below(certificates: list[x509.Certificate]) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(name("leaf"))
        .issuer_name(certificates[0].subject)
        .public_key(KEY.public_key)
        .serial_number(5)
        .not_valid_before(FIRST)
        .not_valid_after(LAST)
        .sign(private_key(900), hashes.SHA256())
    )


# --- certificates ---


@pytest.mark.parametrize("count", [12, 40])
def test_certificates_that_lead_round_and_round(count: int) -> None:
    above = mesh(count)
    with at_once(), pytest.raises(CertificateNotTrusted, match="than can be followed; give only"):
        TRUST.check(below(above), tuple(above))


@pytest.mark.parametrize("count", [12, 40])
def test_they_come_in_a_signature_too(count: int) -> None:
    above = mesh(count)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"text")
    builder = builder.add_signer(KEY.certificate, RemoteRsaKey(KEY), hashes.SHA256())
    for certificate in above:
        builder = builder.add_certificate(certificate)
    signed = builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    with at_once(), pytest.raises(SignatureInvalid, match="more certificates than lead anywhere"):
        verify_cms(signed, TRUST, b"text")
    spoiled = sign_xml(b"<tax/>", replace(KEY, authorities=tuple(above)))
    with at_once():
        assert verify_xml(spoiled, TRUST).signer == KEY.certificate, "the others lead nowhere"


def test_a_chain_with_cross_certificates_is_followed() -> None:
    """Several authorities, some with two certificates each, as a bridge has them."""
    chain = [AUTHORITY.certificate, *mesh(3), *(Authority.make(at).certificate for at in (2, 3))]
    assert can_be_followed([KEY.certificate], chain)
    assert can_be_followed(chain, chain)
    assert can_be_followed([KEY.certificate], [AUTHORITY.certificate] * 1000), "one, many times"
    assert TRUST.check(KEY.certificate, (AUTHORITY.certificate, *mesh(3)))[-1] == KEY.certificate


def test_a_large_store_of_other_authorities_is_no_hindrance() -> None:
    """Only what leads up from the certificate counts, not how much there is beside it."""
    others = [Authority.make(2, f"authority {at}").certificate for at in range(MAX_STARTS * 2)]
    assert can_be_followed([KEY.certificate], others)
    assert not can_be_followed(others, others), "more than one signature brings along"


def test_a_certificate_has_a_largest_size() -> None:
    der = KEY.certificate.public_bytes(Encoding.DER)
    with at_once(), pytest.raises(CertificateUnreadable, match="more than 256 KiB"):
        load_certificate(der.ljust(foreign.MAX_CERTIFICATE + 1, b"\0"))


# --- XML ---

LARGE: dict[str, Callable[[], bytes]] = {
    "attributes": lambda: b"<a %s/>" % b" ".join(b'a%d="1"' % at for at in range(20_000)),
    "attributes in all": lambda: (
        b"<z>%s</z>" % (b"<a %s/>" % b" ".join(b'a%d="1"' % at for at in range(200)) * 2_000)
    ),
    "namespaces": lambda: (
        b"<a %s>%s</a>"
        % (b" ".join(b'xmlns:a%d="urn:%d"' % (at, at) for at in range(5_000)), b"<b/>" * 2_000)
    ),
    "namespaces, one inside the other": lambda: (
        b"".join(b'<a%d xmlns:a%d="urn:%d">' % (at, at, at) for at in range(200))
        + b"".join(b"</a%d>" % at for at in reversed(range(200)))
    ),
    "elements": lambda: b"<a>%s</a>" % (b"<b/>" * 400_000),
    "bytes": lambda: b"<a>%s</a>" % (b"<b/>" + b"x" * 9_000_000) * 4,
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_document_has_bounds(kind: str) -> None:
    xml = LARGE[kind]()
    asking = KEY.watched()
    with at_once(), pytest.raises(XmlNotSignable, match="is larger, or has more attributes"):
        sign_xml(xml, asking)
    assert not asking.asked
    with at_once(), pytest.raises(SignatureInvalid, match="is larger, or has more attributes"):
        verify_xml(xml, TRUST)


def test_what_is_long_or_deep_is_not_called_malformed_only() -> None:
    for xml in (b"<a>%s</a>" % (b"x" * 11_000_000), b"<a>" * 5_000 + b"</a>" * 5_000):
        with at_once(), pytest.raises(XmlNotSignable, match="longer texts or deeper nesting"):
            sign_xml(xml, KEY)


def test_entities_are_not_multiplied() -> None:
    entities = b"".join(
        b'<!ENTITY e%d "%s">' % (at, b"&e%d;" % (at - 1) * 10) for at in range(1, 12)
    )
    bomb = b'<!DOCTYPE a [<!ENTITY e0 "ha">%s]><a b="&e11;">&e11;</a>' % entities
    with at_once(), pytest.raises(XmlNotSignable):
        sign_xml(bomb, KEY)


def test_what_is_within_the_bounds_is_signed() -> None:
    attributes = b" ".join(b'a%d="1"' % at for at in range(xmlreader.MAX_ATTRIBUTES))
    namespaces = b" ".join(
        b'xmlns:n%d="urn:%d"' % (at, at) for at in range(xmlreader.MAX_NAMESPACES - 2)
    )
    xml = b"<a %s><b %s/>%s</a>" % (namespaces, attributes, b"<c/>" * 5_000)
    with at_once():
        assert verify_xml(sign_xml(xml, KEY), TRUST).signer == KEY.certificate
