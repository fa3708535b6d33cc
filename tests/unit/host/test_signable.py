"""What can be signed is signed so that others can check it; what cannot is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from lxml import etree

from jukihost.signing.cms import verify_cms
from jukihost.signing.key import RemoteRsaKey
from jukihost.signing.pdf import PdfNotSignable, sign_pdf, verify_pdf
from jukihost.signing.raw import SignatureInvalid
from jukihost.signing.validity import Trust
from jukihost.signing.xmldsig import sign_xml, sign_xml_detached, verify_xml
from jukihost.signing.xmlreader import XmlNotSignable
from tests.support.host.hybrid import hybrid_pdf
from tests.support.host.pki import NOW, Authority, blank_pdf

AUTHORITY = Authority.make()
KEY = AUTHORITY.issue()
TRUST = Trust((AUTHORITY.certificate,), NOW)
XML = b'<tax Id="t"><sum Id="s">1</sum><rest Id="r"/></tax>'
PLAIN = b"<tax><sum>1</sum></tax>"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
HYBRID = Path(__file__).parents[2] / "data" / "foreign" / "hybrid-reference.pdf"


# --- XML: a second signature ---


def wrapped(part: bytes, around: bytes = b"<all>%s<more/></all>") -> bytes:
    return around % part.split(b"?>", 1)[-1].strip()


SIGNED_ALREADY: dict[str, bytes] = {
    "whole": sign_xml(PLAIN, KEY),
    "whole by its Id": sign_xml(XML, KEY),
    "one part": sign_xml(XML, KEY, element="s"),
    "a part that covers all of the document around it": wrapped(sign_xml(PLAIN, KEY)),
    "a part whose Id the document has too": wrapped(
        sign_xml(XML, KEY), b'<all Id="t">%s<more/></all>'
    ),
    "a signature itself": sign_xml_detached(PLAIN, KEY, uri="tax.xml"),
    "a place for one": b'<a xmlns:d="%s"><b><d:Signature Id="placeholder"/></b></a>'
    % DSIG.encode(),
    "one by a pointer": wrapped(
        sign_xml(XML, KEY).replace(b'URI="#t"', b'URI="#xpointer(/)"'),
    ),
}


@pytest.mark.parametrize("name", SIGNED_ALREADY)
def test_a_second_signature_that_would_break_the_first_is_refused(name: str) -> None:
    for element in (None, "s", "r"):
        asking = KEY.watched()
        with pytest.raises(XmlNotSignable, match=r"signed already.*xml-detached"):
            sign_xml(SIGNED_ALREADY[name], asking, element=element)
        assert not asking.asked, "the card was asked for nothing"


def test_a_signature_beside_a_signed_document_leaves_both_right() -> None:
    for first in (sign_xml(XML, KEY), sign_xml(PLAIN, KEY)):
        beside = sign_xml_detached(first, KEY, uri="tax.xml")
        assert verify_xml(beside, TRUST, document=first).signer == KEY.certificate
        assert verify_xml(first, TRUST).signer == KEY.certificate


def test_a_signed_part_of_an_unsigned_document_stays_right() -> None:
    part = sign_xml(XML, KEY)
    both = sign_xml(wrapped(part), KEY)
    assert b"<more" in verify_xml(both, TRUST).content
    inner = etree.fromstring(both).find("tax")
    assert verify_xml(etree.tostring(inner, with_tail=False), TRUST).signer == KEY.certificate


# --- XML: nothing else changes ---

WHOLE = {
    "comments around": b"<!-- a --><tax><!-- b --><sum>1</sum></tax><!-- c -->",
    "instructions around": b'<?xml-stylesheet href="a.xsl"?><tax Id="t"><sum/></tax><?end x?>',
    "instructions inside": b"<tax><?page 1?><sum/></tax>",
    "white space": b"<tax>\n  <sum> 1 </sum>\r\n\t</tax>\n",
    "references": b"<tax a='&lt;&#10;&amp;'>&#13;&gt;&#x3042;</tax>",
    "namespaces": b'<p:tax xmlns:p="urn:a" xmlns="urn:b"><sum xmlns="" p:x="1"/></p:tax>',
    "marked text": b"<tax><![CDATA[ <a>&b; ]]></tax>",
    "another encoding": '<?xml version="1.0" encoding="Shift_JIS"?><tax>表予能</tax>'.encode(
        "cp932"
    ),
    "UTF-16": "<tax>表</tax>".encode("utf-16"),
    "language": b'<tax xml:lang="ja" xml:space="preserve"><sum xml:id="s"/></tax>',
}


@pytest.mark.parametrize("name", WHOLE)
def test_all_but_the_signature_stays(name: str) -> None:
    signed = sign_xml(WHOLE[name], KEY)
    assert verify_xml(signed, TRUST).signer == KEY.certificate
    root = etree.fromstring(signed)
    root.remove(root.find(f"{{{DSIG}}}Signature"))
    before = etree.fromstring(WHOLE[name]).getroottree()
    assert canonical(root.getroottree()) == canonical(before)


def canonical(tree: Any) -> bytes:
    out = BytesIO()
    tree.write_c14n(out, with_comments=True)
    return out.getvalue()


NOT_SIGNABLE: dict[str, tuple[bytes, str | None, str]] = {
    "no XML": (b"text", None, "no well-formed XML"),
    "instructions around, and no Id": (b"<?a b?><tax/>", None, "or give the root an Id"),
    "instructions behind, and no Id": (b"<tax/><?a b?>", None, "or give the root an Id"),
    "no such element": (XML, "x", "no elements with the Id"),
    "an empty name": (XML, "", "no elements with the Id"),
    "two of them": (XML.replace(b'"r"', b'"s"'), "s", "2 elements with the Id"),
    "two of them, otherwise written": (
        b'<tax><a Id="s"/><b ID="s"/></tax>',
        "s",
        "2 elements with the Id",
    ),
    "the root's Id twice": (b'<tax Id="t"><sum Id="t"/></tax>', None, "2 elements with the Id"),
    "a relative namespace": (b'<tax xmlns="tax"/>', None, "no canonical form"),
}


@pytest.mark.parametrize("name", NOT_SIGNABLE)
def test_what_cannot_be_signed_is_refused_in_words(name: str) -> None:
    xml, element, words = NOT_SIGNABLE[name]
    with pytest.raises(XmlNotSignable, match=words):
        sign_xml(xml, KEY, element=element)


def test_the_certificates_of_a_signature_stand_in_any_order() -> None:
    signed = etree.fromstring(sign_xml(PLAIN, KEY))
    data = signed.find(f".//{{{DSIG}}}X509Data")
    data[:] = list(data)[::-1]
    assert verify_xml(etree.tostring(signed), TRUST).signer == KEY.certificate


# --- CMS: several signers ---


@pytest.mark.parametrize("count", [0, 2, 3])
def test_signers_that_are_not_checked_are_told(count: int) -> None:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"text")
    for number in range(count):
        key = AUTHORITY.issue(200 + number)
        builder = builder.add_signer(key.certificate, RemoteRsaKey(key), hashes_sha256())
    if count:
        signed = builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    else:
        signed = pkcs7.serialize_certificates([KEY.certificate], Encoding.DER)
    with pytest.raises(
        SignatureInvalid, match=f"has {count or 'no'} signatures, and one|no content"
    ):
        verify_cms(signed, TRUST, b"text")


def hashes_sha256() -> Any:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()


# --- PDF: hybrid references ---


@pytest.mark.parametrize("make", [HYBRID.read_bytes, hybrid_pdf])
def test_a_file_of_an_office_program_is_signed_and_checked(make: Callable[[], bytes]) -> None:
    pdf = make()
    signed = sign_pdf(pdf, KEY)
    assert signed.startswith(pdf)
    [found] = verify_pdf(signed, TRUST)
    assert (found.signer, found.content) == (KEY.certificate, signed)
    again = sign_pdf(signed, KEY, field="Second")
    assert [it.content for it in verify_pdf(again, TRUST)] == [signed, again]
    with pytest.raises(SignatureInvalid):
        verify_pdf(signed.replace(b"595 842", b"595 841"), TRUST)


def test_a_file_of_an_office_program_that_was_signed_elsewhere() -> None:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    from jukihost.signing.report import load

    store: Any = SimpleCertificateStore
    signer = SimpleSigner(load(KEY.certificate), private_key(), store())
    writer = IncrementalPdfFileWriter(BytesIO(HYBRID.read_bytes()), strict=False)
    out: Any = PdfSigner(PdfSignatureMetadata(field_name="Elsewhere"), signer).sign_pdf(writer)
    [found] = verify_pdf(out.getvalue(), TRUST)
    assert found.signer == KEY.certificate


def private_key() -> Any:
    from asn1crypto import keys
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    der = KEY.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return keys.PrivateKeyInfo.load(der)


@pytest.mark.parametrize("options", [{"twice": 3}, {"twice": 2}, {"freed": 3}, {"freed": 4}])
def test_a_file_with_two_contents_is_neither_signed_nor_called_damaged(
    options: dict[str, int],
) -> None:
    pdf = hybrid_pdf(**options)
    asking = KEY.watched()
    with pytest.raises(PdfNotSignable, match=r"hybrid references .* save or print it into a new"):
        sign_pdf(pdf, asking)
    assert not asking.asked
    with pytest.raises(SignatureInvalid, match=r"hybrid references .* ask the signer"):
        verify_pdf(pdf, TRUST)


# --- PDF: other reasons ---


def encrypted_pdf() -> bytes:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.pdf_utils.writer import copy_into_new_writer

    writer: Any = copy_into_new_writer(PdfFileReader(BytesIO(blank_pdf())))
    writer.encrypt(owner_pass="secret", user_pass="secret")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def certified_pdf() -> bytes:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import MDPPerm
    from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    from jukihost.signing.report import load

    store: Any = SimpleCertificateStore
    signer = SimpleSigner(load(KEY.certificate), private_key(), store())
    metadata = PdfSignatureMetadata(
        field_name="Certified", certify=True, docmdp_permissions=MDPPerm.NO_CHANGES
    )
    writer = IncrementalPdfFileWriter(BytesIO(blank_pdf()))
    out: Any = PdfSigner(metadata, signer).sign_pdf(writer)
    content: bytes = out.getvalue()
    return content


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: b"text", "no PDF file; give another one"),
        (lambda: b"", "no PDF file; give another one"),
        (lambda: blank_pdf()[:-60], "structure is not as it should be; save or print"),
        (lambda: blank_pdf().replace(b"/Pages 2", b"/Pages 9"), "is not as it should be; save or"),
        (encrypted_pdf, "is encrypted"),
        (certified_pdf, "certified or locked"),
        (lambda: sign_pdf(blank_pdf(), KEY), "in the field 'Signature1' already; name another"),
    ],
)
def test_what_cannot_be_signed_in_a_pdf_file_is_told(make: Callable[[], bytes], words: str) -> None:
    with pytest.raises(PdfNotSignable, match=words) as caught:
        sign_pdf(make(), KEY)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_encrypted_file_is_not_called_damaged_when_it_is_checked() -> None:
    with pytest.raises(SignatureInvalid, match=r"is encrypted.*check it with another program"):
        verify_pdf(encrypted_pdf(), TRUST)
