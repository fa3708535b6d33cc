"""Orders of cards for drawn holders, and the means of a terminal that issues them for tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from jukicard.environment import SeededRandom
from jukicard.profiles import PROFILES
from jukicard.synthetic.people import SPECIMEN, draw_person
from jukicard.synthetic.person import Person
from jukicard.synthetic.portraits import draw_face
from jukihost.issuing import (
    CardKind,
    CardOrder,
    HolderItems,
    IssuingMeans,
    card_last_day,
    find_authority,
    find_signer,
)
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.models import CardForm, CardInfo, ResidentCode, Sex
from tests.support.host.custody import PublicMasters


def kind_of(profile: str) -> CardKind:
    return CardKind.MY_NUMBER if profile == "mynumber" else CardKind.JUKI


def issued_on(profile: str) -> date:
    return PROFILES[profile].issued


def moment(profile: str) -> datetime:
    return datetime.combine(issued_on(profile), time(3), tzinfo=UTC)


def photo(person: Person, day: date) -> bytes:
    return draw_face(SeededRandom("photo"), person, day)


def order_of(profile: str, person: Person = SPECIMEN, form: int = 2) -> CardOrder:
    """What a terminal orders for somebody, on the day of the profile."""
    day, successor = issued_on(profile), profile == "mynumber"
    expires = card_last_day(kind_of(profile), day, person.birth, person.residence_until)
    return CardOrder(
        code=ResidentCode(person.resident_code),
        info=CardInfo(person.municipality.code, CardForm(form), day, expires),
        holder=HolderItems(
            name=person.name,
            address=person.address,
            sex=Sex(int(person.sex)),
            birth=person.birth,
            foreign=person.is_foreign,
            my_number=person.individual_number if successor else None,
            security_code=person.security_code if successor else None,
            photo=photo(person, day) if form == 2 else None,
        ),
    )


def drawn(profile: str, seed: int) -> Person:
    return draw_person(SeededRandom(seed), issued=issued_on(profile))


def means() -> IssuingMeans:
    """The published keys, the test authorities in memory, the test record office."""
    return IssuingMeans(
        issuer=lambda _: ISSUER_TEST_KEYS,
        custody=PublicMasters(),
        authority=find_authority("test"),
        records=find_signer("test"),
    )
