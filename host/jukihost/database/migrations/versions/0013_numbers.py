"""The number of each entry beside it, so that a resident's are counted without reading them."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_NUMBER = re.compile(rb"\nnumber ([1-9][0-9]{0,18})\nbefore [0-9a-f]{64}\nsalt [0-9a-f]{64}\n\Z")
_PIECE = 10_000


def upgrade() -> None:
    """Add the column, fill it from the entries, and file them by resident, place and number."""
    op.add_column("log_entries", sa.Column("number", sa.BigInteger))
    entries = sa.table(
        "log_entries", *map(sa.column, ("leaf_index", "entry", "resident", "number"))
    )
    place = entries.c.leaf_index
    fill = sa.update(entries).where(place == sa.bindparam("place"))
    fill = fill.values(number=sa.bindparam("found"))
    wanted = sa.select(place, entries.c.entry).where(entries.c.resident.is_not(None))
    connection, after = op.get_bind(), -1
    while rows := connection.execute(
        wanted.where(place > after).order_by(place).limit(_PIECE)
    ).all():
        found = [(row.leaf_index, _NUMBER.search(row.entry)) for row in rows]
        connection.execute(fill, [{"place": at, "found": one and int(one[1])} for at, one in found])
        after = rows[-1].leaf_index
    op.drop_index("ix_log_entries_resident", "log_entries")
    op.create_index(
        "ix_log_entries_resident_leaf_index_number",
        "log_entries",
        ["resident", "leaf_index", "number"],
    )
