"""Who has an image open: a lock of our own, held from the opening of a file to its closing.

SQLite locks a file while it reads or writes, and not in between; whoever replaces a file has to
know that nobody has it open at all. The lock is one byte, far behind all that SQLite locks
(https://sqlite.org/fileformat.html, 1.4). It belongs to the opened file and not to the process, so
that SQLite's own opening and closing leaves it alone; the system drops it when a process dies. On
a system or a file system without such locks nobody is refused; Windows lets nobody replace a file
that SQLite has open.

No library takes this lock. Theirs are of whole files: network file systems and other systems than
Linux make one of it and of SQLite's own, which then could not write any more. A file beside the
image would be a lock for itself, but an image is one file, and no other place is shared by all who
open it.

Not for several threads at once: `ImageFile` calls it under its lock.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from jukicard.memory.image import ImageError, ImageProblem, unreadable

Identity = tuple[int, int, int]
"""A file as one process has it open: process, device and number of the file."""

AT_ONCE: Final[int] = getattr(os, "O_NONBLOCK", 0)
"""Opens without waiting for whoever is at the other end of a pipe."""
_BYTE: Final = 0x4000_0000 + 0x10000
try:
    import fcntl
except ImportError:  # not every system has it: nothing is locked there
    _SET = None
else:
    _SET = getattr(fcntl, "F_OFD_SETLK", None)  # Linux; POSIX.1-2024
_claims: Final[dict[Identity, int]] = {}


def claim(path: Path, identity: Identity) -> None:
    """Say that this process has the file open. ImageError: LOCKED while it is being replaced."""
    if identity in _claims:
        return
    try:
        number = os.open(path, os.O_RDONLY | AT_ONCE)
    except OSError as error:
        raise unreadable(path, error) from None
    # once it is locked nobody replaces it: if it is still the one we know, it stays so
    if not (_lock(number, alone=False) and _is(number, path) and _is(number, identity[1:])):
        os.close(number)
        raise ImageError(ImageProblem.LOCKED, f"{path} is just being replaced: try again")
    _claims[identity] = number


def give_up(identity: Identity) -> None:
    """Say that this process has the file open no more. It must be so: this drops all locks."""
    number = _claims.pop(identity, None)
    if number is not None:
        os.close(number)


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Keep everybody from opening an image; ImageError (LOCKED) where it is open already.

    OSError where the file cannot be opened for writing.
    """
    found = path.stat()
    if (os.getpid(), found.st_dev, found.st_ino) in _claims:
        raise _in_use(path)
    number = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        if not (_lock(number, alone=True) and _is(number, path)):
            raise _in_use(path)
        yield
    finally:
        os.close(number)


def _is(number: int, other: Path | tuple[int, ...]) -> bool:
    """Tell whether an open file is the one of a name, or of a device and a file's number."""
    found = os.fstat(number)
    if isinstance(other, Path):
        try:
            there = other.stat()
        except OSError:
            return False
        other = there.st_dev, there.st_ino
    return (found.st_dev, found.st_ino) == other


def _lock(number: int, *, alone: bool) -> bool:
    """Lock the byte, with others or alone; False when another opening has it otherwise."""
    if _SET is None:
        return True
    kind = fcntl.F_WRLCK if alone else fcntl.F_RDLCK
    try:
        # struct flock: type, whence, start, length, process (none)
        fcntl.fcntl(number, _SET, struct.pack("hhqqi", kind, os.SEEK_SET, _BYTE, 1, 0))
    except OSError as error:
        return error.errno not in {errno.EAGAIN, errno.EACCES}
    return True


def _in_use(path: Path) -> ImageError:
    return ImageError(
        ImageProblem.LOCKED, f"{path} is in use: end the program that has it open, then try again"
    )
