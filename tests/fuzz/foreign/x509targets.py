"""X.509 data: certificates, revocation lists, OCSP answers, and what rests on them."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Final

from cryptography import x509

from jukihost.crypto.foreign import (
    CertificateUnreadable,
    RevocationUnreadable,
    check_ocsp_response,
    check_revocation_list,
    load_certificate,
    load_certificates,
    load_revocation_lists,
    quietly,
)
from jukihost.signing.certificates import CertificateMalformed, holder_of, summarize
from jukihost.signing.raw import SignatureInvalid, sign_raw, verify_raw
from jukihost.signing.validity import CertificateNotValid
from tests.fuzz.foreign import seeds
from tests.fuzz.foreign.der import structure
from tests.fuzz.foreign.mutations import BYTES, line_ends, lines, words
from tests.fuzz.foreign.target import Found, Target

DER: Final = (structure, structure, structure, *BYTES)
_NOT_ALWAYS_THERE: Final = {"tbs_precertificate_bytes"}
_OLD: Final = {"not_valid_before", "not_valid_after"}
PARTS: Final = [
    part
    for part in dir(x509.Certificate)
    if not part.startswith("_") and part not in _NOT_ALWAYS_THERE | _OLD
]
"""Everything that can be asked of the library's certificate."""


def certificate(data: bytes, original: bytes) -> None:
    """What is let in can be asked for everything, and raises nothing."""
    found = load_certificate(data)
    with quietly():
        for part in PARTS:
            value = getattr(found, part)
            if part == "public_key":
                value()
        for extension in found.extensions:
            repr(extension.value)
        repr(found), hash(found), found.subject.rfc4514_string(), found.issuer.rfc4514_string()
    summarize(found)
    with suppress(CertificateMalformed):
        holder_of(found)
    with suppress(SignatureInvalid):
        verify_raw(found, b"text", bytes(256))


_BEGIN: Final = re.compile(rb"(?m)^[ \t]*-----BEGIN (?:X509 )?CERTIFICATE-----[ \t]*$")


def bundle(data: bytes, original: bytes) -> None:
    """All certificates of a file, or none: as many as there are beginnings of one."""
    found = load_certificates(data)
    text = data
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace").encode("ascii", "replace")
    text = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if len(found) != len(_BEGIN.findall(text)):
        raise Found(f"{len(found)} certificates of {len(_BEGIN.findall(text))}")


def revocation_list(data: bytes, original: bytes) -> None:
    """What is let in never makes a revoked certificate valid, and raises nothing of its own."""
    check_revocation_list(data)
    _never_valid(crls=(data,), original=original)


def ocsp_answer(data: bytes, original: bytes) -> None:
    """The same of an OCSP answer."""
    check_ocsp_response(data)
    _never_valid(ocsps=(data,), original=original)


def _never_valid(
    *, original: bytes, crls: tuple[bytes, ...] = (), ocsps: tuple[bytes, ...] = ()
) -> None:
    """Check the signer's certificate; the originals that say that it is good are left out."""
    trust = replace(seeds.trust(), crls=crls, ocsps=ocsps, require_revocation=True)
    trust.check(seeds.key().certificate)
    if original not in (seeds.revocation_lists()[0], seeds.ocsp_answers()[0]):
        raise Found("a certificate that was revoked is valid")


def chain(data: bytes, original: bytes) -> None:
    """A changed certificate of a signer is not valid."""
    signer = load_certificate(data)
    seeds.trust().check(signer, (seeds.authority().certificate,))
    right = seeds.key().certificate
    if signer.tbs_certificate_bytes != right.tbs_certificate_bytes:
        raise Found("a changed certificate is valid")


def above(data: bytes, original: bytes) -> None:
    """Whatever stands beside the chain, and above it, the check ends in words."""
    other = load_certificate(data)
    seeds.trust().check(seeds.key().certificate, (other, seeds.authority().certificate))
    replace(seeds.trust(), anchors=(other,)).check(seeds.key().certificate)


def raw(data: bytes, original: bytes) -> None:
    """A changed signature is none."""
    verify_raw(seeds.key().certificate, b"text", data)
    if data != original:
        raise Found("a changed signature is right")


LABELS: Final = (b"CERTIFICATE", b"X509 CRL", b"TRUSTED CERTIFICATE", b"-----", b"BEGIN", b"END")

TARGETS: Final = (
    Target(
        "certificate",
        seeds.certificates,
        certificate,
        (CertificateUnreadable,),
        DER,
        seeds.odd,
        part=1500,
    ),
    Target(
        "certificates in a file",
        seeds.bundles,
        bundle,
        (CertificateUnreadable,),
        (
            lines,
            line_ends,
            words(LABELS),
            *BYTES,
        ),
        part=2000,
    ),
    Target(
        "revocation list",
        seeds.revocation_lists,
        revocation_list,
        (RevocationUnreadable, CertificateNotValid),
        DER,
        part=250,
    ),
    Target(
        "revocation lists in a file",
        lambda: [_pem_list(der) for der in seeds.revocation_lists()],
        lambda data, original: [None for _ in load_revocation_lists(data)].clear(),
        (RevocationUnreadable,),
        (lines, line_ends, *BYTES),
        part=2000,
    ),
    Target(
        "OCSP answer",
        seeds.ocsp_answers,
        ocsp_answer,
        (RevocationUnreadable, CertificateNotValid),
        DER,
        part=250,
    ),
    Target(
        "signer's certificate",
        lambda: seeds.certificates()[:1],
        chain,
        (CertificateUnreadable, CertificateNotValid),
        DER,
        part=250,
    ),
    Target(
        "certificate above",
        lambda: seeds.certificates()[1:2],
        above,
        (CertificateUnreadable, CertificateNotValid),
        DER,
        lambda: seeds.certificates()[2:],
        part=250,
    ),
    Target("raw signature", lambda: [sign_raw(seeds.key(), b"text")], raw, (SignatureInvalid,)),
)


def _pem_list(der: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)
