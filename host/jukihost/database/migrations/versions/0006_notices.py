"""Notices by telephone that a card is lost, and the calls back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_NUMBER = sa.Integer().with_variant(sa.BigInteger, "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "register_notices",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("resident", _NUMBER, nullable=False),
        sa.Column("card", sa.LargeBinary, nullable=False),
        *_texts("caller", "caller_origin", "relation", "presented_by"),
        *_texts("reached", "reached_origin", "asked"),
        sa.Column("at", sa.BigInteger, nullable=False),
        *_texts("operator", "terminal"),
        sa.ForeignKeyConstraint(
            ["resident"], ["register_residents.id"], name="fk_register_notices_resident"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_register_notices"),
    )
    for column in ("resident", "card"):
        op.create_index(f"ix_register_notices_{column}", "register_notices", [column])
    op.create_table(
        "register_callbacks",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("notice", _NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *_texts("operator", "terminal"),
        sa.Column("answered", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(
            ["notice"], ["register_notices.id"], name="fk_register_callbacks_notice"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_register_callbacks"),
    )
    op.create_index("ix_register_callbacks_notice", "register_callbacks", ["notice"])


def _texts(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]
