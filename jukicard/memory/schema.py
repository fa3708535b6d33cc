"""The tables of an image, by format: format 1 is that of 0.1.0, format 2 has digests.

A file of format 1 is read as it is. The first write to any of its cards makes it format 2 in the
same transaction; the cards that are not written then get their digest at their own first write.
That a card has one is told by its generation: it counts from `SEALED` on, so that a digest that
was lost is not taken for one that never was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jukicard.memory import digest
from jukicard.memory.backend import META
from jukicard.memory.image import ImageError, damaged

APPLICATION_ID: Final = int.from_bytes(b"JUKI", "big")
VERSION: Final = 2
SEALED: Final = 1 << 32
"""The generation of a card that has just got its first digest; those without one are below."""

# AUTOINCREMENT: a deleted card's number is never given to another one.
_CARD: Final = (
    "CREATE TABLE card (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " generation INTEGER NOT NULL DEFAULT 0"
)
_VALUE: Final = (
    "CREATE TABLE value (card INTEGER NOT NULL, partition TEXT NOT NULL, key TEXT NOT NULL,"
    " value BLOB NOT NULL CHECK (typeof(value) = 'blob'),"
    " PRIMARY KEY (card, partition, key)) WITHOUT ROWID"
)
_LISTING: Final = "CREATE TABLE listing (digest BLOB NOT NULL)"
# SQLite itself writes the column into the text of the table, in this form.
_WITH_DIGEST: Final = f"{_CARD}, digest BLOB)"
TABLES: Final = {
    1: frozenset({f"{_CARD})", _VALUE}),
    2: frozenset({_WITH_DIGEST, _VALUE, _LISTING}),
}
"""What SQLite keeps of each format's tables, word for word."""
SCHEMA: Final = (
    _WITH_DIGEST,
    _VALUE,
    _LISTING,
    "INSERT INTO listing VALUES (zeroblob(32))",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)
"""What makes a new image, statement by statement."""


def version_of(sql: sqlite3.Connection) -> int:
    """Return the format of the file, as of the running transaction; 0 in a new one."""
    version: int = sql.execute("PRAGMA user_version").fetchone()[0]
    return version


def tables_fit(sql: sqlite3.Connection) -> bool:
    """Say whether the tables are those of the file's format, or none yet: it is being made."""
    rows = sql.execute("SELECT name, sql FROM sqlite_master").fetchall()
    # SQLite's own begin with its name
    found = frozenset(text for name, text in rows if not str(name).startswith("sqlite_"))
    return not found or found == TABLES.get(version_of(sql))


def upgrade(sql: sqlite3.Connection, path: Path) -> None:
    """Make a file of format 1 one of format 2, in the running transaction. ImageError."""
    sql.execute("ALTER TABLE card ADD COLUMN digest BLOB")
    sql.execute(_LISTING)
    total = sum(digest.of_entry(*entry) for entry in entries(sql, path))
    sql.execute("INSERT INTO listing VALUES (?)", (digest.encode(total),))
    sql.execute(f"PRAGMA user_version = {VERSION}")


_META_TYPES: Final = ((str, bytes), (type(None), type(None)))


def wrong_type(path: Path) -> ImageError:
    """Return the refusal of a row whose names are not text or whose value is not bytes."""
    return damaged(path, "a name or a value is of another type")


def entries(sql: sqlite3.Connection, path: Path) -> Iterator[tuple[int, str, dict[str, bytes]]]:
    """Yield number, name and meta of every card, in ascending order of the names. ImageError."""
    rows = sql.execute(
        "SELECT card.number, card.id, value.key, value.value FROM card LEFT JOIN value"
        " ON value.card = card.number AND value.partition = ? ORDER BY card.id, value.key",
        (META,),
    )
    number, name, meta = None, "", dict[str, bytes]()
    for card, card_id, key, value in rows:
        if type(card_id) is not str or (type(key), type(value)) not in _META_TYPES:
            raise wrong_type(path)
        if card != number:
            if number is not None:
                yield number, name, meta
            number, name, meta = card, card_id, {}
        if key is not None:
            meta[key] = value
    if number is not None:
        yield number, name, meta
