"""Dates as Japanese documents write them: era and year of the era (和暦)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final

JAPAN: Final = datetime.timezone(datetime.timedelta(hours=9))
"""Japan standard time: dates on cards and in certificates are meant in it."""


@dataclass(frozen=True, slots=True)
class Era:
    """An era: its number in the certificate, name, initial and first day."""

    number: int
    name: str
    initial: str
    first: datetime.date


ERAS: Final = (
    Era(5, "令和", "R", datetime.date(2019, 5, 1)),
    Era(4, "平成", "H", datetime.date(1989, 1, 8)),
    Era(3, "昭和", "S", datetime.date(1926, 12, 25)),
    Era(2, "大正", "T", datetime.date(1912, 7, 30)),
    Era(1, "明治", "M", datetime.date(1868, 10, 23)),
)
"""From the latest to the first; the day an era begins on belongs to it."""


def era_of(day: datetime.date) -> Era:
    """Return the era of a day; ValueError for one before Meiji (23 October 1868)."""
    for era in ERAS:
        if day >= era.first:
            return era
    raise ValueError("no era is known here before 23 October 1868")


def era_year(day: datetime.date) -> int:
    """Return the year of the era; its first year is 1, however short. ValueError before Meiji."""
    return day.year - era_of(day).first.year + 1


def written(day: datetime.date) -> str:
    """Return a date as it is printed, for example 昭和５５年２月１７日. ValueError before Meiji."""
    year = era_year(day)
    text = f"{era_of(day).name}{'元' if year == 1 else year}年{day.month}月{day.day}日"
    return text.translate(_FULL_WIDTH)


def six_digits(day: datetime.date) -> str:
    """Return year of the era, month and day, two digits each. ValueError before Meiji."""
    return f"{era_year(day):02}{day.month:02}{day.day:02}"


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
