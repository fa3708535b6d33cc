"""The tests of a stored log have a terminal's database, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jukihost.clock import MovableClock
from jukihost.database import Database, open_database
from tests.support.host.databases import (
    address,
    clock,
    database,
    made,
    postgresql_server,
    sqlite_template,
)
from tests.support.host.storedtown import StoredTown

__all__ = ["address", "clock", "database", "postgresql_server", "sqlite_template"]


@pytest.fixture
def stored(database: Database, clock: MovableClock, tmp_path: Path) -> StoredTown:
    """A town whose log is in a database, with nothing in it, and its witness."""
    return StoredTown(database, clock, tmp_path / "witness.json")


@pytest.fixture
def in_file(
    request: pytest.FixtureRequest, clock: MovableClock, tmp_path: Path
) -> Iterator[StoredTown]:
    """The same in a file, for what does not depend on the database."""
    with (
        made("sqlite", request, tmp_path) as address,
        open_database(address, clock=clock, terminal="counter-1") as database,
    ):
        yield StoredTown(database, clock, tmp_path / "witness.json")
