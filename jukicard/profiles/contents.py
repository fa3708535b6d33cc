"""What a card is made with, and what of it each of its applications is told."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from jukicard.apdu.aid import Aid
from jukicard.crypto.cvc import Certificate, trust_anchor
from jukicard.environment import RandomSource
from jukicard.kit.personalisation import Holder, Numbers
from jukicard.profiles.catalogue import Generation, Profile
from jukicard.profiles.order import CardKeys, Pins, ProfileError
from jukicard.profiles.systems import SystemKeys
from jukicard.runtime.confined import exactly
from jukicard.runtime.firewall import Grants
from jukicard.runtime.placement import Placement, Privilege

if TYPE_CHECKING:
    from jukicard.crypto.cvc import Holder as TrustAnchor
    from jukicard.kit.keys import KeyPair
    from jukicard.kit.personalisation import CertifiedKey
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


class ChosenPins:
    """The PINs that were chosen for a card, and which of them its applications have asked for."""

    __slots__ = ("_asked", "_chosen")

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._chosen: dict[str, str] = {**asdict(Pins()), **chosen}
        self._asked: list[str] = []

    def of(self, name: str) -> str:
        """Return the PIN of a name."""
        self._asked.append(name)
        return self._chosen.get(name, DEFAULT_PIN)

    def check_used(self) -> None:
        """Refuse one that no application has asked for; the name is not shown: it may be a PIN."""
        if self._chosen.keys() - asdict(Pins()).keys() - set(self._asked):
            raise ProfileError(
                "one of the PINs is for no application on this card, where their names are "
                f"{', '.join(dict.fromkeys(self._asked)) or 'none'}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOrder:
    """One card to be made: what all its applications share. `serial` is its number in 15 digits.

    `chip_certificate` is the value of DO 7F21, None for a card without one.
    """

    profile: Profile
    person: Person = field(repr=False)
    pins: ChosenPins = field(repr=False)
    form: int
    issued: datetime.date
    expires: datetime.date
    systems: SystemKeys = field(repr=False)
    trust: CardKeys = field(repr=False)
    card_number: bytes
    chip_certificate: bytes | None = field(repr=False)
    access_number: str | None = field(repr=False)
    serial: str
    rsa_bits: int
    random: RandomSource = field(repr=False)
    keys: KeyPool = field(repr=False)

    def holder(self) -> Holder:
        """Return whom the card is for."""
        person = self.person
        return Holder(
            name=person.name,
            address=person.address,
            birth=person.birth,
            sex=str(int(person.sex)),
            municipality=person.municipality.code,
            security_code=person.security_code,
            gregorian=person.is_foreign,
        )


class ApplicationOrder:
    """The order of one application: `jukicard.kit.personalisation.Order`, and no more."""

    __slots__ = (
        "_aid",
        "_card",
        "_grants",
        "_privileges",
        "access_number",
        "card_number",
        "chip_certificate",
        "chip_key",
        "contact_atr",
        "expires",
        "form",
        "holder",
        "issued",
        "serial",
    )

    def __init__(self, card: CardOrder, placement: Placement, grants: Grants) -> None:
        self.holder = card.holder()
        self.issued, self.expires = card.issued, card.expires
        self.form, self.serial = card.form, card.serial
        self.card_number, self.access_number = card.card_number, card.access_number
        self.contact_atr = card.profile.contact_atr
        self.chip_key, self.chip_certificate = card.trust.chip_key, card.chip_certificate
        self._card = card
        self._aid: Aid = placement.aid
        self._privileges = placement.privileges
        self._grants = grants

    @property
    def trust_anchors(self) -> Sequence[TrustAnchor]:
        """The authorities whose systems the card lets in."""
        return [trust_anchor(Certificate.parse(raw)) for raw in self._card.trust.trust_anchors]

    def numbers(self) -> Numbers:
        """Return the holder's numbers; IsoError, a denial, without the privilege."""
        if Privilege.NUMBERS not in self._privileges:
            raise self._grants.denial(
                self._aid, "the holder's numbers", "it was not given Privilege.NUMBERS"
            )
        person = self._card.person
        return Numbers(
            resident_code=person.resident_code, individual_number=person.individual_number
        )

    def domain_keys(self) -> tuple[bytes, bytes, bytes]:
        """Return the issuer's keys; IsoError, a denial, without the privilege."""
        if Privilege.APPLICATIONS not in self._privileges:
            raise self._grants.denial(
                self._aid, "the issuer's keys", "it was not given Privilege.APPLICATIONS"
            )
        enc, mac, dek = self._card.trust.issuer
        return enc, mac, dek

    def pin(self, name: str) -> str:
        """Return the PIN of a name."""
        return self._card.pins.of(exactly(name, str, "the name of a PIN"))

    def keys_for(self, purpose: str) -> KeyPair | None:
        """Return this application's keys for a purpose."""
        named = exactly(purpose, str, "a purpose")
        return self._card.systems.pair(named, self._card.card_number, self._aid)

    def own_key(self, place: int = 0) -> bytes:
        """Return a key the card proves itself with."""
        from jukicard.synthetic.pki.keys import card_key

        card, number = self._card, exactly(place, int, "the place of a key")
        if card.profile.generation is Generation.MY_NUMBER:
            card.keys.take(card.rsa_bits)  # not used: what a seed gives besides depends on it
        return card_key(card.card_number, card.rsa_bits, number).private_der

    def certified_key(self, use: str) -> CertifiedKey:
        """Return a key pair of the holder."""
        from jukicard.profiles.authorities import certified_key

        return certified_key(self._card, exactly(use, str, "the use of a key"))

    def authority_key(self, name: str) -> bytes:
        """Return a key that signs what cards hold."""
        from jukicard.profiles.authorities import authority_key

        return authority_key(exactly(name, str, "the name of an authority"))

    def text_image(self, text: str, columns: int) -> bytes:
        """Return a text as an image."""
        from jukicard.synthetic.portraits import text_image

        return text_image(exactly(text, str, "a text"), exactly(columns, int, "a width"))

    def photo(self) -> bytes:
        """Return a picture of the holder."""
        from jukicard.synthetic.portraits import draw_face

        return draw_face(self._card.random, self._card.person, self._card.issued)

    def __repr__(self) -> str:
        return f"<ApplicationOrder {self._aid}>"
