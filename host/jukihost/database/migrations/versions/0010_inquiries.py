"""Inquiry letters, and their answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_NUMBER = sa.Integer().with_variant(sa.BigInteger, "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "register_inquiries",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("resident", _NUMBER, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("sent", sa.Date, nullable=False),
        sa.Column("answered", sa.Date),
        sa.Column("withdrawn", sa.Date),
        sa.Column("operator", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["resident"], ["register_residents.id"], name="fk_register_inquiries_resident"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_register_inquiries"),
    )
    op.create_index("ix_register_inquiries_resident", "register_inquiries", ["resident"])
