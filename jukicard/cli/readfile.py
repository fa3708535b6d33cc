"""A file that a command line names, read: never a wait without end, never more than its bound."""

from __future__ import annotations

import os
import re
import stat
from typing import Final

from jukicard.cli.problems import UserError

_HANDED_OVER: Final = re.compile(r"/dev/stdin|/dev/fd/\d+|/proc/(self|\d+)/fd/\d+")


def read_file(path: str, what: str, limit: int) -> bytes:
    """Return the content of a file of at most `limit` bytes; `what` is how it is called. UserError.

    A named pipe would be waited for without end. What a shell hands over as `/dev/stdin` or
    `/dev/fd/63` is read like standard input.
    """
    try:
        found = os.stat(path)
        if not (
            stat.S_ISREG(found.st_mode)
            or (stat.S_ISFIFO(found.st_mode) and _HANDED_OVER.fullmatch(path))
        ):
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
            raise UserError(f"{what} {path} is {kind}: name a file")
        with open(path, "rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise UserError(f"{what} {path} cannot be read: {error.strerror}") from None
    if len(content) > limit:
        size = f"{limit >> 20} MiB" if limit >> 20 else f"{limit >> 10} KiB"
        raise UserError(f"{what} {path} has more than {size}")
    return content
