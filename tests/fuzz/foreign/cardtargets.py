"""Card verifiable certificates on both sides, and what else the emulator reads of others."""

from __future__ import annotations

import datetime
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp

from jukicard import CardKeys, Pins, ProfileError, issue_card
from jukicard.cli.pinfile import read_pins
from jukicard.cli.problems import UserError
from jukicard.crypto.asymmetric import KeyFormatError
from jukicard.crypto.cvc import (
    Certificate,
    CertificateError as Refused,
    trust_anchor,
    verify_certificate,
)
from jukicard.crypto.private import load_private_key
from jukicard.kit.layouts import CardObject, ObjectError
from jukicard.memory import ImageError, MemorySnapshot
from jukicard.synthetic import pki
from jukicard.synthetic.pki.ocsp import answer, responder
from jukicard.synthetic.pki.revocation import Register
from jukihost.crypto.certificate_chain import verify_chain, verify_root
from jukihost.crypto.cvc import CvCertificate
from jukihost.crypto.signatures import CertificateError
from jukihost.models import Purpose
from tests.fuzz.foreign.der import structure
from tests.fuzz.foreign.mutations import BYTES, line_ends, lines, words
from tests.fuzz.foreign.target import Found, Target
from tests.fuzz.foreign.terminaltargets import file_of
from tests.support.host.certificates import CHIP, ROOT, certificate, identity

DER: Final = (structure, structure, structure, *BYTES)
TODAY: Final = datetime.date(2026, 4, 1)
ROOT_CERTIFICATE: Final = certificate(ROOT, (b"JPROOT0001", b"JPROOT0001"), ROOT, 0xDF)
CHAIN: Final = identity(Purpose.COUNTER).chain


def _certificates() -> list[bytes]:
    return [ROOT_CERTIFICATE.encode(), *(it.encode() for it in CHAIN)]


def terminal_certificate(data: bytes, original: bytes) -> None:
    """What a terminal reads is what was written, and a changed one is certified by nobody."""
    found = CvCertificate.parse(data)
    if found.encode() != data:
        raise Found("read is not written")
    repr(found), found.role
    with suppress(CertificateError):
        verify_root(found)
    middle, own = CHAIN
    chain = [found if data_of == original else it for it, data_of in _written(middle, own)]
    verify_chain(ROOT_CERTIFICATE, chain, TODAY)
    if data != original and original != ROOT_CERTIFICATE.encode():
        raise Found("a changed certificate is accepted")


def _written(*certificates: CvCertificate) -> list[tuple[CvCertificate, bytes]]:
    return [(it, it.encode()) for it in certificates]


def card_certificate(data: bytes, original: bytes) -> None:
    """The same on the card."""
    found = Certificate.parse(data)
    if Certificate.parse_content(found.content) != found:
        raise Found("read is not written")
    with suppress(Refused):
        trust_anchor(found)
    holder = trust_anchor(Certificate.parse(ROOT_CERTIFICATE.encode()))
    for written in (it.encode() for it in CHAIN):
        here = found if written == original else Certificate.parse(written)
        holder = verify_certificate(here, holder, TODAY)
    if data != original and original != ROOT_CERTIFICATE.encode():
        raise Found("a changed certificate is accepted")


# --- declared contents ---


def _declared() -> dict[str, type[CardObject]]:
    """Every declared object and record, by its name."""
    for module in ("common", "surface", "text"):
        import_module(f"jukicard.applets.{module}.objects")
    import_module("jukicard.applets.surface.jukiobjects")
    found, left = {}, list(CardObject.__subclasses__())
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        if kind.examples and kind.__module__.startswith("jukicard."):
            found[f"{kind.__module__.split('.')[2]} {kind.__name__}"] = kind
    return found


def _examples(kind: type[CardObject]) -> list[bytes]:
    return [bytes.fromhex(digits) for digits, _ in kind.examples]


def _read_object(kind: type[CardObject], data: bytes, original: bytes) -> None:
    """What is read encodes again to the same bytes."""
    if kind.parse(data).encode() != data:
        raise Found("read is not written")


