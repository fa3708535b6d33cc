"""An SQLite file of cards: found to be one before SQLite sees it, then opened once per process.

Journal. SQLite's rollback journal, kept between commits as an empty file (PERSIST, limit 0) and
removed on close, and not a write-ahead log: whenever no commit is under way the file alone is
complete, so that it can be copied, mailed and put on any file system. With synchronous=FULL a
commit returns after the data and the emptied journal have reached the disk: it survives `kill -9`
and a power cut of the host. (Deleting the journal at each commit is as safe and costs ten times
as much; a write-ahead log would be three times as fast and leave commits in a second file.)

One connection per file and process, shared by all cards in it: ten thousand open cards are two
file descriptors, the second a sign that the file is in use (`inuse`). It also keeps this module
from opening and closing a file on which SQLite holds locks, which would drop them
(https://sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final, Self

from jukicard.memory import inuse
from jukicard.memory.backend import MemoryFailureError
from jukicard.memory.image import ImageError, ImageProblem, newer_format

APPLICATION_ID: Final = int.from_bytes(b"JUKI", "big")
SCHEMA_VERSION: Final = 1
SCHEMA: Final = (
    # AUTOINCREMENT: a deleted card's number is never given to another one.
    "CREATE TABLE card (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " generation INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE value (card INTEGER NOT NULL, partition TEXT NOT NULL, key TEXT NOT NULL,"
    " value BLOB NOT NULL CHECK (typeof(value) = 'blob'),"
    " PRIMARY KEY (card, partition, key)) WITHOUT ROWID",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
# https://sqlite.org/fileformat.html, 1.3 and 3
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_SIZE: Final = 100
_JOURNAL_MAGIC: Final = bytes.fromhex("D9D505F920A163D7")
_CREATE: Final = "create a card in it first (jukicard new makes one)"

_Key = tuple[int, int, int, bool]


class ImageFile:
    """An open image. Made by `open`, given back by `release`; used by any thread, one at a time."""

    _opened: ClassVar[dict[_Key, ImageFile]] = {}
    _opening: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: Path, key: _Key, timeout: float) -> None:
        self.path = path
        self._key = key
        self._pid = key[0]
        self._users = 0
        self._busy = threading.RLock()
        self._running = False
        inuse.claim(path, key[:3])
        try:
            self._connection = _connect(path, writable=key[3], timeout=timeout)
        except BaseException:
            self._give_up()
            raise

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, timeout: float, writable: bool = True
    ) -> ImageFile:
        """Open an existing image, or one more time the one that this process has open.

        `timeout` is in seconds: how long to wait for another process's lock; the first opening of
        a file decides. Raises `ImageError`, and then has not touched the file.
        """
        place = Path(os.path.realpath(path))  # SQLite's journal lies beside the real file
        with cls._opening:
            found = _look_at(place)
            _check_access(place, found, writable=writable)
            if not cls.is_open(found):
                check_header(place)
                # An interrupted write has to be undone before anybody can read.
                writable = writable or _has_hot_journal(place)
            key = (os.getpid(), found.st_dev, found.st_ino, writable)
            if key not in cls._opened:
                cls._opened[key] = cls(place, key, timeout)
            file = cls._opened[key]
            file._users += 1
            return file

    @classmethod
    def is_open(cls, found: os.stat_result) -> bool:
        """Say whether this process has the file open: nothing else may open and close it then."""
        return cls._has((os.getpid(), found.st_dev, found.st_ino))

    @classmethod
    def _has(cls, identity: inuse.Identity) -> bool:
        return any((*identity, mode) in cls._opened for mode in (False, True))

    def release(self) -> None:
        """Give the file back; whoever is last closes it, and nothing but the file remains."""
        with self._opening:
            self._users -= 1
            if self._users == 0:
                del self._opened[self._key]
                if self._pid == os.getpid():
                    self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @contextmanager
    def transaction(self, kind: str, *, opening: bool = False) -> Iterator[sqlite3.Connection]:
        """Run SQL in a transaction: `DEFERRED` to read, `IMMEDIATE` to write.

        Raises `MemoryFailureError` for whatever SQLite reports, or `ImageError` for the same while
        opening; the transaction is then undone. One at a time: `RuntimeError` for one inside.
        """
        if self._pid != os.getpid():
            raise MemoryFailureError(f"{self.path} was opened before a fork: open it again")
        with self._busy:
            if self._running:
                raise RuntimeError(f"a transaction on {self.path} is running in this thread")
            self._running = True
            try:
                self._connection.execute(f"BEGIN {kind}")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._undo()
                if opening:
                    raise _refusal(self.path, error) from error
                raise _failure(self.path, error, moved=self._is_moved()) from error
            except BaseException:
                self._undo()
                raise
            finally:
                self._running = False

    def _undo(self) -> None:
        """Leave the transaction. Where even that fails, the next one fails too and tries again."""
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # the failure that brought us here is the one to report
                self._connection.execute("ROLLBACK")

    def _close(self) -> None:
        with suppress(sqlite3.Error):  # another process is writing: it removes the journal itself
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        self._give_up()

    def _give_up(self) -> None:
        """Let others replace the file, once this process has it open in no way."""
        if not self._has(self._key[:3]):
            inuse.give_up(self._key[:3])

    def _is_moved(self) -> bool:
        """Say whether the file has lost its name: removed, renamed, or another one put there."""
        try:
            found = self.path.stat()
        except OSError:
            return True
        return (found.st_dev, found.st_ino) != self._key[1:3]

    def __repr__(self) -> str:
        return f"<ImageFile {self.path}, {self._users} users>"


def create_file(path: str | os.PathLike[str], *, timeout: float) -> None:
    """Make an image without cards where there is no file or an empty one; leave any other alone.

    Only its owner may read and write it (mode 0600). Raises `ImageError` where no file can be made,
    `MemoryFailureError` where it cannot be written. Two processes may do this at once.
    """
    with ImageFile._opening:
        _create_file(path, timeout)


def _create_file(path: str | os.PathLike[str], timeout: float) -> None:
    place = Path(os.path.realpath(path))  # SQLite's journal lies beside the real file
    try:
        os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        found = _look_at(place)
        _check_access(place, found, writable=True)
        if found.st_size and (ImageFile.is_open(found) or not _has_hot_journal(place)):
            return
        if found.st_size:  # perhaps the making of it was cut short: SQLite will undo that
            check_header(place)
    except OSError as error:
        raise ImageError(
            ImageProblem.MISSING,
            f"{place} cannot be created ({error.strerror}): choose a directory you may write to",
        ) from None
    connection = _connect(place, writable=True, timeout=timeout)
    try:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in SCHEMA:
                connection.execute(statement)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise _failure(place, error) from error
    finally:
        connection.close()


def has_our_header(path: Path) -> bool:
    """Say whether a file begins as an image of ours, also a damaged or a newer one. OSError."""
    if ImageFile.is_open(path.stat()):
        return True
    with path.open("rb") as stream:
        header = stream.read(_HEADER_SIZE)
    return header.startswith(_MAGIC) and header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def check_header(path: Path) -> None:
    """Read the first bytes of a file and refuse what is not an image of ours (`ImageError`)."""
    with path.open("rb") as stream:
        header = stream.read(_HEADER_SIZE)
        size = os.fstat(stream.fileno()).st_size
    if not header:
        raise ImageError(ImageProblem.EMPTY, f"{path} is empty: {_CREATE}")
    if header[: len(_MAGIC)] != _MAGIC[: len(header)]:
        raise ImageError(
            ImageProblem.FOREIGN, f"{path} is not a card image (no SQLite file): choose another"
        )
    if len(header) < _HEADER_SIZE:
        raise _truncated(path)
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise ImageError(
            ImageProblem.FOREIGN,
            f"{path} is an SQLite file of another program: choose another file",
        )
    version = int.from_bytes(header[60:64], "big")
    if version > SCHEMA_VERSION:
        raise newer_format(str(path), version, SCHEMA_VERSION)
    if version < 1:
        raise ImageError(ImageProblem.DAMAGED, f"{path} is damaged (format 0): use another copy")
    page_size = int.from_bytes(header[16:18], "big")
    wanted = int.from_bytes(header[28:32], "big") * (65536 if page_size == 1 else page_size)
    # A commit cut short may have told the size before growing the file; SQLite then undoes it.
    if size < wanted and not _has_hot_journal(path):
        raise _truncated(path)


def _look_at(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(ImageProblem.MISSING, f"{path} does not exist: {_CREATE}") from None
    except OSError as error:
        raise _unreadable(path, error.strerror) from None


def _check_access(path: Path, found: os.stat_result, *, writable: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise ImageError(ImageProblem.NOT_A_FILE, f"{path} is {kind}: name a file")
    if not os.access(path, os.R_OK):
        raise _unreadable(path, "Permission denied")
    # The mode is looked at as well: it binds the superuser too, whom os.access lets pass.
    if writable and not (found.st_mode & 0o222 and os.access(path, os.W_OK)):
        raise ImageError(
            ImageProblem.READ_ONLY,
            f"{path} is read-only, and a card writes: make it writable or work on a copy",
        )
    if writable and not os.access(path.parent, os.W_OK):
        raise ImageError(
            ImageProblem.READ_ONLY,
            f"{path.parent} is read-only, and writing needs a journal in it: work on a copy",
        )


def _has_hot_journal(path: Path) -> bool:
    """Say whether a write was cut short: a journal whose header is not zeroed, or a log."""
    try:
        with Path(f"{path}-journal").open("rb") as journal:
            if journal.read(len(_JOURNAL_MAGIC)) == _JOURNAL_MAGIC:
                return True
    except OSError:
        pass
    return Path(f"{path}-wal").exists()


def _connect(path: Path, *, writable: bool, timeout: float) -> sqlite3.Connection:
    """Open the file with SQLite and read from it. Raises `ImageError`."""
    mode = "rw" if writable else "ro"
    connection = None
    try:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True,
            timeout=timeout,
            isolation_level=None,  # BEGIN is written out
            check_same_thread=False,  # ImageFile lets one thread in at a time
        )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # deleted values are overwritten
        _check_schema(path, connection)
        if writable:
            connection.execute("PRAGMA journal_mode = PERSIST")
            connection.execute("PRAGMA journal_size_limit = 0")  # old values do not stay in it
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise _refusal(path, error) from error
    except ImageError:
        if connection is not None:
            connection.close()
        raise
    return connection


def _check_schema(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse tables, views and triggers that are not ours: reading them could run anything."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
    found = {sql for name, sql in rows if not name.startswith("sqlite_")}  # those are SQLite's own
    expected = {statement for statement in SCHEMA if statement.startswith("CREATE")}
    if found and found != expected:  # none: the file is being made
        raise ImageError(
            ImageProblem.DAMAGED,
            f"{path} has other tables than a card image (damaged or tampered with): "
            "use another copy of it",
        )


def _truncated(path: Path) -> ImageError:
    return ImageError(
        ImageProblem.TRUNCATED, f"{path} is truncated (its end is missing): use a complete copy"
    )


def _unreadable(path: Path, why: str | None) -> ImageError:
    return ImageError(
        ImageProblem.UNREADABLE, f"{path} cannot be read ({why}): ask its owner for access"
    )


_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# SQLITE_ERROR: a table is missing, for example.
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full: make room",
    sqlite3.SQLITE_BUSY: "another process is writing to it: try again",
    sqlite3.SQLITE_LOCKED: "another process is writing to it: try again",
    sqlite3.SQLITE_READONLY: "it has become read-only: make it writable",
    sqlite3.SQLITE_CORRUPT: "it is damaged: use another copy",
    sqlite3.SQLITE_NOTADB: "it is damaged: use another copy",
}


def _failure(path: Path, error: sqlite3.Error, *, moved: bool = False) -> MemoryFailureError:
    """Return what the card is told when SQLite fails. SQLite's own text holds no values."""
    advice = (
        "the file was replaced or removed: open it again"
        if moved
        else _ADVICE.get(_code(error), f"{error}: look at the disk")
    )
    return MemoryFailureError(f"nothing was changed in {path}, {advice}")


def _refusal(path: Path, error: sqlite3.Error) -> ImageError:
    """Return what whoever opens the file is told when SQLite cannot read it."""
    code = _code(error)
    if code in _BUSY:
        sentence = f"{path} is locked by another program: end that program or try again"
        return ImageError(ImageProblem.LOCKED, sentence)
    if code in _DAMAGED:
        return ImageError(ImageProblem.DAMAGED, f"{path} is damaged: use another copy of it")
    return _unreadable(path, str(error))


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code: the low byte of the extended one."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
