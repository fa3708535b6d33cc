"""What the command line prints, and where: results on standard output, all else on the other."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.table import Table

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
NO_CARD: Final = 3
INTERRUPTED: Final = 130


class UsageError(Exception):
    """The user asked for something that cannot be meant; the text says what to do."""


def table(*columns: str) -> Table:
    """Return an empty table with these headings; what is in its cells is no markup."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, show_header=any(columns))
    for column in columns:
        made.add_column(Text(column), overflow="fold")
    return made


def add_row(to: Table, *cells: str) -> None:
    """Append a row of plain text."""
    from rich.text import Text

    to.add_row(*(Text(cell) for cell in cells))


def print_table(made: Table) -> None:
    """Print a table."""
    from rich.console import Console

    Console().print(made)


def print_json(value: object) -> None:
    """Print JSON, with its characters as they are."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def done(arguments: argparse.Namespace, text: str) -> int:
    """Say that it is done, in the form that was asked for; return the exit code."""
    if arguments.json:
        print_json({"done": True})
    else:
        print(text)
    return OK


def say(text: str) -> None:
    """Tell the user something that is not the result."""
    print(text, file=sys.stderr, flush=True)


def fail(why: object, code: int) -> int:
    """Tell the user why it did not work; return the exit code."""
    say(f"jukihost: {why}")
    return code


def read_file(path: str, what: str) -> bytes:
    """Return the content of a file, `-` for standard input. UsageError."""
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {what}: {error.strerror}") from None


def write_file(path: str, content: bytes, *, force: bool) -> None:
    """Write a result to a file, `-` for standard output. UsageError.

    A file that is there already is replaced with `force` only.
    """
    if path == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with os.fdopen(os.open(path, flags, 0o666), "wb") as file:
            file.write(content)
    except FileExistsError:
        raise UsageError("the output file is there already; use --force to replace it") from None
    except OSError as error:
        raise UsageError(f"cannot write the output file: {error.strerror}") from None
