"""Blank cards that are made somebody's, and a reader from which they are pulled."""

from __future__ import annotations

from dataclasses import replace

from jukicard import PROFILES, Card, Profile, issue_card
from jukicard.runtime.boundary import raise_bug
from jukicard.transport.inprocess import LocalReader
from jukihost.issuing import CardOrder, IssuingMeans, Personalised, Step, personalise, set_pins
from tests.support.host.custody import PublicMasters
from tests.unit.host_issuing.cardorders import moment
from tests.unit.host_issuing.readback import pins_for

PROFILES_MADE = ("juki-v1", "juki-v2", "mynumber")
COMPAT = replace(PROFILES["juki-v2"], rsa_bits=2048, compat=True)
ALL = {
    "juki-v1": {Step.DOMAIN, Step.JPKI, Step.JUKI},
    "juki-v2": {Step.DOMAIN, Step.JPKI, Step.SURFACE, Step.JUKI},
    "mynumber": set(Step) - {Step.OPERATOR},
}


def blank(profile: str | Profile, seed: int = 1) -> Card:
    return issue_card(profile, seed=seed, blank=True, on_bug=raise_bug)


def make(card: Card, profile: str, order: CardOrder, by: IssuingMeans) -> Personalised:
    with LocalReader(card) as connection:
        made = personalise(connection, order, by, at=moment(profile))
        set_pins(connection, PublicMasters(), pins_for(profile))
    return made


class Cut(LocalReader):
    """A reader from which the card is pulled at an exchange, before or after the card has acted."""

    def __init__(self, card: Card, at: int, *, acts: bool) -> None:
        super().__init__(card)
        self.left, self.acts, self.pulled = at, acts, False

    def transmit(self, command: bytes) -> bytes:
        if self.pulled:
            raise ConnectionError("the card is gone")
        if self.left > 0:
            self.left -= 1
            return super().transmit(command)
        self.pulled = True
        if self.acts:
            super().transmit(command)
        self.close()
        raise ConnectionError("the card was pulled")
