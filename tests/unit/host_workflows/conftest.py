"""Fixtures of the procedures' tests: a town's counter on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture
def counter(database: Database, clock: MovableClock) -> Counter:
    """A town's counter."""
    return Counter(database, clock)


@pytest.fixture(params=KINDS)
def towns(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Towns]:
    """Two towns that reach each other."""
    with two_towns(request, tmp_path, clock, request.param) as towns:
        yield towns
