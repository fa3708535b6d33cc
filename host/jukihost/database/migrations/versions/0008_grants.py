"""Grants to unlock operator cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_NUMBER = sa.Integer().with_variant(sa.BigInteger, "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "ledger_grants",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("card", sa.LargeBinary, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("granted", sa.BigInteger, nullable=False),
        sa.Column("granted_by", sa.Text, nullable=False),
        sa.Column("terminal", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        *(sa.Column(name, sa.Text) for name in ("outcome", "ended_by", "ended_at")),
        sa.ForeignKeyConstraint(
            ["operator"], ["ledger_operators.identifier"], name="fk_ledger_grants_operator"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_grants"),
    )
    still = sa.text("ended IS NULL")
    op.create_index(
        "uq_ledger_grants_open",
        "ledger_grants",
        ["card"],
        unique=True,
        sqlite_where=still,
        postgresql_where=still,
    )
