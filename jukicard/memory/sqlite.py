"""Cards that outlive the process: a backend over an SQLite file of one card or a million."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from jukicard.memory.backend import META, Changes, Contents, MemoryFailureError
from jukicard.memory.image import ImageError, ImageProblem
from jukicard.memory.imagefile import ImageFile, create_file
from jukicard.memory.snapshot import MemorySnapshot, meta_of

StrPath = str | os.PathLike[str]
_WAIT: Final = 5.0
_PUT: Final = "INSERT OR REPLACE INTO value (card, partition, key, value) VALUES (?, ?, ?, ?)"
_DELETE: Final = "DELETE FROM value WHERE card = ? AND partition = ? AND key = ?"


class CardEntry(NamedTuple):
    """A card in a file, as `list_cards` finds it without reading its memory."""

    card_id: str
    meta: Mapping[str, str]


class SqliteBackend:
    """One card in an SQLite file. A write that returned survives `kill -9` and a power cut.

    Two processes may use one file, each its own cards. If both open the same card, the first that
    writes goes on, and every write of the other is refused until it powers its card on again: a
    retry counter that another process has lowered cannot be raised from an old image.

    `timeout` (seconds) is how long to wait for another process's write; the first card that is
    opened in a file decides. Raises `ImageError` when the file is refused (see `ImageProblem`) or
    the card is not in it; the file is then untouched.
    """

    def __init__(self, path: StrPath, card_id: str, *, timeout: float = _WAIT) -> None:
        self.card_id = card_id
        self._generation = 0
        self._file: ImageFile | None = ImageFile.open(path, timeout=timeout)
        try:
            with self._file.transaction("DEFERRED", opening=True) as sql:
                self._number = _number_of(sql, self._file, card_id)
        except BaseException:
            self.close()
            raise

    @property
    def meta(self) -> Mapping[str, str]:
        """What was written about the card when it was made. Raises `MemoryFailureError`."""
        with self._open_file().transaction("DEFERRED") as sql:
            rows = sql.execute(
                "SELECT key, value FROM value WHERE card = ? AND partition = ?",
                (self._number, META),
            ).fetchall()
        return meta_of(dict(rows))

    def load(self) -> Contents:
        """Read the card. Raises `MemoryFailureError`, also when it was deleted in the meantime."""
        file = self._open_file()
        with file.transaction("DEFERRED") as sql:
            row = sql.execute(
                "SELECT number, generation FROM card WHERE id = ?", (self.card_id,)
            ).fetchone()
            if row is None:
                raise MemoryFailureError(f"the card was deleted from {file.path}: create it again")
            values = sql.execute(
                "SELECT partition, key, value FROM value WHERE card = ?", (row[0],)
            ).fetchall()
        self._number, self._generation = row
        contents: Contents = {}
        for name, key, value in values:
            # Interned: all cards use the same few names.
            contents.setdefault(sys.intern(name), {})[sys.intern(key)] = value
        return contents

    def write(self, changes: Changes) -> None:
        """Make all changes in one SQLite transaction. Raises `MemoryFailureError`."""
        file = self._open_file()
        with file.transaction("IMMEDIATE") as sql:
            claimed = sql.execute(
                "UPDATE card SET generation = generation + 1 WHERE number = ? AND generation = ?",
                (self._number, self._generation),
            )
            if claimed.rowcount != 1:
                raise MemoryFailureError(
                    f"another program has changed or deleted this card in {file.path}: "
                    "power it on again"
                )
            _write_values(sql, self._number, changes)
        self._generation += 1

    def close(self) -> None:
        """Let go of the file; the last card of this process closes it."""
        if self._file is not None:
            self._file.release()
            self._file = None

    def _open_file(self) -> ImageFile:
        if self._file is None:
            raise MemoryFailureError("this card's file was closed: open it again")
        return self._file

    def __repr__(self) -> str:
        where = "closed" if self._file is None else str(self._file.path)
        return f"<SqliteBackend, card {self.card_id} in {where}>"


def create_card(
    path: StrPath,
    card_id: str,
    snapshot: MemorySnapshot | None = None,
    *,
    timeout: float = _WAIT,
) -> None:
    """Put a new card into a file, with a snapshot's values and meta; make the file if need be.

    Raises `ImageError` when the file is refused or has a card of that name, `MemoryFailureError`
    when it cannot be written.
    """
    create_cards(path, [(card_id, snapshot or MemorySnapshot({}))], timeout=timeout)


def create_cards(
    path: StrPath, cards: Iterable[tuple[str, MemorySnapshot]], *, timeout: float = _WAIT
) -> None:
    """Put many new cards into a file, all of them or none. Otherwise as `create_card`."""
    create_file(path, timeout=timeout)
    with (
        ImageFile.open(path, timeout=timeout) as file,
        file.transaction("IMMEDIATE") as sql,
    ):
        for card_id, snapshot in cards:
            _create(sql, file, card_id, snapshot)


def list_cards(path: StrPath, *, timeout: float = _WAIT) -> list[CardEntry]:
    """Return the cards in a file, in ascending order of their names. A read-only file will do.

    Raises `ImageError` when the file is refused.
    """
    with (
        ImageFile.open(path, timeout=timeout, writable=False) as file,
        file.transaction("DEFERRED", opening=True) as sql,
    ):
        rows = sql.execute(
            "SELECT card.id, value.key, value.value FROM card LEFT JOIN value"
            " ON value.card = card.number AND value.partition = ? ORDER BY card.id, value.key",
            (META,),
        ).fetchall()
    found: dict[str, dict[str, bytes]] = {}
    for card_id, key, value in rows:
        meta = found.setdefault(card_id, {})
        if key is not None:
            meta[key] = value
    return [CardEntry(card_id, meta_of(meta)) for card_id, meta in found.items()]


def delete_card(path: StrPath, card_id: str, *, timeout: float = _WAIT) -> None:
    """Remove a card from a file; its values are overwritten there, not only forgotten.

    Whoever has the card open is refused every further write. Raises `ImageError` when the file is
    refused or the card is not in it, `MemoryFailureError` when it cannot be written.
    """
    with (
        ImageFile.open(path, timeout=timeout) as file,
        file.transaction("IMMEDIATE") as sql,
    ):
        number = _number_of(sql, file, card_id)
        sql.execute("DELETE FROM value WHERE card = ?", (number,))
        sql.execute("DELETE FROM card WHERE number = ?", (number,))


def _number_of(sql: sqlite3.Connection, file: ImageFile, card_id: str) -> int:
    row = sql.execute("SELECT number FROM card WHERE id = ?", (card_id,)).fetchone()
    if row is None:
        names = [name for (name,) in sql.execute("SELECT id FROM card ORDER BY id LIMIT 6")]
        others = ", ".join([*names[:5], *["..."] * (len(names) > 5)]) or "no card"
        raise ImageError(
            ImageProblem.NO_SUCH_CARD, f"card {card_id!r} is not in {file.path}: there is {others}"
        )
    number: int = row[0]
    return number


def _create(
    sql: sqlite3.Connection, file: ImageFile, card_id: str, snapshot: MemorySnapshot
) -> None:
    inserted = sql.execute("INSERT OR IGNORE INTO card (id) VALUES (?)", (card_id,))
    if inserted.rowcount != 1:
        raise ImageError(
            ImageProblem.CARD_EXISTS,
            f"card {card_id!r} is in {file.path} already: delete it or choose another name",
        )
    number = inserted.lastrowid
    assert number is not None  # noqa: S101 - an INSERT that inserted has one
    _write_values(sql, number, snapshot.contents())


def _write_values(sql: sqlite3.Connection, number: int, changes: Changes) -> None:
    for name, updates in changes.items():
        deleted = [(number, name, key) for key, value in updates.items() if value is None]
        written = [(number, name, key, v) for key, v in updates.items() if v is not None]
        sql.executemany(_DELETE, deleted)
        sql.executemany(_PUT, written)
