"""Answering the question whether a certificate is revoked (RFC 6960), for one authority."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from jukicard.apdu.tlv import Tlv, TlvError
from jukicard.synthetic.pki import der, x509
from jukicard.synthetic.pki.authorities import Authority
from jukicard.synthetic.pki.keys import PublishedKey, key_identifier, public_key_bits, published_key
from jukicard.synthetic.pki.revocation import Register

_BASIC: Final = "1.3.6.1.5.5.7.48.1.1"
_NONCE: Final = der.oid("1.3.6.1.5.5.7.48.1.2")
_NO_CHECK: Final = "1.3.6.1.5.5.7.48.1.5"
_OCSP_SIGNING: Final = "1.3.6.1.5.5.7.3.9"
_DIGITAL_SIGNATURE: Final = (b"\x80", 7)
MAX_REQUEST: Final = 16384
"""The longest request that is read, in bytes."""
MAX_QUESTIONS: Final = 16
"""How many certificates one request may ask about."""
_MALFORMED: Final = 1
_UNAUTHORIZED: Final = 6
_GOOD: Final = der.node(0x80)
_UNKNOWN: Final = der.node(0x82)
_HASHES: Final[dict[bytes, Callable[[bytes], bytes]]] = {
    der.oid("1.3.14.3.2.26"): lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    der.oid("2.16.840.1.101.3.4.2.1"): lambda data: hashlib.sha256(data).digest(),
}
"""The hash functions a request may name its issuer with."""


@dataclass(frozen=True, slots=True)
class Responder:
    """Who signs the answers: a key and the certificate that the authority gave it."""

    certificate: bytes
    key: PublishedKey
    authority: Authority


@dataclass(frozen=True, slots=True)
class _Question:
    certificate_id: bytes
    is_of_authority: bool
    serial: int


class _UnreadableError(Exception):
    """The request is no OCSP request, or one that is not answered here."""


def responder(
    authority: Authority, not_before: datetime.datetime, not_after: datetime.datetime
) -> Responder:
    """Give the test responder a certificate of an authority, with the dates that are wanted.

    RFC 6960, 4.2.2.2: a delegated responder. One that has expired is one with a `not_after` in
    the past.
    """
    key = published_key("ocsp")
    certificate = x509.certificate(
        serial=authority.responder_serial,
        hash_name=authority.hash_name,
        issuer=authority.subject,
        not_before=not_before,
        not_after=not_after,
        subject=x509.name(
            ("C", "JP"), ("O", "JPKI-TEST"), ("OU", authority.unit), ("CN", "OCSP Responder")
        ),
        public=key.public,
        extensions=(
            x509.key_usage(*_DIGITAL_SIGNATURE),
            x509.extension("2.5.29.37", der.sequence(der.oid(_OCSP_SIGNING))),
            x509.extension(_NO_CHECK, der.NULL),
            x509.authority_key(authority.key.public, authority.subject, authority.serial),
            x509.subject_key(key.public),
        ),
        key=authority.key,
    )
    return Responder(certificate, key, authority)


def answer(
    register: Register,
    request: bytes,
    *,
    signer: Responder,
    produced_at: datetime.datetime,
    next_update: datetime.datetime,
) -> bytes:
    """Return the OCSPResponse in DER to an OCSPRequest: good, revoked or unknown, with its nonce.

    A request that cannot be read is answered `malformedRequest`, one about another authority's
    certificates `unauthorized`. ValueError when the responder is another authority's.
    """
    if signer.authority != register.authority:
        raise ValueError("the responder's certificate is of another authority")
    try:
        questions, nonce = _read(request, register.authority)
    except (_UnreadableError, TlvError):
        return _failure(_MALFORMED)
    if not all(question.is_of_authority for question in questions):
        return _failure(_UNAUTHORIZED)
    times = der.generalized_time(produced_at), der.explicit(0, der.generalized_time(next_update))
    data = der.sequence(
        der.explicit(2, der.octets(key_identifier(signer.key.public))),
        der.generalized_time(produced_at),
        der.sequence(
            *(
                der.sequence(question.certificate_id, _status(register, question.serial), *times)
                for question in questions
            )
        ),
        der.explicit(1, der.sequence(nonce)) if nonce else b"",
    )
    basic = der.sequence(
        data,
        x509.algorithm("sha256"),
        der.bits(signer.key.sign("sha256", data)),
        der.explicit(0, der.sequence(signer.certificate)),
    )
    body = der.sequence(der.oid(_BASIC), der.octets(basic))
    return der.sequence(der.enumerated(0), der.explicit(0, body))


def _failure(status: int) -> bytes:
    return der.sequence(der.enumerated(status))


def _status(register: Register, serial: int) -> bytes:
    """Return the CertStatus (RFC 6960, 4.2.1)."""
    if not register.knows(serial):
        return _UNKNOWN
    revocation = register.revocation(serial)
    if revocation is None:
        return _GOOD
    reason = der.explicit(0, der.enumerated(revocation.reason)) if revocation.reason else b""
    return der.node(0xA1, der.generalized_time(revocation.since), reason)


def _read(request: bytes, authority: Authority) -> tuple[list[_Question], bytes]:
    """Return what is asked, and the nonce's extension or nothing (RFC 6960, 4.1.1)."""
    if len(request) > MAX_REQUEST:
        raise _UnreadableError
    parts = _children(Tlv.parse(request), 0x30)
    if not parts:
        raise _UnreadableError
    given = _children(parts[0], 0x30)
    fields = {child.tag: child for child in given}
    if 0x30 not in fields or len(fields) < len(given):
        raise _UnreadableError
    questions = [_question(entry, authority) for entry in _children(fields[0x30], 0x30)]
    if not 1 <= len(questions) <= MAX_QUESTIONS:
        raise _UnreadableError
    return questions, _nonce(fields.get(0xA2))


