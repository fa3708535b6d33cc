"""A holder stands before a terminal: every session is opened with what the card has printed on it.

What the terminal is told is read off the plastic (`jukicard.profiles.printed`), as a person would
read it: the era and its year, or the year that foreign residents' cards show. The numbers are made
here a third time, from these texts alone.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from jukicard import PROFILES, Card, Printed, issue_card
from jukicard.profiles.catalogue import Generation
from jukicard.profiles.printed import PrintedCard, printed_card
from jukicard.synthetic.person import Person, card_expiry, juki_card_expiry
from jukicard.testing.applets import with_forbidden
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import ApduChannel, build_channel
from jukihost.conversation.secrets import BirthPin, NumberA, NumberB
from jukihost.models import CardForm, CardState, Purpose, Sex
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession, TokenKind
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.surface import Face, SurfaceSession
from jukihost.sessions.text import TextSession
from jukihost.signing.certificates import CertificateKind, holder_of, kind_of
from tests.support.host.custody import PublicMasters

_FIRST_YEARS = {"明治": 1868, "大正": 1912, "昭和": 1926, "平成": 1989, "令和": 2019}
_DATE = re.compile(r"(明治|大正|昭和|平成|令和|)(元|\d+)年(\d+)月(\d+)日")
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@dataclass(frozen=True)
class PrintedDate:
    """A date as it stands on a card: six digits as a person types them, and the day it is."""

    six: str
    day: datetime.date
    foreign: bool

    @classmethod
    def read(cls, text: str) -> PrintedDate:
        found = _DATE.fullmatch(unicodedata.normalize("NFKC", text))
        assert found, text
        era, year, month, day = found.groups()
        number = 1 if year == "元" else int(year)
        full = number + _FIRST_YEARS[era] - 1 if era else number
        return cls(
            f"{number % 100:02}{int(month):02}{int(day):02}",
            datetime.date(full, int(month), int(day)),
            not era,
        )


@dataclass
class Holder:
    """A person, the card that was made for them and what is printed on it.

    Without a `person_given` the card's maker draws the same one from the seed.
    """

    profile: str
    form: int
    seed: int | str
    person: Person
    issued: datetime.date
    person_given: bool = True

    @property
    def successor(self) -> bool:
        return PROFILES[self.profile].generation is Generation.MY_NUMBER

    def card(self) -> Card:
        return issue_card(
            with_forbidden(PROFILES[self.profile]),
            seed=self.seed,
            person=self.person if self.person_given else None,
            printed=Printed(form=self.form),
            issued=self.issued,
        )

    def printed(self) -> PrintedCard:
        rule = card_expiry if self.successor else juki_card_expiry
        expires = rule(self.person, self.issued)
        return printed_card(self.person, expires, None if self.successor else self.form)


def visit(holder: Holder) -> None:
    """Open every session that the card has, with what it shows; AssertionError, CardError."""
    shown = holder.printed()
    with LocalReader(holder.card()) as connection:
        channel = build_channel(connection)
        _juki(channel, holder, shown)
        _jpki(channel, holder, shown)
        if holder.profile != "juki-v1":
            _surface(channel, holder, shown)
        if holder.successor:
            _text(channel, shown)
            _common(channel, holder, shown)


def _juki(channel: ApduChannel, holder: Holder, shown: PrintedCard) -> None:
    with JukiSession(channel) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublicMasters())
        juki.verify_pin("1234")
        assert juki.read_code().reveal() == holder.person.resident_code
        info = juki.card_info()
        assert juki.card_state() is CardState.ACTIVE
    assert info.expires == PrintedDate.read(shown.expires).day
    assert (info.municipality, info.issued) == (holder.person.municipality.code, holder.issued)
    assert info.form is CardForm(holder.form)
    assert not info.expired(info.expires)
    assert info.expired(info.expires + datetime.timedelta(days=1))


def _jpki(channel: ApduChannel, holder: Holder, shown: PrintedCard) -> None:
    with JpkiSession(channel) as jpki:
        wanted = TokenKind.MY_NUMBER_CARD if holder.successor else TokenKind.JUKI_CARD
        assert jpki.token().kind is wanted
        available = jpki.availability()
        assert (available.signature, available.authentication) == (True, holder.successor)
        jpki.verify_password("ABC123")
        certificate = jpki.certificate(JpkiKey.SIGNATURE)
        assert kind_of(certificate) is CertificateKind.SIGNATURE
        _names_the_holder(certificate, holder)
        _ends_with_the_card(certificate, shown)
        _signs(jpki, JpkiKey.SIGNATURE, certificate)
        if holder.successor:
            jpki.verify_pin("1234")
            other = jpki.certificate(JpkiKey.AUTHENTICATION)
            assert kind_of(other) is CertificateKind.AUTHENTICATION
            assert holder_of(other) is None
            _ends_with_the_card(other, shown)
            _signs(jpki, JpkiKey.AUTHENTICATION, other)


def _names_the_holder(certificate: x509.Certificate, holder: Holder) -> None:
    person, found = holder.person, holder_of(certificate)
    assert found is not None
    assert (found.birth, found.sex) == (person.birth, Sex(int(person.sex)))
    for shown, flags, text in (
        (found.name, found.name_substitutes, person.name),
        (found.address, found.address_substitutes, person.address),
    ):
        real = "".join(one for one in text if not unicodedata.category(one).startswith("M"))
        assert len(shown) == len(flags) == len(real)
        kept = [flag == "0" for flag in flags]
        assert all(a == b for a, b, same in zip(shown, real, kept, strict=True) if same)


def _ends_with_the_card(certificate: x509.Certificate, shown: PrintedCard) -> None:
    """The certificate ends at midnight in Japan, not after the card's last day."""
    last = certificate.not_valid_after_utc + datetime.timedelta(hours=9)
    assert (last.hour, last.minute, last.second) == (23, 59, 59)
    assert last.date() <= PrintedDate.read(shown.expires).day


