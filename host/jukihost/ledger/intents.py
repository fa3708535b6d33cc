"""Intents: written before a card is touched, and settled by what the card says afterwards.

A card that has a receipt counts its administrative changes, and carries the identifier of the last
one's intent. The intent has the number that the card will carry: so whoever sees the card next, at
any terminal, reads what happened instead of guessing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from sqlalchemy import Connection, Row, select, update

from jukihost.database.tables import insert_new
from jukihost.ledger.acting import By
from jukihost.ledger.cards import LedgerCard, find_card
from jukihost.ledger.errors import ChangedMeanwhile, IntentOpen, ReceiptGap
from jukihost.ledger.states import ACTS, CardAct, PersonAct, Reason, after
from jukihost.ledger.switching import check_running
from jukihost.ledger.tables import cards, intents
from jukihost.ledger.words import check_words

ID_LENGTH: Final = 16
"""The length of an intent's identifier, in bytes."""


class IntentState(Enum):
    """What became of an intent."""

    OPEN = "open"
    FINISHED = "finished"
    """The card did it."""
    UNDONE = "undone"
    """The card did not do it, and will not."""
    UNCERTAIN = "uncertain"
    """Nobody can know whether the card did it; it has to be done anew."""
    SUPERSEDED = "superseded"
    """Nobody knew, and it was done anew since."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What was about to be done to a card.

    identifier: 16 random bytes, which the card's receipt carries.
    receipt: the number that the card's receipt will carry after the first change.
    changes: how many changes on the card the procedure makes; 0 where it changes what the card's
    receipt does not count.
    purpose: what for, in a word or two; nothing about the holder.
    act, reason: what follows in the ledger once the card has done it, None where nothing does, so
    that whoever settles it at any terminal knows.
    """

    identifier: bytes
    card: bytes
    receipt: int
    changes: int
    purpose: str
    state: IntentState
    opened: datetime
    settled: datetime | None
    operator: str
    terminal: str
    act: PersonAct | CardAct | None = None
    reason: Reason | None = None

    @property
    def last(self) -> int:
        """The number that the card's receipt will carry after the last change."""
        return self.receipt + self.changes - 1


