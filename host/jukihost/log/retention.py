"""Ends the term of old uses: content and salt go, also from the file; hashes stay, and proofs hold.

What is left of a pruned entry is the hash of a leaf, which nobody can guess without its salt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from jukihost.clock import JAPAN, day_in_japan
from jukihost.database import Database, DatabaseLocked
from jukihost.database.told import told
from jukihost.log.entries import DAY, YEARS, Day, Pruned, over
from jukihost.log.stored import change_head, extend, head_of
from jukihost.log.tables import entries, queue
from jukihost.log.tree import LogError


class TooEarly(LogError):
    """Uses are to be pruned before their term is over."""


def prune_log(database: Database, *, years: int = YEARS, compact: bool = True) -> Pruned | None:
    """Remove the uses whose term is over; return what the log says of it, None for nothing to do.

    A use is kept for `years` from its day in Japan, seven or more, and as long as one before it is;
    one that landed after its day had ended, as those of the next day.
    With `compact` the file is written anew without them, which takes as long as copying it and
    needs the room; without, their bytes are overwritten where they are (SQLite) or stay until the
    server cleans up. Ran into an error, it is called again. TooEarly, NoLog, DatabaseError.
    """
    with database.begin() as connection:
        made = remove_old(connection, database.clock.now(), years)
    clean_removed(database, compact=compact)
    return made


def remove_old(connection: Connection, now: datetime, years: int = YEARS) -> Pruned | None:
    """Remove the uses whose term is over, for who has more to do in the same transaction.

    As `prune_log`; `clean_removed` follows once the transaction has landed. TooEarly, NoLog.
    """
    oldest = first_kept(now, years)
    begins = datetime.combine(oldest, time(), JAPAN)
    place = entries.c.leaf_index
    head = head_of(connection, hold=True)
    kept = select(place).where(place >= head.pruned, entries.c.at >= begins)
    below = connection.execute(kept.order_by(place).limit(1)).scalar()
    below = head.size if below is None else below
    below = _days_passed(connection, below, oldest - timedelta(days=1))
    old = delete(entries).where(place < below, entries.c.at.is_not(None))
    count = connection.execute(old).rowcount
    if not count:
        return None
    made = Pruned(now, count, below, oldest - timedelta(days=1))
    extend(connection, head, [(bytes(made), None, None)])
    change_head(connection, pruned=below)
    return made


_EVER: Final = 1000
"""More years than a log has; a calendar ends, and who keeps uses for longer keeps them all."""


def first_kept(now: datetime, years: int = YEARS) -> date:
    """Return the first day in Japan of which everything is still kept at a moment. TooEarly."""
    if years < YEARS:
        raise TooEarly(f"a use is kept for {YEARS} years at least; give {YEARS} or more")
    return _oldest_kept(day_in_japan(now), min(years, _EVER))


def _days_passed(connection: Connection, below: int, until: date) -> int:
    """Return up to where the ends of days let uses of `until` and before go.

    A use behind the end of a day counts as later than that day, one before the first end as of it:
    so the ends of days show that nothing was removed before its time.
    """
    wanted = select(entries.c.leaf_index, entries.c.entry).where(entries.c.at.is_(None))
    wanted = wanted.order_by(entries.c.leaf_index)
    first = connection.execute(wanted.limit(1)).first()
    if first and first.entry.startswith(DAY) and Day.parse(first.entry).day > until:
        return 0
    for row in connection.execute(wanted.where(entries.c.leaf_index < below)):
        day = Day.parse(row.entry).day if row.entry.startswith(DAY) else date.min
        if day >= until:
            index: int = row.leaf_index
            return index + (day == until)
    return below


def _oldest_kept(today: date, years: int) -> date:
    """Return the oldest day whose uses are kept."""
    day = today - timedelta(days=366 * years + 1)
    while over(day, today, years):
        day += timedelta(days=1)
    return day


def clean_removed(database: Database, *, compact: bool = True) -> None:
    """Leave no byte of what was removed in the file, nor in what SQLite keeps beside it.

    As `prune_log`. Ran into an error, it is called again. DatabaseError.
    """
    if database.dialect == "postgresql":
        with _bare(database) as cursor:
            cursor.execute("SET statement_timeout = 0")
            for table in (entries, queue):  # every entry was in both
                cursor.execute(f"VACUUM {'(FULL)' if compact else ''} {table.name}")
            cursor.execute("RESET statement_timeout")
        return
    with _bare(database) as cursor:
        cursor.execute("PRAGMA query_only=OFF")
        if compact:
            cursor.execute("VACUUM")
        busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise DatabaseLocked("what was removed may still stand beside the file")


@contextmanager
def _bare(database: Database) -> Iterator[Any]:
    """Give a cursor outside any transaction, as VACUUM wants it."""
    with told(), database.engine.connect() as connection:
        if database.dialect == "postgresql":
            connection.begin().rollback()  # a connection that died while it was kept shows here
        cursor = connection.connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()
