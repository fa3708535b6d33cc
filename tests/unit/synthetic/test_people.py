"""Synthetic residents keep every rule of their fields, and the same seed gives the same person."""

from __future__ import annotations

import dataclasses
import datetime
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, strategies as st

from jukicard.environment import SeededRandom
from jukicard.kit.eras import era_of
from jukicard.synthetic.characters import cell, letters
from jukicard.synthetic.codes import check_digit, is_individual_number, is_resident_code
from jukicard.synthetic.people import (
    SPECIMEN,
    Person,
    Sex,
    card_expiry,
    draw_person,
    juki_card_expiry,
)
from jukicard.synthetic.person import FOREIGN_CARDS
from jukicard.synthetic.places import municipalities, municipality

SEEDS = st.integers(0, 2**64)
DAYS = st.dates(datetime.date(2003, 8, 25), datetime.date(2045, 12, 31))
TODAY = datetime.date(2015, 4, 1)


def draw(seed: int, issued: datetime.date = TODAY, **wanted: Any) -> Person:
    return draw_person(SeededRandom(seed), issued=issued, **wanted)


@given(SEEDS, DAYS, st.integers(0, 104))
def test_every_field_keeps_its_rule(seed: int, issued: datetime.date, minimum: int) -> None:
    person = draw(seed, issued, minimum_age=minimum)
    assert is_resident_code(person.resident_code)
    assert is_individual_number(person.individual_number)
    assert person.individual_number[-1] == check_digit(person.individual_number[:-1])
    assert len(person.security_code) == 4
    assert person.security_code.isdigit()
    assert minimum <= person.age(issued) <= 104
    assert person.birth <= issued
    assert person.name.count("　") >= 1
    assert person.address.startswith(person.municipality.prefecture.name + person.municipality.name)
    assert person.municipality.code[:2] == person.municipality.prefecture.code
    assert person.is_foreign == (person.latin is not None)
    assert person.residence_until is None or person.residence_until > issued
    assert not person.is_foreign or issued >= FOREIGN_CARDS


@given(SEEDS, DAYS, st.booleans())
def test_what_a_certificate_gets_it_can_hold(
    seed: int, issued: datetime.date, variants: bool
) -> None:
    person = draw(seed, issued, variants=variants)
    for shown in (person.certificate_name, person.certificate_address):
        assert len(shown.text) == len(shown.flags)
        assert set(shown.flags) <= {"0", "1"}
        assert all(cell(character) for character in shown.text)
    cells = [cell(character) or b"" for character, _ in letters(person.address)]
    assert (
        any(len(code) != 2 for code in cells)
        or "1" in person.certificate_address.flags
        or not variants
    )
    assert len(person.certificate_address.text) <= 200
    era = int(person.certificate_birth[0])
    assert era == (0 if person.is_foreign else era_of(person.birth).number)
    assert person.certificate_birth[1:] == person.birth.strftime("%Y%m%d")
    assert len(person.birth_number) == 6


@given(SEEDS, st.sampled_from(Sex), st.booleans())
def test_what_is_asked_for_is_drawn(seed: int, sex: Sex, foreign: bool) -> None:
    person = draw(seed, sex=sex, foreign=foreign, municipality_code="13229")
    assert (person.sex, person.is_foreign, person.municipality.code) == (sex, foreign, "13229")


@given(SEEDS)
def test_the_same_seed_gives_the_same_person(seed: int) -> None:
    assert draw(seed) == draw(seed)


def test_other_seeds_give_other_people() -> None:
    people = [draw(seed) for seed in range(300)]
    assert len({person.resident_code for person in people}) == 300
    assert len({person.name for person in people}) > 200


