"""Which tables a database has: made, brought to this version's, or refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib import resources
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Text, column, inspect, select, table, text

from jukihost.database.address import read_address
from jukihost.database.errors import AddressError, NoSchema, SchemaNewer, SchemaOlder
from jukihost.database.told import told

_MIGRATIONS: Final = "jukihost.database.migrations"
HISTORY: Final = "database_history"
"""The table that says which version the others are of."""


def versions() -> list[str]:
    """Return every version of the tables, the first one first: the numbers of the migrations."""
    files = resources.files(f"{_MIGRATIONS}.versions").iterdir()
    return sorted(found[1] for file in files if (found := re.match(r"(\d{4})_\w+\.py$", file.name)))


def check_schema(connection: Connection) -> None:
    """Check whose the tables are. NoSchema, SchemaOlder, SchemaNewer, AddressError."""
    if not inspect(connection).has_table(HISTORY):
        raise NoSchema
    found = connection.execute(
        select(column("version_num", Text)).select_from(table(HISTORY))
    ).scalar_one_or_none()
    if found is None:
        raise NoSchema
    known = versions()
    if found not in known:
        raise SchemaNewer(found)
    if found != known[-1]:
        raise SchemaOlder(found)
    _check_encoding(connection)


def _check_encoding(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise AddressError(
            f"the database keeps its text in {encoding}, which has not all characters of names; "
            "make it anew with ENCODING 'UTF8'"
        )


def upgrade_database(address: str | Path) -> None:
    """Make the tables, or bring those of an earlier version to this one, in one transaction.

    A file that is not there is made, readable to its owner alone. Make a backup before.
    SchemaNewer, AddressError, DatabaseError.
    """
    with upgraded(address):
        pass


@contextmanager
def upgraded(address: str | Path, *, new: bool = False) -> Iterator[Connection]:
    """Give the transaction in which `upgrade_database` works; what is written in it lands with it.

    `new`: AddressError where there is a terminal's database already. As `upgrade_database`.
    """
    from jukihost.database.engine import make_engine

    place = read_address(address)
    if place.file is not None:
        make_file(place.file)
    engine = make_engine(place, create=True)
    options = {"jukihost_writes": True}
    try:
        with (
            told(),
            engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            _upgrade(connection, new)
            yield connection
    finally:
        engine.dispose()


def make_file(file: Path, flags: int = 0) -> None:
    """Make an empty file that is its owner's alone; `flags` are open(2)'s. AddressError."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | flags, 0o600))
    except OSError as error:
        raise AddressError(f"the database's file cannot be made: {error.strerror}") from None


def _upgrade(connection: Connection, new: bool) -> None:
    from alembic import command
    from alembic.config import Config

    _hold_alone(connection)
    try:
        with suppress(SchemaOlder, SchemaNewer) if new else nullcontext():
            check_schema(connection)
        if new:
            raise AddressError("the database holds something already; restore into a new one")
    except (NoSchema, SchemaOlder):
        _check_encoding(connection)
        config = Config()
        config.set_main_option("script_location", str(resources.files(_MIGRATIONS)))
        config.attributes["connection"] = connection
        config.attributes["history"] = HISTORY
        command.upgrade(config, "head")


def _hold_alone(connection: Connection) -> None:
    """Let nobody else upgrade meanwhile; SQLite's transaction sees to that itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(5497161)"))
