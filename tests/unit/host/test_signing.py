"""Signatures with a key that is elsewhere: raw, CMS, PDF and XML; right ones, wrong ones, lies."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from hypothesis import given, settings, strategies as st

import jukihost
from jukihost.signing.cms import sign_cms, verify_cms
from jukihost.signing.key import (
    HashName,
    RemoteRsaKey,
    SigningError,
    WrongCardSignature,
    sign_digest,
)
from jukihost.signing.pdf import PdfNotSignable, sign_pdf, verify_pdf
from jukihost.signing.raw import SignatureInvalid, sign_raw, verify_raw
from jukihost.signing.report import ExtraMissing, VerifiedSignature
from jukihost.signing.validity import CertificateExpired, CertificateNotTrusted, Trust
from jukihost.signing.xmldsig import sign_xml, sign_xml_detached, verify_xml
from jukihost.signing.xmlreader import XmlNotSignable
from tests.support import soak
from tests.support.host.pki import LAST, NOW, Authority, SoftwareKey, blank_pdf, private_key

AUTHORITY = Authority.make()
KEY = AUTHORITY.issue()
TRUST = Trust((AUTHORITY.certificate,), NOW)
LATER = dataclasses.replace(TRUST, at=LAST.replace(year=LAST.year + 1))
STRANGER = dataclasses.replace(TRUST, anchors=(Authority.make(2).certificate,))
XML = '<申告 Id="return"><額 Id="sum">100</額><!-- note --></申告>'.encode()


class LyingKey(SoftwareKey):
    """A card whose certificate is another key's."""

    @property
    def sign(self) -> Callable[[bytes], bytes]:
        other = dataclasses.replace(self, private=private_key(7))
        return SoftwareKey(other.private, self.certificate, ()).sign

    @property
    def public_key(self) -> Any:
        return self.certificate.public_key()


LIAR = LyingKey(KEY.private, KEY.certificate, KEY.authorities)


# --- raw ---


@pytest.mark.parametrize("name", HashName)
def test_raw(name: HashName) -> None:
    key = KEY.watched()
    signature = sign_raw(key, b"text", name)
    verify_raw(KEY.certificate, b"text", signature, name)
    # What the card gets is the DigestInfo; OpenSSL makes the same signature from the whole text.
    assert key.asked == [name.digest_info(name.digest(b"text"))]
    assert signature == KEY.private.sign(b"text", padding.PKCS1v15(), name.algorithm)
    for other in (name2 for name2 in HashName if name2 is not name):
        with pytest.raises(SignatureInvalid):
            verify_raw(KEY.certificate, b"text", signature, other)


def test_raw_changed() -> None:
    signature = sign_raw(KEY, b"text")
    for data, wrong in (
        (b"tex", signature),
        (b"text", signature[:-1]),
        (b"text", bytes(256)),
        (b"text", b""),
        (b"text", signature + b"\0"),
    ):
        with pytest.raises(SignatureInvalid):
            verify_raw(KEY.certificate, data, wrong)
    with pytest.raises(SignatureInvalid):
        verify_raw(AUTHORITY.issue(102).certificate, b"text", signature)


def test_raw_with_the_key_size_of_2004() -> None:
    old = AUTHORITY.issue(101, bits=1024)
    signature = sign_raw(old, b"text", HashName.SHA1)
    assert len(signature) == 128
    verify_raw(old.certificate, b"text", signature, HashName.SHA1)


@pytest.mark.parametrize(
    "sign",
    [
        lambda: sign_raw(LIAR, b"text"),
        lambda: sign_cms(LIAR, b"text"),
        lambda: sign_pdf(blank_pdf(), LIAR),
        lambda: sign_xml(XML, LIAR),
        lambda: sign_xml_detached(XML, LIAR, uri="return.xml"),
    ],
)
def test_card_with_a_certificate_of_another_key(sign: Callable[[], bytes]) -> None:
    with pytest.raises(WrongCardSignature, match="have the card checked"):
        sign()


def test_digest_of_a_wrong_length() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        sign_digest(KEY, bytes(20), HashName.SHA256)


def test_key_object_signs_and_does_nothing_else() -> None:
    key = RemoteRsaKey(KEY)
    assert key.key_size == 2048
    assert copy.copy(key) is key
    assert copy.deepcopy(key) is key
    assert repr(key) == "<RemoteRsaKey, 2048 bits>"
    salted = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    refused: list[Callable[[], object]] = [
        lambda: key.decrypt(b"", padding.PKCS1v15()),
        key.private_numbers,
        lambda: key.private_bytes(None, None, None),
        lambda: key.sign(b"", salted, hashes.SHA256()),
        lambda: key.sign(bytes(32), padding.PKCS1v15(), Prehashed(hashes.SHA256())),
        lambda: key.sign(b"", padding.PKCS1v15(), hashes.MD5()),
    ]
    for act in refused:
        with pytest.raises(SigningError):
            act()


# --- CMS ---


