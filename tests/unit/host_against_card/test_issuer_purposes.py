"""The issuer replaces, adds and unblocks the keys of systems, and PINs; both sides at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jukicard import Card
from jukicard.runtime.boundary import raise_bug
from jukicard.transport.inprocess import LocalReader
from jukihost import (
    ISSUER_TEST_KEYS,
    AuthenticationBlocked,
    AuthenticationRejected,
    CardKeys,
    CardNotAuthentic,
    IncorrectData,
    IssuerKeys,
    IssuerSession,
    JukiSession,
    KeyCustody,
    PinBlocked,
    PinRejected,
    PublishedKeys,
    Purpose,
    ReferenceNotFound,
    SecureMessagingError,
    SecurityLevel,
    StatusError,
    build_channel,
    open_logical_channel,
)
from jukihost.keys.diversification import derive_card_keys
from tests.support.cards.issuing import issue
from tests.support.host.custody import PublicMasters

AID = JukiSession.AID
EF_PIN = 0x001C
KEY_TRIES = 15
SUITES = ("MA-AES128", "MA-AES192", "MA-AES256")


class Masters:
    """A custody of one's own: masters that nobody published."""

    def __init__(self, suite: str = "MA-AES128") -> None:
        self.suite = suite

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        size = {"MA-AES128": 16, "MA-AES192": 24, "MA-AES256": 32}[self.suite]
        master = bytes((7 * n + len(system)) % 256 for n in range(size))
        return derive_card_keys(self.suite, master, card_number, aid, version)

    def newest_version(self, system: str) -> int:
        return 2

    def inventory(self) -> tuple[()]:
        return ()


@pytest.fixture
def card() -> Card:
    return issue(seed=1, on_bug=raise_bug)


@contextmanager
def issuer(card: Card) -> Iterator[IssuerSession]:
    with LocalReader(card) as connection, IssuerSession(build_channel(connection)) as session:
        session.authenticate(ISSUER_TEST_KEYS)
        yield session


def authenticate(card: Card, custody: KeyCustody, version: int = 1) -> None:
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as juki:
        juki.authenticate(Purpose.COUNTER, custody, version=version)
        juki.card_info()


def block(card: Card) -> None:
    for _ in range(KEY_TRIES):
        with pytest.raises(AuthenticationRejected):
            authenticate(card, Masters())
    with pytest.raises(AuthenticationBlocked):
        authenticate(card, PublishedKeys())


def test_a_key_blocked_by_fifteen_failures_lives_again(card: Card) -> None:
    block(card)
    with issuer(card) as session:
        session.unblock_key(AID, Purpose.COUNTER)
    authenticate(card, PublishedKeys())


def test_other_keys_for_a_blocked_purpose_live(card: Card) -> None:
    block(card)
    custody = Masters()
    with issuer(card) as session:
        new = custody.derive_card_keys("COUNTER", session.card_number(), AID, 2)
        session.put_purpose_keys(AID, Purpose.COUNTER, new, replace=1)
    authenticate(card, custody, 2)
    with pytest.raises(AuthenticationRejected):
        authenticate(card, PublishedKeys())


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("level", SecurityLevel)
def test_keys_of_every_length_at_every_level(suite: str, level: SecurityLevel) -> None:
    card = issue(seed=1, on_bug=raise_bug, suites=suite)
    authenticate(card, PublicMasters(suite=suite))
    custody = Masters(suite)
    with LocalReader(card) as connection, IssuerSession(build_channel(connection)) as session:
        session.authenticate(ISSUER_TEST_KEYS, level=level)
        new = custody.derive_card_keys("COUNTER", session.card_number(), AID, 2)
        session.put_purpose_keys(AID, Purpose.COUNTER, new, replace=1)
    authenticate(card, custody, 2)


def test_the_session_of_the_old_key_ends(card: Card) -> None:
    with LocalReader(card) as connection:
        channel = build_channel(connection)
        with (
            open_logical_channel(channel) as further,
            JukiSession(further) as juki,
        ):
            juki.authenticate(Purpose.COUNTER, PublishedKeys())
            juki.card_info()
            domain = IssuerSession(channel).open()
            domain.authenticate(ISSUER_TEST_KEYS)
            new = Masters().derive_card_keys("COUNTER", domain.card_number(), AID, 2)
            domain.put_purpose_keys(AID, Purpose.COUNTER, new, replace=1)
            with pytest.raises((StatusError, SecureMessagingError)):
                juki.card_info()
    authenticate(card, Masters(), 2)


def test_what_is_not_there_is_told(card: Card) -> None:
    with issuer(card) as session:
        new = Masters().derive_card_keys("COUNTER", session.card_number(), AID, 2)
        with pytest.raises(ReferenceNotFound):
            session.put_purpose_keys(AID, 31, new)  # no such purpose
        with pytest.raises(ReferenceNotFound):
            session.put_purpose_keys(AID, Purpose.COUNTER, new, replace=9)  # no such version
        with pytest.raises(ReferenceNotFound):
            session.unblock_key(AID, 31)
        weak = CardKeys("MA-AES128", 2, bytes(16), b"\1" * 16)
        with pytest.raises(IncorrectData):
            session.put_purpose_keys(AID, Purpose.COUNTER, weak, replace=1)
        assert session.authenticated
    authenticate(card, PublishedKeys())


def test_a_blocked_pin_lives_again_with_its_value(card: Card) -> None:
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as juki:
        for _ in range(2):
            with pytest.raises(PinRejected):
                juki.verify_pin("0000")
        with pytest.raises((PinRejected, PinBlocked)):
            juki.verify_pin("0000")
        with pytest.raises(PinBlocked):
            juki.verify_pin("1234")
    with issuer(card) as session:
        session.unblock_pin(AID, EF_PIN)
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as juki:
        assert juki.pin_retries() == 3
        juki.verify_pin("1234")


def test_a_cards_own_issuer_keys_take_the_place_of_the_published(card: Card) -> None:
    custody = Masters()
    with issuer(card) as session:
        mine = IssuerKeys.from_custody(custody, session.card_number(), 1)
        session.put_keys(mine, replace=1)
    with LocalReader(card) as connection, IssuerSession(build_channel(connection)) as session:
        with pytest.raises(CardNotAuthentic):
            session.authenticate(ISSUER_TEST_KEYS)
        session.authenticate(mine)
        assert {key.version for key in session.key_information()} == {1}
