"""The tests here have a terminal's database, on SQLite and on PostgreSQL."""

from __future__ import annotations

from tests.support.host.databases import (
    address,
    clock,
    database,
    postgresql_server,
    sqlite_template,
)

__all__ = ["address", "clock", "database", "postgresql_server", "sqlite_template"]
