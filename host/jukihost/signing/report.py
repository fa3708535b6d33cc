"""What the checking of every kind of signature shares: its result, and the libraries' errors."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from jukihost.crypto.breadth import can_be_followed
from jukihost.crypto.foreign import CertificateUnreadable, load_certificate
from jukihost.signing.key import SigningError
from jukihost.signing.raw import SignatureInvalid

for _library in ("pyhanko", "pyhanko_certvalidator"):
    # they log what they then say in their results; a program that wants it adds a handler
    logging.getLogger(_library).addHandler(logging.NullHandler())

_T = TypeVar("_T")
_TIME_STAMPS: Final = frozenset({"signature_time_stamp_token", "content_time_stamp"})
_EXTRA: Final = ("pyhanko", "pyhanko_certvalidator", "asn1crypto", "lxml", "signxml")


class ExtraMissing(SigningError):
    """This needs the extra `sign`, which is not installed."""


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A signature that was right, by a certificate that was valid.

    `claimed_time` is when the signer says that it was made: nobody vouches for it. `content` is
    exactly what was signed; believe nothing else of the file.
    """

    signer: x509.Certificate
    claimed_time: datetime | None
    content: bytes = field(repr=False)


def need_extra() -> None:
    """Check that the libraries of the extra `sign` are there. ExtraMissing."""
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ExtraMissing(
            "this needs further libraries; install them with pip install 'jukicard[sign]' "
            "(in a clone of the project '.[sign]')"
        )


def certificate_of(certificate: Any) -> x509.Certificate:
    """Return the package's certificate for one of asn1crypto. CertificateUnreadable."""
    return load_certificate(certificate.dump())


def embedded_certificates(signed: Any) -> tuple[x509.Certificate, ...]:
    """Return the certificates that CMS SignedData brings along.

    SignatureInvalid when a library that looks for chains among them, or among those of a time
    stamp, would not end; CertificateUnreadable.
    """
    own = _certificates(signed)
    stamps = [
        certificate
        for info in signed["signer_infos"]
        for attributes in (info["signed_attrs"], info["unsigned_attrs"])
        for attribute in attributes or ()
        if attribute["type"].native in _TIME_STAMPS
        for token in attribute["values"]
        for certificate in _certificates(token["content"])
    ]
    if not (can_be_followed(own, own) and can_be_followed(stamps, stamps)):
        raise SignatureInvalid(
            "the signature brings along more certificates than lead anywhere; ask the signer for "
            "one with those of the chain only"
        )
    return own


def _certificates(signed: Any) -> tuple[x509.Certificate, ...]:
    choices = signed["certificates"]  # other kinds of certificates are not used here
    return tuple(certificate_of(one.chosen) for one in choices or () if one.name == "certificate")


def load(certificate: x509.Certificate) -> Any:
    """Return asn1crypto's certificate for one of the package."""
    from asn1crypto import x509 as asn1_x509

    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def any_usage() -> Any:
    """Return pyHanko's rule for the signer's key: `Trust.check` looks at its usage itself."""
    from pyhanko.sign.validation.settings import KeyUsageConstraints

    return KeyUsageConstraints(key_usage=set())


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn whatever a library finds wrong with a file into SignatureInvalid.

    Files come from strangers, and the libraries have no one exception for malformed ones.
    """
    try:
        yield
    except SigningError:
        raise
    except CertificateUnreadable as error:
        raise SignatureInvalid(f"{what} cannot be checked: in it, {error}") from None
    except Exception as error:
        raise SignatureInvalid(
            f"{what} cannot be read or checked: it is damaged, or of another form"
        ) from error


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run what a library does asynchronously to its end, also where a loop is running already."""
    if not _in_a_loop():
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
