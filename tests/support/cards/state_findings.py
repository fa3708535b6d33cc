"""What the host's sessions find on a card: kept with old releases' cards, and found again later."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from jukicard import Card
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import ApduChannel, build_channel
from jukihost.conversation.issuerdata import RegistryPart
from jukihost.conversation.secured import SecuredSession
from jukihost.errors import AppletNotFound, CardError, StatusError
from jukihost.keys.custody import KeyCustody
from jukihost.keys.issuer import IssuerKeys
from jukihost.models import OperatorPurpose, Purpose
from jukihost.sessions.common import CommonSession
from jukihost.sessions.issuer import IssuerSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.operator import OperatorSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession
from tests.support.host.custody import PublicMasters

PIN, PASSWORD = "1234", "ABC123"
_GUESSES = PublicMasters(b"\x01" * 16)
"""Keys of no system: the answer to them says how many tries the right one has left."""
# RFC 8017, 9.2, note 1: the DigestInfo of SHA-256
_SHA256_INFO = bytes.fromhex("3031300D060960864801650304020105000420")

Findings = dict[str, str]


@dataclass(frozen=True)
class Known:
    """What somebody at a terminal knows of a card: the suite of its keys, what is printed on it."""

    suite: str = "MA-AES128"
    access_number: str = ""
    number_a: str = ""
    number_b: str = ""
    birth: str = ""
    issuer: str = ""
    """The key of the issuer domain; of cards of 0.1.0, whose domain had none, nothing."""
    password: str = ""
    receipts: bool = False
    """Whether the card keeps receipts; none of 0.1.0 did."""


def find(card: Card, known: Known) -> Findings:
    """Ask the card for all that a terminal can find out, and let it sign; it is powered on."""
    found: Findings = {}
    with LocalReader(card) as connection:
        found["atr"] = connection.atr.hex().upper()
        for name, look in (
            ("juki", _juki),
            ("jpki", _jpki),
            ("surface", _surface),
            ("text", _text),
            ("common", _common),
            *([("issuer", _issuer)] if known.issuer else []),
            *([("operator", _operator)] if known.password else []),
        ):
            try:
                for what, answer in look(build_channel(connection), known):
                    found[f"{name} {what}"] = _said(answer)
            except AppletNotFound:
                found[name] = "not on the card"
            except CardError as refusal:
                found[name] = _refusal(refusal)
    return found


def _said(answer: Callable[[], object]) -> str:
    try:
        value = answer()
    except CardError as refusal:
        return _refusal(refusal)
    if value is None:
        return "done"
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)


def _refusal(refusal: CardError) -> str:
    return f"{refusal.status:04X}" if isinstance(refusal, StatusError) else "refused"


_Answers = Iterator[tuple[str, Callable[[], object]]]


def _juki(channel: ApduChannel, known: Known) -> _Answers:
    with JukiSession(channel, allow_suspended=True) as juki:
        yield "number", lambda: juki.card_number().hex().upper()
        yield "state", lambda: juki.card_state().name
        yield "residence", lambda: juki.residence().name
        yield "tries", juki.pin_retries
        yield "certificate", lambda: juki.card_certificate().content
        yield "guess", lambda: juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, _GUESSES)
    for purpose in Purpose:
        yield from _under(purpose, channel, known)
    with JukiSession(channel, allow_suspended=True) as juki:
        yield "tries afterwards", juki.pin_retries


def _under(purpose: Purpose, channel: ApduChannel, known: Known) -> _Answers:
    custody = PublicMasters(suite=known.suite)
    with JukiSession(channel, allow_suspended=True) as juki:
        if known.access_number:
            yield f"{purpose.name} private", lambda: juki.begin_private(known.access_number)
        yield f"{purpose.name} key", lambda: _proven(juki, purpose, custody)
        yield f"{purpose.name} dates", lambda: _dates(juki)
        yield f"{purpose.name} PIN", lambda: juki.verify_pin(PIN)
        yield f"{purpose.name} code", lambda: juki.read_code().reveal()
        if known.receipts and purpose is Purpose.COUNTER:
            yield "receipt", lambda: _receipt(juki, custody)


def _proven(session: SecuredSession, purpose: IntEnum, custody: KeyCustody) -> None:
    """Prove a purpose; these cards have keys of version 1 alone."""
    assert session.authenticate(purpose, custody) == 1


def _receipt(juki: JukiSession, custody: KeyCustody) -> str:
    receipt = juki.receipt(custody)
    if receipt is None:
        return "none"
    seen = "seen" if receipt.seen else "not seen"
    return f"change {receipt.number}, {seen}, intent {receipt.intent.hex().upper() or 'none'}"


def _dates(juki: JukiSession) -> str:
    info = juki.card_info()
    return f"{info.municipality}, {info.form.name}, {info.issued} to {info.expires}"


def _jpki(channel: ApduChannel, known: Known) -> _Answers:
    del known
    with JpkiSession(channel) as jpki:
        yield "token", lambda: jpki.token().name
        yield "keys", jpki.availability
        for key in JpkiKey:
            yield f"{key.name} tries", partial(jpki.pin_retries, key)
        yield "SIGNATURE password", lambda: jpki.verify_password(PASSWORD)
        yield "AUTHENTICATION PIN", lambda: jpki.verify_pin(PIN)
        for key in JpkiKey:
            yield f"{key.name} certificate", partial(_certificate, jpki, key)
            yield f"{key.name} signs", partial(_signs, jpki, key)
            yield f"{key.name} tries afterwards", partial(jpki.pin_retries, key)


def _certificate(jpki: JpkiSession, key: JpkiKey) -> bytes:
    return jpki.certificate(key).public_bytes(Encoding.DER)


def _signs(jpki: JpkiSession, name: JpkiKey) -> str:
    key = jpki.signing_key(name)
    signature = key.sign(_SHA256_INFO + hashlib.sha256(b"kept").digest())
    key.public_key.verify(signature, b"kept", padding.PKCS1v15(), hashes.SHA256())
    return f"{8 * len(signature)} bits"


def _surface(channel: ApduChannel, known: Known) -> _Answers:
    with SurfaceSession(channel) as surface:
        yield "about", lambda: _about_surface(surface)
        yield from _surface_tries(surface, "tries")
        yield "birth number", lambda: surface.verify_birth(known.birth)
        yield "birth", lambda: surface.birth().birth_text
        yield "number B", lambda: surface.verify_number_b(known.number_b)
        yield "face", lambda: _face(surface)
        yield "number A", lambda: surface.verify_number_a(known.number_a)
        yield "number image", lambda: surface.number_image().image
        yield from _surface_tries(surface, "tries afterwards")


def _about_surface(surface: SurfaceSession) -> str:
    about = surface.basic_info()
    form = "no form" if about.form is None else about.form.name
    return f"{about.version.hex().upper()} {about.municipality} {form}"


def _surface_tries(surface: SurfaceSession, what: str) -> _Answers:
    yield f"birth {what}", surface.birth_pin_retries
    yield f"number A {what}", surface.number_a_retries
    yield f"number B {what}", surface.number_b_retries


def _face(surface: SurfaceSession) -> str:
    face = surface.face()
    return f"{face.expires} {_digest(face.photo)}"


def _digest(value: bytes | None) -> str:
    return "none" if value is None else hashlib.sha256(value).hexdigest()


def _text(channel: ApduChannel, known: Known) -> _Answers:
    with TextSession(channel) as text:
        yield "key", lambda: text.basic_info().key_identifier
        yield "tries", text.pin_retries
        yield "number A tries", text.number_a_retries
        yield "number B tries", text.number_b_retries
        yield "PIN", lambda: text.verify_pin(PIN)
        yield "items", lambda: text.attributes().raw
        yield "individual number", lambda: text.my_number().raw
        yield "number A", lambda: text.verify_number_a(known.number_a)
        yield "number B", lambda: text.verify_number_b(known.number_b)
        yield "tries afterwards", text.pin_retries
        yield "number A tries afterwards", text.number_a_retries
        yield "number B tries afterwards", text.number_b_retries


def _common(channel: ApduChannel, known: Known) -> _Answers:
    del known
    with CommonSession(channel) as common:
        yield "record", lambda: _record(common)
        yield "key", common.key_reference
        yield "tries", common.pin_retries
        yield "PIN", lambda: common.verify_pin(PIN)
        yield "tries afterwards", common.pin_retries


def _issuer(channel: ApduChannel, known: Known) -> _Answers:
    keys = IssuerKeys(*(bytes.fromhex(known.issuer),) * 3)
    with IssuerSession(channel, allow_suspended=True) as issuer:
        yield "keys", lambda: ", ".join(map(str, issuer.key_information()))
        yield "opens", lambda: issuer.authenticate(keys)
        for part in (RegistryPart.DOMAIN, RegistryPart.APPLICATIONS):
            yield part.name.lower(), partial(_registry, issuer, part)


def _registry(issuer: IssuerSession, part: RegistryPart) -> str:
    return ", ".join(f"{one.aid} {one.state_name}" for one in issuer.registry(part))


def _operator(channel: ApduChannel, known: Known) -> _Answers:
    custody = PublicMasters(suite=known.suite)
    with OperatorSession(channel) as operator:
        yield "tries", operator.password_retries
        yield "key", lambda: _proven(operator, OperatorPurpose.OPERATOR_LOGIN, custody)
        yield "who", lambda: str(operator.identity())
        yield "until", lambda: str(operator.password_until())
        yield "password", lambda: operator.verify_password(known.password)
        yield "certificate", lambda: operator.certificate().public_bytes(Encoding.DER)
        yield "tries afterwards", operator.password_retries


def _record(common: CommonSession) -> str:
    record = common.record()
    return f"{record.serial} {record.municipality} {record.expires}"
