"""Cards that outlive the process: a backend over an SQLite file of one card or a million."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from jukicard.memory import digest
from jukicard.memory.backend import META, Changes, Contents, MemoryFailureError
from jukicard.memory.image import ImageError, ImageProblem, damaged
from jukicard.memory.imagefile import ImageFile, create_file, remove_empty
from jukicard.memory.schema import SEALED, entries, wrong_type
from jukicard.memory.snapshot import MemorySnapshot, meta_of

StrPath = str | os.PathLike[str]
_WAIT: Final = 5.0
_PUT: Final = "INSERT OR REPLACE INTO value (card, partition, key, value) VALUES (?, ?, ?, ?)"
_DELETE: Final = "DELETE FROM value WHERE card = ? AND partition = ? AND key = ?"
_GET: Final = "SELECT value FROM value WHERE card = ? AND partition = ? AND key = ?"


class CardEntry(NamedTuple):
    """A card in a file, as `list_cards` finds it without reading its memory."""

    card_id: str
    meta: Mapping[str, str]


class _Kept(NamedTuple):
    """A card as it stands in a file; `total` is the sum of its values' hashes."""

    number: int
    generation: int
    total: int
    contents: Contents


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
        _check_arguments(path, card_id)
        self.card_id = card_id
        self._generation = -1  # none: what was not read is not written
        self._total = 0
        self._file: ImageFile | None = ImageFile.open(path, timeout=timeout)
        try:
            with self._file.transaction("DEFERRED", opening=True) as sql:
                self._number = _number_of(sql, self._file, card_id)
        except BaseException:
            self.close()
            raise

    @property
    def meta(self) -> Mapping[str, str]:
        """What was written about the card when it was made.

        Raises `MemoryFailureError`, or `ImageError` when the card is damaged.
        """
        return meta_of(self._read().contents.get(META, {}))

    def load(self) -> Contents:
        """Read the card, and make sure that it is what its last write left.

        Raises `ImageError` when it is damaged, `MemoryFailureError` when it cannot be read or was
        deleted in the meantime.
        """
        kept = self._read()
        self._number, self._generation, self._total, contents = kept
        return contents

    def _read(self) -> _Kept:
        file = self._open_file()
        with file.transaction("DEFERRED") as sql:
            column = "digest" if file.has_digests(sql) else "NULL"
            row = sql.execute(
                f"SELECT number, generation, {column} FROM card WHERE id = ?",  # noqa: S608
                (self.card_id,),
            ).fetchone()
            if row is None:
                raise MemoryFailureError(f"the card was deleted from {file.path}: create it again")
            values = sql.execute(
                "SELECT partition, key, value FROM value WHERE card = ?", (row[0],)
            ).fetchall()
        number, generation, seal = row
        total, contents = _gathered(file.path, values)
        # a card of 0.1.0 that no later release has written yet has none
        unsealed = seal is None and type(generation) is int and generation < SEALED
        if not unsealed and seal != digest.seal(number, self.card_id, generation, total):
            raise damaged(file.path, f"card {self.card_id!r} is not what was last written")
        return _Kept(number, generation, total, contents)

    def write(self, changes: Changes) -> None:
        """Make all changes, and renew the digest, in one SQLite transaction.

        Raises `MemoryFailureError` when nothing was changed.
        """
        file = self._open_file()
        number, before = self._number, self._generation
        generation = before + 1 if before >= SEALED else SEALED
        with _failing(file), file.transaction("IMMEDIATE") as sql:
            file.give_digests(sql)
            total = self._total + _difference(sql, file, number, changes)
            claimed = sql.execute(
                "UPDATE card SET generation = ?, digest = ? WHERE number = ? AND generation = ?",
                (
                    generation,
                    digest.seal(number, self.card_id, generation, total),
                    number,
                    before,
                ),
            )
            if claimed.rowcount != 1:
                raise MemoryFailureError(
                    f"another program has changed or deleted this card in {file.path}: "
                    "power it on again"
                )
            if META in changes:
                _relist(sql, file, -_entry(sql, number, self.card_id))
            _write_values(sql, number, changes)
            if META in changes:
                _relist(sql, file, _entry(sql, number, self.card_id))
        self._generation, self._total = generation, total

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

    A card's name is text and not empty. Raises `ImageError` when the file is refused or has a card
    of that name, `MemoryFailureError` when it cannot be written; TypeError, ValueError for
    arguments that are none, or in another order. A file that was made for it is taken away then.
    """
    _check_arguments(path, card_id)
    create_cards(
        path, [(card_id, MemorySnapshot({}) if snapshot is None else snapshot)], timeout=timeout
    )


def create_cards(
    path: StrPath, cards: Iterable[tuple[str, MemorySnapshot]], *, timeout: float = _WAIT
) -> None:
    """Put many new cards into a file, all of them or none. Otherwise as `create_card`."""
    _check_path(path)
    is_new = create_file(path, timeout=timeout)
    try:
        with (
            ImageFile.open(path, timeout=timeout) as file,
            file.transaction("IMMEDIATE") as sql,
        ):
            file.give_digests(sql)
            _relist(sql, file, sum(_create(sql, file, *card) for card in cards))
    except BaseException:
        if is_new:
            remove_empty(path)
        raise


def list_cards(path: StrPath, *, timeout: float = _WAIT) -> list[CardEntry]:
    """Return the cards in a file, in ascending order of their names. A read-only file will do.

    Raises `ImageError` when the file is refused, or the list is damaged; a card's own values are
    not read.
    """
    _check_path(path)
    with (
        ImageFile.open(path, timeout=timeout, writable=False) as file,
        file.transaction("DEFERRED", opening=True) as sql,
    ):
        found = list(entries(sql, file.path))
        if file.has_digests(sql):
            total = sum(digest.of_entry(*entry) for entry in found)
            if sql.execute("SELECT digest FROM listing").fetchall() != [(digest.encode(total),)]:
                raise damaged(file.path, "its cards are not those that were last written")
    return [CardEntry(card_id, meta_of(meta)) for _, card_id, meta in found]


def delete_card(path: StrPath, card_id: str, *, timeout: float = _WAIT) -> None:
    """Remove a card from a file; its values are overwritten there, not only forgotten.

    Whoever has the card open is refused every further write. Raises `ImageError` when the file is
    refused or the card is not in it, `MemoryFailureError` when it cannot be written.
    """
    _check_arguments(path, card_id)
    with (
        ImageFile.open(path, timeout=timeout) as file,
        file.transaction("IMMEDIATE") as sql,
    ):
        number = _number_of(sql, file, card_id)
        file.give_digests(sql)
        _relist(sql, file, -_entry(sql, number, card_id))
        sql.execute("DELETE FROM value WHERE card = ?", (number,))
        sql.execute("DELETE FROM card WHERE number = ?", (number,))


def _check_arguments(path: object, card_id: object) -> None:
    """Refuse what is no file's name and card's name, in this order. TypeError, ValueError."""
    _check_path(path)
    _check_card_id(card_id)


def _check_path(path: object) -> None:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            f"a file is named by text or a path, not by {_kind(path)}: give the file first,"
            " then the card's name"
        )


def _check_card_id(card_id: object) -> None:
    if not isinstance(card_id, str):
        raise TypeError(
            f"a card's name is text, not {_kind(card_id)}: give the file first, then the card's"
            " name"
        )
    if not card_id:
        raise ValueError("a card's name is not empty: give it one, for example 'card'")
    try:
        card_id.encode()
    except UnicodeEncodeError:
        raise ValueError("a card's name is text that UTF-8 can hold: choose another") from None


def _kind(thing: object) -> str:
    return type(thing).__name__


def _number_of(sql: sqlite3.Connection, file: ImageFile, card_id: str) -> int:
    row = sql.execute("SELECT number FROM card WHERE id = ?", (card_id,)).fetchone()
    if row is None:
        names = [str(name) for (name,) in sql.execute("SELECT id FROM card ORDER BY id LIMIT 6")]
        others = ", ".join([*names[:5], *["..."] * (len(names) > 5)]) or "no card"
        raise ImageError(
            ImageProblem.NO_SUCH_CARD, f"card {card_id!r} is not in {file.path}: there is {others}"
        )
    number: int = row[0]
    return number


def _create(
    sql: sqlite3.Connection, file: ImageFile, card_id: str, snapshot: MemorySnapshot
) -> int:
    """Put a card into the file; return the hash of its entry in the list."""
    _check_card_id(card_id)
    if not isinstance(snapshot, MemorySnapshot):
        raise TypeError(f"a card is made of a MemorySnapshot, not of {_kind(snapshot)}")
    inserted = sql.execute("INSERT OR IGNORE INTO card (id) VALUES (?)", (card_id,))
    if inserted.rowcount != 1:
        raise ImageError(
            ImageProblem.CARD_EXISTS,
            f"card {card_id!r} is in {file.path} already: delete it or choose another name",
        )
    number = inserted.lastrowid
    assert number is not None  # noqa: S101 - an INSERT that inserted has one
    contents = snapshot.contents()
    total = sum(
        digest.of_value(name, key, value)
        for name, values in contents.items()
        for key, value in values.items()
    )
    sql.execute(
        "UPDATE card SET generation = ?, digest = ? WHERE number = ?",
        (SEALED, digest.seal(number, card_id, SEALED, total), number),
    )
    _write_values(sql, number, contents)
    return digest.of_entry(number, card_id, contents.get(META, {}))


def _gathered(path: Path, rows: list[tuple[str, str, bytes]]) -> tuple[int, Contents]:
    """Return the sum of the hashes of a card's values, and the values. ImageError."""
    if {(type(name), type(key), type(value)) for name, key, value in rows} - {(str, str, bytes)}:
        raise wrong_type(path)
    total, contents = 0, Contents()
    for name, key, value in rows:
        if not (name.isascii() and key.isascii()):
            raise damaged(path, "a name is not ASCII")
        total += digest.of_value(name, key, value)
        # Interned: all cards use the same few names.
        contents.setdefault(sys.intern(name), {})[sys.intern(key)] = value
    if sum(map(len, contents.values())) != len(rows):
        raise damaged(path, "a value is there twice")
    return total, contents


