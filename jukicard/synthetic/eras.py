"""Dates as Japanese documents write them: era and year of the era (和暦)."""

from __future__ import annotations

import datetime
from typing import Final

from jukicard.kit.eras import era_of, era_year

JAPAN: Final = datetime.timezone(datetime.timedelta(hours=9))
"""Japan standard time: dates on cards and in certificates are meant in it."""


def written(day: datetime.date) -> str:
    """Return a date as it is printed, for example 昭和５５年２月１７日. ValueError before Meiji."""
    year = era_year(day)
    text = f"{era_of(day).name}{'元' if year == 1 else year}年{day.month}月{day.day}日"
    return text.translate(_FULL_WIDTH)


def written_gregorian(day: datetime.date) -> str:
    """Return a date as it is printed with the Gregorian year, for example １９８０年２月１７日."""
    return f"{day.year}年{day.month}月{day.day}日".translate(_FULL_WIDTH)


_FULL_WIDTH: Final = {ord("0") + digit: ord("０") + digit for digit in range(10)}


def years_before(day: datetime.date, years: int) -> datetime.date:
    """Return the same day some years earlier; 28 February where 29 February is missing."""
    return _in_year(day, day.year - years)


def birthday_after(birth: datetime.date, day: datetime.date, count: int) -> datetime.date:
    """Return the `count`-th birthday that comes after a day, not counting the day itself.

    Who was born on 29 February has it on the 28th in other years: the day on whose end the law
    lets them grow older.
    """
    this_year = _in_year(birth, day.year)
    return _in_year(birth, day.year + count - (1 if this_year > day else 0))


def _in_year(day: datetime.date, year: int) -> datetime.date:
    try:
        return day.replace(year=year)
    except ValueError:  # 29 February
        return day.replace(year=year, day=28)
