"""Backup and restoring: every table of a database, in one state, copied into another one.

A backup is a file like the terminal's own (SQLite), whatever the database is, so that a program of
its version, and no other, reads it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)

from jukihost.clock import Clock
from jukihost.database.address import read_address
from jukihost.database.engine import Database, open_database
from jukihost.database.errors import AddressError
from jukihost.database.schema import HISTORY, make_file, upgraded
from jukihost.database.tables import Instant

_PIECE: Final = 1_000


def backup_database(
    database: Database, file: str | Path, *, before: Callable[[], object] | None = None
) -> int:
    """Copy everything, as it is at one moment, into a new file of its owner's alone.

    before: called when all is copied and has not landed yet; what it raises undoes the backup.
    `jukihost.exports` asks who may make one. The copy's log is stopped as a restored one's is:
    opened as it is, it goes on after
    `jukihost.log.adopt_log` only. Return how many rows. AddressError where the file, or what SQLite
    would lay beside it, is there already; DatabaseError: a file that is not whole is removed.
    """
    place = Path(file)
    read_address(place)  # a folder, a network drive
    if any(os.path.lexists(name) for name in _files(place)):
        raise AddressError(
            "the backup's file, or one that SQLite lays beside it (-wal, -shm, -journal), is there "
            "already; choose another name"
        )
    with (
        _whole_or_gone(place),
        database.read() as source,
        upgraded(place, new=True) as target,
    ):
        count = _copy(source, target)
        _stop_log(target, database.clock)
        if before:
            before()
        return count


def restore_database(
    file: str | Path,
    address: str | Path,
    *,
    clock: Clock,
    within: Callable[[Connection], object] | None = None,
) -> int:
    """Copy a backup into a database that has no tables yet; return how many rows.

    within: called in the transaction of the new database when all is copied, which it may refuse.

    Tables and rows land in one transaction; the log goes on after `jukihost.log.adopt_log` only.
    A file that was not there before is gone again if that fails. AddressError for a database that
    holds something; SchemaOlder and SchemaNewer for a backup of another version.
    """
    place = read_address(address).file
    new = place is not None and not any(os.path.lexists(name) for name in _files(place))
    with (
        open_database(file, clock=clock, terminal="backup") as backup,
        backup.read() as source,
        _whole_or_gone(place if new else None),
        upgraded(address, new=True) as target,
    ):
        count = _copy(source, target)
        _stop_log(target, clock)
        if within:
            within(target)
        return count


def _stop_log(connection: Connection, clock: Clock) -> None:
    """Let the log of a copy sign no tree of its own: its origin and key are the first one's."""
    heads = Table("log_heads", MetaData(), Column("restored", Instant))
    connection.execute(update(heads).values(restored=clock.now()))


def _files(place: Path) -> list[Path]:
    """Return the names of every file that SQLite makes for one database."""
    return [place.with_name(place.name + end) for end in ("", "-journal", "-wal", "-shm")]


@contextmanager
def _whole_or_gone(place: Path | None) -> Iterator[None]:
    """Make a database's file, and remove what is made for it, no other, if what follows fails."""
    if place:
        make_file(place, os.O_EXCL)
    try:
        yield
    except BaseException:
        for left in _files(place) if place else []:
            left.unlink(missing_ok=True)
        raise


def _tables(connection: Connection) -> Iterator[Table]:
    """Yield every table but those of the database itself, what is referred to first."""
    found = MetaData()
    found.reflect(connection)
    for table in found.sorted_tables:
        if table.name not in (HISTORY, "database_clocks"):
            yield table


def _copy(source: Connection, target: Connection) -> int:
    """Copy every row, in place of those that a new database begins with."""
    there = {table.name: table for table in _tables(target)}
    for table in reversed(there.values()):
        target.execute(delete(table))
    count = 0
    for table in _tables(source):
        stream = {"stream_results": True, "yield_per": _PIECE}
        for rows in source.execute(select(table), execution_options=stream).mappings().partitions():
            target.execute(insert(there[table.name]), [dict(row) for row in rows])
            count += len(rows)
        _continue_numbers(target, there[table.name])
    return count


def _continue_numbers(connection: Connection, table: Table) -> None:
    """Let a server go on numbering behind what was copied; SQLite does by itself."""
    if connection.dialect.name != "postgresql":
        return
    for column in inspect(connection).get_columns(table.name):
        name = connection.execute(
            select(func.pg_get_serial_sequence(table.name, column["name"]))
        ).scalar()
        if name:
            last = select(func.coalesce(func.max(table.c[column["name"]]), 0) + 1)
            connection.execute(select(func.setval(name, last.scalar_subquery(), text("false"))))
