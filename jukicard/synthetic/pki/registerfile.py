"""The test authorities' register in a file: what was issued, what was revoked, how many lists.

One SQLite file that several processes may use at a time: each change is one transaction, and who
comes while another is at it waits, with a bound. Without a file it is the same in memory.
"""

from __future__ import annotations

import datetime
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

StrPath = str | os.PathLike[str]
WAIT: Final = 20.0
"""Seconds to wait for another process's change."""
_MAGIC: Final = b"SQLite format 3\0"
_APPLICATION_ID: Final = 0x4A504B49  # JPKI
_SCHEMA: Final = f"""
PRAGMA application_id = {_APPLICATION_ID};
CREATE TABLE certificate (
    entered INTEGER PRIMARY KEY,
    serial INTEGER NOT NULL UNIQUE,
    issuer TEXT NOT NULL,
    kind TEXT NOT NULL,
    card TEXT NOT NULL,
    municipality TEXT NOT NULL,
    issued TEXT NOT NULL,
    bits INTEGER NOT NULL,
    card_number BLOB NOT NULL,
    key BLOB NOT NULL,
    holder BLOB NOT NULL,
    der BLOB NOT NULL,
    point BLOB NOT NULL,
    since TEXT,
    reason INTEGER,
    UNIQUE (card_number, kind, key)
);
CREATE TABLE list (issuer TEXT PRIMARY KEY, latest INTEGER NOT NULL);
"""
_FIELDS: Final = (
    "serial, issuer, kind, card, municipality, issued, bits, card_number, key, holder, der, point"
)


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """A certificate in the register.

    issuer names the authority, `issued` is the moment in ISO 8601. key, holder: SHA-256 of the
    public key, and of what the certificate says of its holder. point: the CRL that it may be on.
    since, reason: when and why it was revoked.
    """

    serial: int
    issuer: str
    kind: str
    card: str
    municipality: str
    issued: str
    bits: int
    card_number: bytes
    key: bytes
    holder: bytes
    der: bytes
    point: bytes
    since: str | None = None
    reason: int | None = None

    @property
    def revocation(self) -> tuple[datetime.datetime, int] | None:
        """When and why it was revoked; None."""
        if self.since is None or self.reason is None:
            return None
        return datetime.datetime.fromisoformat(self.since), self.reason


class _NotOurs(OSError):
    """Another program's file."""


class RegisterFile:
    """What was issued and revoked. OSError, in words, when the file cannot be used."""

    def __init__(self, path: StrPath | None = None) -> None:
        """Take the file; it is made, for its owner alone, when it is not there."""
        self._path = None if path is None else Path(path)
        self._lock = threading.Lock()
        self._memory: sqlite3.Connection | None = None
        if self._path is None:
            self._memory = sqlite3.connect(
                ":memory:", isolation_level=None, check_same_thread=False
            )
            self._memory.executescript(_SCHEMA)
        else:
            with self._told(), suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            with self.changing():  # makes the tables, or says what is wrong
                pass

    @contextmanager
    def changing(self) -> Iterator[Changing]:
        """Do what is inside as one change: all of it is kept, or nothing."""
        with self._transaction("BEGIN IMMEDIATE") as changing:
            yield changing

    @contextmanager
    def reading(self) -> Iterator[Changing]:
        """See it as it is at one moment; changes nothing, and others need not wait."""
        with self._transaction("BEGIN") as changing:
            yield changing

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Changing]:
        with self._lock, self._told(), self._connection() as connection:
            connection.execute(begin)
            try:
                yield Changing(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._memory is not None:
            yield self._memory
            return
        # Opened anew for each change: nothing of it crosses a fork or a thread.
        with closing(
            sqlite3.connect(f"{self._file.absolute().as_uri()}?mode=rw", WAIT, uri=True)
        ) as connection:
            connection.isolation_level = None
            self._check(connection)
            yield connection

    @property
    def _file(self) -> Path:
        assert self._path is not None  # noqa: S101 - asked only where there is a file
        return self._path

    def _check(self, connection: sqlite3.Connection) -> None:
        # SQLite takes a file of a few bytes for an empty one, and writes over them.
        with self._file.open("rb") as file:
            if file.read(len(_MAGIC)) not in (b"", _MAGIC):
                raise self._foreign()
        (known,) = connection.execute("PRAGMA application_id").fetchone()
        if known == _APPLICATION_ID:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            (known,) = connection.execute("PRAGMA application_id").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if known == 0 and tables == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
            elif known != _APPLICATION_ID:
                raise self._foreign()
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _foreign(self) -> OSError:
        return _NotOurs(
            f"{self._path} is no register of certificates: it was left as it is; name another file"
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except _NotOurs:
            raise
        except (sqlite3.Error, OSError) as error:
            where = "the register in memory" if self._path is None else str(self._path)
            raise OSError(
                f"the register of certificates {where} cannot be used ({_why(error)}); nothing "
                "was changed: see that its folder is there and writable and no other program "
                "holds it, then try again"
            ) from error


class Changing:
    """The register while it is changed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of_key(self, kind: str, card_number: bytes, key: bytes) -> Entry | None:
        """Return the certificate of a card's key."""
        return self._one("kind = ? AND card_number = ? AND key = ?", kind, card_number, key)

    def of_card(self, card_number: bytes) -> list[Entry]:
        """Return the certificates of a card's keys, in the order in which they were entered."""
        rows = self._connection.execute(
            f"SELECT {_FIELDS}, since, reason FROM certificate "  # noqa: S608 - a constant
            "WHERE card_number = ? ORDER BY entered",
            (card_number,),
        )
        return [Entry(*row) for row in rows]

    def find(self, serial: int) -> Entry | None:
        """Return the certificate of a number."""
        return self._one("serial = ?", serial)

    def revoked(self, issuer: str, point: bytes) -> list[Entry]:
        """Return what was revoked of an authority's certificates of one list."""
        rows = self._connection.execute(
            f"SELECT {_FIELDS}, since, reason FROM certificate "  # noqa: S608 - a constant
            "WHERE issuer = ? AND point = ? AND since IS NOT NULL ORDER BY serial",
            (issuer, point),
        )
        return [Entry(*row) for row in rows]

    def add(self, entry: Entry) -> None:
        """Enter a certificate."""
        values = [getattr(entry, name) for name in _FIELDS.split(", ")]
        marks = ", ".join("?" * len(values))
        self._connection.execute(
            f"INSERT INTO certificate ({_FIELDS}) VALUES ({marks})",  # noqa: S608 - constants
            values,
        )

    def revoke(self, serial: int, since: datetime.datetime | None, reason: int | None) -> None:
        """Enter when and why a certificate was revoked, or that it is not."""
        moment = None if since is None else since.astimezone(datetime.UTC).isoformat()
        self._connection.execute(
            "UPDATE certificate SET since = ?, reason = ? WHERE serial = ?",
            (moment, reason, serial),
        )

    def next_list(self, issuer: str) -> int:
        """Return the number of an authority's next list, and count it."""
        (latest,) = self._connection.execute(
            "INSERT INTO list (issuer, latest) VALUES (?, 1) "
            "ON CONFLICT (issuer) DO UPDATE SET latest = latest + 1 RETURNING latest",
            (issuer,),
        ).fetchone()
        return int(latest)

    def _one(self, condition: str, *values: object) -> Entry | None:
        row = self._connection.execute(
            f"SELECT {_FIELDS}, since, reason FROM certificate WHERE {condition}",  # noqa: S608
            values,
        ).fetchone()
        return None if row is None else Entry(*row)


def _why(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "another program is at it" if "locked" in str(error) else str(error)
