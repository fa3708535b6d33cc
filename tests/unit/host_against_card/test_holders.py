"""Drawn holders pass every session of the terminal, with what is printed on their cards.

The rules that both sides know (eras, calendars, numbers, dates, characters) are tested across both:
a card made for a person, and a terminal that is told what a person reads.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from jukicard import PROFILES
from jukicard.environment import SeededRandom
from jukicard.kit.eras import ERAS, era_of
from jukicard.synthetic.people import SPECIMEN, Person, Sex, draw_person
from tests.support import soak
from tests.support.cards.residents import RESIDENTS
from tests.unit.host_against_card.holders import Holder, visit

DAY = datetime.date
FORMS = {"juki-v1": (1, 2), "juki-v2": (1, 2), "mynumber": (2,)}
KINDS = [(profile, form) for profile in RESIDENTS for form in FORMS[profile]]
FIRST_JUKI, JUKI, SUCCESSOR = DAY(2003, 8, 25), DAY(2015, 4, 1), DAY(2024, 4, 1)
DAYS = {"juki-v1": JUKI, "juki-v2": JUKI, "mynumber": SUCCESSOR}


@pytest.mark.parametrize(("profile", "form"), KINDS)
def test_drawn_holders_pass_every_session(profile: str, form: int) -> None:
    issued = PROFILES[profile].issued
    for seed in range(soak.times(30, soak=200)):
        person = draw_person(SeededRandom(seed), issued=issued)
        visit(Holder(profile, form, seed, person, issued, person_given=False))


@pytest.mark.parametrize(("profile", "form"), KINDS)
def test_holders_of_every_age_and_day_pass_every_session(profile: str, form: int) -> None:
    """Children and centenarians too, and cards that were made on any day."""
    for number in range(soak.times(20, soak=200)):
        random = SeededRandom(f"{profile} {form} {number}")
        days = int.from_bytes(random.take(2), "big") % 900
        issued = DAYS[profile] - datetime.timedelta(days=days)
        issued = max(issued, DAY(2013, 7, 8))
        person = draw_person(
            random, issued=issued, minimum_age=number % 105, foreign=number % 3 == 0
        )
        visit(Holder(profile, form, number, person, issued))


# -- classes of holders, each with a seed that is known to draw one -------------------------------

Predicate = Callable[[Person], bool]


def _era(name: str) -> Predicate:
    return lambda person: era_of(person.birth).name == name


DRAWN: dict[str, tuple[str, int, dict[str, Any], Predicate]] = {
    "foreign, the first that failed": ("mynumber", 53, {}, lambda p: p.is_foreign),
    "foreign with an alias": ("mynumber", 71, {}, lambda p: p.alias is not None),
    "foreign for ever": ("mynumber", 104, {}, lambda p: p.is_foreign and not p.residence_until),
    "foreign, born in 2000 or after": (
        "mynumber", 267, {}, lambda p: p.is_foreign and p.birth.year >= 2000,
    ),
    "foreign, old": ("juki-v2", 144, {}, lambda p: p.is_foreign and p.birth.year < 1945),
    "Japanese": ("mynumber", 0, {}, lambda p: not p.is_foreign),
    "born in Meiji": ("juki-v2", 245, {}, _era("明治")),
    "born in Taisho": ("mynumber", 245, {}, _era("大正")),
    "born in Showa": ("mynumber", 0, {}, _era("昭和")),
    "born in Heisei": ("mynumber", 3, {}, _era("平成")),
    "born in Reiwa": ("mynumber", 15, {"minimum_age": 0}, _era("令和")),
    "born on a leap day": (
        "mynumber", 992, {}, lambda p: (p.birth.month, p.birth.day) == (2, 29),
    ),
    "with a long name": ("mynumber", 1029, {}, lambda p: len(p.name) >= 22),
    "with rare characters": (
        "mynumber", 17, {}, lambda p: "1" in p.certificate_name.flags,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_a_holder_of_every_class_passes_every_session(name: str) -> None:
    profile, seed, wanted, is_one = DRAWN[name]
    issued = PROFILES[profile].issued
    person = draw_person(SeededRandom(seed), issued=issued, **wanted)
    assert is_one(person), "this seed draws somebody else now: look for another one"
    for form in FORMS[profile]:
        visit(Holder(profile, form, seed, person, issued, person_given=bool(wanted)))


# -- and the ends of every range ------------------------------------------------------------------

LONGEST_NAME = {"family": "橋" * 49, "given": "髙" * 50}
LONGEST_STREET = "観布子南１２－７－２０２" + "０" * 181
FOREIGN = {"nationality": "BRA", "latin": "SILVA ANA", "family": "ＳＩＬＶＡ", "given": "ＡＮＡ"}


def _births() -> Iterator[tuple[str, DAY]]:
    for era in ERAS:
        yield f"first day of {era.name}", era.first
        if era is not ERAS[-1]:
            yield f"day before {era.name}", era.first - datetime.timedelta(days=1)
    for day in (DAY(1980, 2, 29), DAY(2000, 2, 29), DAY(2000, 1, 1), DAY(1999, 12, 31)):
        yield f"{day}", day


EXTREME: dict[str, dict[str, Any]] = {
    **{name: {"birth": day} for name, day in _births()},
    **{f"foreign, {name}": {"birth": day, **FOREIGN} for name, day in _births()},
    "longest name": LONGEST_NAME,
    "longest address": {"street": LONGEST_STREET},
    "longest of both": {**LONGEST_NAME, "street": LONGEST_STREET},
    "longest of both, four bytes each": {
        "family": "𠮷" * 49, "given": "𡈽" * 50, "street": "𠮷" * 194,
    },
    "shortest": {"family": "一", "given": "一", "street": "一"},
    "neither sex": {"sex": Sex.NOT_APPLICABLE},
    "woman": {"sex": Sex.FEMALE},
    "variants": {"family": "辻󠄀", "given": "葛󠄀城"},
    "an alias": {**FOREIGN, "alias": "山田　花子"},
    "period that ends first": {**FOREIGN, "residence_until": DAY(2025, 12, 31)},
    "period that ends on a leap day": {**FOREIGN, "residence_until": DAY(2028, 2, 29)},
    "all nines": {"security_code": "9999"},
}  # fmt: skip


@pytest.mark.parametrize("name", EXTREME)
def test_holders_at_the_ends_of_every_range_pass_every_session(name: str) -> None:
    person = replace(SPECIMEN, **EXTREME[name])
    for profile, form in KINDS:
        if person.birth <= DAYS[profile]:
            visit(Holder(profile, form, name, person, DAYS[profile]))


@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2"])
@pytest.mark.parametrize("issued", [FIRST_JUKI, DAY(2004, 2, 29), DAY(2015, 12, 28)])
def test_cards_of_the_first_the_leap_and_the_last_day_pass_every_session(
    profile: str, issued: DAY
) -> None:
    for form in (1, 2):
        visit(Holder(profile, form, str(issued), SPECIMEN, issued))
