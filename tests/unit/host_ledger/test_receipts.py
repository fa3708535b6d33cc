"""A card's receipt at the ledger: it settles an intent, and a change nobody entered is a gap."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import Final

import pytest

from jukicard import PROFILES, Card, LocalReader, Printed, issue_card
from jukicard.memory import PowerLoss
from jukicard.testing import HazardousCard, PowerCut
from jukihost import CardMute, JukiSession, PublishedKeys, Purpose, build_channel
from jukihost.database import Database
from jukihost.ledger import (
    STANDINGS,
    IntentState,
    ReceiptGap,
    check_receipt,
    find_intent,
    open_intent,
    settle_intent,
)
from jukihost.receipts import ChangeInterrupted, Receipt
from tests.support.host.ledgers import BY, card_that_is, read_card

KEYS: Final = PublishedKeys()
INTENT: Final = bytes(range(1, 17))
NUMBER: Final = bytes(7) + b"\1"


def issued() -> Card:
    profile = dataclasses.replace(PROFILES["juki-v1"], receipts=True)
    return issue_card(profile, seed=1, printed=Printed(card_number=NUMBER))


def told(card: Card) -> Receipt:
    with LocalReader(card) as reader, JukiSession(build_channel(reader)) as juki:
        juki.authenticate(Purpose.COUNTER, KEYS)
        receipt = juki.receipt(KEYS)
    assert receipt is not None
    return receipt


def contact(database: Database, receipt: Receipt) -> None:
    with database.begin() as connection:
        check_receipt(connection, receipt.card_number, receipt.number, receipt.intent)


def change_pin(card: Card | HazardousCard) -> None:
    with LocalReader(card) as reader, JukiSession(build_channel(reader)) as juki:
        juki.authenticate(Purpose.COUNTER, KEYS)
        juki.verify_pin("1234")
        juki.change_pin_once("5678", INTENT)


# a PIN change writes when it authenticates (2), verifies (2), is made (1) and confirmed (1)
@pytest.mark.parametrize(
    ("at", "landed", "became"),
    [
        (5, False, IntentState.UNDONE),
        (5, True, IntentState.FINISHED),
        (6, False, IntentState.FINISHED),
    ],
)
def test_it_settles_what_was_cut(
    database: Database, at: int, landed: bool, became: IntentState
) -> None:
    card_that_is(database, STANDINGS[1])
    card = issued()
    contact(database, told(card))
    with database.begin() as connection:
        open_intent(connection, read_card(database), INTENT, "change PIN", BY)
    with suppress(CardMute, PowerLoss), pytest.raises(ChangeInterrupted):
        change_pin(HazardousCard(card, PowerCut(at=at, landed=landed)))
    receipt = told(card)
    with database.begin() as connection:
        intent = find_intent(connection, NUMBER)
        assert intent is not None
        assert settle_intent(connection, intent, receipt.number, receipt.intent, BY) is became
    contact(database, receipt)


def test_a_change_that_nobody_entered_is_a_gap(database: Database) -> None:
    card_that_is(database, STANDINGS[1])
    card = issued()
    with LocalReader(card) as reader, JukiSession(build_channel(reader)) as juki:
        juki.authenticate(Purpose.COUNTER, KEYS)
        juki.unblock_pin("4321")
    with pytest.raises(ReceiptGap):
        contact(database, told(card))
