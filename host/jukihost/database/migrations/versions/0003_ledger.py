"""The ledger: its switch, on; cards, events, intents, operators and their cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_NUMBER = sa.Integer().with_variant(sa.BigInteger, "postgresql")


def upgrade() -> None:
    """Make the tables."""
    switch = op.create_table(
        "ledger_switch",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("running", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_switch"),
    )
    op.bulk_insert(switch, [{"id": 1, "running": True, "version": 0}])
    op.create_table(
        "ledger_switched",
        sa.Column("version", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("running", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("first", "second")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("terminal", "why")),
        sa.PrimaryKeyConstraint("version", name="pk_ledger_switched"),
    )
    _cards()
    _operators()


def _cards() -> None:
    op.create_table(
        "ledger_cards",
        sa.Column("number", sa.LargeBinary, nullable=False),
        sa.Column("form", sa.Integer, nullable=False),
        sa.Column("municipality", sa.Text, nullable=False),
        sa.Column("issued", sa.Date, nullable=False),
        sa.Column("expires", sa.Date, nullable=False),
        sa.Column("holder", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("returns_to", sa.Text),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("receipt", sa.BigInteger, nullable=False),
        sa.Column("receipt_intent", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_ledger_cards"),
    )
    op.create_index("ix_ledger_cards_holder", "ledger_cards", ["holder"])
    valid = "state IN ('active', 'suspended', 'moved_out')"
    _one_where("uq_ledger_cards_valid", "ledger_cards", "holder", valid)
    _one_where("uq_ledger_cards_issuing", "ledger_cards", "holder", "state = 'issuing'")
    op.create_table(
        "ledger_events",
        sa.Column("card", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("act", "reason", "state")),
        sa.Column("returns_to", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("operator", "terminal")),
        _to_card("ledger_events"),
        sa.PrimaryKeyConstraint("card", "version", name="pk_ledger_events"),
    )
    op.create_table(
        "ledger_intents",
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("card", sa.LargeBinary, nullable=False),
        sa.Column("receipt", sa.BigInteger, nullable=False),
        sa.Column("changes", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("purpose", "state")),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sa.Column("settled", sa.BigInteger),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("operator", "terminal")),
        _to_card("ledger_intents"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_intents"),
    )
    _one_where("uq_ledger_intents_open", "ledger_intents", "card", "state = 'open'")


def _operators() -> None:
    op.create_table(
        "ledger_operators",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("identifier", "name", "role")),
        sa.Column("may_export", sa.Boolean, nullable=False),
        sa.Column("weekdays", sa.Text, nullable=False),
        sa.Column("first_minute", sa.Integer, nullable=False),
        sa.Column("last_minute", sa.Integer, nullable=False),
        sa.Column("dismissed", sa.BigInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("identifier", name="pk_ledger_operators"),
    )
    op.create_table(
        "ledger_lendings",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("card", sa.LargeBinary, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("lent", sa.BigInteger, nullable=False),
        sa.Column("inspected", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.Column("by", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["operator"], ["ledger_operators.identifier"], name="fk_ledger_lendings_operator"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_lendings"),
    )
    lent = "ended IS NULL"
    _one_where(
        "uq_ledger_lendings_card", "ledger_lendings", "card", f"{lent} OR outcome = 'revoked'"
    )
    _one_where("uq_ledger_lendings_operator", "ledger_lendings", "operator", lent)


def _to_card(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["card"], ["ledger_cards.number"], name=f"fk_{table}_card")


def _one_where(name: str, table: str, column: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        [column],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )
