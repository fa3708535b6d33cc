"""Secrets that a person knows or reads off a card: checked before they are sent.

None of them shows in a repr, an error or a pickle.
"""

from __future__ import annotations

import hmac
from datetime import date
from typing import ClassVar, Final, NoReturn, Self, cast

from jukihost.errors import PinFormatError
from jukihost.pinpad import PadEntry, PadNotUsable, PinPad

PIN_DIGITS: Final = 4
OLDEST_PASSWORD: Final = 4
"""Characters of the shortest password that a card may still have, from the first years."""
SHORTEST_PASSWORD: Final = 6
"""Characters of the shortest new password."""
LONGEST_PASSWORD: Final = 16
SHORTEST_OPERATORS: Final = 8
"""Characters of the shortest password of an operator."""
_DIFFERENT: Final = 5

# The first day of each era, newest first; the year 1 is that year.
# Meiji begins on the day it was proclaimed (docs/card.md, section 6).
_ERAS: Final = {
    date(2019, 5, 1): "令和",
    date(1989, 1, 8): "平成",
    date(1926, 12, 25): "昭和",
    date(1912, 7, 30): "大正",
    date(1868, 10, 23): "明治",
}


class Secret:
    """Characters that go to the card as ASCII and are shown nowhere."""

    __slots__ = ("_text",)

    DIGITS: ClassVar[tuple[int, int] | None] = None
    """The fewest and the most digits that a reader's pad may take for it; None: never on a pad."""

    def __init__(self, text: str) -> None:
        """Check and keep the characters. PinFormatError, TypeError; nothing is sent then."""
        if not isinstance(text, str):
            raise TypeError("give a PIN, password or number as text, for example '1234'")
        self._text = self._checked(text)

    @classmethod
    def _checked(cls, text: str) -> str:
        raise NotImplementedError

    @classmethod
    def of(cls, value: Self | str) -> Self:
        """Return a secret for what a caller may pass. PinFormatError; PadNotUsable for a pad."""
        if isinstance(value, PinPad):
            raise PadNotUsable(
                "this goes to the card in a secure session, which a reader's pad cannot take part "
                "in: have it typed at the terminal; nothing was sent to the card"
            )
        return value if isinstance(value, cls) else cls(cast(str, value))

    @classmethod
    def entered(cls, value: Self | str | PinPad) -> bytes | PadEntry:
        """Return what goes to the card, or what a reader's pad is told. PinFormatError."""
        if isinstance(value, PinPad) and cls.DIGITS is not None:
            return PadEntry(value, *cls.DIGITS)
        return cls.of(cast("Self | str", value)).encode()

    def encode(self) -> bytes:
        """Return what goes to the card."""
        return self._text.encode("ascii")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self.encode(), other.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} ****>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is not stored or sent anywhere but to a card")


class Pin(Secret):
    """A PIN of four digits (暗証番号), that of the Juki application above all."""

    __slots__ = ()
    DIGITS = (PIN_DIGITS, PIN_DIGITS)

    @classmethod
    def _checked(cls, text: str) -> str:
        if not (len(text) == PIN_DIGITS and text.isascii() and text.isdigit()):
            raise PinFormatError(
                f"the PIN is {PIN_DIGITS} digits, 0 to 9; nothing was sent to "
                "the card, no try was used"
            )
        return text


class SignaturePassword(Secret):
    """The password of the signature key (署名用パスワード): 6 to 16 letters and digits.

    Small letters become capitals, as every client does: the card knows capitals only. Cards of the
    first years may have 4 or 5 characters; such a password can be verified, not chosen.
    """

    __slots__ = ()
    DIGITS = (OLDEST_PASSWORD, LONGEST_PASSWORD)

    @classmethod
    def _checked(cls, text: str) -> str:
        capital = text.upper() if text.isascii() else ""
        if not (OLDEST_PASSWORD <= len(capital) <= LONGEST_PASSWORD and capital.isalnum()):
            raise PinFormatError(
                f"the signature password is {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} letters and "
                "digits; nothing was sent to the card, no try was used"
            )
        return capital

    def check_new(self) -> None:
        """Check the rules for a new password: long enough, a letter and a digit. PinFormatError."""
        if len(self._text) < SHORTEST_PASSWORD or self._text.isalpha() or self._text.isdigit():
            raise PinFormatError(
                f"a new signature password is {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} letters "
                "and digits with at least one of each; nothing was sent to the card"
            )


