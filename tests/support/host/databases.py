"""Databases for tests: fixtures of a fresh one on SQLite and on PostgreSQL, for a conftest.py."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from jukihost.clock import MovableClock
from jukihost.database import Database, open_database, upgrade_database
from tests.support.host.postgresql import Server, running

NOON: Final = datetime(2014, 4, 1, 3, tzinfo=UTC)
"""Noon in Japan, on the day that a test's clock says."""
_TEMPLATE: Final = "jukihost_template"
_numbers: Final = itertools.count(1)

KINDS: Final = [
    "sqlite",
    pytest.param("postgresql", marks=[pytest.mark.interop, pytest.mark.xdist_group("postgresql")]),
]
"""Both kinds of database; the server is one for all its tests."""


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A server with a template of a terminal's database."""
    with running() as server:
        upgrade_database(server.make(_TEMPLATE))
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables of a terminal's database."""
    path = tmp_path_factory.mktemp("template") / "terminal.db"
    upgrade_database(path)
    return path


@contextmanager
def made(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Make a terminal's database of a kind, and give its address."""
    number = next(_numbers)
    if kind == "sqlite":
        path = folder / f"terminal-{number}.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield str(path)
        return
    server: Server = request.getfixturevalue("postgresql_server")
    try:
        yield server.make(f"terminal_{number}", _TEMPLATE)
    finally:
        server.drop(f"terminal_{number}")


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a terminal's database without anything in it."""
    with made(request.param, request, tmp_path) as address:
        yield address


@pytest.fixture
def clock() -> MovableClock:
    """The clock of the terminal under test."""
    return MovableClock(NOON)


@pytest.fixture
def database(address: str, clock: MovableClock) -> Iterator[Database]:
    """A terminal's database without anything in it, open."""
    with open_database(address, clock=clock, terminal="counter-1") as database:
        yield database
