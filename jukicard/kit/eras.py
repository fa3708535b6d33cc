"""The eras of the Japanese calendar (和暦): what a card's face and its numbers count years by."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Era:
    """An era: its number in the certificate, name and first day."""

    number: int
    name: str
    first: datetime.date


ERAS: Final = (
    Era(5, "令和", datetime.date(2019, 5, 1)),
    Era(4, "平成", datetime.date(1989, 1, 8)),
    Era(3, "昭和", datetime.date(1926, 12, 25)),
    Era(2, "大正", datetime.date(1912, 7, 30)),
    Era(1, "明治", datetime.date(1868, 10, 23)),
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
