"""What a card is issued with: holder, dates, PINs, keys; settled before anything is written."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jukicard.apdu.aid import Aid
from jukicard.environment import RandomSource
from jukicard.kit.keys import KeyPair
from jukicard.profiles.catalogue import Generation, Profile
from jukicard.profiles.masters import card_keys
from jukicard.securemessaging.suites import Suite

if TYPE_CHECKING:
    from jukicard.synthetic.person import Person
    from jukicard.synthetic.pki import PublishedKey

KEY_VERSION: Final = 1
"""The version of the masters that a card is issued with."""


class ProfileError(ValueError):
    """The card asked for cannot be issued; the text says what to give instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """The PINs of a card; the defaults are those documented for synthetic cards.

    juki, common, text, authentication: four digits, each a PIN of its own. signature: the
    password of the signature key, 6 to 16 capital letters and digits.
    """

    juki: str = field(default="1234", repr=False)
    signature: str = field(default="ABC123", repr=False)
    authentication: str = field(default="1234", repr=False)
    text: str = field(default="1234", repr=False)
    common: str = field(default="1234", repr=False)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One card to be made. `serial` is its number in 15 digits, `card_number` in eight bytes.

    `chip_certificate` is the value of DO 7F21, None for a card without one.
    """

    profile: Profile
    person: Person = field(repr=False)
    pins: Pins
    form: int
    issued: datetime.date
    expires: datetime.date
    masters: Mapping[str, bytes] = field(repr=False)
    suites: Mapping[str, Suite]
    card_number: bytes
    chip_certificate: bytes | None
    serial: str
    rsa_bits: int
    compat: bool
    random: RandomSource = field(repr=False)
    keys: KeyPool = field(repr=False)

    def keys_for(self, aid: Aid, purpose: str) -> KeyPair | None:
        """Return the card's keys for a purpose in one application, None without a master."""
        master = self.masters.get(purpose)
        if master is None:
            return None
        return card_keys(master, self.card_number, aid, KEY_VERSION, self.suites[purpose])

    @property
    def jpki_layout(self) -> str:
        """The name of the JPKI application's files on this card."""
        if self.profile.generation is Generation.MY_NUMBER:
            return "mynumber"
        return f"juki-{self.rsa_bits}{'-compat' if self.compat else ''}"