def open_intent(
    connection: Connection,
    card: LedgerCard,
    identifier: bytes,
    purpose: str,
    by: By,
    *,
    changes: int = 1,
    act: PersonAct | CardAct | None = None,
    reason: Reason | None = None,
) -> Intent:
    """Write what is about to be done to a card; commit it, durably, before the card is touched.

    `identifier` is 16 random bytes. IntentOpen where another one is open, ChangedMeanwhile where
    the card is no longer as it was read, NotAllowed where what follows (`act` for `reason`, both or
    neither) is not allowed of the card as it was read, WordsRefused, Stopped.
    """
    check_running(connection)
    check_words("purpose", purpose)
    if len(identifier) != ID_LENGTH or changes < 0:
        raise ValueError(f"an intent has an identifier of {ID_LENGTH} bytes, and 0 changes or more")
    if act and reason:
        after(card.standing, act, reason)
    elif act or reason:
        raise ValueError("what follows an intent is an act for a reason, both or neither")
    if _touch(connection, card) != 1:
        raise ChangedMeanwhile
    intent = Intent(
        identifier,
        card.number,
        card.receipt + 1,
        changes,
        purpose,
        IntentState.OPEN,
        by.at,
        None,
        by.operator,
        by.terminal,
        act,
        reason,
    )
    columns = {
        "id": identifier,
        "card": card.number,
        "receipt": intent.receipt,
        "changes": changes,
        "purpose": purpose,
        "state": intent.state.value,
        "opened": by.at,
        "operator": by.operator,
        "terminal": by.terminal,
        "act": act and act.value,
        "reason": reason and reason.value,
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
    if (receipt, identifier) != (card.receipt, card.intent):
        raise ReceiptGap


def settle_intent(
    connection: Connection, intent: Intent, receipt: int, identifier: bytes, by: By
) -> IntentState:
    """Finish or undo an intent by what the card's receipt says; return which.

    FINISHED where the card carries this intent with the number of its last change, UNDONE where it
    carries what it did before. OPEN, and nothing is settled, where some of several changes were
    made, `receipt - intent.receipt + 1` of them: the procedure goes on from there, or puts the card
    back and says so (`undo_intent`). What follows in the ledger (`move_card`) goes into the same
    transaction. ReceiptGap where it carries anything else, ChangedMeanwhile where another terminal
    settled it, Stopped.
    """
    card = find_card(connection, intent.card)
    if (receipt, identifier) == (card.receipt, card.intent) != (intent.last, intent.identifier):
        undo_intent(connection, intent, by)
        return IntentState.UNDONE
    if identifier != intent.identifier or not intent.receipt <= receipt <= intent.last:
        raise ReceiptGap
    if receipt < intent.last:
        return IntentState.OPEN
    finish_intent(connection, intent, by)
    return IntentState.FINISHED


def finish_intent(connection: Connection, intent: Intent, by: By) -> None:
    """Note that the card did it. ChangedMeanwhile, Stopped."""
    _settle(connection, intent, IntentState.FINISHED, by)
    if intent.changes:
        _carries(connection, intent, intent.last)


def undo_intent(
    connection: Connection, intent: Intent, by: By, *, receipt: int | None = None
) -> None:
    """Note that the card did not do it. ChangedMeanwhile, Stopped.

    receipt: what the card carries, with this intent, where it was changed and put back; without
    it the intent's number is free again.
    """
    _settle(connection, intent, IntentState.UNDONE, by)
    if receipt is not None:
        _carries(connection, intent, receipt)


def leave_uncertain(connection: Connection, intent: Intent, by: By) -> None:
    """Note that nobody can know whether the card did it. ChangedMeanwhile, Stopped.

    For what can neither be read nor is counted in a receipt that the card keeps. The number of the
    intent is free again.
    """
    _settle(connection, intent, IntentState.UNCERTAIN, by)


def was_finished(connection: Connection, number: bytes, purpose: str, before: datetime) -> bool:
    """Tell whether a card has done something for a purpose, up to a moment. Stopped."""
    check_running(connection)
    done = (intents.c.card == number) & (intents.c.state == IntentState.FINISHED.value)
    these = (intents.c.purpose == purpose) & (intents.c.settled <= before)
    return connection.execute(select(intents.c.id).where(done, these).limit(1)).first() is not None


def uncertain_purposes(connection: Connection, number: bytes) -> frozenset[str]:
    """Return for what purposes a card may have been changed or not, nobody knows. Stopped."""
    check_running(connection)
    mine = (intents.c.card == number) & (intents.c.state == IntentState.UNCERTAIN.value)
    return frozenset(connection.execute(select(intents.c.purpose).where(mine)).scalars())


def supersede(connection: Connection, number: bytes, purposes: Iterable[str]) -> None:
    """Note that what nobody knew of a card was done anew, for these purposes. Stopped."""
    check_running(connection)
    mine = (intents.c.card == number) & (intents.c.state == IntentState.UNCERTAIN.value)
    these = intents.c.purpose.in_(list(purposes))
    anew = update(intents).where(mine, these).values(state=IntentState.SUPERSEDED.value)
    connection.execute(anew)


def _carries(connection: Connection, intent: Intent, receipt: int) -> None:
    before = (cards.c.number == intent.card) & (cards.c.receipt == intent.receipt - 1)
    now = update(cards).where(before).values(receipt=receipt, receipt_intent=intent.identifier)
    if connection.execute(now).rowcount != 1:
        raise ChangedMeanwhile


def _settle(connection: Connection, intent: Intent, state: IntentState, by: By) -> None:
    check_running(connection)
    still_open = (intents.c.id == intent.identifier) & (intents.c.state == IntentState.OPEN.value)
    settled = update(intents).where(still_open).values(state=state.value, settled=by.at)
    if connection.execute(settled).rowcount != 1:
        raise ChangedMeanwhile


def _intent(row: Row[tuple[object, ...]]) -> Intent:
    return Intent(
        row.id,
        row.card,
        row.receipt,
        row.changes,
        row.purpose,
        IntentState(row.state),
        row.opened,
        row.settled,
        row.operator,
        row.terminal,
        ACTS[row.act] if row.act else None,
        Reason(row.reason) if row.reason else None,
    )
