"""Says in words what a driver reports; its own text may hold values of rows and goes nowhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, TimeoutError as PoolTimeout

from jukihost.database.errors import (
    AlreadyStored,
    DatabaseAway,
    DatabaseDamaged,
    DatabaseError,
    DatabaseFailed,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseRefused,
)

_SQLITE: Final[dict[int, type[DatabaseError]]] = {
    sqlite3.SQLITE_BUSY: DatabaseLocked,
    sqlite3.SQLITE_LOCKED: DatabaseLocked,
    sqlite3.SQLITE_FULL: DatabaseFull,
    sqlite3.SQLITE_READONLY: DatabaseReadOnly,
    sqlite3.SQLITE_PERM: DatabaseReadOnly,
    sqlite3.SQLITE_CANTOPEN: DatabaseAway,
    sqlite3.SQLITE_IOERR: DatabaseAway,
    sqlite3.SQLITE_CORRUPT: DatabaseDamaged,
    sqlite3.SQLITE_NOTADB: DatabaseDamaged,
}
"""By primary result code (sqlite.org, "Result and Error Codes")."""

_POSTGRESQL: Final[dict[str, type[DatabaseError]]] = {
    "08": DatabaseAway,
    "57P": DatabaseAway,
    "25P03": DatabaseAway,
    "28": DatabaseRefused,
    "3D": DatabaseRefused,
    "42501": DatabaseRefused,
    "53300": DatabaseLocked,
    "55P03": DatabaseLocked,
    "57014": DatabaseLocked,
    "40": DatabaseLocked,
    "53100": DatabaseFull,
    "25006": DatabaseReadOnly,
    "XX001": DatabaseDamaged,
    "XX002": DatabaseDamaged,
    "58": DatabaseAway,
}
"""By the beginning of SQLSTATE (PostgreSQL 15, appendix A)."""


@contextmanager
def told() -> Iterator[None]:
    """Turn what a driver raises into a DatabaseError."""
    try:
        yield
    except DBAPIError as error:
        raise said(error) from None
    except sqlite3.Error as error:
        raise _said_by_sqlite(error) or DatabaseFailed(type(error).__name__) from None
    except PoolTimeout:
        raise DatabaseLocked("every connection of this program is in use") from None


def said(error: DBAPIError) -> DatabaseError:
    """Return the error of ours that says what one of a driver means."""
    cause = error.orig
    if isinstance(error, IntegrityError):
        return AlreadyStored()
    if found := _said_by_sqlite(cause):
        return found
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):
        for length in (5, 3, 2):
            if kind := _POSTGRESQL.get(state[:length]):
                return kind(f"SQLSTATE {state}")
        return DatabaseFailed(f"SQLSTATE {state}")
    if error.connection_invalidated or type(cause).__name__ in _AWAY:
        return DatabaseAway()
    return DatabaseFailed(type(cause).__name__)


def _said_by_sqlite(cause: BaseException | None) -> DatabaseError | None:
    code = getattr(cause, "sqlite_errorcode", None)
    if not isinstance(code, int):
        return None
    return _SQLITE.get(code & 0xFF, DatabaseFailed)(getattr(cause, "sqlite_errorname", ""))


_AWAY: Final = frozenset({"OperationalError", "ConnectionTimeout"})
"""What psycopg raises without a SQLSTATE: before or after there is a connection."""
