"""A private file that is replaced whole or not at all, and one writer at a time."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from jukihost.waiting import TELL_AFTER

_log: Final = logging.getLogger(__name__)
PRIVATE: Final = 0o600
"""The mode of a file that is its owner's alone."""
LOCK_SECONDS: Final = 10.0
"""How long a writer waits for another one; a change takes milliseconds."""
_PAUSE: Final = 0.02  # seconds between two looks at a lock that is held
# What a system has not, its files do not need.
_NO_LINK: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_OF_ITS_OWN: Final[int] = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_AT_ONCE: Final[int] = getattr(os, "O_NONBLOCK", 0)


def replace_file(path: Path, content: bytes) -> None:
    """Write a private file so that `path` is the old file or the new one, whenever power fails.

    OSError. What is left of an interrupted write is a `.tmp` file beside it, which may be deleted.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        _write_new(temporary, content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_directory(path.parent)


def owner_only(refusal: type[Exception], what: str) -> Callable[[os.stat_result], None]:
    """Return what looks at a file for `read_input`: `refusal` when others may read or change it.

    Where a mode says nothing of others (no POSIX), any file passes.
    """

    def check(found: os.stat_result) -> None:
        if os.name == "posix" and found.st_mode & 0o077:
            raise refusal(f"others may read or change the {what}; set its mode to 0600 (chmod 600)")

    return check


class LockNotOurs(OSError):
    """The lock file belongs to somebody else, or is none; nothing was changed."""


def lock_path(path: Path) -> Path:
    """Return the lock of the store at `path`: an empty file beside it, which stays there."""
    return path.with_name(f".{path.name}.lock")


@contextlib.contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Wait until no other program changes the store at `path`, and keep them away.

    The lock is a file that only the owner can open: what others can open (the directory, say) they
    could hold for ever. It goes with the process. LockNotOurs, TimeoutError after `LOCK_SECONDS`,
    OSError.
    """
    flags = os.O_RDWR | os.O_CREAT | _NO_LINK | _AT_ONCE | _OF_ITS_OWN
    descriptor = os.open(lock_path(path), flags, PRIVATE)
    try:
        _make_ours(descriptor)
        _wait_for(descriptor)
        yield
    finally:
        os.close(descriptor)


def _make_ours(descriptor: int) -> None:
    """Refuse a lock file of somebody else, and close it to others. LockNotOurs, OSError."""
    found = os.fstat(descriptor)
    ours = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    if not (ours and stat.S_ISREG(found.st_mode)):
        raise LockNotOurs("the lock file beside it is not this user's; remove it")
    if hasattr(os, "fchmod"):  # elsewhere a user's folders are closed to others
        os.fchmod(descriptor, PRIVATE)


def _wait_for(descriptor: int) -> None:
    from filelock import lock_descriptor  # nobody but a writer waits for it to be loaded

    begun, told = time.monotonic(), False
    while not lock_descriptor(descriptor, blocking=False):
        waited = time.monotonic() - begun
        if waited >= LOCK_SECONDS:
            raise TimeoutError(f"another program has been changing it for {LOCK_SECONDS:g} s")
        if waited >= TELL_AFTER and not told:
            told = True
            _log.warning("waiting %g s for another program to change the key store", LOCK_SECONDS)
        time.sleep(_PAUSE)


def _write_new(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | _OF_ITS_OWN
    descriptor = os.open(path, flags, PRIVATE)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(directory: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return  # a system that opens no directory writes the name with the file
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | _OF_ITS_OWN)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
