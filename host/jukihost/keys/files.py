"""A key store is its owner's alone, and has one writer at a time."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from jukihost.outputs import PRIVATE
from jukihost.waiting import TELL_AFTER

_log: Final = logging.getLogger(__name__)
LOCK_SECONDS: Final = 10.0
"""How long a writer waits for another one; a change takes milliseconds."""
_PAUSE: Final = 0.02  # seconds between two looks at a lock that is held
# What a system has not, its files do not need.
_NO_LINK: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_OF_ITS_OWN: Final[int] = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_AT_ONCE: Final[int] = getattr(os, "O_NONBLOCK", 0)


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