@pytest.mark.parametrize("detached", [True, False])
@pytest.mark.parametrize("name", [HashName.SHA256, HashName.SHA384, HashName.SHA512])
def test_cms(detached: bool, name: HashName) -> None:
    signature = sign_cms(KEY, b"text\r\n", detached=detached, name=name)
    found = verify_cms(signature, TRUST, b"text\r\n")
    assert (found.signer, found.content) == (KEY.certificate, b"text\r\n")
    assert found.claimed_time is not None
    assert "text" not in repr(found)
    if detached:
        assert b"text" not in signature
        with pytest.raises(SignatureInvalid, match="give it as well"):
            verify_cms(signature, TRUST)
    else:
        assert verify_cms(signature, TRUST).content == b"text\r\n"
    with pytest.raises(SignatureInvalid):
        verify_cms(signature, TRUST, b"text\n")


def test_cms_with_sha1_is_not_made() -> None:
    with pytest.raises(SigningError, match="SHA-256"):
        sign_cms(KEY, b"text", name=HashName.SHA1)


@pytest.mark.parametrize(
    ("trust", "kind"),
    [
        (LATER, CertificateExpired),
        (STRANGER, CertificateNotTrusted),
    ],
)
def test_right_signatures_of_wrong_certificates(trust: Trust, kind: type[Exception]) -> None:
    checks: list[Callable[[], object]] = [
        lambda: verify_cms(sign_cms(KEY, b"text"), trust, b"text"),
        lambda: verify_pdf(sign_pdf(blank_pdf(), KEY), trust),
        lambda: verify_xml(sign_xml(XML, KEY), trust),
    ]
    for check in checks:
        with pytest.raises(kind):
            check()


SIGNED = sign_cms(KEY, b"text", detached=False)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
@settings(max_examples=soak.times(60, soak=10_000))
def test_cms_changed_anywhere(at: int, mask: int) -> None:
    changed = SIGNED[:at] + bytes((SIGNED[at] ^ mask,)) + SIGNED[at + 1 :]
    try:
        found = verify_cms(changed, TRUST)
    except SigningError:
        return
    # What is not signed (the copies of certificates, an unused version) may change unnoticed.
    assert (found.content, found.signer) == (b"text", KEY.certificate)


@given(st.binary(max_size=60))
@settings(max_examples=soak.times(40, soak=5_000))
def test_any_bytes_as_signatures(content: bytes) -> None:
    with pytest.raises(SigningError):
        verify_cms(content, TRUST, b"text")
    with pytest.raises(SigningError):
        verify_pdf(content, TRUST)
    with pytest.raises(SigningError):
        verify_xml(content, TRUST)


def test_cms_that_is_no_signature() -> None:
    from asn1crypto import cms

    data = cms.ContentInfo({"content_type": "data", "content": b"text"}).dump()
    with pytest.raises(SignatureInvalid, match="no signature"):
        verify_cms(data, TRUST)


def test_inside_a_running_loop() -> None:
    async def server() -> VerifiedSignature:
        return verify_cms(sign_cms(KEY, b"text"), TRUST, b"text")

    assert asyncio.run(server()).content == b"text"


# --- PDF ---


def test_pdf() -> None:
    pdf = blank_pdf()
    key = KEY.watched()
    signed = sign_pdf(pdf, key, reason="申請", location="東京都")
    assert signed.startswith(pdf)
    assert key.asked is not None
    assert len(key.asked) == 1, "the card signs once"
    [found] = verify_pdf(signed, TRUST)
    assert (found.signer, found.content) == (KEY.certificate, signed)
    assert b"ETSI.CAdES.detached" in signed


