"""What a tester writes with the plugin: twenty lines, and no bug of the kiosk is left."""

from __future__ import annotations

import pytest

from jukicard.testing import CardInTest, CorruptedMac
from tests.samples.kiosk import BLOCKED, FAILED, NO_CARD, OUT_OF_USE, PIN_FIRST, Kiosk


def test_the_pin_is_protected(juki_card: CardInTest, kiosk: Kiosk) -> None:
    juki_card.expected.no_pin_in_plain()
    kiosk.enter_pin("1234")


def test_a_pin_is_sent_once(juki_card: CardInTest, kiosk: Kiosk) -> None:
    juki_card.expected.tries(at_most=1)
    kiosk.enter_pin("0000")


@pytest.mark.jukicard(hazards=[CorruptedMac()])
def test_a_forged_answer_is_noticed(kiosk: Kiosk) -> None:
    assert kiosk.enter_pin("1234") == FAILED


def test_nothing_is_shown_without_a_card(kiosk: Kiosk) -> None:
    kiosk.enter_pin("1234")
    kiosk.show_code()
    kiosk.take_out()
    assert kiosk.show_code() == NO_CARD


@pytest.mark.jukicard(state="one_try_left")
def test_the_last_try_is_told(kiosk: Kiosk) -> None:
    assert kiosk.enter_pin("0000") == BLOCKED


@pytest.mark.jukicard(state="suspended")
def test_a_suspended_card_is_told(kiosk: Kiosk) -> None:
    assert kiosk.said == OUT_OF_USE


def test_the_receipt_has_the_card_number(kiosk: Kiosk) -> None:
    assert len(kiosk.card_number()) == 16


def test_the_next_holder_begins_anew(kiosk: Kiosk) -> None:
    kiosk.enter_pin("1234")
    kiosk.finish()
    assert kiosk.show_code() == PIN_FIRST
