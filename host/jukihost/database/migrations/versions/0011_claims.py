"""Which card was taken for which row of a list of people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "ledger_claims",
        sa.Column("card", sa.LargeBinary, nullable=False),
        sa.Column("batch", sa.Text, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("claimed", sa.BigInteger, nullable=False),
        sa.Column("done", sa.BigInteger),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("terminal", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["card"], ["ledger_cards.number"], name="fk_ledger_claims_card"),
        sa.PrimaryKeyConstraint("card", name="pk_ledger_claims"),
    )
