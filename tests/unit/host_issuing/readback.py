"""A card in each session of the library: what was ordered is what is read."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from jukicard.profiles.recordoffice import RecordOffice
from jukihost.channel import build_channel
from jukihost.connection import Connection
from jukihost.conversation.secrets import BirthPin, NumberA, NumberB
from jukihost.issuing import CardOrder, NewPins, Personalised
from jukihost.models import CardForm, CardState, Purpose, Residence
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession
from tests.support.host.custody import PublicMasters

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
JUKI_PINS = NewPins(juki="1357", signature="abc123")
PINS = NewPins(juki="1357", signature="abc123", authentication="2468", text="8642", common="9753")


def pins_for(profile: str) -> NewPins:
    return PINS if profile == "mynumber" else JUKI_PINS


def read_juki(connection: Connection, order: CardOrder) -> None:
    with JukiSession(build_channel(connection)) as juki:
        assert (juki.card_state(), juki.residence()) == (CardState.ACTIVE, Residence.RESIDENT)
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublicMasters())
        assert juki.card_info() == order.info
        juki.verify_pin("1357")
        assert juki.read_code() == order.code


def read_jpki(connection: Connection, order: CardOrder, made: Personalised) -> None:
    issued = {one.use.value.upper(): one for one in made.certificates}
    with JpkiSession(build_channel(connection)) as jpki:
        jpki.verify_password("ABC123")
        if "AUTHENTICATION" in issued:
            jpki.verify_pin("2468")
            assert jpki.availability().authentication
        for which in JpkiKey:
            if which.name not in issued:
                continue
            certificate = jpki.certificate(which)
            assert certificate.public_bytes(Encoding.DER) == issued[which.name].der
            above = jpki.authority_certificate(which)
            assert above.public_bytes(Encoding.DER) == issued[which.name].authority
            message = b"what the card signs"
            digest = hashes.Hash(hashes.SHA256())
            digest.update(message)
            signature = jpki.sign(which, DIGEST_INFO + digest.finalize())
            verify(certificate, signature, message)


def verify(certificate: x509.Certificate, signature: bytes, message: bytes) -> None:
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())


def read_juki_surface(connection: Connection, order: CardOrder) -> None:
    holder, info, office = order.holder, order.info, RecordOffice()
    with SurfaceSession(build_channel(connection)) as surface:
        about = surface.basic_info()
        assert (about.form, about.municipality) == (info.form, info.municipality)
        shown = holder.birth if info.form is CardForm.WITH_PHOTO else None
        surface.verify_number_b(NumberB.of_juki_card(info.expires, shown, foreign=holder.foreign))
        face = surface.face()
        assert (face.form, face.expires, face.birth) == (info.form, info.expires, shown)
        if shown is None:
            assert (face.photo, face.name_image, face.sex) == (None, None, None)
            assert surface.birth_pin_retries() == 0
            return
        assert (face.photo, face.sex) == (holder.photo, holder.sex)
        assert face.name_image == office.text_image(holder.name, 20)
        assert face.address_image == office.text_image(holder.address, 24)
        surface.verify_birth(BirthPin.of_date(holder.birth, foreign=holder.foreign))
        assert surface.birth().birth == holder.birth


def read_successor(connection: Connection, order: CardOrder, serial: str) -> None:
    holder, info, office = order.holder, order.info, RecordOffice()
    number, code = holder.my_number or "", holder.security_code or ""
    number_b = NumberB.of_face(holder.birth, info.expires.year, code, foreign=holder.foreign)
    with SurfaceSession(build_channel(connection)) as surface:
        assert surface.basic_info().municipality == info.municipality
        surface.verify_number_b(number_b)
        face = surface.face()
        assert (face.form, face.expires, face.birth) == (None, info.expires, holder.birth)
        assert (face.photo, face.sex) == (holder.photo, holder.sex)
        assert face.name_image == office.text_image(holder.name, 20)
        assert face.security_code_image == office.text_image(code, 4)
        surface.verify_birth(BirthPin.of_date(holder.birth, foreign=holder.foreign))
        assert surface.birth().birth == holder.birth
        surface.verify_number_a(NumberA(number))
        spaced = f"{number[:4]} {number[4:8]} {number[8:]}"
        assert surface.number_image().image == office.text_image(spaced, 14)
    with TextSession(build_channel(connection)) as text:
        text.verify_pin("8642")
        mine, attributes = text.my_number(), text.attributes()
        assert mine.reveal() == number
        assert (attributes.name, attributes.address) == (holder.name, holder.address)
        assert (attributes.birth, attributes.sex) == (holder.birth, holder.sex)
        text.signature().check(number=mine, attributes=attributes)
        text.verify_number_a(NumberA(number))
        text.verify_number_b(number_b)
    with CommonSession(build_channel(connection)) as common:
        record = common.record()
        assert (record.serial, record.municipality) == (serial, info.municipality)
        assert record.expires == info.expires
        common.verify_pin("9753")


def read_everything(connection: Connection, order: CardOrder, made: Personalised) -> None:
    """Open every session of a card whose PINs are `pins_for` its profile."""
    read_juki(connection, order)
    if made.certificates:
        read_jpki(connection, order, made)
    if order.holder.my_number is not None:
        read_successor(connection, order, made.serial)
    elif "surface" in {step.value for step in made.now | made.before}:
        read_juki_surface(connection, order)
