"""Fixtures of the procedures' tests: a town's counter on both kinds of database."""

from __future__ import annotations

import pytest

from jukihost.clock import MovableClock
from jukihost.database import Database
from tests.support.host.counters import Counter
from tests.support.host.databases import (
    address,
    clock,
    database,
    postgresql_server,
    sqlite_template,
)

__all__ = ["address", "clock", "counter", "database", "postgresql_server", "sqlite_template"]


@pytest.fixture
def counter(database: Database, clock: MovableClock) -> Counter:
    """A town's counter."""
    return Counter(database, clock)
