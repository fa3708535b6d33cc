"""Prefectures and municipalities: codes, names, and that all regions have some."""

from __future__ import annotations

import re

import pytest

from jukicard.synthetic.places import REGIONS, municipalities, municipality, prefectures

SUFFIXES = {"市": "shi", "区": "ku", "町": "machi|cho", "村": "mura|son"}
PREFECTURE_SUFFIXES = {"都": "-to", "道": "", "府": "-fu", "県": "-ken"}


def test_there_are_47_prefectures_in_eight_regions() -> None:
    assert list(prefectures()) == [f"{number:02}" for number in range(1, 48)]
    assert sorted(number for region in REGIONS.values() for number in region) == [*range(1, 48)]


def test_every_prefecture_has_a_municipality() -> None:
    found = municipalities()
    assert len(found) >= 40
    assert {place.prefecture.code for place in found.values()} == set(prefectures())
    assert {len(code) for code in found} == {5}
    assert len({place.name + place.prefecture.name for place in found.values()}) == len(found)


def test_romanised_names_end_as_the_names_do() -> None:
    for prefecture in prefectures().values():
        kind = PREFECTURE_SUFFIXES[prefecture.name[-1]]
        assert re.fullmatch(rf"[A-Z][a-z]+{kind}", prefecture.romanised), prefecture
    for place in municipalities().values():
        kind = SUFFIXES[place.name[-1]]
        assert re.fullmatch(rf"([A-Z][a-z]+-shi )?[A-Z][a-z]+-({kind})", place.romanised), place


def test_codes_tell_cities_from_towns() -> None:
    """JIS X 0402: wards of large cities from 101, cities from 201, towns and villages from 301."""
    for place in municipalities().values():
        number = int(place.code[2:])
        expected = {"市": range(201, 300), "区": range(101, 200)}.get(
            place.name[-1], range(301, 800)
        )
        assert number in expected, place


@pytest.mark.parametrize("code", ["", "1322", "13000", "132217", "１３２２１"])
def test_an_unknown_municipality_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="no municipality"):
        municipality(code)
