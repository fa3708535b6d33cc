"""Whatever a database reports is said in words, each fault as one kind, without its own text."""

from __future__ import annotations

import sqlite3
from typing import Final

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError

from jukihost.clock import MovableClock
from jukihost.database import (
    AlreadyStored,
    Database,
    DatabaseAway,
    DatabaseDamaged,
    DatabaseError,
    DatabaseFailed,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseRefused,
    open_database,
)
from jukihost.database.address import LONGEST_IDLE, LONGEST_STATEMENT, WAIT
from jukihost.database.tables import clocks
from jukihost.database.told import said
from tests.support.host.databases import NOON
from tests.support.host.postgresql import Server

SECRET: Final = "12345678903"
FILE: Final[dict[int, type[DatabaseError]]] = {
    sqlite3.SQLITE_BUSY_SNAPSHOT: DatabaseLocked,
    sqlite3.SQLITE_LOCKED_SHAREDCACHE: DatabaseLocked,
    sqlite3.SQLITE_FULL: DatabaseFull,
    sqlite3.SQLITE_READONLY_DBMOVED: DatabaseReadOnly,
    sqlite3.SQLITE_PERM: DatabaseReadOnly,
    sqlite3.SQLITE_CANTOPEN_ISDIR: DatabaseAway,
    sqlite3.SQLITE_IOERR_FSYNC: DatabaseAway,
    sqlite3.SQLITE_IOERR_WRITE: DatabaseAway,
    sqlite3.SQLITE_CORRUPT_INDEX: DatabaseDamaged,
    sqlite3.SQLITE_NOTADB: DatabaseDamaged,
    sqlite3.SQLITE_TOOBIG: DatabaseFailed,
}
"""By result code, extended ones too (sqlite.org, "Result and Error Codes")."""
SERVER: Final[dict[str, type[DatabaseError]]] = {
    "08006": DatabaseAway,
    "23503": AlreadyStored,
    "25006": DatabaseReadOnly,
    "25P03": DatabaseAway,
    "28000": DatabaseRefused,
    "3D000": DatabaseRefused,
    "40001": DatabaseLocked,
    "40P01": DatabaseLocked,
    "42501": DatabaseRefused,
    "42P01": DatabaseFailed,
    "53100": DatabaseFull,
    "53300": DatabaseLocked,
    "55P03": DatabaseLocked,
    "57014": DatabaseLocked,
    "57P01": DatabaseAway,
    "58030": DatabaseAway,
    "XX001": DatabaseDamaged,
    "XX002": DatabaseDamaged,
}
"""By SQLSTATE (PostgreSQL 15, appendix A)."""


@pytest.mark.parametrize(("code", "kind"), FILE.items())
def test_whatever_a_file_reports(code: int, kind: type[DatabaseError]) -> None:
    cause = sqlite3.OperationalError(SECRET)
    cause.sqlite_errorcode, cause.sqlite_errorname = code, "SQLITE_X"
    found = said(OperationalError("INSERT", None, cause))
    assert type(found) is kind
    assert SECRET not in f"{found!s} {found!r}"


@pytest.mark.interop
@pytest.mark.xdist_group("postgresql")
def test_whatever_a_server_reports(postgresql_server: Server) -> None:
    """It reports it in the middle of a transaction, of which nothing is left."""
    address = postgresql_server.make("told", "jukihost_template")
    with open_database(address, clock=MovableClock(NOON), terminal="a") as database:
        for state, kind in SERVER.items():
            with pytest.raises(kind) as raised:
                _report(database, state)
            assert type(raised.value) is kind, state
            assert SECRET not in f"{raised.value!s} {raised.value!r}"
            with database.read() as connection:
                assert connection.execute(select(clocks.c.terminal)).scalars().all() == ["a"]
    postgresql_server.drop("told")


@pytest.mark.interop
@pytest.mark.xdist_group("postgresql")
def test_no_wait_for_a_server_is_without_a_bound(postgresql_server: Server) -> None:
    bounds = {
        "lock_timeout": WAIT,
        "statement_timeout": LONGEST_STATEMENT,
        "idle_in_transaction_session_timeout": LONGEST_IDLE,
    }
    address = postgresql_server.address("jukihost_template")
    wanted = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
    with (
        open_database(address, clock=MovableClock(NOON), terminal="a") as database,
        database.read() as connection,
    ):
        found = connection.execute(wanted, {"names": list(bounds)}).all()
    assert {row.name: int(row.setting) for row in found} == {
        name: seconds * 1000 for name, seconds in bounds.items()
    }


def _report(database: Database, state: str) -> None:
    """Have the server report this, with a secret in its words, behind something written."""
    said_so = f"RAISE EXCEPTION '{SECRET}' USING ERRCODE = '{state}'"
    with database.begin() as connection:
        connection.execute(insert(clocks).values(terminal="other", seen=NOON))
        connection.execute(text(f"DO $$ BEGIN {said_so}; END $$"))
