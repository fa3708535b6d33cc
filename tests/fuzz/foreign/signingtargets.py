"""Signed files, and files to be signed: CMS, XML and PDF."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from typing import Any, Final

from lxml import etree

from jukihost.crypto.foreign import CertificateUnreadable, load_certificate
from jukihost.signing.cms import sign_cms, verify_cms
from jukihost.signing.key import SigningError
from jukihost.signing.pdf import PdfNotSignable, sign_pdf, verify_pdf
from jukihost.signing.raw import SignatureInvalid
from jukihost.signing.report import VerifiedSignature
from jukihost.signing.validity import CertificateNotValid
from jukihost.signing.xmldsig import sign_xml, sign_xml_detached, verify_xml
from jukihost.signing.xmlreader import XmlNotSignable
from tests.fuzz.foreign import seeds
from tests.fuzz.foreign.der import structure
from tests.fuzz.foreign.mutations import BYTES, line_ends, lines, numbers, words, xml_tree
from tests.fuzz.foreign.target import Found, Target
from tests.support.host.hybrid import hybrid_pdf
from tests.support.host.pki import blank_pdf

REFUSED: Final = (SignatureInvalid, CertificateNotValid)
DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
XML: Final = (
    b'<tax Id="t"><sum Id="s">1</sum><!-- a --><rest xml:lang="ja" Id="r">2</rest></tax>',
    b"<?a b?><tax Id='t'>\n<sum>1</sum>\n</tax><!-- end -->",
    b'<p:tax xmlns:p="urn:p" xmlns="urn:d"><sum p:a="1"/><p:sum xmlns=""/></p:tax>',
    '<?xml version="1.0" encoding="Shift_JIS"?><申告><額>１</額></申告>'.encode("cp932"),
    b"<tax><![CDATA[<a>]]>&lt;&#13;&#x3042;</tax>",
)


def _same_signer(found: VerifiedSignature) -> None:
    if found.signer.tbs_certificate_bytes != seeds.key().certificate.tbs_certificate_bytes:
        raise Found("another signer's signature is right")


# --- CMS ---


def cms(data: bytes, original: bytes) -> None:
    """A signature that is let in is over the same text, by the same signer."""
    found = verify_cms(data, seeds.trust(), b"text")
    _same_signer(found)
    if found.content != b"text":
        raise Found("other content is right")


def odd_signer(data: bytes, original: bytes) -> None:
    """Whatever a card's certificate says beside its key, signing ends in words."""
    key = replace(seeds.key(), certificate=load_certificate(data))
    for sign, content in ((sign_cms, b"text"), (sign_xml, XML[0]), (sign_pdf, blank_pdf())):
        sign_it: Any = sign
        with suppress(SigningError):
            sign_it(key, content) if sign is sign_cms else sign_it(content, key)


# --- XML ---


def xml_signed(data: bytes, original: bytes) -> None:
    """The same of an XML signature."""
    found = verify_xml(data, seeds.trust())
    _same_signer(found)
    if found.content != verify_xml(original, seeds.trust()).content:
        raise Found("other content is right")


def xml_detached(data: bytes, original: bytes) -> None:
    """The same of a signature beside its document."""
    _same_signer(verify_xml(data, seeds.trust(), document=XML[0]))


def xml_to_sign(data: bytes, original: bytes) -> None:
    """What is signed verifies, and differs from what was given in the signature only."""
    signed = sign_xml(data, seeds.key())
    verify_xml(signed, seeds.trust())
    root = etree.fromstring(signed)
    added = root[-1]
    if added.tag != f"{{{DSIG}}}Signature" or len(root.findall(f"{{{DSIG}}}Signature")) != 1:
        raise Found("the signature is not where it belongs")
    root.remove(added)
    if _canonical(root) != _canonical(etree.fromstring(data)):
        raise Found("something else has changed")


def xml_beside(data: bytes, original: bytes) -> None:
    """A signature beside a document verifies."""
    beside = sign_xml_detached(data, seeds.key(), uri="tax.xml")
    verify_xml(beside, seeds.trust(), document=data)


def _canonical(root: Any) -> bytes:
    out = BytesIO()
    root.getroottree().write_c14n(out, with_comments=True)
    return out.getvalue()


def signed_xml() -> list[bytes]:
    """Signed documents."""
    found = [sign_xml(one, seeds.key()) for one in XML]
    return [*found, sign_xml(XML[0], seeds.key(), element="s")]


XML_WORDS: Final = (
    b"Id=", b"ID=", b'"t"', b'"s"', b"<tax>", b"</tax>", b"<!-- -->", b"<?a b?>", b"<![CDATA[",
    b"]]>", b"&lt;", b"&#0;", b"&#x110000;", b"&a;", b'<!DOCTYPE a [<!ENTITY a "b">]>',
    b'<!DOCTYPE a SYSTEM "file:///etc/passwd">', b'xmlns="urn:b"', b'xmlns="b"', b'xmlns:p=""',
    b'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"', b'<ds:Signature Id="placeholder"/>',
    b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>', b"#xpointer(/)", b'URI=""',
    b'URI="#t"', b'URI="#s"', b'URI="http://a.example/"', b"rsa-sha256", b"rsa-sha1",
    b"hmac-sha256", b"xmlenc#sha256", b"xmldsig#sha1", b"xmldsig#enveloped-signature",
    b"REC-xml-c14n-20010315", b"http://www.w3.org/TR/1999/REC-xslt-19991116",
    b"http://www.w3.org/TR/1999/REC-xpath-19991116", b"ds:Reference", b"ds:Transform",
    b"ds:X509Certificate", b"ds:KeyValue", b"ds:Object", b"<a>" * 300, b"xml:base='a:b'",
    b'encoding="UTF-16"', b'encoding="x"', b"standalone='no'", b"\xff\xfe", b"\x00", b"<" * 300,
    b"xml:id='t'",
)  # fmt: skip
XML_KINDS: Final = (*(xml_tree,) * 8, *(words(XML_WORDS),) * 4, lines, line_ends, *BYTES)

