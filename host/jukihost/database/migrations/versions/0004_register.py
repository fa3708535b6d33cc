"""The register: residents, family registers apart, changes, restrictions; the prefecture's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NUMBER = sa.Integer().with_variant(sa.BigInteger, "postgresql")
_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _seven() -> list[sa.Column[object]]:
    return [
        *_texts("code", "name", "name_origin", "address", "address_origin"),
        sa.Column("sex", sa.Integer, nullable=False),
        sa.Column("born", sa.Date, nullable=False),
        *_texts("reason"),
        sa.Column("changed", sa.Date, nullable=False),
    ]


def _beside() -> list[sa.Column[object]]:
    return [
        *_texts("alias", "alias_origin", nullable=True),
        sa.Column("household", sa.BigInteger, nullable=False),
        *_texts("relation"),
        sa.Column("residence_until", sa.Date),
    ]


def _to_resident(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["resident"], ["register_residents.id"], name=f"fk_{table}_resident"
    )


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "register_residents",
        sa.Column("id", _NUMBER, nullable=False),
        *_texts("municipality"),
        *_seven(),
        *_beside(),
        sa.Column("name_key", _KEY, nullable=False),
        sa.Column("alias_key", _KEY),
        sa.Column("notified", sa.Boolean, nullable=False),
        sa.Column("closed", sa.Date),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_register_residents"),
        sa.UniqueConstraint("code", name="uq_register_residents_code"),
    )
    for column in ("name_key", "alias_key", "household"):
        op.create_index(f"ix_register_residents_{column}", "register_residents", [column])
    op.create_table(
        "register_family",
        sa.Column("resident", _NUMBER, nullable=False),
        *_texts("domicile", "domicile_origin", "family_head", "family_head_origin"),
        _to_resident("register_family"),
        sa.PrimaryKeyConstraint("resident", name="pk_register_family"),
    )
    op.create_table(
        "register_changes",
        sa.Column("resident", _NUMBER, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *_texts("operator", "terminal"),
        *_seven(),
        *_beside(),
        _to_resident("register_changes"),
        sa.PrimaryKeyConstraint("resident", "version", name="pk_register_changes"),
    )
    op.create_table(
        "register_restrictions",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("resident", _NUMBER, nullable=False),
        *_texts("kind"),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("ended", sa.Date),
        *_texts("why_ended", nullable=True),
        *_texts("operator"),
        _to_resident("register_restrictions"),
        sa.PrimaryKeyConstraint("id", name="pk_register_restrictions"),
    )
    op.create_index("ix_register_restrictions_resident", "register_restrictions", ["resident"])
    op.create_table(
        "register_identities",
        *_texts("municipality"),
        *_seven(),
        sa.Column("restricted", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_register_identities"),
    )
