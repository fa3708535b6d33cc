"""Backups, made and brought back by an operator who may export, and logged."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from jukihost.database import (
    Clock,
    Database,
    backup_database,
    open_database,
    restore_database,
)
from jukihost.exports.asking import Asked, logged
from jukihost.ledger import By, Right, check_running, running
from jukihost.log import Outcome

BACKUP: Final = "backup of the database"
"""What the log says of a backup."""
RESTORE: Final = "database brought back from a backup"
"""What the log of a restored database says of that."""


def export_backup(database: Database, file: str | Path, operator: str) -> int:
    """Make a backup as `backup_database` does, for an operator with the right `EXPORT`.

    The entry in the log lands before the file is whole: no backup is without one. OperatorRefused,
    WordsRefused, Stopped; otherwise as `backup_database`.
    """
    asked = Asked(By.at_terminal(database, operator), Right.EXPORT, BACKUP)

    def enter() -> None:
        with running(database) as connection:
            asked.check(connection)
            asked.enter(connection, Outcome.DONE)

    with logged(database, asked):
        with database.read() as connection:
            check_running(connection)
            asked.check(connection)
        return backup_database(database, file, before=enter)


def restore_backup(
    file: str | Path, address: str | Path, operator: str, *, clock: Clock, terminal: str
) -> int:
    """Bring a backup back as `restore_database` does, for an operator of it who may export.

    The right is that which the backup's own ledger gives, and the new database's log says in the
    same transaction that it was brought back. A refusal is in no log: there is no database then.
    OperatorRefused, WordsRefused; otherwise as `restore_database`.
    """
    asked = Asked(By(operator, terminal, clock.now()), Right.EXPORT, RESTORE)
    with open_database(file, clock=clock, terminal=terminal) as backup, backup.read() as connection:
        asked.check(connection)

    def enter(connection: Connection) -> None:
        asked.check(connection)
        asked.enter(connection, Outcome.DONE)

    return restore_database(file, address, clock=clock, within=enter)
