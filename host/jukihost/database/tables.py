"""What every table has in common, and the one table of the database itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Executable, MetaData, Row, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of the terminal: of database, register, ledger and log."""

INSERTS: Final[dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""For each dialect, an INSERT that knows what to do with a row that is there already."""


def insert_new(connection: Connection, table: Table, columns: dict[str, object]) -> Row[Any] | None:
    """Insert a row and return it; None where something that is unique was there already."""
    return connection.execute(_new(connection.dialect.name, table), columns).first()


@cache
def _new(dialect: str, table: Table) -> Executable:
    return INSERTS[dialect](table).on_conflict_do_nothing().returning(*table.c)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment with its zone; in the database microseconds since 1970 in UTC, exact everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


clocks: Final = Table(
    "database_clocks",
    metadata,
    Column("terminal", Text, primary_key=True),
    Column("seen", Instant, nullable=False),
)
"""The last time that each terminal's clock said."""
