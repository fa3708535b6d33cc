"""Grants to unlock an operator card: given by an administrator, for a time, used once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Row, insert, select, update

from jukihost.ledger.acting import By
from jukihost.ledger.errors import OperatorRefused
from jukihost.ledger.operators import check_right, find_lent, have_operators
from jukihost.ledger.roles import Right
from jukihost.ledger.tables import grants

LONGEST: Final = timedelta(days=7)
"""How long a grant is good for at most."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant: of which card and operator, by whom, until when; `outcome` is `used` or `lapsed`.

    terminal: at which it was given. ended_by: who used it, or gave the next one after it lapsed.
    """

    number: int
    card: bytes
    operator: str
    granted: datetime
    granted_by: str
    terminal: str
    until: datetime
    ended: datetime | None
    outcome: str | None
    ended_by: str | None


def grant_unlock(connection: Connection, card: bytes, lasts: timedelta, by: By) -> Grant:
    """Grant that a lent card is unlocked once, within a time. OperatorRefused."""
    _check(connection, card, by)
    if not timedelta() < lasts <= LONGEST:
        raise OperatorRefused(f"a grant is good for {LONGEST.days} days at most")
    still = (grants.c.card == card) & grants.c.ended.is_(None)
    lapsed = update(grants).where(still, grants.c.until < by.at)
    connection.execute(lapsed.values(_ended(by, "lapsed")))
    if connection.execute(select(grants.c.id).where(still)).first():
        raise OperatorRefused("there is a grant for this card already; use it, or let it lapse")
    row = connection.execute(
        insert(grants)
        .values(
            card=card,
            operator=find_lent(connection, card).identifier,
            granted=by.at,
            granted_by=by.operator,
            terminal=by.terminal,
            until=by.at + lasts,
        )
        .returning(grants)
    ).one()
    return _grant(row)


def use_grant(connection: Connection, card: bytes, by: By) -> Grant:
    """Use up the grant for a card: of two that do so at once, one is refused. OperatorRefused."""
    _check(connection, card, by)
    good = (grants.c.card == card) & grants.c.ended.is_(None) & (grants.c.until >= by.at)
    used = update(grants).where(good).values(_ended(by, "used")).returning(grants)
    row = connection.execute(used).one_or_none()
    if row is None:
        raise OperatorRefused(
            "nobody has granted that this card is unlocked, or the grant was used or has lapsed; "
            "an administrator grants it"
        )
    return _grant(row)


def list_grants(connection: Connection) -> list[Grant]:
    """Return every grant, the first one first."""
    return [_grant(row) for row in connection.execute(select(grants).order_by(grants.c.id))]


def _check(connection: Connection, card: bytes, by: By) -> None:
    have_operators(connection)
    check_right(connection, by.operator, Right.OPERATORS, by.at)
    if find_lent(connection, card).identifier == by.operator:
        raise OperatorRefused("nobody unlocks their own card; ask another administrator")


def _ended(by: By, outcome: str) -> dict[str, object]:
    return {
        "ended": by.at,
        "outcome": outcome,
        "ended_by": by.operator,
        "ended_at": by.terminal,
    }


def _grant(row: Row[tuple[object, ...]]) -> Grant:
    return Grant(
        row.id,
        row.card,
        row.operator,
        row.granted,
        row.granted_by,
        row.terminal,
        row.until,
        row.ended,
        row.outcome,
        row.ended_by,
    )