def _signs(jpki: JpkiSession, key: JpkiKey, certificate: x509.Certificate) -> None:
    digest_info = _DIGEST_INFO + sha256(b"visit").digest()
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(jpki.sign(key, digest_info), b"visit", padding.PKCS1v15(), hashes.SHA256())


def _surface(channel: ApduChannel, holder: Holder, shown: PrintedCard) -> None:
    with SurfaceSession(channel) as surface:
        info = surface.basic_info()
        assert info.municipality == holder.person.municipality.code
        assert info.form is (None if holder.successor else CardForm(holder.form))
        assert surface.certificate()
        if shown.birth is not None:
            birth = PrintedDate.read(shown.birth)
            assert BirthPin(birth.six) == BirthPin.of_date(birth.day, foreign=birth.foreign)
            surface.verify_birth(birth.six)
            assert surface.birth().birth == birth.day
        surface.verify_number_b(number_b(holder, shown))
        _shows(surface.face(), holder, shown)
        if shown.individual_number is not None:
            surface.open()
            surface.verify_number_a(NumberA(shown.individual_number.replace(" ", "")))
            assert surface.number_image().image.startswith(b"\x89PNG")
            _shows(surface.face(), holder, shown)


def number_b(holder: Holder, shown: PrintedCard) -> NumberB:
    """Make the verification number from the print, and see that the terminal makes the same."""
    expires = PrintedDate.read(shown.expires).day
    if shown.birth is None:
        typed, made = f"{expires:%Y%m%d}", NumberB.of_juki_card(expires)
    else:
        birth = PrintedDate.read(shown.birth)
        assert birth.foreign is holder.person.is_foreign
        if shown.security_code is None:
            typed = f"{expires:%Y%m%d}{birth.six}"
            made = NumberB.of_juki_card(expires, birth.day, foreign=birth.foreign)
        else:
            typed = f"{birth.six}{expires:%Y}{shown.security_code}"
            made = NumberB.of_face(
                birth.day, expires.year, shown.security_code, foreign=birth.foreign
            )
    assert made == NumberB(typed), "the terminal makes another number than the card has printed"
    return made


def _shows(face: Face, holder: Holder, shown: PrintedCard) -> None:
    assert face.expires == PrintedDate.read(shown.expires).day
    if shown.birth is None:
        assert (face.birth, face.photo, face.sex) == (None, None, None)
        return
    assert face.birth == PrintedDate.read(shown.birth).day
    assert face.sex is not None
    assert {Sex.MALE: "男", Sex.FEMALE: "女", Sex.NOT_APPLICABLE: ""}[face.sex] == shown.sex
    for image in (face.name_image, face.address_image):
        assert image is not None
        assert image.startswith(b"\x89PNG")
    assert (face.security_code_image is None) is not holder.successor
    assert face.photo


def _text(channel: ApduChannel, shown: PrintedCard) -> None:
    assert shown.birth is not None
    assert shown.individual_number is not None
    assert shown.security_code is not None
    birth = PrintedDate.read(shown.birth)
    with TextSession(channel) as text:
        text.verify_pin("1234")
        number, items = text.my_number(), text.attributes()
        assert number.reveal() == shown.individual_number.replace(" ", "")
        assert (items.name, items.address, items.birth) == (shown.name, shown.address, birth.day)
        assert {Sex.MALE: "男", Sex.FEMALE: "女", Sex.NOT_APPLICABLE: ""}[items.sex] == shown.sex
        text.signature().check(number=number, attributes=items)
        assert text.basic_info().key_identifier
        assert text.certificate()
    expires = PrintedDate.read(shown.expires).day
    with TextSession(channel) as text:
        text.verify_number_b(f"{birth.six}{expires:%Y}{shown.security_code}")
        assert text.attributes() == items
    with TextSession(channel) as text:
        text.verify_number_a(shown.individual_number.replace(" ", ""))
        assert text.my_number() == number
        assert (text.number_a_retries(), text.number_b_retries()) == (10, 10)


def _common(channel: ApduChannel, holder: Holder, shown: PrintedCard) -> None:
    with CommonSession(channel) as common:
        record = common.record()
        common.verify_pin("1234")
        assert common.internal_authenticate(b"challenge")
    assert record.expires == PrintedDate.read(shown.expires).day
    assert record.municipality == holder.person.municipality.code
