"""Restrictions (支援措置): whose address a supervisor decides about, and until when.

They protect victims of violence, stalking and child abuse. All members of a household have one
address, so a restriction of one is asked for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from jukihost.clock import day_in_japan
from jukihost.ledger import By, Right, check_right, check_running
from jukihost.register.errors import AddressRestricted, UnknownResident
from jukihost.register.provision import UNDER_RESTRICTION, Asking, Restricted
from jukihost.register.received import AsReceived
from jukihost.register.tables import residents, restrictions

_TOGETHER: Final = (residents.c.household == bindparam("household")) & residents.c.closed.is_(None)
_PROTECTED: Final = (
    select(restrictions.c.id)
    .join(residents, residents.c.id == restrictions.c.resident)
    .where(
        or_(residents.c.id == bindparam("resident"), _TOGETHER),
        restrictions.c.ended.is_(None),
        restrictions.c.until >= bindparam("day"),
    )
    .limit(1)
)


class RestrictionKind(Enum):
    """What somebody is protected from."""

    VIOLENCE = "violence"
    STALKING = "stalking"
    CHILD_ABUSE = "child_abuse"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Restriction:
    """A restriction of one resident; `until` is its last day unless it has ended before."""

    number: int
    resident: int
    kind: RestrictionKind
    since: date
    until: date
    ended: date | None
    why_ended: str | None


def restrict(
    connection: Connection, who: Iterable[int], kind: RestrictionKind, until: date, by: By
) -> None:
    """Put residents under restriction from today to a last day. UnknownResident, Stopped."""
    check_running(connection)
    today = day_in_japan(by.at)
    for resident in who:
        open_record = (residents.c.id == resident) & residents.c.closed.is_(None)
        if not connection.execute(select(residents.c.id).where(open_record)).first():
            raise UnknownResident
        connection.execute(
            insert(restrictions).values(
                resident=resident,
                kind=kind.value,
                since=today,
                until=until,
                operator=by.operator,
            )
        )


def restrictions_of(connection: Connection, resident: int) -> list[Restriction]:
    """Return the restrictions that a resident has or had, the first one first. Stopped."""
    check_running(connection)
    rows = connection.execute(
        select(restrictions).where(restrictions.c.resident == resident).order_by(restrictions.c.id)
    )
    return [
        Restriction(
            row.id,
            row.resident,
            RestrictionKind(row.kind),
            row.since,
            row.until,
            row.ended,
            row.why_ended,
        )
        for row in rows
    ]


def end_restriction(connection: Connection, number: int, why: str, by: By) -> None:
    """End a restriction early, as a supervisor, for a reason that is kept.

    OperatorRefused, UnknownResident, TextRefused, Stopped.
    """
    check_running(connection)
    AsReceived(why)
    check_right(connection, by.operator, Right.DECIDE, by.at)
    still = (restrictions.c.id == number) & restrictions.c.ended.is_(None)
    ended = update(restrictions).where(still).values(ended=day_in_japan(by.at), why_ended=why)
    if connection.execute(ended).rowcount != 1:
        raise UnknownResident


def end_all_restrictions(connection: Connection, resident: int, day: date, why: str) -> None:
    """End what restrictions a resident has, as their record is closed."""
    connection.execute(
        update(restrictions)
        .where(restrictions.c.resident == resident, restrictions.c.ended.is_(None))
        .values(ended=day, why_ended=why)
    )


def may_see_address(connection: Connection, resident: int, household: int, asking: Asking) -> bool:
    """Return whether an address is under restriction, where it may be shown all the same.

    AddressRestricted where it may not, OperatorRefused where who approved it is no supervisor here.
    """
    if not _is_restricted(connection, resident, household, day_in_japan(asking.by.at)):
        return False
    decide(connection, asking)
    return True


def decide(connection: Connection, asking: Asking) -> None:
    """Decide what becomes of a use of an address under restriction. As `may_see_address`."""
    rule = UNDER_RESTRICTION[asking.use]
    if rule is Restricted.CARRIED:
        return
    if rule is Restricted.REFUSED:
        raise AddressRestricted(
            "this cannot be done elsewhere for this resident: send them to the counter of their "
            "own town, and say nothing more"
        )
    if asking.approved_by is None or asking.approved_by == asking.by.operator:
        raise AddressRestricted(
            "stop: whether this address is shown, a supervisor decides, who is another person "
            "(`approved_by`); say nothing of it to whoever asks"
        )
    check_right(connection, asking.approved_by, Right.DECIDE, asking.by.at)


def _is_restricted(connection: Connection, resident: int, household: int, day: date) -> bool:
    whose = {"resident": resident, "household": household, "day": day}
    return connection.execute(_PROTECTED, whose).first() is not None