# --- what a card is issued with ---


def _private_keys() -> list[bytes]:
    keys = (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.BrainpoolP256R1()))
    options = Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    return [*(key.private_bytes(*options) for key in keys), CHIP.der]


def private_key(data: bytes, original: bytes) -> None:
    """A private key is one that the card computes with, or refused."""
    repr(load_private_key(data, check=len(data) % 2 == 0))


def issued_with(data: bytes, original: bytes) -> None:
    """A card is issued with certificates and a key, or refused in words."""
    keys = CardKeys(trust_anchors=[data], chip_key=CHIP.der)
    with suppress(ProfileError):
        issue_card("juki-v1", seed=1, keys=keys)
    issue_card("juki-v1", seed=1, keys=replace(keys, trust_anchors=(), chip_key=data))


def pin_file(data: bytes, original: bytes) -> None:
    """The PINs of a file are those that it names."""
    found = read_pins(str(file_of(data)))
    known = data.removeprefix(b"\xef\xbb\xbf").decode("ascii").split()
    for name in ("juki", "signature", "authentication", "text", "common"):
        value = getattr(found, name)
        if value != getattr(Pins(), name) and value not in known and value.strip() not in known:
            raise Found("a PIN that is not in the file")


# --- the test authorities' responder, and images in memory ---


def _requests() -> list[bytes]:
    authority = _authority()
    subject = x509.load_der_x509_certificate(authority.certificate)
    builder = ocsp.OCSPRequestBuilder().add_certificate(subject, subject, hashes.SHA1())
    nonce = x509.OCSPNonce(bytes(range(16)))
    return [
        it.build().public_bytes(Encoding.DER)
        for it in (builder, builder.add_extension(nonce, critical=False))
    ]


def _authority() -> pki.Authority:
    return pki.signature_authority(TODAY)


def request(data: bytes, original: bytes) -> None:
    """Whatever is asked, there is an answer that others can read."""
    until = datetime.datetime(2040, 1, 1, tzinfo=datetime.UTC)
    now = datetime.datetime(2026, 4, 1, tzinfo=datetime.UTC)
    authority = _authority()
    signer = responder(authority, now, until)
    found = answer(Register(authority), data, signer=signer, produced_at=now, next_update=until)
    ocsp.load_der_ocsp_response(found)


def _snapshots() -> list[bytes]:
    return [issue_card("juki-v1", seed=1).snapshot().export_with_keys()]


def snapshot(data: bytes, original: bytes) -> None:
    """A changed snapshot is none."""
    MemorySnapshot.from_bytes(data)
    if data != original:
        raise Found("a changed snapshot is taken")


TARGETS: Final = (
    Target(
        "card verifiable certificate, terminal",
        lambda: _certificates()[1:],
        terminal_certificate,
        (CertificateError,),
        DER,
        lambda: _certificates()[:1],
        part=2000,
    ),
    Target(
        "card verifiable certificate, card",
        lambda: _certificates()[1:],
        card_certificate,
        (Refused,),
        DER,
        lambda: _certificates()[:1],
        part=2000,
    ),
    *(
        Target(
            name,
            partial(_examples, kind),
            partial(_read_object, kind),
            (ObjectError,),
            DER,
            part=500,
        )
        for name, kind in sorted(_declared().items())
    ),
    Target("private key", _private_keys, private_key, (KeyFormatError,), DER, part=2000),
    Target(
        "keys of a card",
        lambda: [CHIP.der],
        issued_with,
        (ProfileError,),
        DER,
        _certificates,
        part=200,
    ),
    Target(
        "PIN file of a card",
        lambda: [b"4321\n", b"# PINs\njuki 4321\nsignature XYZ789\ntext 1111\n"],
        pin_file,
        (UserError,),
        (lines, line_ends, words((b"juki ", b"signature ", b"text ", b"#", b"\n")), *BYTES),
    ),
    Target("OCSP request", _requests, request, (), DER),
    Target("snapshot", _snapshots, snapshot, (ImageError,)),
)
