"""Writing a file that somebody keeps: whole or not at all, whatever cuts it off."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
"""The mode of a file that is its owner's alone."""
# What a system has not, its files do not need.
_NO_LINK: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_OF_ITS_OWN: Final[int] = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def replace_file(path: Path, content: bytes, *, mode: int = PRIVATE, force: bool = True) -> None:
    """Write a file so that `path` is the old file or the new one, whenever power fails.

    Without `force` nothing is replaced. FileExistsError then, OSError. What a power failure leaves
    is a `.tmp` file beside it, which may be deleted.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    # Removed twice: a Ctrl-C that comes while it is removed leaves nothing either.
    try:
        try:
            _write_new(temporary, content, mode)
            os.replace(temporary, path) if force else _link(temporary, path)
        finally:
            _remove(temporary)
    finally:
        _remove(temporary)
    _sync_directory(path.parent)


def _link(temporary: Path, path: Path) -> None:
    """Give a file its name, and never another file's. FileExistsError, OSError."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except (OSError, AttributeError):  # no links here: take the name first, then fill it
        path.touch(exist_ok=False)
        os.replace(temporary, path)


def _remove(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        os.unlink(temporary)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | _OF_ITS_OWN
    descriptor = os.open(path, flags, mode)
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