def _question(entry: Tlv, authority: Authority) -> _Question:
    parts = _children(entry, 0x30)
    if not parts:
        raise _UnreadableError
    match _children(parts[0], 0x30):
        case [
            Tlv(tag=0x30) as algorithm,
            Tlv(tag=0x04) as name_hash,
            Tlv(tag=0x04) as key_hash,
            Tlv(tag=0x02) as serial,
        ] if _is_integer(serial.value):
            hashed = _hash_of(algorithm)
        case _:
            raise _UnreadableError
    is_ours = hashed is not None and (name_hash.value, key_hash.value) == (
        hashed(authority.subject),
        hashed(public_key_bits(authority.key.public)),
    )
    return _Question(parts[0].encode(), is_ours, int.from_bytes(serial.value, "big", signed=True))


def _is_integer(value: bytes) -> bool:
    """Tell whether this is the content of an INTEGER in DER (ITU-T X.690, 8.3.2)."""
    return len(value) == 1 or (
        len(value) > 1 and int.from_bytes(value[:2], "big") >> 7 not in (0, 0x1FF)
    )


def _hash_of(algorithm: Tlv) -> Callable[[bytes], bytes] | None:
    """Return the hash of an AlgorithmIdentifier, whose parameters are NULL or absent."""
    parts = _children(algorithm, 0x30)
    if not parts or [it.encode() for it in parts[1:]] not in ([], [der.NULL]):
        raise _UnreadableError  # it goes back with the answer
    return _HASHES.get(parts[0].encode())


def _nonce(extensions: Tlv | None) -> bytes:
    """Return the nonce's extension as it came, to be sent back (RFC 8954), or nothing."""
    if extensions is None:
        return b""
    for group in Tlv.parse_all(extensions.value):
        for found in _children(group, 0x30):
            parts = _children(found, 0x30)
            if parts and parts[0].encode() == _NONCE:
                if [it.tag for it in parts[1:]] != [0x04] or Tlv.parse(parts[1].value).tag != 0x04:
                    raise _UnreadableError  # it goes back with the answer
                return found.encode()
    return b""


def _children(tlv: Tlv, tag: int) -> list[Tlv]:
    if tlv.tag != tag:
        raise _UnreadableError
    return Tlv.parse_all(tlv.value)
