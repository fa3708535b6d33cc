"""What tests of the ledger begin with: cards, operators, and who does something."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

from jukihost.database import Database
from jukihost.ledger import (
    By,
    CardAct,
    Hours,
    LedgerCard,
    NewCard,
    Operator,
    PersonAct,
    Reason,
    Role,
    Standing,
    enter_card,
    enter_first_operators,
    find_card,
    move_card,
)
from jukihost.models import CardForm

AT: Final = datetime(2014, 4, 1, 3, tzinfo=UTC)
"""A Tuesday, noon in Japan."""
BY: Final = By("clerk-1", "counter-1", AT)
ADMIN: Final = By("admin-1", "office", AT)
FIRST: Final = Operator("admin-1", "管理 一", Role.ADMINISTRATOR)
SECOND: Final = Operator("admin-2", "管理 二", Role.ADMINISTRATOR)

# state as a word -> what is done to a card that was just entered
_WAY: Final[dict[str, list[tuple[PersonAct | CardAct, Reason]]]] = {
    "issuing": [],
    "active": [(CardAct.HAND_OVER, Reason.APPLICATION)],
    "suspended, returns to active": [(PersonAct.SUSPEND, Reason.MISSING)],
    "moved_out": [(CardAct.DEACTIVATE, Reason.MOVED_OUT)],
    "suspended, returns to moved_out": [
        (CardAct.DEACTIVATE, Reason.MOVED_OUT),
        (PersonAct.SUSPEND, Reason.MISSING),
    ],
    "lost": [(PersonAct.REPORT_LOST, Reason.NOT_FOUND)],
    "damaged": [(PersonAct.REPORT_DAMAGED, Reason.BROKEN)],
    "abolished": [(PersonAct.ABOLISH, Reason.SURRENDERED)],
    "returned": [(CardAct.TAKE_BACK, Reason.SURRENDERED)],
    "transferred": [
        (CardAct.DEACTIVATE, Reason.MOVED_OUT),
        (PersonAct.TRANSFER, Reason.MOVED_IN),
    ],
}


def new_card(number: int, holder: int | None = None) -> NewCard:
    """A card by a small number, issued on the day that a test's clock says."""
    return NewCard(
        number.to_bytes(8, "big"),
        number if holder is None else holder,
        CardForm.NAME_ONLY,
        "13101",
        date(2014, 4, 1),
        date(2024, 3, 31),
    )


def card_that_is(database: Database, standing: Standing, number: int = 1) -> LedgerCard:
    """Enter a card and bring it where it should be."""
    with database.begin() as connection:
        card = enter_card(connection, new_card(number), BY)
        steps = _WAY[str(standing)]
        if steps and standing.state.value != "active":
            steps = [*_WAY["active"], *steps]
        for act, reason in steps:
            card = move_card(connection, card, act, reason, BY)
    assert card.standing == standing
    return card


def read_card(database: Database, number: int = 1) -> LedgerCard:
    """The card as the ledger has it now."""
    with database.read() as connection:
        return find_card(connection, number.to_bytes(8, "big"))


def staffed(database: Database) -> None:
    """Enter the first two operators, who may turn the emergency stop."""
    with database.begin() as connection:
        enter_first_operators(connection, FIRST, SECOND)


ALWAYS: Final = Hours(frozenset(range(7)), datetime.min.time(), datetime.min.time())
