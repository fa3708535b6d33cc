"""The terminal's session with the issuer domain against the card's: two implementations meet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from jukicard import PROFILES, Card, CardKeys
from jukicard.apdu import Aid
from jukicard.runtime.boundary import raise_bug
from jukicard.transport.inprocess import LocalReader
from jukihost.authentication.scp03 import ChannelNotOffered
from jukihost.channel import build_channel
from jukihost.conversation.issuerdata import RegistryPart
from jukihost.conversation.refusals import StillInUse
from jukihost.errors import (
    AlreadyExists,
    AppletNotFound,
    CardError,
    CardFull,
    CardNotAuthentic,
    ConditionsNotSatisfied,
    ReferenceNotFound,
)
from jukihost.keys.issuer import ISSUER_TEST_KEYS, IssuerKeys
from jukihost.securemessaging.scp03 import SecurityLevel
from jukihost.sessions.issuer import IssuerSession, StoreForm
from tests.support.cards.issuer_desk import JPKI, POINTS, contents
from tests.support.cards.issuing import issue
from tests.support.published.transcript import send


def card_of(variant: int = 0x70, keys: tuple[bytes, ...] = ISSUER_TEST_KEYS.keys) -> Card:
    profile = dataclasses.replace(PROFILES["juki-v1"], secure_channel=variant)
    return issue(profile, seed=1, keys=CardKeys(issuer=keys), on_bug=raise_bug)


def keys_of(size: int, version: int = 0) -> IssuerKeys:
    enc, mac, dek = (bytes(range(n, n + size)) for n in (3, 70, 150))
    return IssuerKeys(enc, mac, dek, version)


OTHER: Final = keys_of(32, 9)


@contextmanager
def conversation(card: Card) -> Iterator[IssuerSession]:
    with (
        LocalReader(card) as reader,
        IssuerSession(build_channel(reader), allow_suspended=True) as issuer,
    ):
        yield issuer


@pytest.mark.parametrize("level", SecurityLevel)
@pytest.mark.parametrize("variant", [0x60, 0x70, 0x71])
@pytest.mark.parametrize("size", [16, 24, 32])
def test_every_kind_of_session(level: SecurityLevel, variant: int, size: int) -> None:
    keys = keys_of(size)
    with conversation(card_of(variant, keys.keys)) as issuer:
        issuer.authenticate(keys, level=level)
        [domain] = issuer.registry(RegistryPart.DOMAIN)
        assert (domain.aid, domain.state) == (IssuerSession.AID, 0x0F)
        listed = issuer.registry(RegistryPart.APPLICATIONS)
        assert JPKI in [str(one.aid) for one in listed]
        assert [one.aid for one in issuer.registry(RegistryPart.APPLICATIONS, short=True)] == [
            one.aid for one in listed
        ]


@pytest.mark.parametrize("variant", [0x60, 0x70, 0x71])
def test_what_a_card_offers_is_what_it_speaks(variant: int) -> None:
    with conversation(card_of(variant)) as issuer:
        assert issuer.recognition().channels == ((3, variant),)
        assert [one.version for one in issuer.key_information()] == [1, 1, 1]
        assert len(issuer.production_data()) == 42
        for wrong in {0x60, 0x70, 0x71} - {variant}:
            with pytest.raises((ChannelNotOffered, CardError)):
                issuer.authenticate(ISSUER_TEST_KEYS, variant=wrong)


def test_other_keys_open_nothing_and_lose_nothing() -> None:
    card = card_of()
    with conversation(card) as issuer:
        with pytest.raises(CardNotAuthentic):
            issuer.authenticate(dataclasses.replace(OTHER, version=0))
        with pytest.raises(ReferenceNotFound):
            issuer.authenticate(OTHER)
        issuer.authenticate(ISSUER_TEST_KEYS)


def test_an_application_comes_and_goes() -> None:
    with conversation(card_of()) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        assert POINTS in [one.aid for one in issuer.registry(RegistryPart.PACKAGES)]
        issuer.install(POINTS, POINTS, POINTS)
        with pytest.raises(AlreadyExists):
            issuer.install(POINTS, POINTS, POINTS)
        with pytest.raises(ReferenceNotFound):
            issuer.install(POINTS, Aid("F011223344"), Aid("F011223344"))
        issuer.personalise(POINTS, bytes.fromhex("0001 08 4142434445464748"), StoreForm.GROUPS)
        issuer.lock(POINTS)
        issuer.unlock(POINTS)
        issuer.delete(POINTS)
        for gone in (issuer.delete, issuer.lock, issuer.unlock):
            with pytest.raises((AppletNotFound, ReferenceNotFound)):
                gone(POINTS)


def test_sixty_four_fit() -> None:
    with conversation(card_of()) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        there = len(issuer.registry(RegistryPart.APPLICATIONS)) + 1
        for number in range(64 - there):
            issuer.install(POINTS, POINTS, Aid(bytes(POINTS) + bytes((number,))))
        with pytest.raises(CardFull):
            issuer.install(POINTS, POINTS, POINTS)
        assert len(issuer.registry(RegistryPart.APPLICATIONS)) == 63


def test_sixty_four_are_selected_written_and_removed() -> None:
    """Each keeps its own, after a restart too, and the last to go leaves the card as it was."""
    card = card_of()
    before = contents(card)
    with conversation(card) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        there = len(issuer.registry(RegistryPart.APPLICATIONS)) + 1
        values = {
            Aid(bytes(POINTS) + bytes((number,))): bytes((number,)) * 8
            for number in range(64 - there)
        }
        for aid in values:
            issuer.install(POINTS, POINTS, aid)
        for aid, value in values.items():
            issuer.personalise(aid, b"\0\1\x08" + value, StoreForm.GROUPS)
    for holder in (card, Card.restore(card.snapshot(), on_bug=raise_bug)):
        holder.power_on()
        assert len(holder.applications) == 64
        for aid, value in values.items():
            assert send(holder, f"00A4040C{len(aid):02X}{aid}") == "9000"
            assert send(holder, "00B0810008") == f"{value.hex().upper()}9000"
    with conversation(card) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        for aid in reversed(values):
            issuer.delete(aid)
        assert len(issuer.registry(RegistryPart.APPLICATIONS)) + 1 == there
    assert contents(card) == before
    card.power_on()
    assert send(card, f"00A4040C{len(aid):02X}{aid}") == "6A82"


def test_more_than_a_block_is_stored() -> None:
    certificate = bytes(range(256)) * 2
    card = card_of()
    with conversation(card) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        issuer.store_data(b"\x7f\x21\x82\x02\x00" + certificate)
        assert card.transmit(bytes.fromhex("00CA7F21000000"))[5:-2] == certificate


def test_keys_are_changed() -> None:
    card = card_of()
    with conversation(card) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        issuer.put_keys(OTHER)
        assert {one.version for one in issuer.key_information()} == {1, 9}
        issuer.delete_keys(9)
        issuer.put_keys(OTHER, replace=1)
        with pytest.raises(CardError):
            issuer.registry(RegistryPart.DOMAIN)
    with conversation(card) as issuer:
        issuer.authenticate(OTHER)
        with pytest.raises((StillInUse, ConditionsNotSatisfied)):
            issuer.delete_keys(9)


def test_a_card_is_locked_and_unlocked() -> None:
    card = card_of()
    with conversation(card) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        issuer.lock_card()
    with conversation(card) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        assert issuer.registry(RegistryPart.DOMAIN)[0].state == 0x7F
        work: list[Callable[[], None]] = [
            lambda: issuer.install(POINTS, POINTS, POINTS),
            lambda: issuer.put_keys(OTHER),
        ]
        for refused in work:
            with pytest.raises(CardError):
                refused()
        issuer.unlock_card()
        issuer.install(POINTS, POINTS, POINTS)
