"""Claims: which card was taken for which row of a list of people, before anything is on it.

A claim is made in the transaction that enters its card (`ISSUING`), so a person has one at most, a
card has one, and whoever comes after an interruption goes on with the same card for the same row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Executable, bindparam, insert, select, update

from jukihost.ledger.acting import By
from jukihost.ledger.cards import LedgerCard
from jukihost.ledger.errors import ChangedMeanwhile
from jukihost.ledger.states import LedgerState
from jukihost.ledger.switching import check_running
from jukihost.ledger.tables import cards, claims
from jukihost.models import CardForm

_JOINED: Final = (
    select(claims, cards.c.holder, cards.c.form, cards.c.state)
    .join(cards, cards.c.number == claims.c.card)
    .order_by(claims.c.claimed.desc())
)
_OF_CARD: Final = _JOINED.where(claims.c.card == bindparam("card"))
_OF_HOLDER: Final = _JOINED.where(cards.c.holder == bindparam("holder"))
_CLAIM: Final = insert(claims)
_DONE: Final = (
    update(claims)
    .where(claims.c.card == bindparam("whose"), claims.c.done.is_(None))
    .values(done=bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A card that was taken for a row of a list; `done` once it was made whole.

    batch: which list, as the hash of its file. state: the card's. holder: a record's number.
    """

    card: bytes
    holder: int
    form: CardForm
    batch: str
    row: int
    done: bool
    state: LedgerState

    @property
    def open(self) -> bool:
        """Whether the card waits to be made whole."""
        return not self.done and self.state is LedgerState.ISSUING


def claim_card(connection: Connection, card: LedgerCard, batch: str, row: int, by: By) -> None:
    """Take a card that was just entered for a row of a list. Stopped."""
    check_running(connection)
    claim = {
        "card": card.number,
        "batch": batch,
        "row": row,
        "claimed": by.at,
        "operator": by.operator,
        "terminal": by.terminal,
    }
    connection.execute(_CLAIM, claim)


def finish_claim(connection: Connection, number: bytes, by: By) -> None:
    """Note that a card which was claimed is made whole. ChangedMeanwhile where it was; Stopped."""
    if not settle_claim(connection, number, by):
        raise ChangedMeanwhile


def settle_claim(connection: Connection, number: bytes, by: By) -> bool:
    """Note that a card is made whole, whether it was claimed or not; return whether. Stopped."""
    check_running(connection)
    return connection.execute(_DONE, {"whose": number, "at": by.at}).rowcount == 1


def claim_of_card(connection: Connection, number: bytes) -> Claim | None:
    """Return the claim of a card. Stopped."""
    found = _found(connection, _OF_CARD, {"card": number})
    return found[0] if found else None


def claims_of_holder(connection: Connection, holder: int) -> tuple[Claim, ...]:
    """Return the claims there ever were for a holder, the last one first. Stopped."""
    return _found(connection, _OF_HOLDER, {"holder": holder})


def _found(
    connection: Connection, wanted: Executable, which: dict[str, object]
) -> tuple[Claim, ...]:
    check_running(connection)
    rows = connection.execute(wanted, which)
    return tuple(
        Claim(
            row.card,
            row.holder,
            CardForm(row.form),
            row.batch,
            row.row,
            row.done is not None,
            LedgerState(row.state),
        )
        for row in rows
    )
