"""One card to be made: what all its applications share, its PINs and its published keys."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from jukicard.environment import RandomSource
from jukicard.kit.personalisation import Holder
from jukicard.profiles.catalogue import Profile
from jukicard.profiles.order import CardKeys, Pins, ProfileError
from jukicard.profiles.systems import SystemKeys

if TYPE_CHECKING:
    from jukicard.synthetic.person import Person
    from jukicard.synthetic.pki import PublishedKey

DEFAULT_PIN: Final = "1234"
"""The PIN of a synthetic card under a name that nobody chose one for."""


class KeyPool:
    """Published key pairs for one card: none is given out twice.

    Two keys of a card that are the same would let a free one sign for one behind a PIN.
    """

    __slots__ = ("_given", "_random")

    def __init__(self, random: RandomSource) -> None:
        self._random = random
        self._given: set[str] = set()

    def take(self, bits: int) -> PublishedKey:
        """Return a key pair of 1024 or 2048 bits that this card does not have yet."""
        from jukicard.synthetic import pki

        while True:
            key = pki.pick_key(self._random, bits)
            if key.name not in self._given:
                self._given.add(key.name)
                return key


_PINS: Final = asdict(Pins())


class ChosenPins:
    """The PINs that were chosen for a card, and which of them its applications have asked for."""

    __slots__ = ("_asked", "_chosen")

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._chosen: dict[str, str] = {**_PINS, **chosen}
        self._asked: list[str] = []

    def of(self, name: str) -> str:
        """Return the PIN of a name."""
        self._asked.append(name)
        return self._chosen.get(name, DEFAULT_PIN)

    def check_used(self) -> None:
        """Refuse one that no application has asked for; the name is not shown: it may be a PIN."""
        if "juki" not in self._asked and self._chosen["juki"] != _PINS["juki"]:
            raise ProfileError(
                "there is no Juki application on this card, whose PIN was given: give those of "
                f"{', '.join(dict.fromkeys(self._asked)) or 'none'}"
            )
        if self._chosen.keys() - _PINS.keys() - set(self._asked):
            raise ProfileError(
                "one of the PINs is for no application on this card, where their names are "
                f"{', '.join(dict.fromkeys(self._asked)) or 'none'}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CardOrder:
    """One card to be made: what all its applications share. `serial` is its number in 15 digits.

    `chip_certificate` is the value of DO 7F21, None for a card without one. A blank card is
    nobody's: it has no `person` and does not expire.
    """

    profile: Profile
    person: Person | None = field(repr=False)
    pins: ChosenPins = field(repr=False)
    form: int
    issued: datetime.date
    expires: datetime.date | None
    systems: SystemKeys = field(repr=False)
    trust: CardKeys = field(repr=False)
    card_number: bytes
    chip_certificate: bytes | None = field(repr=False)
    access_number: str | None = field(repr=False)
    serial: str
    rsa_bits: int
    random: RandomSource = field(repr=False)
    keys: KeyPool = field(repr=False)

    @property
    def blank(self) -> bool:
        """Whether the card is to be made for nobody yet."""
        return self.person is None

    def its_person(self) -> Person:
        """Return whose card it is. ProfileError for a blank one."""
        if self.person is None:
            raise ProfileError("a blank card is nobody's")
        return self.person

    def its_end(self) -> datetime.date:
        """Return the card's last day. ProfileError for a blank one."""
        if self.expires is None:
            raise ProfileError("a blank card does not expire")
        return self.expires

    def holder(self) -> Holder:
        """Return whom the card is for. ProfileError for a blank one."""
        person = self.its_person()
        return Holder(
            name=person.name,
            address=person.address,
            birth=person.birth,
            sex=str(int(person.sex)),
            municipality=person.municipality.code,
            security_code=person.security_code,
            gregorian=person.is_foreign,
        )
