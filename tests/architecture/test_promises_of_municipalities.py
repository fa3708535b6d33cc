"""What was promised of municipal services, with the packages under `examples/`: docs/card.md, 1."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NamedTuple

import pytest

import librarycard.host
import pointscard.host
import sealregistration.host
from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Aid
from jukicard.kit.review import review
from jukicard.runtime.kinds import applet_class
from jukicard.transport.inprocess import LocalReader
from jukihost import (
    ISSUER_TEST_KEYS,
    AppletNotFound,
    Connection,
    IssuerSession,
    PublishedKeys,
    SecurityStatusNotSatisfied,
    StoreForm,
    build_channel,
)
from librarycard.card import LibraryApplet
from tests.support.cards.juki_desk import READ_CODE
from tests.support.cards.towns import AIDS

KEYS: Final = PublishedKeys()
PIN: Final = "8642"
LOAN: Final = librarycard.host.Loan("4000000001", datetime.date(2026, 12, 12))
SEAL: Final = sealregistration.host.Registration("00012345", datetime.date(2026, 4, 1))

# --- P1: a municipality's own service may waive the PIN ---


def test_p1_the_library_card_waives_the_pin_and_says_why() -> None:
    card = issue_card("juki-v1", seed=1, applications=["library"])
    library = card.applications.get(librarycard.AID)
    assert library is not None
    assert ("no PIN", librarycard.NO_PIN) in library.applet.description
    assert review(LibraryApplet, LibraryApplet.tree) == []
    with LocalReader(card) as reader:
        with librarycard.host.LibrarySession(build_channel(reader)) as system:
            system.identify(KEYS)
            system.add(LOAN)
        with librarycard.host.LibrarySession(build_channel(reader)) as nobody:
            assert nobody.loans() == [LOAN], "read without a PIN"
            with pytest.raises(SecurityStatusNotSatisfied):
                nobody.remove(LOAN.book)
    card.power_on()
    assert card.transmit(bytes.fromhex("00A4040C0AD3921000310001010401")) == b"\x90\x00"
    assert card.transmit(READ_CODE.encode()) == b"\x69\x82", "it waives the PIN for itself alone"


def test_p1_a_waiver_without_its_reason_is_refused() -> None:
    class Silent(LibraryApplet):
        pin_waiver = ""

    assert list(review(Silent, Silent.tree)) == [
        ("PIN", "there is no PIN, and no pin_waiver that says why")
    ]


def test_p1_nothing_but_a_municipal_application_waives_the_pin() -> None:
    kinds = {it.kind for profile in PROFILES.values() for it in profile.applications}
    assert {"juki", "jpki"} <= kinds
    assert not any(getattr(applet_class(kind), "pin_waiver", "") for kind in kinds)


# --- P15: municipal services by ordinance come after issue, and go ---


class Service(NamedTuple):
    """A package: what its terminal side does with the card, and what the issuer gives it."""

    aid: Aid
    purposes: type[IntEnum]
    groups: bytes
    use: Callable[[Connection], None]


def _group(file: int, value: bytes) -> bytes:
    return file.to_bytes(2) + bytes((len(value),)) + value


def _seal(reader: Connection) -> None:
    with sealregistration.host.SealSession(build_channel(reader)) as desk:
        desk.authenticate(sealregistration.SealPurpose.SEAL_DESK, KEYS)
        desk.register(SEAL)
    with sealregistration.host.SealSession(build_channel(reader)) as kiosk:
        kiosk.authenticate(sealregistration.SealPurpose.SEAL_KIOSK, KEYS)
        with pytest.raises(SecurityStatusNotSatisfied):
            kiosk.registration()
        kiosk.verify_pin(PIN)
        assert kiosk.registration() == SEAL


def _library(reader: Connection) -> None:
    with librarycard.host.LibrarySession(build_channel(reader)) as library:
        library.identify(KEYS)
        library.add(LOAN)
        assert library.loans() == [LOAN]


def _points(reader: Connection) -> None:
    with pointscard.host.PointsSession(build_channel(reader)) as shop:
        shop.authenticate(pointscard.PointsPurpose.POINTS_CREDIT, KEYS)
        assert shop.credit(300) == (1, 300, 300)
    with pointscard.host.PointsSession(build_channel(reader)) as till:
        till.authenticate(pointscard.PointsPurpose.POINTS_DEBIT, KEYS)
        till.verify_pin(PIN)
        assert till.debit(100) == (2, -100, 200)


SERVICES: Final = {
    "seal registration": Service(
        sealregistration.AID,
        sealregistration.SealPurpose,
        _group(sealregistration.PIN, PIN.encode()),
        _seal,
    ),
    "library": Service(
        librarycard.AID,
        librarycard.LibraryPurpose,
        10 * _group(1, bytes(librarycard.RECORD_SIZE)),
        _library,
    ),
    "points": Service(
        pointscard.AID, pointscard.PointsPurpose, _group(pointscard.PIN, PIN.encode()), _points
    ),
}


def _issuer(reader: Connection, act: Callable[[IssuerSession, bytes], Any]) -> None:
    with IssuerSession(build_channel(reader)) as issuer:
        number = issuer.card_number()
        issuer.authenticate(ISSUER_TEST_KEYS)
        act(issuer, number)


def _kept(card: Card) -> dict[str, dict[str, bytes]]:
    """All that the card keeps, but for what the issuer's sessions count."""
    kept = card.environment.memory.snapshot().contents()
    kept["application A0000001510000"].pop("counter", None)
    return kept


def test_p15_there_is_a_package_for_each_service_that_is_shown() -> None:
    assert {service.aid for service in SERVICES.values()} == set(AIDS)


@pytest.mark.parametrize("name", SERVICES)
def test_p15_it_comes_after_issue_serves_and_goes_without_a_trace(name: str) -> None:
    aid, purposes, groups, use = SERVICES[name]

    def bring(issuer: IssuerSession, number: bytes) -> None:
        issuer.install(aid, aid, aid)
        for purpose in purposes:
            keys = KEYS.derive_card_keys(purpose.name, number, aid, 1)
            issuer.put_purpose_keys(aid, purpose, keys)
        issuer.personalise(aid, b"\x5a\x08" + number)
        issuer.personalise(aid, groups, StoreForm.GROUPS)

    card = issue_card("juki-v1", seed=1)
    with LocalReader(card) as reader:
        before = _kept(card)
        with pytest.raises(AppletNotFound):
            use(reader)
        for _ in range(2):  # the second time it is as empty as the first
            _issuer(reader, bring)
            use(reader)
            assert f"application {aid}" in _kept(card)
            _issuer(reader, lambda issuer, number: issuer.delete(aid))
            after = _kept(card)
            assert after == before
            assert str(aid) not in repr(after)
            with pytest.raises(AppletNotFound):
                use(reader)