def test_second_signature_keeps_the_first() -> None:
    once = sign_pdf(blank_pdf(), KEY)
    other = AUTHORITY.issue(102)
    twice = sign_pdf(once, other, field="Second")
    first, second = verify_pdf(twice, TRUST)
    assert (first.signer, first.content) == (KEY.certificate, once)
    assert (second.signer, second.content) == (other.certificate, twice)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pdf: pdf.replace(b"[0 0 595 842]", b"[0 0 595 843]"),
        lambda pdf: pdf + b"\n% an addition\n",
        lambda pdf: pdf[:-10],
        lambda pdf: blank_pdf(),
        lambda pdf: b"",
    ],
)
def test_pdf_changed(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(SignatureInvalid):
        verify_pdf(spoil(sign_pdf(blank_pdf(), KEY)), TRUST)


def test_pdf_changed_by_an_update_that_is_a_pdf_file() -> None:
    from io import BytesIO

    from pyhanko.pdf_utils.generic import NameObject, NumberObject
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer: Any = IncrementalPdfFileWriter(BytesIO(sign_pdf(blank_pdf(), KEY)))
    page = writer.root["/Pages"]["/Kids"][0]
    number: Any = NumberObject
    page[NameObject("/Rotate")] = number(90)
    writer.update_container(page)
    out = BytesIO()
    writer.write(out)
    with pytest.raises(SignatureInvalid, match="added"):
        verify_pdf(out.getvalue(), TRUST)


@pytest.mark.parametrize(
    "sign",
    [
        lambda: sign_pdf(b"", KEY),
        lambda: sign_pdf(b"text", KEY),
        lambda: sign_pdf(b"%PDF-1.7", KEY),
        lambda: sign_pdf(sign_pdf(blank_pdf(), KEY), KEY),
    ],
)
def test_pdf_that_cannot_be_signed(sign: Callable[[], bytes]) -> None:
    with pytest.raises(PdfNotSignable):
        sign()


def test_pdf_with_sha1_is_not_made() -> None:
    with pytest.raises(SigningError, match="SHA-256"):
        sign_pdf(blank_pdf(), KEY, name=HashName.SHA1)


# --- XML ---


def test_xml_whole() -> None:
    signed = sign_xml(XML, KEY)
    found = verify_xml(signed, TRUST)
    assert found.signer == KEY.certificate
    assert found.content == XML.replace(b"<!-- note -->", b"")
    for algorithm in (
        b"REC-xml-c14n-20010315",
        b"xmldsig-more#rsa-sha256",
        b"xmlenc#sha256",
        b"xmldsig#enveloped-signature",
    ):
        assert algorithm in signed


def test_xml_part() -> None:
    signed = sign_xml(XML, KEY, element="sum")
    found = verify_xml(signed, TRUST)
    assert found.content == '<額 Id="sum">100</額>'.encode()
    # The rest is anybody's, which is why only `content` counts.
    assert verify_xml(signed.replace(b"note", b"NOTE"), TRUST).content == found.content


def test_xml_detached() -> None:
    signature = sign_xml_detached(XML, KEY, uri="return.xml")
    assert XML not in signature
    assert verify_xml(signature, TRUST, document=XML).signer == KEY.certificate
    with pytest.raises(SignatureInvalid):
        verify_xml(signature, TRUST, document=XML.replace(b"100", b"900"))
    with pytest.raises(SignatureInvalid):
        verify_xml(signature, TRUST)
    for uri in ("", "#sum", "return.xml#sum"):
        with pytest.raises(ValueError, match="another file"):
            sign_xml_detached(XML, KEY, uri=uri)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda xml: xml.replace(b"100", b"900"),
        lambda xml: XML,
        lambda xml: xml.replace(b"X509Certificate>", b"X509Gone>"),
        lambda xml: xml.replace(b"rsa-sha256", b"hmac-sha256"),
        lambda xml: xml.replace(b"xmlenc#sha256", b"xmldsig#sha1"),
        lambda xml: b"<outer>" + xml.split(b"?>", 1)[1].strip() + b"</outer>",
        lambda xml: xml.replace("</申告>".encode(), xml[xml.index(b"<ds:Sig") :]),
    ],
)
def test_xml_changed(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(SigningError):
        verify_xml(spoil(sign_xml(XML, KEY)), TRUST)


def test_wrapped_element_does_not_count() -> None:
    signed = sign_xml(XML, KEY, element="sum")
    moved = signed.replace(
        '<額 Id="sum">100</額>'.encode(), '<額>900</額><注><額 Id="sum">100</額></注>'.encode()
    )
    assert b"900" not in verify_xml(moved, TRUST).content


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"text",
        b"<a>",
        b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"\xff\xfe",
    ],
)
def test_xml_that_cannot_be_signed(xml: bytes) -> None:
    signers: list[Callable[[], bytes]] = [
        lambda: sign_xml(xml, KEY),
        lambda: sign_xml_detached(xml, KEY, uri="a.xml"),
    ]
    for sign in signers:
        with pytest.raises(XmlNotSignable):
            sign()


def test_element_that_is_not_there() -> None:
    with pytest.raises(XmlNotSignable):
        sign_xml(XML, KEY, element="nothing")


# --- without the extra ---


WITHOUT_EXTRA = """
import importlib.util, sys
for name in ("pyhanko", "pyhanko_certvalidator", "asn1crypto", "lxml", "signxml"):
    sys.modules[name] = None
importlib.util.find_spec = lambda name: None
from tests.support.host.pki import Authority, NOW, blank_pdf
from jukihost.signing import certificates, cms, pdf, raw, validity, xmldsig
from jukihost.signing.report import ExtraMissing
authority = Authority.make()
key = authority.issue()
trust = validity.Trust((authority.certificate,), NOW)
signature = cms.sign_cms(key, b"text")
raw.verify_raw(key.certificate, b"text", raw.sign_raw(key, b"text"))
assert certificates.holder_of(key.certificate).name
for act in (lambda: cms.verify_cms(signature, trust, b"text"), lambda: trust.check(key.certificate),
            lambda: pdf.sign_pdf(blank_pdf(), key), lambda: pdf.verify_pdf(b"", trust),
            lambda: xmldsig.sign_xml(b"<a/>", key), lambda: xmldsig.verify_xml(b"<a/>", trust),
            lambda: xmldsig.sign_xml_detached(b"<a/>", key, uri="a.xml")):
    try:
        act()
    except ExtraMissing as error:
        print(error)
"""


def test_base_installation_signs_and_says_what_is_missing() -> None:
    root = Path(jukihost.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{root}:{root / 'host'}"},
    )
    assert done.stdout.count("jukicard[sign]") == 7
    assert issubclass(ExtraMissing, SigningError)
