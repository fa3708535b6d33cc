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

import errno
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
from jukicard.memory.image import ImageError, ImageProblem, damaged, newer_format, unreadable
from jukicard.memory.patient import PatientConnection
from jukicard.memory.schema import APPLICATION_ID, SCHEMA, VERSION, tables_fit, upgrade, version_of

# https://sqlite.org/fileformat.html, 1.3 and 3
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_SIZE: Final = 100
_JOURNAL_MAGIC: Final = bytes.fromhex("D9D505F920A163D7")
_LARGE: Final = 4 << 20
"""Bytes of a file from which on its pages are not all looked at; each MiB takes a millisecond."""
_REPORTED: Final = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite's reports are raised as: it quotes what it found in a file, be that text or not."""
_CREATE: Final = "create a card in it first (jukicard new makes one)"

_TURN: Final = 1.0  # seconds that others of this program get beyond their own waiting
_LEAVING: Final = 0.03  # seconds that giving a file back waits for a thread that writes to it

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
        self._has_digests = False
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
        with cls._alone(place, timeout):
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
    @contextmanager
    def _alone(cls, path: Path, timeout: float) -> Iterator[None]:
        """Open and make files one at a time; another thread may be waiting for its own. LOCKED."""
        if not cls._opening.acquire(timeout=timeout + _TURN):
            sentence = (
                f"{path} cannot be opened: this program is waiting for another file; try again"
            )
            raise ImageError(ImageProblem.LOCKED, sentence)
        try:
            yield
        finally:
            cls._opening.release()

    @classmethod
    def is_open(cls, found: os.stat_result) -> bool:
        """Say whether this process has the file open: nothing else may open and close it then."""
        return cls._has((os.getpid(), found.st_dev, found.st_ino))

    @classmethod
    def _has(cls, identity: inuse.Identity) -> bool:
        return any((*identity, mode) in cls._opened for mode in (False, True))

    def release(self) -> None:
        """Give the file back; whoever is last closes it, and nothing but the file remains.

        One that a thread is still writing to stays open until the program ends.
        """
        with self._opening:
            self._users -= 1
            if self._users or not self._busy.acquire(timeout=_LEAVING):
                return
            try:
                del self._opened[self._key]
                if self._pid == os.getpid():
                    self._close()
            finally:
                self._busy.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @contextmanager
    def transaction(self, kind: str, *, opening: bool = False) -> Iterator[sqlite3.Connection]:
        """Run SQL in a transaction: `DEFERRED` to read, `IMMEDIATE` to write.

        Raises `MemoryFailureError` for whatever SQLite reports, or `ImageError` for the same while
        opening, and for damage while reading; the transaction is then undone. One at a time:
        `RuntimeError` for one inside.
        """
        if self._pid != os.getpid():
            raise MemoryFailureError(f"{self.path} was opened before a fork: open it again")
        if not self._busy.acquire(timeout=self._connection.patience + _TURN):
            raise MemoryFailureError(
                f"nothing was changed in {self.path}, another card of this program is still "
                "writing to it: try again"
            )
        try:
            if self._running:
                raise RuntimeError(f"a transaction on {self.path} is running in this thread")
            self._running = True
            try:
                self._connection.execute(f"BEGIN {kind}")
                yield self._connection
                self._connection.execute("COMMIT")
            except _REPORTED as error:
                self._undo()
                moved = self._is_moved()
                if opening or (kind == "DEFERRED" and _is_damage(error) and not moved):
                    raise _refusal(self.path, error) from None
                raise _failure(self.path, error, moved=moved) from None
            except BaseException:
                self._undo()
                raise
            finally:
                self._running = False
        finally:
            self._busy.release()

    def has_digests(self, sql: sqlite3.Connection) -> bool:
        """Say whether the file is of the format whose cards have digests; it never goes back."""
        self._has_digests = self._has_digests or version_of(sql) >= VERSION
        return self._has_digests

    def give_digests(self, sql: sqlite3.Connection) -> None:
        """Make the file one of the format whose cards have digests, before a write. ImageError."""
        if not self.has_digests(sql):
            upgrade(sql, self.path)

    def _undo(self) -> None:
        """Leave the transaction. Where even that fails, the next one fails too and tries again."""
        if self._connection.in_transaction:
            with suppress(*_REPORTED):  # the failure that brought us here is the one to report
                self._connection.execute("ROLLBACK")

    def _close(self) -> None:
        self._connection.patience = 0.0
        with suppress(*_REPORTED):  # another process is writing: it removes the journal itself
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


