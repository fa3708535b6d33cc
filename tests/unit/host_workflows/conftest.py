"""Fixtures of the procedures' tests: a town's counter on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zlib import crc32

import pytest

from jukihost.clock import MovableClock
from jukihost.database import Database
from tests.support.host.counters import Counter
from tests.support.host.databases import (
    KINDS,
    address,
    clock,
    database,
    postgresql_server,
    sqlite_template,
)
from tests.support.host.towns import Towns, two_towns

__all__ = ["address", "clock", "counter", "database", "postgresql_server", "sqlite_template"]

_EVERY: Final = 6
"""Of so many cases on PostgreSQL a short run has one, the same each time."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave most of the cases on PostgreSQL to the long run: every one has been tried on SQLite."""
    here = Path(__file__).parent
    for item in items:
        server = item.path.parent == here and "postgresql" in item.name.partition("[")[2]
        if server and crc32(item.nodeid.encode()) % _EVERY:
            item.add_marker(pytest.mark.soak)


@pytest.fixture
def counter(database: Database, clock: MovableClock) -> Counter:
    """A town's counter."""
    return Counter(database, clock)


@pytest.fixture(params=KINDS)
def towns(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Towns]:
    """Two towns that reach each other."""
    with two_towns(request, tmp_path, clock, request.param) as towns:
        yield towns
