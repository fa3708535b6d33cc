"""XML signatures (W3C XML Signature Syntax and Processing 1.1), by signxml (extra `sign`).

RSA with SHA-256, canonical XML 1.0, the certificate in KeyInfo: the form that electronic tax
returns (e-Tax) take. The signature is enveloped (inside the document) or detached (beside it).
"""

from __future__ import annotations

from typing import Any, Final

from cryptography import x509

from jukihost.signing.key import RemoteRsaKey, SigningError, SigningKey
from jukihost.signing.raw import SignatureInvalid
from jukihost.signing.report import VerifiedSignature, need_extra, readable
from jukihost.signing.validity import Trust

_DSIG: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_CERTIFICATE: Final = f"{_DSIG}KeyInfo/{_DSIG}X509Data/{_DSIG}X509Certificate"


class _Utf8:
    """Writes copies of documents in UTF-8: in ASCII, names of elements cannot be in Japanese."""

    def _tostring(self, xml_node: Any, **options: Any) -> Any:
        from lxml import etree

        return etree.tostring(xml_node, **{"encoding": "UTF-8", **options})


class XmlNotSignable(SigningError):
    """The file is no XML document that can be signed; nothing was signed."""


def sign_xml(xml: bytes, key: SigningKey, *, element: str | None = None) -> bytes:
    """Return the document with an enveloped signature as the last child of its root.

    It covers the whole document, or only the element whose Id is `element`. XmlNotSignable (no
    XML, a document type, no such element), WrongCardSignature, StatusError, ExtraMissing.
    """
    need_extra()
    from signxml.algorithms import SignatureConstructionMethod

    root = _parse(xml)
    reference = None if element is None else f"#{element}"
    signed = _sign(root, key, SignatureConstructionMethod.enveloped, reference)
    return _write(signed.getroottree())


def sign_xml_detached(xml: bytes, key: SigningKey, *, uri: str) -> bytes:
    """Return a signature that stands in a file of its own and names the document by `uri`.

    XmlNotSignable, WrongCardSignature, StatusError, ExtraMissing; ValueError for a `uri` that
    points into a document.
    """
    need_extra()
    from signxml.algorithms import SignatureConstructionMethod

    if not uri or "#" in uri:
        raise ValueError("a detached signature names another file, without a fragment")
    return _write(_sign(_parse(xml), key, SignatureConstructionMethod.detached, uri).getroottree())


def verify_xml(xml: bytes, trust: Trust, *, document: bytes | None = None) -> VerifiedSignature:
    """Check the one signature in `xml`, and its certificate; `document` is what a detached one is
    over.

    The result's `content` is the canonical form of what was signed: everything else in the file is
    anybody's. SignatureInvalid, CertificateNotValid and its kinds, ExtraMissing.
    """
    need_extra()
    from signxml.verifier import SignatureConfiguration, XMLVerifier

    with readable("the XML signature"):
        root = _parse(xml)
        certificates = _certificates(root)
        signer = certificates[0]
        configuration = SignatureConfiguration(
            location="./" if root.tag != f"{_DSIG}Signature" else ".",
            signature_methods=_methods(trust.historic),
            digest_algorithms=_digests(trust.historic),
            # The dates are checked below, against the caller's clock.
            verification_time=signer.not_valid_before_utc,
        )

        class Utf8Verifier(_Utf8, XMLVerifier):
            """signxml's verifier, for documents in Japanese."""

        verified: Any = Utf8Verifier().verify(
            xml,
            x509_cert=signer,
            expect_config=configuration,
            uri_resolver=None if document is None else lambda uri: _parse(document),
        )
    trust.check(signer, certificates[1:])
    return VerifiedSignature(signer, None, verified.signed_data)


def _sign(root: Any, key: SigningKey, method: Any, reference: str | None) -> Any:
    from signxml.algorithms import CanonicalizationMethod
    from signxml.exceptions import InvalidInput
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
    except InvalidInput as error:
        raise XmlNotSignable(f"the XML document cannot be signed: {error}") from None


def _parse(xml: bytes) -> Any:
    """Return the root of a document; XmlNotSignable. No entities, no network, no document type."""
    need_extra()
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise XmlNotSignable("the file is no well-formed XML") from None
    if root.getroottree().docinfo.doctype:
        raise XmlNotSignable(
            "the XML document has a document type, which could change what it says; remove it"
        )
    return root


def _write(tree: Any) -> bytes:
    from lxml import etree

    return bytes(etree.tostring(tree, xml_declaration=True, encoding="UTF-8"))


def _certificates(root: Any) -> tuple[x509.Certificate, ...]:
    """Return the certificates in the one signature's KeyInfo, the signer's first."""
    signatures = [root] if root.tag == f"{_DSIG}Signature" else root.findall(f"{_DSIG}Signature")
    if len(signatures) != 1:
        raise SignatureInvalid(f"the document has {len(signatures)} signatures, not one")
    texts = [found.text or "" for found in signatures[0].findall(_CERTIFICATE)]
    if not texts:
        raise SignatureInvalid("the signature names no certificate")
    pem = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
    return tuple(
        x509.load_pem_x509_certificate(pem.format(text.strip()).encode()) for text in texts
    )


def _methods(historic: bool) -> frozenset[Any]:
    from signxml.algorithms import SignatureMethod

    names = {"RSA_SHA256", "RSA_SHA384", "RSA_SHA512"} | ({"RSA_SHA1"} if historic else set())
    return frozenset(method for method in SignatureMethod if method.name in names)


def _digests(historic: bool) -> frozenset[Any]:
    from signxml.algorithms import DigestAlgorithm

    names = {"SHA256", "SHA384", "SHA512"} | ({"SHA1"} if historic else set())
    return frozenset(digest for digest in DigestAlgorithm if digest.name in names)
