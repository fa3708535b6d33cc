"""Numbers of synthetic residents: drawn at random, with the check digit the ministry prescribes."""

from __future__ import annotations

from typing import Final

from jukicard.environment import RandomSource

RESIDENT_CODE_DIGITS: Final = 11
INDIVIDUAL_NUMBER_DIGITS: Final = 12


def check_digit(body: str) -> str:
    """Return the check digit of a resident record code or an individual number without it.

    Weights 2 to 7 and again 2 to 7 from the right, modulo 11; a remainder of 0 or 1 gives 0.
    Order 85 of 2014 of the Ministry of Internal Affairs and Communications, article 5, for the
    twelve-digit number; notice 436 of 2002 is understood to use the same for eleven digits.
    """
    if not body.isascii() or not body.isdigit():
        raise ValueError("digits only")
    total = sum(int(digit) * (position % 6 + 2) for position, digit in enumerate(reversed(body)))
    remainder = total % 11
    return "0" if remainder <= 1 else str(11 - remainder)


def is_resident_code(code: str) -> bool:
    """Tell whether eleven digits have the right check digit."""
    return _is_checked(code, RESIDENT_CODE_DIGITS)


def is_individual_number(number: str) -> bool:
    """Tell whether twelve digits have the right check digit."""
    return _is_checked(number, INDIVIDUAL_NUMBER_DIGITS)


def _is_checked(text: str, digits: int) -> bool:
    return (
        len(text) == digits
        and text.isascii()
        and text.isdigit()
        and check_digit(text[:-1]) == text[-1]
    )


def grouped(individual_number: str) -> str:
    """Return an individual number in three groups of four digits, as it is printed."""
    return " ".join(individual_number[at : at + 4] for at in range(0, len(individual_number), 4))


def random_digits(random: RandomSource, count: int) -> str:
    """Return `count` decimal digits, each equally likely."""
    digits = ""
    while len(digits) < count:
        # 250 is the largest multiple of 10 in a byte: what is above would favour low digits
        digits += "".join(str(byte % 10) for byte in random.take(32) if byte < 250)
    return digits[:count]


def draw_resident_code(random: RandomSource) -> str:
    """Return a resident record code (住民票コード): ten random digits and their check digit."""
    body = random_digits(random, RESIDENT_CODE_DIGITS - 1)
    return body + check_digit(body)


def draw_individual_number(random: RandomSource) -> str:
    """Return an individual number (個人番号): eleven random digits and their check digit."""
    body = random_digits(random, INDIVIDUAL_NUMBER_DIGITS - 1)
    return body + check_digit(body)
