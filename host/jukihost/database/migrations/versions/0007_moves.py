"""The register's moves: who announced that they move out, and who moved in from where."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_NUMBER = sa.Integer().with_variant(sa.BigInteger, "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _make(
        "register_moves",
        sa.Column("together", sa.BigInteger, nullable=False),
        sa.Column("announced", sa.Date, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.Date),
        *(sa.Column(name, sa.Text) for name in ("outcome", "moved_to")),
    )
    op.create_index("ix_register_moves_together", "register_moves", ["together"])
    still = sa.text("ended IS NULL")
    op.create_index(
        "uq_register_moves_open",
        "register_moves",
        ["resident"],
        unique=True,
        sqlite_where=still,
        postgresql_where=still,
    )
    _make(
        "register_arrivals",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("code", "origin")),
        *(sa.Column(name, sa.Date, nullable=False) for name in ("moved", "announced", "notified")),
        sa.Column("told", sa.BigInteger),
    )


def _make(table: str, *columns: sa.Column[Any]) -> None:
    """Make a table of something that an operator noted of a resident."""
    op.create_table(
        table,
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("resident", _NUMBER, nullable=False),
        *columns,
        *(sa.Column(name, sa.Text, nullable=False) for name in ("operator", "terminal")),
        sa.ForeignKeyConstraint(
            ["resident"], ["register_residents.id"], name=f"fk_{table}_resident"
        ),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_resident", table, ["resident"])
