"""The log of uses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_LONG = sa.Integer().with_variant(sa.BigInteger, "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "log_heads",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("day_index", sa.BigInteger),
        sa.Column("pruned", sa.BigInteger, nullable=False),
        sa.Column("hold", sa.Boolean, nullable=False),
        sa.Column("restored", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_log_heads"),
    )
    for name, count in (("log_residents", "number"), ("log_lasts", "count")):
        op.create_table(
            name,
            sa.Column("resident", sa.LargeBinary, nullable=False),
            sa.Column(count, sa.BigInteger, nullable=False),
            sa.Column("leaf", sa.LargeBinary, nullable=False),
            sa.PrimaryKeyConstraint("resident", name=f"pk_{name}"),
        )
    op.create_table(
        "log_queue",
        sa.Column("id", _LONG, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("resident", sa.LargeBinary),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_queue"),
    )
    op.create_table(
        "log_entries",
        sa.Column("leaf_index", _LONG, autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("resident", sa.LargeBinary),
        sa.Column("at", sa.BigInteger),
        sa.PrimaryKeyConstraint("leaf_index", name="pk_log_entries"),
    )
    op.create_index("ix_log_entries_resident", "log_entries", ["resident"])
    op.create_table(
        "log_tiles",
        sa.Column("level", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name="pk_log_tiles"),
    )
    op.create_table(
        "log_checkpoints",
        sa.Column("size", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("signed", sa.BigInteger, nullable=False),
        sa.Column("witnessed", sa.BigInteger),
        sa.PrimaryKeyConstraint("size", name="pk_log_checkpoints"),
    )
    op.create_table(
        "log_buckets",
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_log_buckets"),
    )
