"""Moves: announced in the town that is left, and noted in the one that somebody comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection, Row, insert, select, update

from jukihost.clock import day_in_japan
from jukihost.ledger import By, check_running
from jukihost.models import ResidentCode
from jukihost.register.errors import NotAnnounced, UnknownResident
from jukihost.register.provision import Asking
from jukihost.register.residents import (
    ChangeReason,
    Provided,
    close_record,
    show_by_code,
    show_resident,
)
from jukihost.register.tables import arrivals, moves, residents

_MOVED, _REPLACED, _WITHDRAWN = "moved", "replaced", "withdrawn"
_OPEN: Final = moves.c.ended.is_(None)


@dataclass(frozen=True, slots=True)
class Moving:
    """A move as the town knows it that is left.

    announced: the day on which they said that they would move out.
    members: the records of all who move together, the one that was asked for first.
    """

    announced: date
    members: tuple[Provided, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who moved in, as the town knows it that they moved to.

    resident: the number of the record. origin: the town that they left. moved: when they moved in,
    notified: when they said so. told: whether the other town knows.
    """

    number: int
    resident: int
    code: ResidentCode
    origin: str
    moved: date
    announced: date
    notified: date
    told: bool


def announce_move(connection: Connection, who: Iterable[int], day: date, by: By) -> None:
    """Note that residents of one household move out together on a day; an earlier note is replaced.

    UnknownResident where a record is closed or not of the same household, Stopped.
    """
    check_running(connection)
    leaving = list(dict.fromkeys(who))
    open_records = residents.c.id.in_(leaving) & residents.c.closed.is_(None)
    rows = connection.execute(select(residents.c.household).where(open_records)).scalars().all()
    if not leaving or len(rows) != len(leaving) or len(set(rows)) != 1:
        raise UnknownResident
    for resident in leaving:
        _end(connection, resident, day_in_japan(by.at), _REPLACED)
        connection.execute(
            insert(moves).values(
                resident=resident,
                together=leaving[0],
                announced=day,
                at=by.at,
                operator=by.operator,
                terminal=by.terminal,
            )
        )


def withdraw_move(connection: Connection, resident: int, by: By) -> None:
    """Note that somebody stays after all. NotAnnounced, Stopped."""
    check_running(connection)
    if not _end(connection, resident, day_in_japan(by.at), _WITHDRAWN):
        raise NotAnnounced


def announced_move(connection: Connection, code: ResidentCode, asking: Asking) -> Moving:
    """Return the move that a resident announced, with the records of all who move together.

    As `show_by_code`; NotAnnounced.
    """
    mine = show_by_code(connection, code, asking)
    wanted = select(moves.c.together, moves.c.announced).where(moves.c.resident == mine.resident)
    row = connection.execute(wanted.where(_OPEN)).one_or_none()
    if row is None:
        raise NotAnnounced
    same = (moves.c.together == row.together) & (moves.c.announced == row.announced)
    others = select(moves.c.resident).join(residents, residents.c.id == moves.c.resident)
    others = others.where(
        same, _OPEN, residents.c.closed.is_(None), residents.c.id != mine.resident
    )
    numbers = connection.execute(others.order_by(moves.c.id)).scalars()
    return Moving(
        row.announced, (mine, *(show_resident(connection, one, asking) for one in numbers))
    )


def close_moved(connection: Connection, code: ResidentCode, day: date, asking: Asking) -> None:
    """Close the record of who moved in elsewhere on a day, once, however often it is told.

    UnknownResident where there is none, or it was closed in another way. As `show_by_code`.
    """
    check_running(connection)
    whose = residents.c.code == code.reveal()
    row = connection.execute(
        select(residents.c.id, residents.c.closed, residents.c.reason).where(whose)
    ).one_or_none()
    if row is not None and row.closed is not None:
        if (row.closed, row.reason) != (day, ChangeReason.MOVED_OUT.value):
            raise UnknownResident
        return
    record = show_by_code(connection, code, asking)
    close_record(connection, record, ChangeReason.MOVED_OUT, day, asking.by)
    _end(connection, record.resident, day, _MOVED, asking.town)


def _end(
    connection: Connection, resident: int, day: date, outcome: str, town: str | None = None
) -> bool:
    ended = update(moves).where(moves.c.resident == resident, _OPEN)
    values = {"ended": day, "outcome": outcome, "moved_to": town}
    return connection.execute(ended.values(values)).rowcount == 1


def note_arrival(
    connection: Connection, resident: int, origin: str, moved: date, announced: date, by: By
) -> None:
    """Note that a resident gave notice today of having moved in from another town. Stopped.

    Under the code that they have now, by which the other town knows them.
    """
    check_running(connection)
    code = select(residents.c.code).where(residents.c.id == resident).scalar_subquery()
    connection.execute(
        insert(arrivals).values(
            resident=resident,
            code=code,
            origin=origin,
            moved=moved,
            announced=announced,
            notified=day_in_japan(by.at),
            operator=by.operator,
            terminal=by.terminal,
        )
    )


def last_arrival(connection: Connection, resident: int) -> Arrival | None:
    """Return how a resident came here last, if it was from another town with notice. Stopped."""
    check_running(connection)
    wanted = select(arrivals).where(arrivals.c.resident == resident).order_by(arrivals.c.id.desc())
    row = connection.execute(wanted.limit(1)).one_or_none()
    return None if row is None else _arrival(row)


def untold_arrivals(connection: Connection) -> list[Arrival]:
    """Return whose old town has not been told yet that they moved in, the first one first."""
    check_running(connection)
    rows = connection.execute(
        select(arrivals).where(arrivals.c.told.is_(None)).order_by(arrivals.c.id)
    )
    return [_arrival(row) for row in rows]


def note_told(connection: Connection, arrival: Arrival, by: By) -> None:
    """Note that the old town knows; once is enough. Stopped."""
    check_running(connection)
    untold = (arrivals.c.id == arrival.number) & arrivals.c.told.is_(None)
    connection.execute(update(arrivals).where(untold).values(told=by.at))


def _arrival(row: Row[tuple[object, ...]]) -> Arrival:
    return Arrival(
        row.id,
        row.resident,
        ResidentCode(row.code),
        row.origin,
        row.moved,
        row.announced,
        row.notified,
        row.told is not None,
    )
