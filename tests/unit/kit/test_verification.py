"""The credentials that are printed on the card: eras at their boundaries, and every refusal."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, strategies as st

from jukicard.kit.eras import era_year
from jukicard.kit.verification import birth_digits, juki_number, number_a, number_b

DAY = datetime.date
EXPIRES = DAY(2035, 2, 17)

BOUNDARIES = [
    (DAY(1868, 10, 23), 1, "011023"),
    (DAY(1912, 7, 29), 45, "450729"),
    (DAY(1912, 7, 30), 1, "010730"),
    (DAY(1926, 12, 24), 15, "151224"),
    (DAY(1926, 12, 25), 1, "011225"),
    (DAY(1926, 12, 31), 1, "011231"),
    (DAY(1927, 1, 1), 2, "020101"),
    (DAY(1980, 2, 17), 55, "550217"),
    (DAY(1989, 1, 7), 64, "640107"),
    (DAY(1989, 1, 8), 1, "010108"),
    (DAY(2000, 2, 29), 12, "120229"),
    (DAY(2019, 4, 30), 31, "310430"),
    (DAY(2019, 5, 1), 1, "010501"),
    (DAY(2019, 12, 31), 1, "011231"),
    (DAY(2020, 1, 1), 2, "020101"),
]


@pytest.mark.parametrize(("day", "year", "six"), BOUNDARIES)
def test_a_birth_date_is_written_in_its_era(day: datetime.date, year: int, six: str) -> None:
    assert era_year(day) == year
    assert birth_digits(day) == six
    assert birth_digits(day, gregorian=True) == day.strftime("%Y%m%d")[2:]


@pytest.mark.parametrize("day", [DAY(1868, 10, 22), DAY.min])
def test_there_is_no_era_before_meiji(day: datetime.date) -> None:
    with pytest.raises(ValueError, match="before 23 October 1868"):
        birth_digits(day)


@given(st.dates(DAY(1868, 10, 23), DAY(2117, 12, 31)))
def test_every_birth_date_has_six_digits_and_the_next_day_is_another(day: datetime.date) -> None:
    six = birth_digits(day)
    assert len(six) == 6
    assert six.isdigit()
    assert six != birth_digits(day + datetime.timedelta(days=1))


def test_number_b_is_what_opens_the_specimen() -> None:
    # published for a test card: born 1980-02-17, valid to 2035, security code 2285
    assert number_b(DAY(1980, 2, 17), EXPIRES, "2285") == "55021720352285"
    assert number_b(DAY(1980, 2, 17), EXPIRES, "2285", gregorian=True) == "80021720352285"
    assert number_b(DAY(1989, 1, 8), EXPIRES, "0000") == "01010820350000"


@pytest.mark.parametrize("code", ["", "228", "22855", "22X5", "２２８５", "²²²²", "-285"])
def test_what_is_no_security_code_is_refused_without_showing_it(code: str) -> None:
    with pytest.raises(ValueError, match="4 digits") as caught:
        number_b(DAY(1980, 2, 17), EXPIRES, code)
    assert not code or code not in str(caught.value)


def test_number_a_is_the_individual_number() -> None:
    assert number_a("537686677188") == "537686677188"


@pytest.mark.parametrize("number", ["", "53768667718", "5376866771888", "53768667718X"])
def test_what_is_no_individual_number_is_refused_without_showing_it(number: str) -> None:
    with pytest.raises(ValueError, match="12 digits") as caught:
        number_a(number)
    assert not number or number not in str(caught.value)


def test_the_number_of_a_juki_card_is_its_expiry_and_with_a_photo_the_birth_date() -> None:
    # Itami and Hakodate: type A eight digits, type B fourteen, foreign residents Gregorian
    assert juki_number(DAY(2019, 3, 31)) == "20190331"
    assert juki_number(DAY(2019, 3, 31), DAY(1980, 2, 17)) == "20190331550217"
    assert juki_number(DAY(2019, 3, 31), DAY(1980, 2, 17), gregorian=True) == "20190331800217"
