"""What follows an intent in the ledger; gaps between cards' receipts and the ledger, as alarms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_NUMBER = sa.Integer().with_variant(sa.BigInteger, "postgresql")


def upgrade() -> None:
    """Add the columns, and make the table."""
    for name in ("act", "reason"):
        op.add_column("ledger_intents", sa.Column(name, sa.Text))
    op.create_table(
        "ledger_gaps",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("card", sa.LargeBinary, nullable=False),
        *_receipt("said"),
        *_receipt("had"),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("operator", "terminal")),
        sa.Column("settled", sa.BigInteger),
        *(sa.Column(name, sa.Text) for name in ("settled_by", "settled_at")),
        sa.Column("accepted", sa.Boolean),
        sa.Column("why", sa.Text),
        sa.ForeignKeyConstraint(["card"], ["ledger_cards.number"], name="fk_ledger_gaps_card"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_gaps"),
    )
    unsettled = sa.text("settled IS NULL")
    op.create_index(
        "uq_ledger_gaps_open",
        "ledger_gaps",
        ["card", "said_receipt", "said_intent"],
        unique=True,
        sqlite_where=unsettled,
        postgresql_where=unsettled,
    )


def _receipt(who: str) -> list[sa.Column[object]]:
    return [
        sa.Column(f"{who}_receipt", sa.BigInteger, nullable=False),
        sa.Column(f"{who}_intent", sa.LargeBinary, nullable=False),
    ]