# --- PDF ---


def pdf_signed(data: bytes, original: bytes) -> None:
    """A signature that is let in is over the same bytes."""
    for found in verify_pdf(data, seeds.trust()):
        _same_signer(found)
        if _uncovered(found.content) != _uncovered(original[: len(found.content)]):
            raise Found("other content is right")


def _uncovered(pdf: bytes) -> bytes:
    """The file without what no signature covers: its own bytes, in hexadecimal digits."""
    return re.sub(rb"/Contents <[^>]*>", b"/Contents", pdf)


def pdf_to_sign(data: bytes, original: bytes) -> None:
    """What is signed verifies, and begins with what was given."""
    signed = sign_pdf(data, seeds.key(), field="New")
    if not signed.startswith(data):
        raise Found("something else has changed")
    if b"/ByteRange" not in data and verify_pdf(signed, seeds.trust())[-1].content != signed:
        raise Found("something is not covered")


PDF_WORDS: Final = (
    b"/Prev 0", b"/Prev 9", b"/XRefStm 9", b"/Size 0", b"/Size 99999999", b"/Root 1 0 R",
    b"/Root 9 0 R", b"/Pages 2 0 R", b"/Kids [2 0 R]", b"/Kids [3 0 R]", b"/Parent 3 0 R", b"<<",
    b">>", b"[", b"]", b"(", b")", b"<", b">", b"null", b"true", b"1 0 R", b"0 0 R", b"endobj",
    b"obj", b"stream\n", b"endstream", b"xref", b"trailer", b"startxref", b"%%EOF", b"/Type /Sig",
    b"/Length 9 0 R", b"/Filter /FlateDecode", b"/Filter [/ASCIIHexDecode /FlateDecode]",
    b"/Type /ObjStm", b"/Type /XRef", b"/W [1 2 1]", b"/W [99 99 99]", b"/Index [0 99999999]",
    b"/Encrypt 1 0 R", b"/AcroForm << /Fields [1 0 R] >>", b"/AcroForm << /XFA [] /Fields [] >>",
    b"/SigFlags 3", b"/Perms << /DocMDP 1 0 R >>", b"/ByteRange [0 1 2 3]",
    b"/ByteRange [0 -1 -2 3]", b"/Metadata 1 0 R", b"/ID [<00> <00>]", b"/Annots [3 0 R]",
    b"/Version /9.9", b"n \n", b"f \n",     b"[" * 500, b"<< /A " * 300,
)  # fmt: skip
PDF_KINDS: Final = (words(PDF_WORDS), words(PDF_WORDS), numbers, lines, *BYTES)


def _pdf_files() -> list[bytes]:
    return [
        blank_pdf(),
        hybrid_pdf(),
        (seeds.DATA / "hybrid-reference.pdf").read_bytes(),
        sign_pdf(blank_pdf(), seeds.key(), reason="because"),
    ]


def signed_pdf() -> list[bytes]:
    """Signed PDF files."""
    once = sign_pdf(blank_pdf(), seeds.key())
    return [once, sign_pdf(once, seeds.key(), field="Second"), sign_pdf(hybrid_pdf(), seeds.key())]


TARGETS: Final = (
    Target(
        "CMS signature",
        lambda: [sign_cms(seeds.key(), b"text"), sign_cms(seeds.key(), b"text", detached=False)],
        cms,
        REFUSED,
        (structure, structure, *BYTES),
        part=150,
    ),
    Target(
        "certificate of a signer",
        lambda: seeds.certificates()[:1],
        odd_signer,
        (CertificateUnreadable,),
        (structure, structure, *BYTES),
        lambda: seeds.certificates()[2:],
        part=200,
    ),
    Target("signed XML", signed_xml, xml_signed, REFUSED, XML_KINDS, part=300),
    Target(
        "XML signature beside its document",
        lambda: [sign_xml_detached(XML[0], seeds.key(), uri="tax.xml")],
        xml_detached,
        REFUSED,
        XML_KINDS,
        part=300,
    ),
    Target("XML to be signed", lambda: XML, xml_to_sign, (XmlNotSignable,), XML_KINDS, part=200),
    Target(
        "XML to be signed beside", lambda: XML, xml_beside, (XmlNotSignable,), XML_KINDS, part=200
    ),
    Target("signed PDF", signed_pdf, pdf_signed, REFUSED, PDF_KINDS, part=150),
    Target("PDF to be signed", _pdf_files, pdf_to_sign, (PdfNotSignable,), PDF_KINDS, part=120),
)
