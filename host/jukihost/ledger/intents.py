"""Intents: written before a card is touched, and settled by what the card says afterwards.

A card that has a receipt carries the number of the last administrative transaction it went
through, and that of its intent. The intent has the number that the card will carry: so whoever
sees the card next, at any terminal, reads what happened instead of guessing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from sqlalchemy import Connection, Row, select, update

from jukihost.ledger.acting import By
from jukihost.ledger.cards import LedgerCard, find_card, insert_new
from jukihost.ledger.errors import ChangedMeanwhile, IntentOpen, ReceiptGap
from jukihost.ledger.switching import check_running
from jukihost.ledger.tables import cards, intents

ID_LENGTH: Final = 16
"""The length of an intent's identifier, in bytes."""


class IntentState(Enum):
    """What became of an intent."""

    OPEN = "open"
    FINISHED = "finished"
    """The card did it."""
    UNDONE = "undone"
    """The card did not do it, and will not."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What was about to be done to a card.

    identifier: 16 random bytes, which the card's receipt carries.
    receipt: the number of the transaction that the card's receipt will carry.
    purpose: what for, in a word or two; nothing about the holder.
    """

    identifier: bytes
    card: bytes
    receipt: int
    purpose: str
    state: IntentState
    opened: datetime
    settled: datetime | None
    operator: str
    terminal: str


def open_intent(
    connection: Connection, card: LedgerCard, identifier: bytes, purpose: str, by: By
) -> Intent:
    """Write what is about to be done to a card; commit it, durably, before the card is touched.

    `identifier` is 16 random bytes. IntentOpen where another one is open, ChangedMeanwhile where
    the card is no longer as it was read, Stopped.
    """
    check_running(connection)
    if len(identifier) != ID_LENGTH:
        raise ValueError(f"the identifier of an intent has {ID_LENGTH} bytes")
    if _touch(connection, card) != 1:
        raise ChangedMeanwhile
    intent = Intent(
        identifier,
        card.number,
        card.receipt + 1,
        purpose,
        IntentState.OPEN,
        by.at,
        None,
        by.operator,
        by.terminal,
    )
    columns = {
        "id": identifier,
        "card": card.number,
        "receipt": intent.receipt,
        "purpose": purpose,
        "state": intent.state.value,
        "opened": by.at,
        "operator": by.operator,
        "terminal": by.terminal,
    }
    if not insert_new(connection, intents, columns):
        raise IntentOpen
    return intent


def _touch(connection: Connection, card: LedgerCard) -> int:
    """Hold a card's row until the transaction ends, where it is still as it was read."""
    same = (cards.c.number == card.number) & (cards.c.version == card.version)
    unchanged = update(cards).where(same, cards.c.receipt == card.receipt)
    return connection.execute(unchanged.values(receipt=card.receipt)).rowcount


def find_intent(connection: Connection, number: bytes) -> Intent | None:
    """Return the open intent on a card, if there is one. Stopped."""
    check_running(connection)
    row = connection.execute(
        select(intents).where(intents.c.card == number, intents.c.state == IntentState.OPEN.value)
    ).one_or_none()
    return None if row is None else _intent(row)


def open_intents(connection: Connection, before: datetime) -> list[Intent]:
    """Return every intent that was opened before a moment and is not settled, the oldest first."""
    check_running(connection)
    rows = connection.execute(
        select(intents)
        .where(intents.c.state == IntentState.OPEN.value, intents.c.opened < before)
        .order_by(intents.c.opened, intents.c.id)
    )
    return [_intent(row) for row in rows]


def check_receipt(connection: Connection, number: bytes, receipt: int, identifier: bytes) -> None:
    """Check that a card has been through what the ledger knows and no more: at every contact.

    `receipt` and `identifier` are what the card's receipt carries, 0 and nothing where it was never
    written. IntentOpen where a procedure is to be settled, ReceiptGap, UnknownCard, Stopped.
    """
    card = find_card(connection, number)
    if find_intent(connection, number) is not None:
        raise IntentOpen
    if receipt != card.receipt or identifier != _last_finished(connection, card):
        raise ReceiptGap


def settle_intent(
    connection: Connection, intent: Intent, receipt: int, identifier: bytes, by: By
) -> IntentState:
    """Finish or undo an intent by what the card's receipt says; return which.

    FINISHED where the card carries this intent, UNDONE where it carries the one before. What
    follows in the ledger (`move_card`) goes into the same transaction. ReceiptGap where it carries
    anything else, ChangedMeanwhile where another terminal settled it, Stopped.
    """
    card = find_card(connection, intent.card)
    if (receipt, identifier) == (intent.receipt, intent.identifier):
        finish_intent(connection, intent, by)
        return IntentState.FINISHED
    if (receipt, identifier) == (card.receipt, _last_finished(connection, card)):
        undo_intent(connection, intent, by)
        return IntentState.UNDONE
    raise ReceiptGap


def finish_intent(connection: Connection, intent: Intent, by: By) -> None:
    """Note that the card did it. ChangedMeanwhile, Stopped."""
    _settle(connection, intent, IntentState.FINISHED, by)
    counted = (cards.c.number == intent.card) & (cards.c.receipt == intent.receipt - 1)
    done = connection.execute(update(cards).where(counted).values(receipt=intent.receipt))
    if done.rowcount != 1:
        raise ChangedMeanwhile


def undo_intent(connection: Connection, intent: Intent, by: By) -> None:
    """Note that the card did not do it, and its number is free again. ChangedMeanwhile, Stopped."""
    _settle(connection, intent, IntentState.UNDONE, by)


def _settle(connection: Connection, intent: Intent, state: IntentState, by: By) -> None:
    check_running(connection)
    still_open = (intents.c.id == intent.identifier) & (intents.c.state == IntentState.OPEN.value)
    settled = update(intents).where(still_open).values(state=state.value, settled=by.at)
    if connection.execute(settled).rowcount != 1:
        raise ChangedMeanwhile


def _last_finished(connection: Connection, card: LedgerCard) -> bytes:
    """Return the identifier that the card's receipt should carry; nothing where it has none yet."""
    found = connection.execute(
        select(intents.c.id).where(
            intents.c.card == card.number,
            intents.c.receipt == card.receipt,
            intents.c.state == IntentState.FINISHED.value,
        )
    ).scalar_one_or_none()
    return found or b""


def _intent(row: Row[tuple[object, ...]]) -> Intent:
    return Intent(
        row.id,
        row.card,
        row.receipt,
        row.purpose,
        IntentState(row.state),
        row.opened,
        row.settled,
        row.operator,
        row.terminal,
    )
