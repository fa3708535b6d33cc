"""X.509 data from elsewhere: certificates, revocation lists and OCSP answers, whole or refused.

The library beneath reads most parts only when they are asked for, and has an exception of its own
for each way to fail. Here every part is asked for once, at the place where the data comes in: what
was let in raises nothing later.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from jukicard.apdu import TlvError
from jukicard.apdu.tlv import read_length
from jukihost.crypto.breadth import can_be_followed
from jukihost.errors import CardError

MAX_CERTIFICATE: Final = 256 << 10
"""The largest certificate that is read, in bytes: a hundred times what one has."""
MAX_CERTIFICATES: Final = 16 << 20
"""The largest file of certificates that is read, in bytes."""
MAX_REVOCATION: Final = 64 << 20
"""The largest file of a revocation list or OCSP answer that is read, in bytes."""

_SEQUENCE: Final = b"\x30"
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# RFC 7468, 2: the lines around the text of a DER object; what stands outside of them says nothing.
_LINE: Final = re.compile(rb"^[ \t]*-----(BEGIN|END) ([^\n]{0,60}?)-----[ \t]*$", re.MULTILINE)
_CERTIFICATE_LABELS: Final = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE"})
_LIST_LABELS: Final = frozenset({b"X509 CRL", b"CRL"})
_OTHER_FORMS: Final = {
    b"TRUSTED CERTIFICATE": ("it is of OpenSSL's own form", "write it with openssl x509"),
    b"PKCS7": ("it is a PKCS #7 bundle", "take it apart with openssl pkcs7 -print_certs"),
}
"""Labels of what holds certificates too, but is not read: better refused than left out."""


class ForeignDataError(CardError, ValueError):
    """Data from elsewhere is not of its form, or of a kind that is not known here.

    `what` is its name, `why` what is wrong with it and `advice` what to do; all in words, and
    without its content.
    """

    def __init__(
        self, what: str, why: str, advice: str = "get another one from its issuer"
    ) -> None:
        super().__init__(what, why, advice)
        self.what = what
        self.why = why
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.what} cannot be used: {self.why}; {self.advice}"


class CertificateUnreadable(ForeignDataError):
    """A certificate, or a file of certificates."""


class RevocationUnreadable(ForeignDataError):
    """A revocation list or an OCSP answer."""


_WHY: Final[tuple[tuple[type[Exception], str], ...]] = (
    (x509.InvalidVersion, "it is of a version that does not exist"),
    (x509.DuplicateExtension, "it has the same extension twice"),
    (x509.UnsupportedGeneralNameType, "it has a name in a form that is not known here"),
    (UnsupportedAlgorithm, "its key or its signature is of a kind that is not known here"),
)
_ANOTHER_FILE: Final = "give another file"
_MALFORMED: Final = "it is damaged, or not of its form"

# --- certificates ---


def load_certificate(der: bytes, what: str = "the certificate") -> x509.Certificate:
    """Return the certificate that is exactly `der`. CertificateUnreadable, with `what` as its name.

    Reading it further raises nothing: not its names, extensions, key or algorithms.
    """
    if len(der) > MAX_CERTIFICATE:
        raise CertificateUnreadable(what, f"it has more than {MAX_CERTIFICATE >> 10} KiB")
    with _refusing(CertificateUnreadable, what):
        return _read_certificate(x509.load_der_x509_certificate(der))


def check_certificate(
    certificate: x509.Certificate, what: str = "the certificate"
) -> x509.Certificate:
    """Return a certificate that was loaded elsewhere, once all of it can be read.

    CertificateUnreadable.
    """
    with _refusing(CertificateUnreadable, what):
        return _read_certificate(certificate)


def load_certificates(
    raw: bytes, what: str = "the file of certificates"
) -> tuple[x509.Certificate, ...]:
    """Return all certificates of a file, at least one: DER of one, or PEM of any number.

    PEM is read as RFC 7468 says: text before, between and behind is none of it, whatever the line
    ends and the mark at the beginning. CertificateUnreadable when one of them is damaged or of
    another form: none is left out in silence.
    """
    if _is_der(raw):
        return (load_certificate(raw, what),)
    parts = _pem_parts(raw, _CERTIFICATE_LABELS, what, CertificateUnreadable)
    if not parts:
        raise CertificateUnreadable(
            what, "it is no certificate, neither PEM nor DER", _ANOTHER_FILE
        )
    many = len(parts) > 1
    return tuple(
        load_certificate(der, f"certificate {number} of {len(parts)} in {what}" if many else what)
        for number, der in enumerate(parts, 1)
    )


def _read_certificate(certificate: x509.Certificate) -> x509.Certificate:
    for name in (certificate.subject, certificate.issuer):
        name.rfc4514_string()
    for extension in certificate.extensions:
        repr(extension)
    _ = (
        certificate.version,
        certificate.serial_number,
        certificate.not_valid_before_utc.isoformat(),
        certificate.not_valid_after_utc.isoformat(),
        certificate.public_key(),
        certificate.public_key_algorithm_oid.dotted_string,
        certificate.signature_algorithm_oid.dotted_string,
        certificate.signature_hash_algorithm,
        certificate.signature_algorithm_parameters,
        certificate.signature,
        certificate.tbs_certificate_bytes,
        certificate.fingerprint(hashes.SHA256()),
        certificate.public_bytes(Encoding.DER),
        repr(certificate),
    )
    return certificate


# --- revocation ---


def load_revocation_lists(raw: bytes, what: str = "the revocation list") -> tuple[bytes, ...]:
    """Return the revocation lists of a file in DER, at least one: DER of one, or PEM of any number.

    RevocationUnreadable.
    """
    parts = [raw]
    if not _is_der(raw):
        parts = _pem_parts(raw, _LIST_LABELS, what, RevocationUnreadable)
    if not parts:
        raise RevocationUnreadable(
            what, "it is no revocation list, neither PEM nor DER", _ANOTHER_FILE
        )
    for part in parts:
        check_revocation_list(part, what)
    return tuple(parts)


def check_revocation_list(der: bytes, what: str = "the revocation list") -> None:
    """Read a whole revocation list in DER. RevocationUnreadable."""
    with _refusing(RevocationUnreadable, what):
        crl = x509.load_der_x509_crl(der)
        _ = (crl.issuer.rfc4514_string(), crl.last_update_utc, crl.next_update_utc)
        _ = (crl.signature_algorithm_oid, crl.signature_hash_algorithm)
        for extension in crl.extensions:
            repr(extension)
        for entry in crl:
            _ = (entry.serial_number, entry.revocation_date_utc)
            for extension in entry.extensions:
                repr(extension)


def check_ocsp_response(der: bytes, what: str = "the OCSP answer") -> None:
    """Read a whole OCSP response in DER.

    RevocationUnreadable, also for a responder that only says that it has no answer.
    """
    with _refusing(RevocationUnreadable, what):
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            status = response.response_status.name.lower().replace("_", " ")
            raise RevocationUnreadable(
                what, f"the responder gave none, it said {status!r}", "ask it again"
            )
        _ = (response.produced_at_utc, response.responder_name, response.responder_key_hash)
        _ = (response.signature_algorithm_oid, response.signature_hash_algorithm)
        for extension in response.extensions:
            repr(extension)
        for certificate in response.certificates:
            _read_certificate(certificate)
        if not can_be_followed(response.certificates, response.certificates):
            raise RevocationUnreadable(what, "it brings along more certificates than lead anywhere")
        for single in response.responses:
            _ = (single.serial_number, single.certificate_status, single.hash_algorithm)
            _ = (single.this_update_utc, single.next_update_utc)
            _ = (single.revocation_time_utc, single.revocation_reason)


# --- what both share ---


@contextmanager
def _refusing(kind: type[ForeignDataError], what: str) -> Iterator[None]:
    """Turn whatever the library finds wrong into one kind of error, and keep its warnings here.

    For malformed data it has no one exception.
    """
    try:
        with quietly():
            yield
    except ForeignDataError:
        raise
    except Exception as error:  # noqa: BLE001 - of strangers' data anything may come
        raise kind(what, _why(error)) from None


def _why(error: Exception) -> str:
    return next((why for cause, why in _WHY if isinstance(error, cause)), _MALFORMED)


_one_at_a_time: Final = threading.RLock()


@contextmanager
def quietly() -> Iterator[None]:
    """Drop what the library says of old habits in certificates, to a user who did not make them.

    It warns of them when a certificate is loaded and when the part is looked at.
    """
    with _one_at_a_time, warnings.catch_warnings():  # which is the process's, not the thread's
        warnings.simplefilter("ignore", UserWarning)  # of which its own is a kind
        yield


def _is_der(raw: bytes) -> bool:
    """Tell whether this is one DER object from the first byte to the last, or what is left of one.

    A sequence begins with the digit 0: text that does so too has a line that PEM begins with.
    """
    if not raw.startswith(_SEQUENCE):
        return False
    try:
        length, start = read_length(raw, 1)
    except TlvError:
        return not _LINE.search(raw)
    return start + length == len(raw) or not _LINE.search(raw)


def _pem_parts(
    raw: bytes, labels: frozenset[bytes], what: str, kind: type[ForeignDataError]
) -> list[bytes]:
    """Return the DER objects with one of these labels, in their order; others are left out.

    `kind` of error for one that is cut short or damaged, and for the same thing in another form.
    """
    text = _as_ascii(raw)
    lines = list(_LINE.finditer(text))
    found: list[bytes] = []
    for begin, end in zip_longest(lines, lines[1:]):
        verb, label = begin.groups()
        if label in _OTHER_FORMS:
            raise kind(what, *_OTHER_FORMS[label])
        if verb != b"BEGIN" or label not in labels:
            continue
        if end is None or end.groups() != (b"END", label):
            raise kind(what, f"part {len(found) + 1} of it has no end")
        try:
            inside = b"".join(text[begin.end() : end.start()].split())
            found.append(base64.b64decode(inside, validate=True))
        except binascii.Error:
            raise kind(what, f"part {len(found) + 1} of it is damaged") from None
    return found


def _as_ascii(raw: bytes) -> bytes:
    """Return text with the line ends of this system; a mark at its beginning tells UTF-16."""
    if raw.startswith(_UTF16):
        raw = raw.decode("utf-16", "replace").encode("ascii", "replace")
    raw = raw.removeprefix(codecs.BOM_UTF8)
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
