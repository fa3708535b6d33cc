"""The municipal applications on the cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "ledger_applications",
        sa.Column("card", sa.LargeBinary, nullable=False),
        sa.Column("aid", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("terminal", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["card"], ["ledger_cards.number"], name="fk_ledger_applications_card"
        ),
        sa.PrimaryKeyConstraint("card", "aid", name="pk_ledger_applications"),
    )
