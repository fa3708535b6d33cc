"""The municipal applications that came onto cards after issue, and those that come or go now.

What was cut off says here which application it was of: an intent says it of no card in hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import Connection, Row, delete, select

from jukihost.database.tables import INSERTS
from jukihost.ledger.acting import By
from jukihost.ledger.switching import check_running
from jukihost.ledger.tables import applications as table


class ApplicationState(Enum):
    """Where a municipal application on a card is."""

    INSTALLING = "installing"
    """It is being put on the card, and made whole."""
    INSTALLED = "installed"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True)
class CardApplication:
    """A municipal application on a card: its AID, its state, since when, and by whom."""

    card: bytes
    aid: bytes
    state: ApplicationState
    since: datetime
    operator: str
    terminal: str


def applications_of(connection: Connection, card: bytes) -> list[CardApplication]:
    """Return the municipal applications on a card, by their AIDs. Stopped."""
    check_running(connection)
    rows = connection.execute(select(table).where(table.c.card == card).order_by(table.c.aid))
    return [_application(row) for row in rows]


def note_application(
    connection: Connection, card: bytes, aid: bytes, state: ApplicationState, by: By
) -> None:
    """Note what a municipal application on a card is. Stopped."""
    check_running(connection)
    now = {
        "state": state.value,
        "since": by.at,
        "operator": by.operator,
        "terminal": by.terminal,
    }
    insert = INSERTS[connection.dialect.name](table).values(card=card, aid=aid, **now)
    connection.execute(insert.on_conflict_do_update(index_elements=["card", "aid"], set_=now))


def drop_application(connection: Connection, card: bytes, aid: bytes) -> None:
    """Note that a municipal application is not on a card, or not any more. Stopped."""
    check_running(connection)
    mine = (table.c.card == card) & (table.c.aid == aid)
    connection.execute(delete(table).where(mine))


def _application(row: Row[tuple[object, ...]]) -> CardApplication:
    return CardApplication(
        row.card, row.aid, ApplicationState(row.state), row.since, row.operator, row.terminal
    )
