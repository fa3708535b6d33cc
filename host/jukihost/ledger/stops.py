"""The emergency stop: one switch for every procedure of every terminal, turned by two operators.

Protection comes first: where the switch cannot be read, because the database is away or its row is
not there, nothing goes on. Whatever reads or writes the ledger asks it in its own transaction.
Turning it waits until every transaction that writes has ended, and those that wait behind it see it
turned: once `stop` is committed, nothing that began before lands any more. A writer that hangs does
not keep it from being turned on PostgreSQL: the server ends that one, and what it wrote is undone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from jukihost.database import Database
from jukihost.ledger.acting import By
from jukihost.ledger.errors import ChangedMeanwhile, OperatorRefused
from jukihost.ledger.operators import check_right
from jukihost.ledger.roles import Right
from jukihost.ledger.switching import check_running, have_switch
from jukihost.ledger.tables import switch, switched
from jukihost.ledger.words import check_words


@dataclass(frozen=True, slots=True)
class Turned:
    """One turn of the switch: when, to what, by which two operators, where, and why."""

    at: datetime
    running: bool
    first: str
    second: str
    terminal: str
    why: str


def stop(connection: Connection, by: By, second: str, why: str) -> None:
    """Stop every procedure. ChangedMeanwhile (it is stopped), OperatorRefused, WordsRefused."""
    _turn(connection, by, second, why, running=False)


def lift_stop(connection: Connection, by: By, second: str, why: str) -> None:
    """Let procedures go on. ChangedMeanwhile (they do), OperatorRefused, WordsRefused."""
    _turn(connection, by, second, why, running=True)


def _turn(connection: Connection, by: By, second: str, why: str, *, running: bool) -> None:
    if by.operator == second:
        raise OperatorRefused("the emergency stop is turned by two operators, not by one twice")
    check_words("reason", why)
    for operator in (by.operator, second):
        check_right(connection, operator, Right.STOP, by.at)
    have_switch(connection)
    turned = connection.execute(
        update(switch)
        .where(switch.c.id == 1, switch.c.running.is_(not running))
        .values(running=running, version=switch.c.version + 1)
        .returning(switch.c.version)
    ).scalar_one_or_none()
    if turned is None:
        raise ChangedMeanwhile
    connection.execute(
        insert(switched).values(
            version=turned,
            at=by.at,
            running=running,
            first=by.operator,
            second=second,
            terminal=by.terminal,
            why=why,
        )
    )


def turns(connection: Connection) -> list[Turned]:
    """Return every turn of the switch, the first one first; also while everything is stopped."""
    rows = connection.execute(select(switched).order_by(switched.c.version))
    return [
        Turned(row.at, row.running, row.first, row.second, row.terminal, row.why) for row in rows
    ]


@contextmanager
def running(database: Database) -> Iterator[Connection]:
    """Give a transaction that writes, for a procedure: not while the emergency stop is on.

    Stopped, DatabaseError where the ledger is out of reach.
    """
    with database.begin() as connection:
        check_running(connection)
        yield connection
