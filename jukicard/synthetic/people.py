"""Drawing synthetic residents: the same randomness gives the same person."""

from __future__ import annotations

import datetime
from typing import Any, Final

from jukicard.environment import RandomSource
from jukicard.synthetic.characters import full_width
from jukicard.synthetic.codes import (
    draw_individual_number,
    draw_resident_code,
    random_digits,
)
from jukicard.synthetic.datafiles import load_json
from jukicard.synthetic.draws import below, between, chance, choice, weighted
from jukicard.synthetic.eras import years_before
from jukicard.synthetic.person import (
    FOREIGN_CARDS,
    SEPARATOR,
    SPECIMEN,
    Person,
    Sex,
    card_expiry,
    juki_card_expiry,
)
from jukicard.synthetic.places import Municipality, municipalities, municipality

__all__ = ["SPECIMEN", "Person", "Sex", "card_expiry", "draw_person", "juki_card_expiry"]

JPKI_AGE: Final = 15
"""From this age on a signature certificate is issued."""
OLDEST: Final = 104
_AGES: Final = (
    (range(15), 13),
    (range(15, 20), 5),
    (range(20, 30), 12),
    (range(30, 40), 14),
    (range(40, 50), 16),
    (range(50, 60), 14),
    (range(60, 70), 13),
    (range(70, 80), 9),
    (range(80, 90), 4),
    (range(90, OLDEST + 1), 1),
)
"""Ages and how many of a hundred residents have them, roughly as in Japan around 2015."""
_FOREIGN_PERCENT: Final = 3
_VARIANT_PERCENT: Final = 5
_ALIAS_PERCENT: Final = 40
_PERMANENT_PERCENT: Final = 30


def draw_person(
    random: RandomSource,
    *,
    issued: datetime.date,
    municipality_code: str | None = None,
    sex: Sex | None = None,
    foreign: bool | None = None,
    variants: bool | None = None,
    minimum_age: int = JPKI_AGE,
) -> Person:
    """Draw a synthetic resident for a card that is issued on a day.

    What is None is drawn: the municipality, the sex, whether it is a foreign resident and whether
    names and streets have rare characters: of JIS X 0212, or such as certificates replace.
    minimum_age: in years on the day of issue, 0 to 104; below 15 there is no signature
    certificate.

    ValueError for an unknown municipality, for a foreign resident before 8 July 2013, and for an
    age that nobody has.
    """
    place = (
        choice(random, _places()) if municipality_code is None else municipality(municipality_code)
    )
    is_foreign = chance(random, _FOREIGN_PERCENT) and issued >= FOREIGN_CARDS
    if foreign is not None:
        is_foreign = foreign
    if is_foreign and issued < FOREIGN_CARDS:
        raise ValueError(f"foreign residents have had cards from {FOREIGN_CARDS} on")
    drawn_sex = choice(random, (Sex.MALE, Sex.FEMALE))
    chosen_sex = drawn_sex if sex is None else sex
    birth = _draw_birth(random, issued, minimum_age)
    has_variants = chance(random, _VARIANT_PERCENT) if variants is None else variants
    row = drawn_sex if chosen_sex is Sex.NOT_APPLICABLE else chosen_sex
    if is_foreign:
        names = _draw_foreign(random, row, issued)
    else:
        names = _draw_japanese(random, row, birth, has_variants)
    return Person(
        **names,
        sex=chosen_sex,
        birth=birth,
        municipality=place,
        street=_draw_street(random, has_variants),
        resident_code=draw_resident_code(random),
        individual_number=draw_individual_number(random),
        security_code=random_digits(random, 4),
    )


def _places() -> tuple[Municipality, ...]:
    return tuple(municipalities().values())


def _draw_birth(random: RandomSource, issued: datetime.date, minimum_age: int) -> datetime.date:
    if not 0 <= minimum_age <= OLDEST:
        raise ValueError(f"an age is drawn from 0 to {OLDEST}")
    bands = [
        (range(max(ages.start, minimum_age), ages.stop), weight)
        for ages, weight in _AGES
        if minimum_age < ages.stop
    ]
    age = choice(random, weighted(random, bands))
    youngest = years_before(issued, age)
    oldest = years_before(issued, age + 1) + datetime.timedelta(days=1)
    return oldest + datetime.timedelta(days=below(random, (youngest - oldest).days + 1))


def _draw_japanese(
    random: RandomSource, sex: Sex, birth: datetime.date, has_variants: bool
) -> dict[str, Any]:
    data = load_json("people.json")
    family = choice(random, data["families_with_variants" if has_variants else "families"])
    fashions = data["given"][str(int(sex))]
    since = max(year for year in fashions if int(year) <= birth.year)
    given = choice(random, fashions[since])
    return {
        "family": family[0],
        "family_kana": family[1],
        "given": given[0],
        "given_kana": given[1],
    }


def _draw_foreign(random: RandomSource, sex: Sex, issued: datetime.date) -> dict[str, Any]:
    data = load_json("people.json")
    origin = choice(random, data["foreign"])
    family, family_kana, *family_kanji = choice(random, origin["families"])
    given, given_kana, *given_kanji = choice(random, origin["given"][str(int(sex))])
    alias = None
    if chance(random, _ALIAS_PERCENT):
        first = choice(random, data["given"][str(int(sex))]["1965"])
        alias = f"{choice(random, data['families'])[0]}{SEPARATOR}{first[0]}"
    until = issued + datetime.timedelta(days=between(random, 90, 5 * 365))
    return {
        "family": family_kanji[0] if family_kanji else full_width(family),
        "family_kana": family_kana,
        "given": given_kanji[0] if given_kanji else full_width(given),
        "given_kana": given_kana,
        "latin": f"{family} {given}",
        "alias": alias,
        "nationality": origin["nationality"],
        "residence_until": None if chance(random, _PERMANENT_PERCENT) else until,
    }


def _draw_street(random: RandomSource, has_variants: bool) -> str:
    data = load_json("people.json")
    town = choice(random, data["towns_with_variants" if has_variants else "towns"])
    block, house = between(random, 1, 40), between(random, 1, 25)
    street: str = choice(
        random,
        (
            f"{between(random, 1, 9)}丁目{block}番{house}号",
            f"{between(random, 1, 9)}－{block}－{house}",
            f"{between(random, 100, 2999)}番地",
        ),
    )
    if chance(random, 30):
        flat = between(random, 1, 9) * 100 + between(random, 1, 12)
        street += f"{SEPARATOR}{choice(random, data['buildings'])}{flat}"
    return f"{town}{full_width(street)}"