def create_file(path: str | os.PathLike[str], *, timeout: float) -> bool:
    """Make an image without cards where there is no file or an empty one; leave any other alone.

    Only its owner may read and write it (mode 0600). Says whether there was no file before. Raises
    `ImageError` where no file can be made, `MemoryFailureError` where it cannot be written; nothing
    is left then. Two processes may do this at once.
    """
    with ImageFile._alone(Path(path), timeout):
        return _create_file(path, timeout)


def remove_empty(path: str | os.PathLike[str]) -> None:
    """Take away an image that nobody has open and no card has come into."""
    place = Path(os.path.realpath(path))
    with suppress(OSError, ImageError, *_REPORTED), ImageFile._opening, inuse.alone_with(place):
        connection = _connect(place, writable=True, timeout=0)
        try:
            cards = connection.execute("SELECT count(*) FROM card").fetchone()[0]
        finally:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.close()
        if not cards:
            place.unlink()


def _create_file(path: str | os.PathLike[str], timeout: float) -> bool:
    is_new = False
    place = Path(os.path.realpath(path))  # SQLite's journal lies beside the real file
    try:
        os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        is_new = True
    except FileExistsError:
        found = _look_at(place)
        _check_access(place, found, writable=True)
        if found.st_size and (ImageFile.is_open(found) or not _has_hot_journal(place)):
            return False
        if found.st_size:  # perhaps the making of it was cut short: SQLite will undo that
            check_header(place)
    except OSError as error:
        raise ImageError(
            ImageProblem.MISSING,
            f"{place} cannot be created ({error.strerror}): choose a directory you may write to",
        ) from None
    try:
        _make_tables(place, timeout)
    except BaseException:
        if is_new:
            with suppress(OSError):
                if not place.stat().st_size:
                    place.unlink()
        raise
    return is_new


def _make_tables(place: Path, timeout: float) -> None:
    connection = _connect(place, writable=True, timeout=timeout)
    try:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in SCHEMA:
                connection.execute(statement)
        connection.execute("COMMIT")
    except _REPORTED as error:
        raise _failure(place, error) from None
    finally:
        connection.close()


def has_our_header(path: Path) -> bool:
    """Say whether a file begins as an image of ours, also a damaged or a newer one. OSError."""
    if ImageFile.is_open(path.stat()):
        return True
    header, _ = _beginning(path)
    return header.startswith(_MAGIC) and header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def check_header(path: Path) -> None:
    """Read the first bytes of a file and refuse what is not an image of ours (`ImageError`)."""
    try:
        header, size = _beginning(path)
    except OSError as error:
        raise unreadable(path, error) from None
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
    if version > VERSION:
        raise newer_format(str(path), version, VERSION)
    if version < 1:
        raise damaged(path, "format 0")
    page_size = int.from_bytes(header[16:18], "big")
    wanted = int.from_bytes(header[28:32], "big") * (65536 if page_size == 1 else page_size)
    # A commit cut short may have told the size before growing the file; SQLite then undoes it.
    if size < wanted and not _has_hot_journal(path):
        raise _truncated(path)


def _beginning(path: Path) -> tuple[bytes, int]:
    """Return the first bytes of a file and its size. OSError.

    Waits for nobody: what was a file a moment ago may be a pipe by now.
    """
    number = os.open(path, os.O_RDONLY | inuse.AT_ONCE)
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise _no_file(path, found)
        return os.read(number, _HEADER_SIZE), found.st_size
    finally:
        os.close(number)


