"""XML signatures (W3C XML Signature Syntax and Processing 1.1), by signxml (extra `sign`).

RSA with SHA-256, canonical XML 1.0, the certificate in KeyInfo: the form that electronic tax
returns (e-Tax) take. The signature is enveloped (inside the document) or detached (beside it).
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final

from cryptography import x509

from jukihost.crypto.foreign import load_certificate
from jukihost.errors import CardError
from jukihost.signing.key import RemoteRsaKey, SigningKey
from jukihost.signing.raw import SignatureInvalid
from jukihost.signing.report import VerifiedSignature, need_extra, readable
from jukihost.signing.validity import Trust
from jukihost.signing.xmlreader import XmlNotSignable, parse_document

_DSIG: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_SIGNATURE: Final = f"{_DSIG}Signature"
_INFO: Final = f"{_DSIG}SignedInfo"
_REFERENCE: Final = f"{_DSIG}Reference"
_BY_ID: Final = "//*[@*[local-name()='Id' or local-name()='ID' or local-name()='id']=$name]"
_CERTIFICATE: Final = f"{_DSIG}KeyInfo/{_DSIG}X509Data/{_DSIG}X509Certificate"


class _Utf8:
    """Writes copies of documents in UTF-8: in ASCII, names of elements cannot be in Japanese."""

    def _tostring(self, xml_node: Any, **options: Any) -> Any:
        from lxml import etree

        return etree.tostring(xml_node, **{"encoding": "UTF-8", **options})


def sign_xml(xml: bytes, key: SigningKey, *, element: str | None = None) -> bytes:
    """Return the document with an enveloped signature as the last child of its root.

    It covers the whole document, or only the element whose Id is `element`; all else stays as it
    was. XmlNotSignable (no XML, a document type, no such element, a signature that a second one
    would break), WrongCardSignature, StatusError, ExtraMissing.
    """
    need_extra()
    from signxml.algorithms import SignatureConstructionMethod

    root = parse_document(xml)
    _check_unsigned(root)
    _check_coverage(root, element)
    reference = None if element is None else f"#{element}"
    signed = _sign(root, key, SignatureConstructionMethod.enveloped, reference)
    root.append(signed.find(_SIGNATURE))
    return _checked(_write(root.getroottree()), key)


def sign_xml_detached(xml: bytes, key: SigningKey, *, uri: str) -> bytes:
    """Return a signature that stands in a file of its own and names the document by `uri`.

    XmlNotSignable, WrongCardSignature, StatusError, ExtraMissing; ValueError for a `uri` that
    points into a document.
    """
    need_extra()
    from signxml.algorithms import SignatureConstructionMethod

    if not uri or "#" in uri:
        raise ValueError("a detached signature names another file, without a fragment")
    signed = _sign(parse_document(xml), key, SignatureConstructionMethod.detached, uri)
    return _checked(_write(signed.getroottree()), key, xml)


def verify_xml(xml: bytes, trust: Trust, *, document: bytes | None = None) -> VerifiedSignature:
    """Check the one signature in `xml`, and its certificate; `document` is what a detached one is
    over.

    The result's `content` is the canonical form of what was signed: everything else in the file is
    anybody's. SignatureInvalid, CertificateNotValid and its kinds, ExtraMissing.
    """
    need_extra()
    with readable("the XML signature"):
        try:
            root = parse_document(xml)
        except XmlNotSignable as error:
            raise SignatureInvalid(str(error)) from None
        certificates = _certificates(root)
        signer = certificates[0]
        content = _verify(xml, root, signer, document, historic=trust.historic)
    trust.check(signer, certificates[1:])
    return VerifiedSignature(signer, None, content)


def _verify(
    xml: bytes, root: Any, signer: x509.Certificate, document: bytes | None, *, historic: bool
) -> bytes:
    """Return what the signature is over; whatever the library raises when it is not right."""
    from signxml.verifier import SignatureConfiguration, XMLVerifier

    class Utf8Verifier(_Utf8, XMLVerifier):
        """signxml's verifier, for documents in Japanese."""

    configuration = SignatureConfiguration(
        location="./" if root.tag != _SIGNATURE else ".",
        signature_methods=_methods(historic),
        digest_algorithms=_digests(historic),
        # The dates are checked elsewhere, against the caller's clock.
        verification_time=signer.not_valid_before_utc,
    )
    verified: Any = Utf8Verifier().verify(
        xml,
        x509_cert=signer,
        expect_config=configuration,
        uri_resolver=None if document is None else lambda uri: parse_document(document),
    )
    content: bytes = verified.signed_data
    return content


