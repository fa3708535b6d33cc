"""The certificates on the cards, and what their authority has been told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "ledger_certificates",
        sa.Column("serial", sa.Text, nullable=False),
        sa.Column("card", sa.LargeBinary, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("use", "state")),
        sa.Column("reason", sa.Integer),
        sa.Column("since", sa.BigInteger),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.Column("refused", sa.Text),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["card"], ["ledger_cards.number"], name="fk_ledger_certificates_card"
        ),
        sa.PrimaryKeyConstraint("serial", name="pk_ledger_certificates"),
    )
    op.create_index("ix_ledger_certificates_card", "ledger_certificates", ["card"])
    untold = sa.text("NOT told")
    op.create_index(
        "ix_ledger_certificates_untold",
        "ledger_certificates",
        ["serial"],
        sqlite_where=untold,
        postgresql_where=untold,
    )
