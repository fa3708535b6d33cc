"""A database of every earlier version, with rows in all of its tables, becomes one of this version.

The rows are this version's program's own, in the tables and columns that there were then: steps of
the history are never changed, and `test_schema` holds them to the tables of today.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import alembic.command
import pytest
from sqlalchemy import Connection, MetaData, Table, func, insert, select

from jukihost.clock import MovableClock
from jukihost.database import Database, SchemaOlder, metadata, open_database, upgrade_database
from jukihost.database.address import read_address
from jukihost.database.engine import make_engine
from jukihost.database.schema import HISTORY, versions
from jukihost.ledger import (
    STANDINGS,
    CardAct,
    Reason,
    find_card,
    find_intent,
    move_card,
    settle_intent,
)
from jukihost.log import Witness
from jukihost.register import Item, show_resident
from tests.support.host.databases import NOON
from tests.support.host.ledgers import BY
from tests.support.host.postgresql import Server
from tests.support.host.residents import APPROVED, RESIDENT
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES, LOG_KEY, POLICY, SEEN_BY, WITNESS
from tests.unit.host_database.filled import ACTIVE, IDENTIFIER, RESIDENT_NUMBER, fill

EARLIER: Final = versions()[:-1]
SHORT: Final = "0004"
"""The version that every run upgrades on a server; the long one upgrades all of them there."""
_SERVER: Final = [pytest.mark.interop, pytest.mark.xdist_group("postgresql")]
CASES: Final = [("sqlite", version) for version in EARLIER] + [
    pytest.param(
        "postgresql",
        version,
        marks=_SERVER if version == SHORT else [*_SERVER, pytest.mark.soak],
    )
    for version in EARLIER
]

Rows = dict[str, list[dict[str, Any]]]


class Filled:
    """What a filled database of this version has, and the witness of its log."""

    def __init__(self, folder: Path) -> None:
        place, clock = folder / "terminal.db", MovableClock(NOON)
        upgrade_database(place)
        with open_database(place, clock=clock, terminal="counter-1") as database:
            self.state = fill(database, clock, folder)
        self.now: datetime = clock.now()
        self.witness = folder / "witness.json"
        self.rows = rows_of(str(place))


@contextmanager
def connected(address: str) -> Iterator[Connection]:
    """Write to a database of any version, behind the program's back."""
    engine = make_engine(read_address(address))
    try:
        options = {"jukihost_writes": True}
        with engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection
    finally:
        engine.dispose()


def rows_of(address: str) -> Rows:
    """Every row of every table, whatever the version."""
    with connected(address) as connection:
        found = MetaData()
        found.reflect(connection)
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in found.sorted_tables
            if table.name != HISTORY
        }


def put(address: str, rows: Rows) -> Rows:
    """Put rows where there is a table and columns for them; return what there is then."""
    with connected(address) as connection:
        found = MetaData()
        found.reflect(connection)
        for table in found.sorted_tables:
            if table.name == HISTORY:
                continue
            connection.execute(table.delete())
            for row in rows[table.name]:
                there = {name: row[name] for name in row if name in table.c}
                connection.execute(insert(table).values(there))
            _continue_numbers(connection, table)
    return rows_of(address)


def _continue_numbers(connection: Connection, table: Table) -> None:
    if connection.dialect.name != "postgresql" or "id" not in table.c:
        return
    name = func.pg_get_serial_sequence(table.name, "id")
    if connection.execute(select(name)).scalar():
        last = select(func.max(table.c.id)).scalar_subquery()
        connection.execute(select(func.setval(name, last)))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    return Filled(tmp_path_factory.mktemp("filled"))


def test_every_table_of_this_version_has_rows_here(filled: Filled) -> None:
    """Whoever adds a table gives it a row in `filled.py`."""
    assert set(filled.rows) == set(metadata.tables)
    assert [name for name, rows in filled.rows.items() if not rows] == []


@pytest.mark.parametrize(("kind", "version"), CASES)
def test_a_database_of_an_earlier_version_keeps_every_row_and_goes_on(
    kind: str,
    version: str,
    filled: Filled,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = str(tmp_path / "terminal.db")
    if kind == "postgresql":
        server: Server = request.getfixturevalue("postgresql_server")
        address = server.make(f"of_{version}")
        request.addfinalizer(lambda: server.drop(f"of_{version}"))
    upgrade = alembic.command.upgrade
    with monkeypatch.context() as earlier:
        earlier.setattr(alembic.command, "upgrade", lambda config, _: upgrade(config, version))
        upgrade_database(address)
    before = put(address, filled.rows)
    with pytest.raises(SchemaOlder):
        opened(address, filled)
    upgrade_database(address)
    after = rows_of(address)
    assert set(after) == set(metadata.tables)
    for name, rows in before.items():
        columns = list(rows[0])
        kept = [{column: row[column] for column in columns} for row in after[name]]
        assert sorted(map(repr, kept)) == sorted(map(repr, rows)), name
        assert rows, name
    with opened(address, filled) as database:
        _goes_on(database, version, filled, tmp_path)


def opened(address: str, filled: Filled) -> Database:
    return open_database(address, clock=MovableClock(filled.now), terminal="counter-1")


def _goes_on(database: Database, version: str, filled: Filled, folder: Path) -> None:
    """The program of this version reads what was there, and writes behind it."""
    if version >= "0002":
        _log_goes_on(database, filled, folder)
    if version >= "0003":
        _ledger_goes_on(database)
    if version >= "0004":
        with database.read() as connection:
            record = show_resident(connection, RESIDENT_NUMBER, APPROVED)
        assert record[Item.NAME] == RESIDENT.name
        assert record[Item.ADDRESS] == RESIDENT.address


def _log_goes_on(database: Database, filled: Filled, folder: Path) -> None:
    state = folder / "witness.json"
    shutil.copy(filled.witness, state)
    town = StoredTown.__new__(StoredTown)
    town.database, town.clock = database, database.clock  # type: ignore[assignment]
    town.prefecture = Witness(state, SEEN_BY, WITNESS, logs=[LOG_KEY])
    town.use(CODES[0])
    town.publish()
    assert town.verify().problems == ()
    shown = town.disclosure(CODES[0]).check(CODES[0], POLICY)
    assert len(shown.uses) == 92, "90 before the day, one was queued, one is new"
    assert shown.covered == 90


def _ledger_goes_on(database: Database) -> None:
    with database.begin() as connection:
        for number, standing in enumerate(STANDINGS, 1):
            assert find_card(connection, number.to_bytes(8, "big")).standing == standing
        intent = find_intent(connection, ACTIVE)
        assert intent
        settle_intent(connection, intent, intent.receipt, IDENTIFIER, BY)
        card = find_card(connection, ACTIVE)
        move_card(connection, card, CardAct.CHANGE, Reason.PIN, BY)
