"""Era dates and birthdays, at the days where they change."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, strategies as st

from jukicard.kit.eras import ERAS, era_of, era_year
from jukicard.kit.verification import birth_digits
from jukicard.synthetic.eras import birthday_after, written, years_before

DAYS = st.dates(datetime.date(1868, 10, 23), datetime.date(2100, 12, 31))


@pytest.mark.parametrize(
    ("day", "number", "digits", "text"),
    [
        ("1868-10-23", 1, "011023", "明治元年１０月２３日"),
        ("1912-07-29", 1, "450729", "明治４５年７月２９日"),
        ("1912-07-30", 2, "010730", "大正元年７月３０日"),
        ("1926-12-24", 2, "151224", "大正１５年１２月２４日"),
        ("1926-12-25", 3, "011225", "昭和元年１２月２５日"),
        ("1980-02-17", 3, "550217", "昭和５５年２月１７日"),
        ("1989-01-07", 3, "640107", "昭和６４年１月７日"),
        ("1989-01-08", 4, "010108", "平成元年１月８日"),
        ("2019-04-30", 4, "310430", "平成３１年４月３０日"),
        ("2019-05-01", 5, "010501", "令和元年５月１日"),
        ("2026-01-01", 5, "080101", "令和８年１月１日"),
    ],
)
def test_eras_begin_on_their_first_day(day: str, number: int, digits: str, text: str) -> None:
    date = datetime.date.fromisoformat(day)
    assert era_of(date).number == number
    assert birth_digits(date) == digits
    assert written(date) == text


def test_there_is_no_era_before_the_first() -> None:
    with pytest.raises(ValueError, match="1868"):
        era_of(datetime.date(1868, 10, 22))


@given(DAYS)
def test_an_era_and_its_year_give_the_date_back(day: datetime.date) -> None:
    era = era_of(day)
    assert era in ERAS
    assert era.first.year + era_year(day) - 1 == day.year
    assert era_year(day) >= 1


@given(DAYS, DAYS, st.integers(1, 20))
def test_birthdays_come_once_a_year(birth: datetime.date, day: datetime.date, count: int) -> None:
    first = birthday_after(birth, day, 1)
    later = birthday_after(birth, day, count)
    assert day < first
    assert (first - day).days <= 366
    assert later.year - first.year == count - 1
    assert (later.month, later.day) == (birth.month, birth.day) or (
        (birth.month, birth.day, later.month, later.day) == (2, 29, 2, 28)
    )


@given(DAYS, st.integers(-40, 100))
def test_years_before_keeps_month_and_day(day: datetime.date, years: int) -> None:
    found = years_before(day, years)
    assert found.year == day.year - years
    assert (found.month, found.day) in {(day.month, day.day), (2, 28)}
