"""Gives queued entries their place in the log, one sequencer at a time, and ends days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, select

from jukihost.clock import day_in_japan
from jukihost.database import Database
from jukihost.log.dayroots import take_in
from jukihost.log.entries import Day
from jukihost.log.stored import change_head, entry_at, extend, head_of
from jukihost.log.tables import queue

BATCH: Final = 10_000
"""The most entries that are sequenced in one transaction."""
GRACE: Final = timedelta(minutes=5)
"""How long after midnight a day ends: what was begun before has landed by then, or was undone."""


def sequence_log(database: Database, *, most: int = BATCH) -> int:
    """Sequence what is queued, up to `most` entries a transaction; return how many it were.

    Several may call it: one sequences, the others wait. What a power cut undoes is queued again.
    NoLog, NotAdopted, DatabaseError.
    """
    count = 0
    while True:
        with database.begin(durable=False) as connection:
            done = _sequence(connection, head_of(connection, hold=True), most)
        count += done
        if done < most:
            return count


def end_day(database: Database) -> Day | None:
    """Log the root over everybody's last entry for the day that is over, once; None otherwise.

    It covers what was queued when it is called. NoLog, NotAdopted, PlaceTaken, DatabaseError.
    """
    day = day_in_japan(database.clock.now() - GRACE) - timedelta(days=1)
    with database.read() as connection:
        if not _is_due(connection, head_of(connection), day):
            return None
    sequence_log(database)
    with database.begin(durable=False) as connection:
        head = head_of(connection, hold=True)
        if not _is_due(connection, head, day):
            return None
        while _sequence(connection, head, BATCH) == BATCH:
            head = head_of(connection)
        head = head_of(connection)
        count, root = take_in(connection, 0 if head.day_index is None else head.day_index + 1)
        ended = Day(day, count, root)
        extend(connection, head, [(bytes(ended), None, None)])
        change_head(connection, day_index=head.size)
    return ended


def _is_due(connection: Connection, head: Row[Any], day: date) -> bool:
    if head.day_index is None:
        return True
    entry = entry_at(connection, head.day_index)
    return entry is None or Day.parse(entry).day < day


def _sequence(connection: Connection, head: Row[Any], most: int) -> int:
    """Sequence up to `most` queued entries, in the order in which they were queued."""
    first = select(queue.c.id).order_by(queue.c.id).limit(most)
    taken = delete(queue).where(queue.c.id.in_(first)).returning(*queue.c)
    rows = sorted(connection.execute(taken), key=lambda row: row.id)
    extend(connection, head, [(row.entry, row.resident, row.at) for row in rows])
    return len(rows)
