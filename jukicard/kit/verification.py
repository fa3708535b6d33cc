"""The credentials printed on a card's face: verification numbers (照合番号) and birth dates.

What the holder can read from the card, the terminal may prove to it; nobody can change them.
docs/card.md, section 6, says where each is known from.
"""

from __future__ import annotations

import datetime

from jukicard.kit.eras import era_year
from jukicard.kit.layouts import eight_digits


def birth_digits(birth: datetime.date, *, gregorian: bool = False) -> str:
    """Return a birth date in six digits as it is printed: year, month and day.

    The year is that of the Japanese era (和暦), for foreign residents (`gregorian`) the last two
    digits of the Gregorian year. ValueError before Meiji.
    """
    year = birth.year % 100 if gregorian else era_year(birth)
    return f"{year:02}{birth.month:02}{birth.day:02}"


def number_a(individual_number: str) -> str:
    """Return verification number A (照合番号A) of the successor card: the individual number.

    ValueError unless it has twelve digits.
    """
    return _digits(individual_number, 12, "an individual number")


def number_b(
    birth: datetime.date,
    expires: datetime.date,
    security_code: str,
    *,
    gregorian: bool = False,
) -> str:
    """Return verification number B (照合番号B) of the successor card, fourteen digits.

    Birth date in six, year of expiry in four, the security code of four digits. ValueError.
    """
    code = _digits(security_code, 4, "a security code")
    return f"{birth_digits(birth, gregorian=gregorian)}{expires.year:04}{code}"


def juki_number(
    expires: datetime.date, birth: datetime.date | None = None, *, gregorian: bool = False
) -> str:
    """Return the verification number of a Juki card's face.

    Without a photo (`birth` None) the expiry date in eight digits; with one, the birth date in
    six digits behind it.
    """
    number = eight_digits(expires)
    return number if birth is None else number + birth_digits(birth, gregorian=gregorian)


def _digits(text: str, size: int, what: str) -> str:
    if len(text) != size or not text.isascii() or not text.isdigit():
        raise ValueError(f"{what} has {size} digits")
    return text
