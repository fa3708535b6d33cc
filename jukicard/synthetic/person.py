"""Synthetic residents: who a card is issued to. Nobody is meant; every field keeps its own rule."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from jukicard.kit.eras import era_of
from jukicard.synthetic.characters import CertificateText, certificate_text
from jukicard.synthetic.codes import is_individual_number, is_resident_code
from jukicard.synthetic.eras import birthday_after, years_before
from jukicard.synthetic.places import Municipality, municipality

SEPARATOR: Final = "　"
"""Between family name and given name: U+3000."""
MAX_ADDRESS: Final = 200
"""How many characters an address in a certificate may have (docs/card.md, JPKI)."""
MAX_NAME: Final = 100
FOREIGN_CARDS: Final = datetime.date(2013, 7, 8)
"""From this day on foreign residents have a resident record code and may have a card."""


class Sex(IntEnum):
    """The codes of JIS X 0303, as far as resident records use them."""

    MALE = 1
    FEMALE = 2
    NOT_APPLICABLE = 9


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Person:
    """A synthetic resident.

    family, given: the names as in the resident record; Latin ones in full width.
    family_kana, given_kana: how they are read, in full-width katakana.
    birth: the date; street: what follows the municipality in the address.
    resident_code: eleven digits (住民票コード). individual_number: twelve (個人番号).
    security_code: the four digits printed on the successor's face.
    nationality: three letters of ISO 3166-1. latin, alias (通称), residence_until: of foreign
    residents only; no `residence_until` means a permanent residence.

    ValueError when a field breaks its rule; the text names the field and does not show it.
    """

    family: str
    given: str
    family_kana: str
    given_kana: str
    sex: Sex
    birth: datetime.date
    municipality: Municipality
    street: str
    resident_code: str
    individual_number: str
    security_code: str
    nationality: str = "JPN"
    latin: str | None = None
    alias: str | None = None
    residence_until: datetime.date | None = None

    def __post_init__(self) -> None:
        era_of(self.birth)
        for is_kept, rule in (
            (self.family and self.given, "family and given name are not empty"),
            (len(self.name) <= MAX_NAME, f"a name has at most {MAX_NAME} characters"),
            (_is_katakana(self.reading), "readings are in full-width katakana"),
            (self.street, "a street is not empty"),
            (len(self.address) <= MAX_ADDRESS, f"an address has at most {MAX_ADDRESS} characters"),
            (is_resident_code(self.resident_code), "its resident record code is none"),
            (is_individual_number(self.individual_number), "its individual number is none"),
            (_is_digits(self.security_code, 4), "a security code has four digits"),
            (_is_alpha3(self.nationality), "a nationality has three capital letters"),
            (self._has_own_fields(), "alias, Latin name and period are a foreign resident's"),
        ):
            if not is_kept:
                raise ValueError(f"no synthetic resident: {rule}")

    def _has_own_fields(self) -> bool:
        return self.is_foreign or (self.latin, self.alias, self.residence_until) == (None,) * 3

    @property
    def is_foreign(self) -> bool:
        """Whether this is a foreign resident."""
        return self.nationality != "JPN"

    @property
    def name(self) -> str:
        """The name as on the card: family, U+3000, given, and an alias in brackets."""
        name = f"{self.family}{SEPARATOR}{self.given}"
        return name if self.alias is None else f"{name}（{self.alias}）"

    @property
    def reading(self) -> str:
        """How the name is read, in katakana."""
        return f"{self.family_kana}{SEPARATOR}{self.given_kana}"

    @property
    def address(self) -> str:
        """The address, from the prefecture on."""
        place = self.municipality
        return f"{place.prefecture.name}{place.name}{self.street}"

    @property
    def certificate_name(self) -> CertificateText:
        """The name with substitutes for what a certificate cannot hold."""
        return certificate_text(self.name)

    @property
    def certificate_address(self) -> CertificateText:
        """The address with substitutes for what a certificate cannot hold."""
        return certificate_text(self.address)

    @property
    def certificate_birth(self) -> str:
        """Number of the era and date, nine digits; era 0 for a foreign resident, who has none."""
        era = 0 if self.is_foreign else era_of(self.birth).number
        return f"{era}{self.birth:%Y%m%d}"

    @property
    def birth_number(self) -> str:
        """The birth date in six digits, as the card shows it: with the year of the era, of a
        foreign resident with the last two digits of the year."""
        from jukicard.kit.verification import birth_digits

        return birth_digits(self.birth, gregorian=self.is_foreign)

    def age(self, day: datetime.date) -> int:
        """Return the age in full years on a day."""
        return day.year - self.birth.year - (birthday_after(self.birth, day, 1).year == day.year)

    def reference_b(self, expires: datetime.date) -> str:
        """Return the successor's reference number B (照合番号B): birth, year of expiry, security
        code; 14 digits."""
        from jukicard.kit.verification import number_b

        return number_b(self.birth, expires, self.security_code, gregorian=self.is_foreign)

    def surface_number(self, form: int, expires: datetime.date) -> str:
        """Return a Juki card's reference number (照合番号): the expiry date, and with form 2 the
        birth date; 8 or 14 digits. ValueError for another form."""
        if form not in (1, 2):
            raise ValueError("form is 1 (name only) or 2 (photo and four items)")
        from jukicard.kit.verification import juki_number

        birth = self.birth if form == 2 else None
        return juki_number(expires, birth, gregorian=self.is_foreign)

    def __repr__(self) -> str:
        return f"<Person of {self.municipality.code}>"


def card_expiry(person: Person, issued: datetime.date) -> datetime.date:
    """Return the last day of a successor card: the tenth birthday, the fifth of a minor.

    Minors are those below 20, from 1 April 2022 below 18. A residence period that ends earlier
    ends the card.
    """
    adult = 18 if issued >= datetime.date(2022, 4, 1) else 20
    day = birthday_after(person.birth, issued, 10 if person.age(issued) >= adult else 5)
    return day if person.residence_until is None else min(day, person.residence_until)


def juki_card_expiry(person: Person, issued: datetime.date) -> datetime.date:
    """Return the last day of a Juki card: ten years, or the end of a residence period."""
    day = years_before(issued, -10)
    return day if person.residence_until is None else min(day, person.residence_until)


def _is_katakana(text: str) -> bool:
    return all("ァ" <= character <= "ヶ" or character in "ー・　" for character in text)


def _is_digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdigit()


def _is_alpha3(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()


SPECIMEN: Final = Person(
    family="黒桐",
    given="幹也",
    family_kana="コクトウ",
    given_kana="ミキヤ",
    sex=Sex.MALE,
    birth=datetime.date(1980, 2, 17),
    municipality=municipality("13221"),
    street="観布子南１２－７－２０２",
    resident_code="12345678903",
    individual_number="537686677188",
    security_code="0000",
)
"""The person of the public JPKI test cards (docs/card.md), who lives in a story; the resident
record code and the security code are not public and made up."""
