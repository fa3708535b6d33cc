"""Asks whether the emergency stop is on; below everything that reads or writes the ledger."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select, text

from jukihost.database.address import LONGEST_IDLE, LONGEST_STATEMENT
from jukihost.ledger.errors import Stopped
from jukihost.ledger.tables import switch

LOCK: Final = 5497162
"""PostgreSQL's advisory lock that a transaction shares and that turning the switch has alone."""
PATIENCE: Final = LONGEST_STATEMENT + LONGEST_IDLE
"""Seconds that turning the switch waits on PostgreSQL, longer than a writer that hangs lasts."""
_RAN: Final = "jukihost_ran"
"""Where a connection keeps the transaction in which it was asked last."""
_ASKED: Final = select(switch.c.running).where(switch.c.id == 1)


def check_running(connection: Connection) -> None:
    """Check, in this transaction, that nothing is stopped. Stopped.

    On PostgreSQL a transaction that writes holds a share of the switch until it ends; SQLite's
    writers follow each other anyway. One that reads sees the database as it was when it began. So
    no other one turns it for this transaction, and it is asked once in each.
    """
    transaction = connection.get_transaction()
    if transaction is not None and connection.info.get(_RAN) is transaction:
        return
    writes = connection.get_execution_options().get("jukihost_writes")
    if writes and connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock_shared({LOCK})"))
    if connection.execute(_ASKED).scalar_one_or_none() is not True:
        raise Stopped
    connection.info[_RAN] = transaction


def have_switch(connection: Connection) -> None:
    """Have the switch alone until the transaction ends; every other one that writes waits.

    On PostgreSQL the server ends a writer that hangs before this gives up; on SQLite DatabaseLocked
    after ten seconds.
    """
    connection.info.pop(_RAN, None)  # whoever has it may turn it in this transaction
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