def _look_at(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(ImageProblem.MISSING, f"{path} does not exist: {_CREATE}") from None
    except OSError as error:
        raise unreadable(path, error) from None


def _check_access(path: Path, found: os.stat_result, *, writable: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _no_file(path, found)
    if not os.access(path, os.R_OK):
        raise unreadable(path, PermissionError(errno.EACCES, "Permission denied"))
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


def _connect(path: Path, *, writable: bool, timeout: float) -> PatientConnection:
    """Open the file with SQLite and read from it. Raises `ImageError`."""
    mode = "rw" if writable else "ro"
    connection = None
    try:
        connection = PatientConnection.to(f"{path.as_uri()}?mode={mode}", str(path), timeout)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # deleted values are overwritten
        _check_tables(path, connection)
        if writable:
            connection.execute("PRAGMA journal_mode = PERSIST")
            connection.execute("PRAGMA journal_size_limit = 0")  # old values do not stay in it
    except _REPORTED as error:
        if connection is not None:
            connection.close()
        raise _refusal(path, error) from None
    except ImageError:
        if connection is not None:
            connection.close()
        raise
    return connection


def _check_tables(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse tables that are not ours, and a file whose pages do not fit together (`ImageError`).

    Views and triggers too: reading them could run anything. A large file's pages are not looked at,
    that would take seconds; each card's digest finds what concerns the card.
    """
    connection.execute("BEGIN")
    fit = tables_fit(connection)
    whole = not fit or path.stat().st_size > _LARGE or _is_whole(connection)
    connection.execute("COMMIT")
    if not fit:
        raise ImageError(
            ImageProblem.DAMAGED,
            f"{path} has other tables than a card image (damaged or tampered with): "
            "use another copy of it",
        )
    if not whole:
        raise damaged(path, "its parts do not fit together")


def _is_whole(connection: sqlite3.Connection) -> bool:
    return connection.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)]


def _truncated(path: Path) -> ImageError:
    return ImageError(
        ImageProblem.TRUNCATED, f"{path} is truncated (its end is missing): use a complete copy"
    )


def _no_file(path: Path, found: os.stat_result) -> ImageError:
    kind = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
    return ImageError(ImageProblem.NOT_A_FILE, f"{path} is {kind}: name a file")


_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# What the disk and the system say; all else (a table is missing, text is none) is the file's fault.
_NOT_OF_THE_FILE: Final = (
    *_BUSY,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
)
_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full: make room",
    sqlite3.SQLITE_BUSY: "another process is writing to it: try again",
    sqlite3.SQLITE_LOCKED: "another process is writing to it: try again",
    sqlite3.SQLITE_READONLY: "it has become read-only: make it writable",
}


def _failure(path: Path, error: Exception, *, moved: bool = False) -> MemoryFailureError:
    """Return what the card is told when SQLite fails.

    Of a damaged file SQLite's own text is left out: it may quote a value.
    """
    if moved:
        advice = "the file was replaced or removed: open it again"
    elif _is_damage(error):
        advice = "it is damaged: use another copy"
    else:
        advice = _ADVICE.get(_code(error), f"{error}: look at the disk")
    return MemoryFailureError(f"nothing was changed in {path}, {advice}")


def _refusal(path: Path, error: Exception) -> ImageError:
    """Return what whoever opens the file is told when SQLite cannot read it."""
    if _code(error) in _BUSY:
        sentence = f"{path} is locked by another program: end that program or try again"
        return ImageError(ImageProblem.LOCKED, sentence)
    if _is_damage(error):
        return damaged(path, "SQLite cannot read it")
    return ImageError(ImageProblem.UNREADABLE, f"{path} cannot be read ({error}): look at the disk")


def _is_damage(error: Exception) -> bool:
    mistake = isinstance(error, (sqlite3.InterfaceError, sqlite3.ProgrammingError))  # in a program
    return not mistake and _code(error) not in _NOT_OF_THE_FILE


def _code(error: Exception) -> int:
    """Return SQLite's primary result code: the low byte of the extended one."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