def _checked(signed: bytes, key: SigningKey, document: bytes | None = None) -> bytes:
    """Return what was made, once it has been read and checked as anybody will check it."""
    try:
        _verify(signed, parse_document(signed), key.certificate, document, historic=False)
    except Exception:  # noqa: BLE001 - whatever it is, nobody could accept the signature
        raise XmlNotSignable(
            "the XML document cannot be signed with this certificate so that others could check "
            "it; make a CMS signature beside it instead"
        ) from None
    return signed


def _sign(root: Any, key: SigningKey, method: Any, reference: str | None) -> Any:
    from signxml.algorithms import CanonicalizationMethod
    from signxml.signer import XMLSigner

    class Utf8Signer(_Utf8, XMLSigner):
        """signxml's signer, for documents in Japanese."""

    signer: Any = Utf8Signer(
        method=method,
        signature_algorithm="rsa-sha256",
        digest_algorithm="sha256",
        c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_0,
    )
    try:
        return signer.sign(
            root,
            key=RemoteRsaKey(key),
            reference_uri=reference,
            cert=[key.certificate, *key.authorities],
        )
    except CardError:  # the card's, or about it
        raise
    except Exception:  # noqa: BLE001 - of strangers' documents anything may come
        raise XmlNotSignable(
            "the XML document has no canonical form that could be signed (a namespace that is no "
            "absolute URI, for example); correct it, or make a CMS signature beside it"
        ) from None


def _check_unsigned(root: Any) -> None:
    """Refuse a document in which a new signature would break one that is there, or be taken for it.

    What a signature covers changes when it covers the root: the new one becomes a child of that.
    XmlNotSignable.
    """
    for signature in root.iter(_SIGNATURE):
        references = [it.get("URI", "") for it in signature.iterfind(f"{_INFO}/{_REFERENCE}")]
        if (
            signature.getparent() in (None, root)
            or not references
            or any(_covers_root(uri, root) for uri in references)
        ):
            raise XmlNotSignable(
                "the XML document is signed already, and a second signature in it would break the "
                "first; make one beside it instead (xml-detached)"
            )


def _covers_root(uri: str, root: Any) -> bool:
    if uri.startswith("#xpointer("):
        return True  # nobody here can tell
    return not uri or (uri.startswith("#") and uri[1:] in root.attrib.values())


def _check_coverage(root: Any, element: str | None) -> None:
    """Check that a signature says without doubt what it covers. XmlNotSignable."""
    if element is None:
        element = root.get("Id", root.get("ID"))
        if element is None:
            before = root.xpath("preceding-sibling::processing-instruction()")
            if before or root.xpath("following-sibling::processing-instruction()"):
                raise XmlNotSignable(
                    "the XML document has instructions outside its root element (for a style "
                    "sheet, say), of which programs do not agree whether a signature covers them; "
                    "remove them, or give the root an Id"
                )
            return
    found = root.xpath(_BY_ID, name=element)
    if len(found) != 1:
        raise XmlNotSignable(
            f"the XML document has {len(found) or 'no'} elements with the Id that is to be signed; "
            "there must be one"
        )


def _write(tree: Any) -> bytes:
    from lxml import etree

    return bytes(etree.tostring(tree, xml_declaration=True, encoding="UTF-8"))


def _certificates(root: Any) -> tuple[x509.Certificate, ...]:
    """Return the certificates in the one signature's KeyInfo, the signer's first."""
    signatures = [root] if root.tag == _SIGNATURE else root.findall(_SIGNATURE)
    if len(signatures) != 1:
        raise SignatureInvalid(f"the document has {len(signatures)} signatures, not one")
    texts = [found.text or "" for found in signatures[0].findall(_CERTIFICATE)]
    if not texts:
        raise SignatureInvalid("the signature names no certificate")
    found = [load_certificate(b64decode("".join(text.split()), validate=True)) for text in texts]
    # They stand in no order (XML Signature 1.1, 4.5.4): the signer's is the one that issued none.
    issuers = {it.issuer for it in found if it.issuer != it.subject}
    return tuple(sorted(found, key=lambda it: it.subject in issuers))


def _methods(historic: bool) -> frozenset[Any]:
    from signxml.algorithms import SignatureMethod

    names = {"RSA_SHA256", "RSA_SHA384", "RSA_SHA512"} | ({"RSA_SHA1"} if historic else set())
    return frozenset(method for method in SignatureMethod if method.name in names)


def _digests(historic: bool) -> frozenset[Any]:
    from signxml.algorithms import DigestAlgorithm

    names = {"SHA256", "SHA384", "SHA512"} | ({"SHA1"} if historic else set())
    return frozenset(digest for digest in DigestAlgorithm if digest.name in names)
