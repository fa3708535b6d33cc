"""Restrictions of addresses (支援措置), entered and ended early by a supervisor."""

from __future__ import annotations

from datetime import date

from jukihost.register import (
    Restriction,
    RestrictionKind,
    end_restriction,
    restrict,
    restrictions_of,
)
from jukihost.workflows.errors import Impossible
from jukihost.workflows.office import Desk
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task


def restrict_address(desk: Desk, resident: int, kind: RestrictionKind, until: date) -> Restriction:
    """Put a resident's address under restriction from today to a last day, a year at most.

    resident: the number of the record; who lives with them is asked for too. Impossible for a day
    that is past or too far; UnknownResident.
    """
    with Procedure(desk, Task.RESTRICT) as run:
        run.about(holder=resident)
        today = run.day
        if not today <= until <= _in_a_year(today):
            raise Impossible("a restriction lasts from today for a year at most; it is asked anew")
        with run.finish() as connection:
            restrict(connection, [resident], kind, until, run.by)
            return restrictions_of(connection, resident)[-1]


def lift_restriction(desk: Desk, resident: int, number: int, why: str) -> Restriction:
    """End a restriction of a resident's early, for a reason that is kept.

    Impossible for a restriction that is not theirs; UnknownResident where it has ended,
    TextRefused.
    """
    with Procedure(desk, Task.LIFT_RESTRICTION) as run:
        run.about(holder=resident)
        with run.finish() as connection:
            theirs = {one.number for one in restrictions_of(connection, resident)}
            if number not in theirs:
                raise Impossible("this resident has no restriction of this number")
            end_restriction(connection, number, why, run.by)
            return next(
                one for one in restrictions_of(connection, resident) if one.number == number
            )


def _in_a_year(today: date) -> date:
    try:
        return today.replace(year=today.year + 1)
    except ValueError:
        return today.replace(year=today.year + 1, day=28)