def test_a_crowd_looks_like_one() -> None:
    random = SeededRandom(7)
    crowd = [draw_person(random, issued=TODAY, minimum_age=0) for _ in range(2000)]
    assert {person.municipality.code for person in crowd} == set(municipalities())
    assert 800 < sum(person.sex is Sex.FEMALE for person in crowd) < 1200
    assert 20 < sum(person.is_foreign for person in crowd) < 120
    with_alias = [person for person in crowd if person.alias]
    assert len(with_alias) > 5
    assert all(person.alias is not None and person.alias in person.name for person in with_alias)
    assert 40 < sum("1" in person.certificate_name.flags for person in crowd) < 200
    ages = Counter(person.age(TODAY) // 10 for person in crowd)
    assert ages[4] > ages[8] > ages[10]
    assert {era_of(person.birth).number for person in crowd} >= {2, 3, 4}


def test_centenarians_of_2003_were_born_in_meiji() -> None:
    person = draw(1, datetime.date(2003, 8, 25), minimum_age=100, foreign=False)
    assert person.certificate_birth[0] == "1"


def test_the_specimen_is_the_person_of_the_public_test_cards() -> None:
    assert SPECIMEN.name == "黒桐　幹也"
    assert SPECIMEN.address == "東京都清瀬市観布子南１２－７－２０２"
    assert SPECIMEN.certificate_name.flags == "00000"
    assert SPECIMEN.certificate_birth == "319800217"
    assert SPECIMEN.certificate_address.flags == "0" * 18
    assert SPECIMEN.individual_number == "537686677188"
    assert SPECIMEN.municipality == municipality("13221")
    assert SPECIMEN.municipality.romanised == "Kiyose-shi"


def test_reference_numbers_are_written_as_documented() -> None:
    day = datetime.date(2030, 2, 17)
    assert SPECIMEN.reference_b(day) == "550217" + "2030" + "0000"
    assert SPECIMEN.surface_number(1, day) == "20300217"
    assert SPECIMEN.surface_number(2, day) == "20300217550217"
    foreigner = dataclasses.replace(SPECIMEN, nationality="USA")
    assert foreigner.surface_number(2, day) == "20300217800217"
    assert foreigner.certificate_birth == "019800217"
    with pytest.raises(ValueError, match="form is 1"):
        SPECIMEN.surface_number(3, day)


@pytest.mark.parametrize(
    ("birth", "issued", "expires"),
    [
        ((1980, 2, 17), (2025, 10, 27), (2035, 2, 17)),
        ((1980, 2, 17), (2025, 2, 17), (2035, 2, 17)),
        ((1980, 2, 17), (2025, 2, 16), (2034, 2, 17)),
        ((2010, 6, 1), (2025, 10, 27), (2030, 6, 1)),
        ((2003, 6, 1), (2021, 7, 1), (2026, 6, 1)),
        ((2003, 6, 1), (2022, 4, 1), (2031, 6, 1)),
        ((1980, 2, 29), (2025, 2, 28), (2035, 2, 28)),
    ],
)
def test_a_card_of_the_successor_ends_on_a_birthday(
    birth: tuple[int, int, int], issued: tuple[int, int, int], expires: tuple[int, int, int]
) -> None:
    person = dataclasses.replace(SPECIMEN, birth=datetime.date(*birth))
    assert card_expiry(person, datetime.date(*issued)) == datetime.date(*expires)


def test_a_residence_period_ends_a_card() -> None:
    until = datetime.date(2018, 6, 30)
    person = dataclasses.replace(SPECIMEN, nationality="BRA", residence_until=until)
    assert card_expiry(person, datetime.date(2017, 1, 4)) == until
    assert juki_card_expiry(person, TODAY) == until
    assert juki_card_expiry(SPECIMEN, TODAY) == datetime.date(2025, 4, 1)
    assert juki_card_expiry(SPECIMEN, datetime.date(2012, 2, 29)) == datetime.date(2022, 2, 28)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("family", "", "not empty"),
        ("given", "", "not empty"),
        ("family", "黒" * 120, "at most 100"),
        ("family_kana", "こくとう", "katakana"),
        ("street", "", "street"),
        ("street", "一" * 195, "at most 200"),
        ("resident_code", "12345678902", "resident record code"),
        ("resident_code", "1234567890", "resident record code"),
        ("individual_number", "537686677189", "individual number"),
        ("individual_number", "５３７６８６６７７１８８", "individual number"),
        ("security_code", "123", "four digits"),
        ("security_code", "１２３４", "four digits"),
        ("nationality", "jp", "capital letters"),
        ("alias", "山田　太郎", "foreign"),
        ("latin", "SMITH", "foreign"),
        ("residence_until", TODAY, "foreign"),
        ("birth", datetime.date(1868, 10, 22), "23 October 1868"),
    ],
)
def test_a_field_that_breaks_its_rule_is_refused(field: str, value: object, text: str) -> None:
    with pytest.raises(ValueError, match=text) as refused:
        dataclasses.replace(SPECIMEN, **{field: value})  # type: ignore[arg-type]
    assert not isinstance(value, str) or len(value) < 3 or value not in str(refused.value)


def test_the_repr_shows_no_personal_field() -> None:
    assert repr(SPECIMEN) == "<Person of 13221>"


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"municipality_code": "99999"}, "no municipality"),
        ({"minimum_age": 105}, "age"),
        ({"minimum_age": -1}, "age"),
        ({"foreign": True, "issued": datetime.date(2013, 7, 7)}, "2013-07-08"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wanted: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        draw_person(SeededRandom(1), **{"issued": TODAY, **wanted})
