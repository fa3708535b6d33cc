"""What each application of a card to be made is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jukicard.apdu.aid import Aid
from jukicard.crypto.cvc import Certificate, trust_anchor
from jukicard.kit.personalisation import Numbers
from jukicard.profiles.cardorder import CardOrder
from jukicard.profiles.catalogue import Generation
from jukicard.runtime.confined import exactly
from jukicard.runtime.firewall import Grants
from jukicard.runtime.kinds import is_issuers
from jukicard.runtime.placement import Placement, Privilege

if TYPE_CHECKING:
    import datetime

    from jukicard.crypto.cvc import Holder as TrustAnchor
    from jukicard.kit.keys import KeyPair
    from jukicard.kit.personalisation import CertifiedKey, Holder


class ApplicationOrder:
    """The order of one application: `jukicard.kit.personalisation.Order`, and no more."""

    __slots__ = (
        "_aid",
        "_card",
        "_grants",
        "_is_issuers",
        "_privileges",
        "access_number",
        "card_number",
        "chip_certificate",
        "chip_key",
        "contact_atr",
        "form",
        "issued",
        "serial",
    )

    def __init__(self, card: CardOrder, placement: Placement, grants: Grants) -> None:
        self.issued = card.issued
        self.form, self.serial = card.form, card.serial
        self.card_number, self.access_number = card.card_number, card.access_number
        self.contact_atr = card.profile.contact_atr
        self.chip_key, self.chip_certificate = card.trust.chip_key, card.chip_certificate
        self._card = card
        self._aid: Aid = placement.aid
        self._privileges = placement.privileges
        self._is_issuers = is_issuers(placement)
        self._grants = grants

    @property
    def holder(self) -> Holder:
        """Whom the card is for; ProfileError while it is blank."""
        return self._card.holder()

    @property
    def expires(self) -> datetime.date:
        """The card's last day; ProfileError while it is blank."""
        return self._card.its_end()

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
        person = self._card.its_person()
        return Numbers(
            resident_code=person.resident_code, individual_number=person.individual_number
        )

    def domain_keys(self) -> tuple[bytes, bytes, bytes]:
        """Return the issuer's keys; IsoError, a denial, without the privilege."""
        if not self._is_issuers:
            raise self._grants.denial(
                self._aid,
                "the issuer's keys",
                "it was not given Privilege.APPLICATIONS, or is no kind of this distribution",
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

        return draw_face(self._card.random, self._card.its_person(), self._card.issued)

    def __repr__(self) -> str:
        return f"<ApplicationOrder {self._aid}>"
