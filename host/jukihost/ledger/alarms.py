"""Gaps between a card's receipt and the ledger: kept as alarms until a supervisor settles them.

A gap is a lost entry of the ledger, or a copy of a card. `check_receipt` and `settle_intent` find
one, and the transaction in which they do is undone: so it is noted in another (`note_gap`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, select, update

from jukihost.clock import readable
from jukihost.database.tables import INSERTS
from jukihost.ledger.acting import By
from jukihost.ledger.cards import find_card, open_intent_of
from jukihost.ledger.errors import ChangedMeanwhile, IntentOpen
from jukihost.ledger.operators import check_right
from jukihost.ledger.roles import Right
from jukihost.ledger.switching import check_running
from jukihost.ledger.tables import cards, gaps as table
from jukihost.ledger.words import check_words


@dataclass(frozen=True, slots=True)
class Gap:
    """What a card said that the ledger did not know.

    number: the gap's own. card: the card's number.
    said_receipt, said_intent: what the card's receipt carried, 0 and nothing where it had none.
    had_receipt, had_intent: what the ledger had of it then.
    at, operator, terminal: when it was seen first, by whom, where.
    settled, settled_by, settled_at: when, by whom and at which terminal it was settled, and `why`.
    accepted: whether the ledger has taken what the card said.
    """

    number: int
    card: bytes
    said_receipt: int
    said_intent: bytes
    had_receipt: int
    had_intent: bytes
    at: datetime
    operator: str
    terminal: str
    settled: datetime | None = None
    settled_by: str | None = None
    settled_at: str | None = None
    accepted: bool | None = None
    why: str | None = None

    def __str__(self) -> str:
        """Return it in words, as an alarm."""
        card = self.card.hex().upper()
        return (
            f"gap {self.number}: card {card} carries change {self.said_receipt}, of another "
            f"procedure than the ledger's {self.had_receipt}; seen {readable(self.at)} at "
            f"{self.terminal}, and to be settled by a supervisor"
        )


def note_gap(connection: Connection, number: bytes, receipt: int, identifier: bytes, by: By) -> Gap:
    """Keep what a card said that the ledger does not know; return it, as it was first noted.

    In a transaction of its own: the one in which ReceiptGap was raised is undone. ChangedMeanwhile
    where the ledger knows it by now, UnknownCard, Stopped.
    """
    card = find_card(connection, number)
    if (receipt, identifier) == (card.receipt, card.intent):
        raise ChangedMeanwhile
    columns = {
        "card": number,
        "said_receipt": receipt,
        "said_intent": identifier,
        "had_receipt": card.receipt,
        "had_intent": card.intent,
        "at": by.at,
        "operator": by.operator,
        "terminal": by.terminal,
    }
    new = INSERTS[connection.dialect.name](table).values(columns)
    noted = new.on_conflict_do_update(
        index_elements=["card", "said_receipt", "said_intent"],
        index_where=table.c.settled.is_(None),
        set_={"card": new.excluded.card},  # as it is: so the row is returned, and held
    )
    return _gap(connection.execute(noted.returning(table)).one())


def gaps(connection: Connection, *, settled: bool = False) -> list[Gap]:
    """Return the gaps that are not settled, or those that are, the first one first.

    Also while everything is stopped.
    """
    wanted = table.c.settled.is_not(None) if settled else table.c.settled.is_(None)
    rows = connection.execute(select(table).where(wanted).order_by(table.c.id))
    return [_gap(row) for row in rows]


def settle_gap(connection: Connection, gap: Gap, why: str, by: By, *, accept: bool = False) -> None:
    """Settle a gap, as an operator with the right `DECIDE` decides, who says why.

    accept: the card is genuine, and an entry was lost: from here on the ledger has what the card
    said. IntentOpen where a procedure on it is to be undone first. Without it the ledger stays as
    it is, and the card is refused as before. OperatorRefused, WordsRefused, ChangedMeanwhile where
    it is settled already or the ledger has something else by now, Stopped.
    """
    check_running(connection)
    check_right(connection, by.operator, Right.DECIDE, by.at)
    check_words("reason", why)
    said = {"settled": by.at, "settled_by": by.operator, "settled_at": by.terminal}
    mine = (table.c.id == gap.number) & table.c.settled.is_(None)
    settled = update(table).where(mine).values(accepted=accept, why=why, **said)
    if connection.execute(settled).rowcount != 1:
        raise ChangedMeanwhile
    if accept:
        _accept(connection, gap)


def _accept(connection: Connection, gap: Gap) -> None:
    if open_intent_of(connection, gap.card):
        raise IntentOpen
    as_noted = (cards.c.receipt == gap.had_receipt) & (cards.c.receipt_intent == gap.had_intent)
    taken = update(cards).where(cards.c.number == gap.card, as_noted)
    now = taken.values(receipt=gap.said_receipt, receipt_intent=gap.said_intent)
    if connection.execute(now).rowcount != 1:
        raise ChangedMeanwhile


def _gap(row: Row[tuple[object, ...]]) -> Gap:
    return Gap(
        row.id,
        row.card,
        row.said_receipt,
        row.said_intent,
        row.had_receipt,
        row.had_intent,
        row.at,
        row.operator,
        row.terminal,
        row.settled,
        row.settled_by,
        row.settled_at,
        row.accepted,
        row.why,
    )