class OperatorPassword(Secret):
    """The password of an operator card: 8 to 16 characters of printable ASCII, the space too."""

    __slots__ = ()

    @classmethod
    def _checked(cls, text: str) -> str:
        if not (
            SHORTEST_OPERATORS <= len(text) <= LONGEST_PASSWORD
            and text.isascii()
            and text.isprintable()
        ):
            raise PinFormatError(
                f"an operator's password is {SHORTEST_OPERATORS} to {LONGEST_PASSWORD} letters, "
                "digits, signs and spaces of ASCII; nothing was sent to the card, no try was used"
            )
        return text

    def check_new(self, present: OperatorPassword | None = None) -> None:
        """Check the terminal's rules for a new password. PinFormatError.

        A letter and something that is none, five different characters, and not the present one.
        """
        letters = sum(character.isalpha() for character in self._text)
        if not 0 < letters < len(self._text) or len(set(self._text)) < _DIFFERENT:
            raise PinFormatError(
                "a new operator's password has a letter, something that is no letter, and "
                f"{_DIFFERENT} different characters; nothing was sent to the card"
            )
        if self == present:
            raise PinFormatError(
                "the new password is the present one; choose another; nothing was sent to the card"
            )


class BirthPin(Secret):
    """Six digits, the birth date: for the age check of the card surface application."""

    __slots__ = ()
    DIGITS = (6, 6)

    @classmethod
    def _checked(cls, text: str) -> str:
        return _digits(text, "the birth number", 6)

    @classmethod
    def of_date(cls, born: date, *, foreign: bool = False) -> Self:
        """Return it for a birth date: the year as it is printed, month, day.

        That is the year of the era, for foreign residents the last two digits of the common one.
        ValueError before the era Meiji.
        """
        return cls(_birth_digits(born, foreign=foreign))


class AccessNumber(Secret):
    """The six digits on the card (CAN) that open a private session through the air."""

    __slots__ = ()

    @classmethod
    def _checked(cls, text: str) -> str:
        return _digits(text, "the access number", 6)


class NumberA(Secret):
    """Verification number A (照合番号A): the twelve digits of the My Number (個人番号)."""

    __slots__ = ()
    DIGITS = (12, 12)

    @classmethod
    def _checked(cls, text: str) -> str:
        return _digits(text, "verification number A", 12)


class NumberB(Secret):
    """Verification number B (照合番号B), 14 digits that are printed on the card's face.

    A Juki card has one number only: 14 digits as well, or 8 on a card without photo.
    """

    __slots__ = ()
    DIGITS = (8, 14)

    @classmethod
    def _checked(cls, text: str) -> str:
        return _digits(text, "the verification number", 14, 8)

    @classmethod
    def of_face(
        cls, born: date, expiry_year: int, security_code: str, *, foreign: bool = False
    ) -> Self:
        """Return the successor's: birth date, year of expiry, security code (セキュリティコード).

        The birth year is the era's, for foreign residents the last two digits of the common one, as
        it is printed on the card. PinFormatError, ValueError before the era Meiji.
        """
        birth = _birth_digits(born, foreign=foreign)
        return cls(f"{birth}{expiry_year:04}{security_code}")

    @classmethod
    def of_juki_card(
        cls, expires: date, born: date | None = None, *, foreign: bool = False
    ) -> Self:
        """Return that of a Juki card: the expiry date, and with photo the birth date.

        The birth year is the era's, for foreign residents the last two digits of the common one.
        ValueError before the era Meiji.
        """
        birth = "" if born is None else _birth_digits(born, foreign=foreign)
        return cls(f"{expires:%Y%m%d}{birth}")


def _birth_digits(born: date, *, foreign: bool) -> str:
    """Return a birth date in six digits, with the year that stands on the card."""
    return f"{born:%y%m%d}" if foreign else era_date(born)


def era_date(day: date) -> str:
    """Return a day as YYMMDD with the year of its era (和暦).

    ValueError before the era Meiji, which began on 23 October 1868.
    """
    first = _era(day)
    return f"{day.year - first.year + 1:02}{day:%m%d}"


def written_date(day: date, *, foreign: bool = False) -> str:
    """Return a day as an office prints it: 昭和45年2月28日, the first year of an era as 元年.

    foreign: with the common year, as the dates of foreign residents are; a day before the era Meiji
    has no other.
    """
    if foreign or day < min(_ERAS):
        return f"{day.year}年{day.month}月{day.day}日"
    first = _era(day)
    year = day.year - first.year + 1
    return f"{_ERAS[first]}{'元' if year == 1 else year}年{day.month}月{day.day}日"


def _era(day: date) -> date:
    """Return the first day of the era of a day. ValueError before the era Meiji."""
    for first in _ERAS:
        if day >= first:
            return first
    raise ValueError("no one on a card was born before the era Meiji")


def _digits(text: str, name: str, *counts: int) -> str:
    if not (len(text) in counts and text.isascii() and text.isdigit()):
        wanted = " or ".join(str(count) for count in counts)
        raise PinFormatError(
            f"{name} has {wanted} digits; nothing was sent to the card, no try was used"
        )
    return text
