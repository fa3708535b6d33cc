"""Cards in a state: a terminal finds each as it is called, and each is a fork of its own."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jukicard import Card, CardKeys, LocalReader, Pins, ProfileError
from jukicard.testing import STATES, StateNotReached, card_in, today_in
from jukihost import (
    AuthenticationBlocked,
    CardSuspended,
    CardTerminated,
    HolderMovedOut,
    JukiSession,
    PinBlocked,
    Purpose,
    build_channel,
)
from tests.support.cards.residents import RESIDENTS
from tests.support.host.custody import PublicMasters

PAGE = Path(__file__).parents[3] / "docs" / "testing.md"


@contextmanager
def juki(card: Card) -> Iterator[JukiSession]:
    with LocalReader(card) as reader, JukiSession(build_channel(reader)) as session:
        yield session


def identify(card: Card, suite: str = "MA-AES128") -> JukiSession:
    with juki(card) as session:
        session.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublicMasters(suite=suite))
        session.verify_pin("1234")
        session.read_code()
        return session


def expiry(card: Card) -> datetime.date:
    with juki(card) as session:
        session.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublicMasters())
        return session.card_info().expires


@pytest.mark.parametrize("profile", RESIDENTS)
class TestEachState:
    def test_issued(self, profile: str) -> None:
        identify(card_in(profile=profile))

    def test_one_try_left(self, profile: str) -> None:
        with juki(card_in("one_try_left", profile=profile)) as session:
            assert session.pin_retries() == 1

    def test_pin_blocked(self, profile: str) -> None:
        with pytest.raises(PinBlocked):
            identify(card_in("pin_blocked", profile=profile))

    def test_key_blocked(self, profile: str) -> None:
        with pytest.raises(AuthenticationBlocked):
            identify(card_in("key_blocked", profile=profile))

    def test_suspended(self, profile: str) -> None:
        with pytest.raises(CardSuspended):
            identify(card_in("suspended", profile=profile))

    def test_moved_out(self, profile: str) -> None:
        with pytest.raises(HolderMovedOut):
            identify(card_in("moved_out", profile=profile))

    def test_terminated(self, profile: str) -> None:
        with pytest.raises(CardTerminated):
            identify(card_in("terminated", profile=profile))

    def test_expired(self, profile: str) -> None:
        ended = expiry(card_in("expired", profile=profile))
        assert ended < today_in("expired", profile)
        assert ended < datetime.date(2026, 1, 1), "whatever the clock of the test shows"

    def test_password_expired(self, profile: str) -> None:
        """A state of an operator's card alone: tests.unit.applets.test_operator has it."""
        with pytest.raises(StateNotReached, match="only the password of an operator card"):
            card_in("password_expired", profile=profile)

    def test_all_others_have_not_expired(self, profile: str) -> None:
        assert expiry(card_in(profile=profile)) > today_in("issued", profile)


def test_every_state_is_tested_and_printed() -> None:
    names = {name.removeprefix("test_") for name in vars(TestEachState) if name[:5] == "test_"}
    assert names - {"all_others_have_not_expired"} == set(STATES)
    page = PAGE.read_text("utf-8")
    for name, state in STATES.items():
        assert f"| `{name}` | {state.meaning} |\n" in page


def test_each_card_is_a_fork_of_its_own() -> None:
    first, second = card_in("one_try_left"), card_in("one_try_left")
    with pytest.raises(PinBlocked), juki(first) as session:
        session.verify_pin("0000")
    with juki(second) as session:
        session.verify_pin("1234")


@pytest.mark.parametrize("pin", ["0000", "1111", "9876"])
def test_a_state_is_reached_whatever_the_pin(pin: str) -> None:
    for given in ({"pin": pin}, {"pins": Pins(juki=pin)}):
        with juki(card_in("one_try_left", **given)) as session:
            session.verify_pin(pin)


@pytest.mark.parametrize("suite", ["MA-AES128", "MA-AES192", "MA-AES256", "MA-3DES"])
@pytest.mark.parametrize("state", ["suspended", "moved_out", "terminated"])
def test_a_state_is_reached_with_every_suite(state: str, suite: str) -> None:
    wrong = {"suspended": CardSuspended, "moved_out": HolderMovedOut, "terminated": CardTerminated}
    with pytest.raises(wrong[state]):
        identify(card_in(state, keys=CardKeys(suites=suite)), suite)


def test_other_seeds_and_options_are_other_cards() -> None:
    def number(card: Card) -> bytes:
        with juki(card) as session:
            return session.card_number()

    assert number(card_in(seed=1)) == number(card_in(seed=1))
    assert number(card_in(seed=1)) != number(card_in(seed=2))
    assert card_in(contactless=True).atr != card_in().atr


def test_what_has_no_hash_makes_the_card_anew() -> None:
    keys = CardKeys(masters={"COUNTER": b"\x5a\xf1\x03\x77" * 4})
    with pytest.raises(CardSuspended):
        identify(card_in("suspended", keys=keys))


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: card_in("lost"), ValueError, "there is issued, one_try_left"),
        (lambda: card_in(profile="juki-v9"), ProfileError, "there is juki-v1"),
        (lambda: card_in("expired", profile="juki-v9"), ProfileError, "there is juki-v1"),
        (
            lambda: card_in("suspended", keys=CardKeys(masters={})),
            StateNotReached,
            "without a master for COUNTER",
        ),
    ],
)
def test_what_cannot_be_had_is_said(
    make: Callable[[], Card], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        make()
