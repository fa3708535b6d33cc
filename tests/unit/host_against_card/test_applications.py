"""JPKI, text, surface and common sessions, and signatures, against the emulator."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from jukicard import PROFILES, Card, Printed, issue_card
from jukicard.environment import SeededRandom
from jukicard.synthetic.people import draw_person
from jukicard.synthetic.person import Person
from jukicard.synthetic.pki.authorities import (
    Authority,
    authentication_authority,
    signature_authority,
)
from jukicard.synthetic.pki.certificates import Certificate
from jukicard.synthetic.pki.ocsp import answer, responder
from jukicard.synthetic.pki.revocation import Register
from jukicard.testing.applets import with_forbidden
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import ChannelDecorator, build_channel
from jukihost.conversation import pinfile
from jukihost.conversation.refusals import PinNotVerified
from jukihost.conversation.secrets import BirthPin, NumberB
from jukihost.errors import (
    AppletNotFound,
    ConditionsNotSatisfied,
    FileNotFound,
    PinBlocked,
    PinRejected,
    WrongParameters,
)
from jukihost.models import CardForm, Purpose, Sex
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import (
    Availability,
    JpkiKey,
    JpkiSession,
    SignatureVariant,
    TokenKind,
)
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession
from jukihost.signing.certificates import CertificateKind, holder_of, summarize
from jukihost.signing.cms import sign_cms, verify_cms
from jukihost.signing.key import HashName
from jukihost.signing.pdf import sign_pdf, verify_pdf
from jukihost.signing.raw import sign_raw, verify_raw
from jukihost.signing.validity import (
    CertificateNotTrusted,
    CertificateRevoked,
    RevocationUnknown,
    Trust,
)
from jukihost.signing.xmldsig import sign_xml, sign_xml_detached, verify_xml
from tests.support.host.custody import PublicMasters
from tests.support.host.pki import blank_pdf

ISSUED = date(2024, 4, 1)
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
PERSON = draw_person(SeededRandom("holder"), issued=ISSUED, foreign=False, variants=True)
PASSWORD, PIN = "ABC123", "1234"


def issue(profile: str = "mynumber", person: Person = PERSON, form: int = 2) -> Card:
    issued = ISSUED if profile == "mynumber" else date(2014, 4, 1)
    return issue_card(
        with_forbidden(PROFILES[profile]),
        seed=3,
        person=person,
        issued=issued,
        printed=Printed(form=form),
    )


@pytest.fixture
def channel() -> Iterator[ChannelDecorator]:
    with LocalReader(issue()) as connection:
        yield build_channel(connection)


@pytest.fixture
def jpki(channel: ChannelDecorator) -> JpkiSession:
    session = JpkiSession(channel).open()
    session.verify_password(PASSWORD)
    session.verify_pin(PIN)
    return session


# --- JPKI ---


@pytest.mark.parametrize(
    ("profile", "kind", "available"),
    [
        ("juki-v1", TokenKind.JUKI_CARD, Availability(True, False)),
        ("juki-v2", TokenKind.JUKI_CARD, Availability(True, False)),
        ("mynumber", TokenKind.MY_NUMBER_CARD, Availability(True, True)),
    ],
)
def test_token(profile: str, kind: TokenKind, available: Availability) -> None:
    with (
        LocalReader(issue(profile)) as connection,
        JpkiSession(build_channel(connection)) as session,
    ):
        assert session.token().kind is kind
        assert session.availability() == available


def test_what_needs_which_secret(channel: ChannelDecorator) -> None:
    session = JpkiSession(channel).open()
    assert (
        session.pin_retries(JpkiKey.SIGNATURE),
        session.pin_retries(JpkiKey.AUTHENTICATION),
    ) == (5, 3)
    session.certificate(JpkiKey.AUTHENTICATION)
    for key in JpkiKey:
        session.authority_certificate(key)
        with pytest.raises(PinNotVerified):
            session.sign(key, b"data")
    with pytest.raises(PinNotVerified):
        session.certificate(JpkiKey.SIGNATURE)
    session.verify_pin(PIN)
    with pytest.raises(PinNotVerified):
        session.sign(JpkiKey.SIGNATURE, b"data")
    session.verify_password(PASSWORD.lower())
    session.certificate(JpkiKey.SIGNATURE)


def test_certificates_say_who_the_holder_is(jpki: JpkiSession) -> None:
    certificate = jpki.certificate(JpkiKey.SIGNATURE)
    holder = holder_of(certificate)
    assert holder is not None
    assert holder.name == PERSON.certificate_name.text
    assert holder.address == PERSON.certificate_address.text
    assert (holder.birth, holder.birth_text) == (PERSON.birth, PERSON.certificate_birth)
    assert holder.sex is Sex(int(PERSON.sex))
    assert len(holder.name_substitutes) == len(holder.name)
    assert summarize(certificate).kind is CertificateKind.SIGNATURE
    other = jpki.certificate(JpkiKey.AUTHENTICATION)
    assert holder_of(other) is None
    assert summarize(other).kind is CertificateKind.AUTHENTICATION
    authority = jpki.authority_certificate(JpkiKey.SIGNATURE)
    assert summarize(authority).kind is CertificateKind.AUTHORITY


def test_password_changes_and_blocks(jpki: JpkiSession) -> None:
    jpki.change_password("XYZ789")
    jpki.change_pin("5678")
    jpki.verify_password("xyz789")
    jpki.verify_pin("5678")
    for left in (4, 3, 2, 1):
        with pytest.raises(PinRejected) as caught:
            jpki.verify_password(PASSWORD)
        assert caught.value.retries_left == left
    for _ in range(2):
        with pytest.raises(PinBlocked):
            jpki.verify_password(PASSWORD)
    assert jpki.pin_retries(JpkiKey.SIGNATURE) == 0
    assert jpki.pin_retries(JpkiKey.AUTHENTICATION) == 3


def test_password_has_no_length_to_cut_old_from_new(jpki: JpkiSession) -> None:
    with pytest.raises(WrongParameters):
        pinfile.exchange(jpki, JpkiKey.SIGNATURE.ef_pin, PASSWORD.encode(), b"XYZ789")
    assert jpki.pin_retries(JpkiKey.SIGNATURE) == 5
    jpki.verify_password(PASSWORD)


@pytest.mark.parametrize("key", JpkiKey)
@pytest.mark.parametrize("variant", SignatureVariant)
def test_every_variant_is_what_it_says(
    jpki: JpkiSession, key: JpkiKey, variant: SignatureVariant
) -> None:
    message = b"m" * 60
    digest = HashName.SHA256.digest(message)
    given = {
        SignatureVariant.DIGEST_INFO: HashName.SHA256.digest_info(digest),
        SignatureVariant.PREHASHED: digest,
        SignatureVariant.PREHASHED_PSS: digest,
    }.get(variant, message)
    signature = jpki.sign(key, given, variant)
    public = jpki.signing_key(key).public_key
    if variant is SignatureVariant.BARE_SHA256:
        recovered = public.recover_data_from_signature(signature, padding.PKCS1v15(), None)
        assert recovered == digest
        return
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
    salted = variant in (SignatureVariant.PREHASHED_PSS, SignatureVariant.HASHED_PSS)
    public.verify(
        signature, digest, pss if salted else padding.PKCS1v15(), Prehashed(hashes.SHA256())
    )


def test_hash_of_a_wrong_length(jpki: JpkiSession) -> None:
    with pytest.raises(ConditionsNotSatisfied):
        jpki.sign(JpkiKey.SIGNATURE, bytes(31), SignatureVariant.PREHASHED)


def test_juki_card_has_one_pair() -> None:
    with (
        LocalReader(issue("juki-v1")) as connection,
        JpkiSession(build_channel(connection)) as session,
    ):
        session.verify_password(PASSWORD)
        certificate = session.certificate(JpkiKey.SIGNATURE)
        for act in (session.certificate, session.pin_retries, session.authority_certificate):
            with pytest.raises(FileNotFound):
                act(JpkiKey.AUTHENTICATION)
        key = session.signing_key(JpkiKey.SIGNATURE)
        signature = sign_raw(key, b"text", HashName.SHA1)
    assert len(signature) == 128
    verify_raw(certificate, b"text", signature, HashName.SHA1)
    at = certificate.not_valid_before_utc + timedelta(days=1)
    with pytest.raises(CertificateNotTrusted, match="too weak"):
        Trust(key.authorities, at).check(certificate)
    chain = Trust(key.authorities, at, historic=True).check(certificate)
    assert chain == (*key.authorities, certificate)


# --- signatures ---


@pytest.mark.parametrize("which", JpkiKey)
def test_documents(jpki: JpkiSession, which: JpkiKey) -> None:
    key = jpki.signing_key(which)
    trust = Trust(key.authorities, NOON)
    xml = '<申告 Id="return"><額>100</額></申告>'.encode()
    assert verify_cms(sign_cms(key, b"text"), trust, b"text").signer == key.certificate
    assert verify_cms(sign_cms(key, b"text", detached=False), trust).content == b"text"
    signed = sign_pdf(blank_pdf(), key)
    assert [found.content for found in verify_pdf(signed, trust)] == [signed]
    assert verify_xml(sign_xml(xml, key), trust).content == xml
    detached = sign_xml_detached(xml, key, uri="return.xml")
    assert verify_xml(detached, trust, document=xml).signer == key.certificate


def registered(certificate: x509.Certificate, authority: Authority) -> tuple[Register, Certificate]:
    """A register of the card's authority with the card's certificate in it."""
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    names = points[0].full_name
    assert names is not None
    [name] = names
    entry = Certificate(
        certificate.public_bytes(Encoding.DER),
        certificate.serial_number,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        authority,
        cast("x509.DirectoryName", name).value.public_bytes(),
    )
    register = Register(authority)
    register.add(entry)
    return register, entry


AUTHORITIES = {
    JpkiKey.SIGNATURE: signature_authority(ISSUED),
    JpkiKey.AUTHENTICATION: authentication_authority(ISSUED),
}
DAY = timedelta(days=1)


@pytest.mark.parametrize("which", JpkiKey)
def test_revocation_by_the_authoritys_lists(jpki: JpkiSession, which: JpkiKey) -> None:
    certificate = jpki.certificate(which)
    register, entry = registered(certificate, AUTHORITIES[which])
    trust = Trust((jpki.authority_certificate(which),), NOON, require_revocation=True)

    def with_list(point: bytes) -> Trust:
        return dataclasses.replace(trust, crls=(register.crl(point, NOON - DAY, NOON + DAY),))

    with pytest.raises(RevocationUnknown):
        trust.check(certificate)
    with_list(entry.crl_point).check(certificate)
    with pytest.raises(RevocationUnknown):
        with_list(AUTHORITIES[which].crl_point(("OU", "Tokyo-to"), ("CN", "Other CRLDP"))).check(
            certificate
        )
    register.revoke(entry, NOON - DAY)
    with pytest.raises(CertificateRevoked):
        with_list(entry.crl_point).check(certificate)


@pytest.mark.parametrize("which", JpkiKey)
def test_revocation_by_ocsp(jpki: JpkiSession, which: JpkiKey) -> None:
    certificate, issuer = jpki.certificate(which), jpki.authority_certificate(which)
    register, entry = registered(certificate, AUTHORITIES[which])
    request = (
        ocsp.OCSPRequestBuilder()
        .add_certificate(certificate, issuer, hashes.SHA256())
        .build()
        .public_bytes(Encoding.DER)
    )
    signer = responder(AUTHORITIES[which], NOON - 30 * DAY, NOON + 30 * DAY)

    def trust() -> Trust:
        response = answer(
            register, request, signer=signer, produced_at=NOON - DAY, next_update=NOON + DAY
        )
        return Trust((issuer,), NOON, ocsps=(response,), require_revocation=True)

    trust().check(certificate)
    register.revoke(entry, NOON - 2 * DAY)
    with pytest.raises(CertificateRevoked):
        trust().check(certificate)


# --- text ---


def test_text(channel: ChannelDecorator) -> None:
    text = TextSession(channel).open()
    for read in (text.my_number, text.attributes, text.signature):
        with pytest.raises(PinNotVerified):
            read()
    text.verify_pin(PIN)
    number, attributes = text.my_number(), text.attributes()
    assert number.reveal() == PERSON.individual_number
    assert (attributes.name, attributes.address) == (PERSON.name, PERSON.address)
    assert (attributes.birth, attributes.sex) == (PERSON.birth, Sex(int(PERSON.sex)))
    text.signature().check(number=number, attributes=attributes)
    assert text.basic_info().key_identifier
    assert text.certificate()
    text.change_pin("5678")
    text.verify_pin("5678")


def test_each_number_opens_its_part(channel: ChannelDecorator) -> None:
    text = TextSession(channel).open()
    text.verify_number_a(PERSON.individual_number)
    assert text.my_number().reveal() == PERSON.individual_number
    with pytest.raises(PinNotVerified):
        text.attributes()
    CommonSession(channel).open()
    text.open()
    text.verify_number_b(successor_number())
    assert text.attributes().name == PERSON.name
    with pytest.raises(PinNotVerified):
        text.my_number()
    assert (text.number_a_retries(), text.number_b_retries()) == (10, 10)


def successor_number() -> NumberB:
    with LocalReader(issue()) as connection:
        expires = CommonSession(build_channel(connection)).open().record().expires
    return NumberB.of_face(PERSON.birth, expires.year, PERSON.security_code)


# --- surface ---


def test_surface_of_the_successor(channel: ChannelDecorator) -> None:
    surface = SurfaceSession(channel).open()
    assert surface.basic_info().municipality == PERSON.municipality.code
    assert surface.basic_info().form is None
    for read in (surface.birth, surface.face, surface.number_image):
        with pytest.raises(PinNotVerified):
            read()
    surface.verify_birth(BirthPin.of_date(PERSON.birth))
    assert surface.birth().birth == PERSON.birth
    surface.verify_number_b(successor_number())
    face = surface.face()
    assert (face.birth, face.sex, face.form) == (PERSON.birth, Sex(int(PERSON.sex)), None)
    for image in (face.name_image, face.address_image, face.security_code_image):
        assert image is not None
        assert image.startswith(b"\x89PNG\r\n")
    assert face.photo
    with pytest.raises(PinNotVerified):
        surface.number_image()
    surface.verify_number_a(PERSON.individual_number)
    assert surface.number_image().image.startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("form", CardForm)
def test_surface_of_a_juki_card(form: CardForm) -> None:
    with LocalReader(issue("juki-v2", form=form.value)) as connection:
        surface = SurfaceSession(build_channel(connection)).open()
        info = surface.basic_info()
        assert (info.form, info.municipality) == (form, PERSON.municipality.code)
        born = PERSON.birth if form is CardForm.WITH_PHOTO else None
        expires = last_day(connection)
        surface.open()
        surface.verify_number_b(NumberB.of_juki_card(expires, born))
        face = surface.face()
        assert (face.form, face.expires) == (form, expires)
        assert (face.birth, face.photo is not None) == (born, born is not None)
        if born is not None:
            surface.verify_birth(BirthPin.of_date(born))
            assert surface.birth().birth == born


def last_day(connection: LocalReader) -> date:
    with JukiSession(build_channel(connection)) as juki:
        juki.authenticate(Purpose.COUNTER, PublicMasters())
        return juki.card_info().expires


@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2"])
def test_applications_that_a_juki_card_has_not(profile: str) -> None:
    absent = [TextSession, CommonSession] + ([SurfaceSession] if profile == "juki-v1" else [])
    with LocalReader(issue(profile)) as connection:
        for kind in absent:
            with pytest.raises(AppletNotFound):
                kind(build_channel(connection)).open()


# --- common ---


def test_common(channel: ChannelDecorator) -> None:
    common = CommonSession(channel).open()
    record = common.record()
    assert record.municipality == PERSON.municipality.code
    assert len(record.manufacturing_number) == 13
    assert len(common.key_reference()) == 18
    assert common.internal_authenticate(b"challenge") != common.internal_authenticate(b"other")
    common.verify_pin(PIN)
    common.change_pin("5678")
    with pytest.raises(PinRejected):
        common.verify_pin(PIN)
    common.verify_pin("5678")
    assert common.pin_retries() == 3
