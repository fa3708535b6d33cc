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

_APART: Final = {"sqlite": 3, "postgresql": 6}
"""Of so many cases that are cut, or on a server at all, a short run has one, always the same."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave most of the cases that are cut, and most on PostgreSQL, to the long run."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent != here or not isinstance(item, pytest.Function):
            continue
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        server = "postgresql" in parameters.values()
        if not server and not parameters.keys() & {"cut", "trouble"}:
            continue
        apart = _APART["postgresql" if server else "sqlite"]
        if crc32(item.name.encode()) % apart:
            item.add_marker(pytest.mark.soak)


@pytest.fixture
def counter(database: Database, clock: MovableClock) -> Iterator[Counter]:
    """A town's counter; whatever is done there, each derivation of a key is counted in the log."""
    counter = Counter(database, clock)
    yield counter
    assert counter.uncounted() == {}


@pytest.fixture(params=KINDS)
def towns(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Towns]:
    """Two towns that reach each other."""
    with two_towns(request, tmp_path, clock, request.param) as towns:
        yield towns