def _difference(sql: sqlite3.Connection, file: ImageFile, number: int, changes: Changes) -> int:
    """Return by how much the changes will change the sum of the hashes of a card's values."""
    difference = 0
    for name, updates in changes.items():
        for key, value in updates.items():
            for row in sql.execute(_GET, (number, name, key)):
                if type(row[0]) is not bytes:
                    raise wrong_type(file.path)
                difference -= digest.of_value(name, key, row[0])
            if value is not None:
                difference += digest.of_value(name, key, value)
    return difference


def _entry(sql: sqlite3.Connection, number: int, card_id: str) -> int:
    """Return the hash of a card's entry in the list, as its meta stands in the file."""
    rows = sql.execute(
        "SELECT key, value FROM value WHERE card = ? AND partition = ?", (number, META)
    )
    return digest.of_entry(number, card_id, dict(rows))


def _relist(sql: sqlite3.Connection, file: ImageFile, difference: int) -> None:
    """Renew the digest of the list, by what has come and gone. ImageError where there is none."""
    kept = sql.execute("SELECT digest FROM listing").fetchall()
    if len(kept) != 1 or type(kept[0][0]) is not bytes:
        raise damaged(file.path, "the digest of its list of cards is missing")
    sql.execute(
        "UPDATE listing SET digest = ?", (digest.encode(digest.decode(*kept[0]) + difference),)
    )


@contextmanager
def _failing(file: ImageFile) -> Iterator[None]:
    """While a card is written damage is a failure of its memory like others."""
    try:
        yield
    except ImageError as error:
        raise MemoryFailureError(f"nothing was changed: {error}") from error


def _write_values(sql: sqlite3.Connection, number: int, changes: Changes) -> None:
    for name, updates in changes.items():
        deleted = [(number, name, key) for key, value in updates.items() if value is None]
        written = [(number, name, key, v) for key, v in updates.items() if v is not None]
        sql.executemany(_DELETE, deleted)
        sql.executemany(_PUT, written)
