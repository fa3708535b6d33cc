"""The issuer's work with something going wrong at every exchange: said, and nothing half done.

Whatever happens, the terminal reports success only when the card has done it, raises nothing but
its own errors otherwise, and the card afterwards is the one before or the one after.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from jukicard import Card
from jukicard.runtime.boundary import raise_bug
from jukicard.testing import (
    Hazard,
    HazardousCard,
    Mute,
    PowerCut,
    Pulled,
    ResetByOther,
    SelectedByOther,
    StatusInstead,
    Truncated,
)
from jukicard.transport.inprocess import LocalReader
from jukihost import (
    ISSUER_TEST_KEYS,
    CardError,
    IssuerKeys,
    IssuerSession,
    JukiSession,
    Purpose,
    RegistryPart,
    build_channel,
)
from tests.support.cards.issuer_desk import POINTS
from tests.support.cards.issuing import issue
from tests.unit.host_against_card.test_issuer_purposes import Masters

NEW = IssuerKeys(bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)), 2)
HAZARDS: dict[str, Callable[[int], Hazard]] = {
    "pulled": Pulled,
    "mute": Mute,
    "power cut": PowerCut,
    "reset": ResetByOther,
    "other selected": SelectedByOther,
    "refused": partial(StatusInstead, status=0x6985),
    "said to be done": partial(StatusInstead, status=0x9000),
    "session refused": partial(StatusInstead, status=0x6982),
    "truncated": Truncated,
}


def put(issuer: IssuerSession) -> None:
    issuer.put_keys(NEW, replace=1)


def install(issuer: IssuerSession) -> None:
    issuer.install(POINTS, POINTS, POINTS)


def purpose(issuer: IssuerSession) -> None:
    keys = Masters().derive_card_keys("COUNTER", issuer.card_number(), JukiSession.AID, 2)
    issuer.put_purpose_keys(JukiSession.AID, Purpose.COUNTER, keys, replace=1)


def lock(issuer: IssuerSession) -> None:
    issuer.lock(JukiSession.AID)


def opened_by(card: Card, keys: IssuerKeys) -> bool:
    card.power_off()
    with LocalReader(card) as connection, IssuerSession(build_channel(connection)) as issuer:
        try:
            issuer.authenticate(keys)
        except CardError:
            return False
        return bool(issuer.registry(RegistryPart.DOMAIN))


def listed(card: Card) -> dict[str, str]:
    card.power_off()
    with LocalReader(card) as connection, IssuerSession(build_channel(connection)) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        return {str(it.aid): it.state_name for it in issuer.registry(RegistryPart.APPLICATIONS)}


def takes(card: Card, custody: Masters, version: int) -> bool:
    card.power_off()
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as juki:
        try:
            juki.authenticate(Purpose.COUNTER, custody, version=version)
        except CardError:
            return False
        return True


ACTS: dict[str, tuple[Callable[[IssuerSession], None], Callable[[Card], bool]]] = {
    "put_keys": (put, lambda card: opened_by(card, NEW)),
    "install": (install, lambda card: str(POINTS) in listed(card)),
    "put_purpose_keys": (purpose, lambda card: takes(card, Masters(), 2)),
    "lock": (lock, lambda card: listed(card)[str(JukiSession.AID)] == "locked"),
}


@pytest.mark.parametrize("hazard", HAZARDS)
@pytest.mark.parametrize("act", ACTS)
def test_something_happens_at_every_exchange(act: str, hazard: str) -> None:
    work, done = ACTS[act]
    new = issue(seed=1, on_bug=raise_bug).snapshot()
    failures = 0
    for at in range(1, 20):
        card = Card.restore(new, on_bug=raise_bug)
        hazardous = HazardousCard(card, HAZARDS[hazard](at))
        succeeded, happened = attempt(hazardous, work)
        failures += not succeeded
        card = Card.restore(card.snapshot(), on_bug=raise_bug)  # with nothing more to come
        if succeeded:
            assert done(card), f"{hazard} at exchange {at}: said to be done, and is not"
        if act == "put_keys":  # one set or the other opens the card
            assert opened_by(card, NEW) != opened_by(card, ISSUER_TEST_KEYS)
        if not happened:
            assert succeeded
            assert failures
            return
    pytest.fail("it never came to its end")


def attempt(card: HazardousCard, work: Callable[[IssuerSession], None]) -> tuple[bool, bool]:
    """Open the domain and do the work; whether that succeeded, and whether the hazard came."""
    succeeded = False
    with (
        suppress(CardError),
        LocalReader(card) as connection,
        IssuerSession(build_channel(connection)) as issuer,
    ):
        issuer.authenticate(ISSUER_TEST_KEYS)
        work(issuer)
        succeeded = True
    return succeeded, bool(card.happened)
