"""Reading what a person names on a command line or in a call: whole, bounded, and to an end.

A name may be that of a named pipe, a device, a directory, or a file larger than memory. What a
shell hands over (`/dev/stdin`, process substitution) is read, as standard input would be, and so is
`/dev/null`, which is an empty file.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

# Not every system has them all.
_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)
_HANDED_OVER: Final = re.compile(r"/dev/stdin|/dev/fd/\d+|/proc/(self|\d+)/fd/\d+")
_PIECE: Final = 1 << 20
_KINDS: Final = (
    (stat.S_ISDIR, "it is a directory, not a file"),
    (stat.S_ISFIFO, "it is a named pipe, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
)


class NotRead(OSError):
    """What was named is nothing to read, or too much; `strerror` says it in words."""


def read_input(
    path: str | Path, limit: int, check: Callable[[os.stat_result], object] | None = None
) -> bytes:
    """Return the content of a file of at most `limit` bytes.

    `check` gets the open file's status before anything is read, and raises what it likes. OSError;
    NotRead for what is no file (named pipe, device, directory) and, with errno EFBIG, for more than
    `limit` bytes. Waits for nobody, except behind a name that a shell made for one of its pipes.
    """
    _check_kind(path, os.stat(path))  # some devices do something when they are opened
    descriptor = os.open(path, _FLAGS)
    try:
        found = os.fstat(descriptor)
        _check_kind(path, found)
        if check is not None:
            check(found)
        if not stat.S_ISREG(found.st_mode):
            os.set_blocking(descriptor, True)
        return _read(descriptor, limit)
    finally:
        os.close(descriptor)


def is_file(found: os.stat_result) -> bool:
    """Tell whether this is a file to read and write, or `/dev/null`."""
    return stat.S_ISREG(found.st_mode) or os.path.samestat(found, os.stat(os.devnull))


def _check_kind(path: str | Path, found: os.stat_result) -> None:
    mode = found.st_mode
    handed_over = _HANDED_OVER.fullmatch(os.fspath(path)) and stat.S_ISFIFO(mode)
    if is_file(found) or handed_over:
        return
    words = next((words for is_kind, words in _KINDS if is_kind(mode)), None)
    raise NotRead(errno.EINVAL, words or "it is a device, not a file")


def _read(descriptor: int, limit: int) -> bytes:
    content = bytearray()
    while piece := os.read(descriptor, min(_PIECE, limit + 1 - len(content))):
        content += piece
        if len(content) > limit:
            size = f"{limit >> 20} MiB" if limit >> 20 else f"{limit >> 10} KiB"
            raise NotRead(errno.EFBIG, f"it has more than {size}")
    return bytes(content)
