"""The tables of the log: what is queued, what is sequenced, its tree, and what was published."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text

from jukihost.database.tables import Instant, metadata

_LONG: Final = Integer().with_variant(BigInteger, "postgresql")
"""A number of 64 bits: SQLite knows its rows by an INTEGER, and it has as many there."""

heads: Final = Table(
    "log_heads",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("day_index", BigInteger),
    Column("pruned", BigInteger, nullable=False),
    Column("hold", Boolean, nullable=False),
    Column("restored", Instant),
)
"""The log, one row: how much is sequenced, the latest entry of a day, what `prune` has passed.

Whoever sequences holds the row. `hold`: nothing is published without a witness. `restored`: when
the database came from a backup; nothing is sequenced until a witness has said that it may go on.
"""

residents: Final = Table(
    "log_residents",
    metadata,
    Column("resident", LargeBinary, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
)
"""How many entries each pseudonym has, queued ones too, and the hash of the last of them."""

queue: Final = Table(
    "log_queue",
    metadata,
    Column("id", _LONG, primary_key=True),
    Column("entry", LargeBinary, nullable=False),
    Column("resident", LargeBinary),
    Column("at", Instant, nullable=False),
)
"""Entries that are queued: the bytes that will be hashed."""

entries: Final = Table(
    "log_entries",
    metadata,
    Column("leaf_index", _LONG, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
    Column("resident", LargeBinary),
    Column("number", BigInteger),
    Column("at", Instant),
    Index(None, "resident", "leaf_index", "number"),
)
"""Entries that are sequenced, as the bytes that were hashed; gone once they are pruned.

`resident` and `number` are what the entry says, so that the index alone shows whether each of a
resident's follows the one before: whoever checks the log compares them with the bytes. `at` is when
a use's term begins; entries without it are kept for good.
"""

tiles: Final = Table(
    "log_tiles",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)
"""The tree: up to 256 hashes of 32 bytes a row, of runs of 256 ** level leaves (C2SP tlog-tiles).

Level 0 has the leaves' own hashes, which stay when entries are pruned.
"""

checkpoints: Final = Table(
    "log_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
    Column("signed", Instant, nullable=False),
    Column("witnessed", Instant),
)
"""What the log has signed, a size once; `witnessed` is when the first cosignature came."""

lasts: Final = Table(
    "log_lasts",
    metadata,
    Column("resident", LargeBinary, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
)
"""Everybody's last entry as the latest entry of a day has it."""

buckets: Final = Table(
    "log_buckets",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
)
"""The tree over `lasts`, cut where a pseudonym's first 16 bits end: the root below each."""
