"""What the command line prints, and where: results on standard output, all else on the other."""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import stat
import sys
from codecs import lookup
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, cast
from unicodedata import category

from jukihost.cli.bounded import NothingCame, bounded
from jukihost.inputs import is_file, read_input
from jukihost.outputs import replace_file

if TYPE_CHECKING:
    from rich.table import Table

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
NO_CARD: Final = 3
UNWRITTEN: Final = 4
INTERRUPTED: Final = 130


_THERE: Final = "the output file is there already; use --force to replace it"
_NO_NAME: Final = "no file can have such a name"
_PIECE: Final = 1 << 20
MAX_FILE: Final = 256 << 20
"""The largest file that is read, in bytes."""
_NO_OUTPUT: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE, errno.EBADF}
)


class UsageError(Exception):
    """The user asked for something that cannot be meant; the text says what to do."""


class ToldInterrupt(KeyboardInterrupt):
    """A Ctrl-C of which a program that waits for a result has been told."""


def prepare() -> None:
    """Look whether there is an output, and let it show `?` for what its encoding has not.

    UsageError without a standard output: what was asked for would be done and not be seen.
    """
    # closed by whoever started this: nothing comes from the one, nothing goes to the other
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        raise UsageError("the standard output is closed; open it, or send it to /dev/null")
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            errors = None if stream is sys.stdin else "replace"
            stream.reconfigure(encoding=_meant(stream.encoding), errors=errors)


def _meant(encoding: str) -> str | None:
    """Return what an encoding means where that is another: with Shift_JIS, cp932 is meant."""
    return "cp932" if lookup(encoding).name == "shift_jis" else None


def finish(code: int) -> int:
    """Bring out what was printed; return the exit code. OSError when it cannot be written."""
    sys.stdout.flush()
    return code


def unwritten(error: OSError) -> int:
    """Tell the user that the output is lost; raise what has another cause. The exit code.

    Nobody is told of a pipe whose reader has gone: it has read what it wanted.
    """
    if error.errno not in _NO_OUTPUT:
        raise error
    _send_nowhere(sys.stdout)
    if error.errno == errno.EPIPE:
        return UNWRITTEN
    return fail(
        f"the output could not be written: {error.strerror}; what was asked for may have been done",
        UNWRITTEN,
    )


def _send_nowhere(stream: TextIO) -> None:
    """Drop what a stream has not written yet: Python would try again, and complain, at its end."""
    with suppress(OSError, ValueError):  # one that a caller has put there has no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of what moves the cursor, or changes what stands beside it."""


def shown(text: str, *, keep: str = "") -> str:
    """Return text of anybody's as a terminal may get it: control characters as `\\u001b`.

    What is in `keep` stays. A certificate's name may hold what would clear the screen, or turn the
    direction of writing round.
    """
    return "".join(
        one
        if one in keep or one.isprintable() or category(one) not in _INVISIBLE
        else json.dumps(one)[1:-1]
        for one in text
    )


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

    to.add_row(*(Text(shown(cell)) for cell in cells))


def print_table(made: Table) -> None:
    """Print a table."""
    from rich.console import Console

    class Plain(Console):
        """Leaves it to the command line to end when nobody reads any more."""

        def on_broken_pipe(self) -> None:
            """Say so, where the library would end the process."""
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    Plain().print(made)


def print_json(value: object) -> None:
    """Print JSON, with its characters as they are where the output's encoding has them."""
    text = shown(json.dumps(value, ensure_ascii=False, indent=2), keep="\n")
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    print(text)


def done(arguments: argparse.Namespace, text: str) -> int:
    """Say that it is done, in the form that was asked for; return the exit code."""
    if arguments.json:
        print_json({"done": True})
    else:
        print(text)
    return OK


def say(text: str) -> None:
    """Tell the user something that is not the result."""
    try:
        print(shown(text, keep="\n\t"), file=sys.stderr, flush=True)
    except OSError:  # nobody can be told that nobody can be told
        _send_nowhere(sys.stderr)


def interrupted() -> int:
    """Tell the user that it was interrupted; return the exit code.

    What waits to be written is dropped: Python would wait for its reader once more, at its end.
    """
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        _send_nowhere(sys.stdout)
    return fail("interrupted", INTERRUPTED)


def fail(why: object, code: int) -> int:
    """Tell the user why it did not work; return the exit code.

    What is wrong with arguments and files is said in their language, where there are words for it.
    """
    from jukihost.texts import said_of_usage

    words = said_of_usage(str(why)) if isinstance(why, UsageError) else None
    say(f"jukihost: {words or why}")
    return code


def read_file(path: str, what: str, limit: int = 0) -> bytes:
    """Return the content of a file, `-` for standard input. UsageError.

    `limit` is the most it may have, in bytes; 256 MiB unless given.
    """
    limit = limit or MAX_FILE
    try:
        if path != "-":
            with bounded():
                return read_input(path, limit)
        content = _standard_input(limit + 1)
    except NothingCame as bound:
        raise UsageError(
            f"cannot read {what}: nothing has come through the pipe for {bound}"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {what}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"cannot read {what}: {_NO_NAME}") from None
    if len(content) > limit:
        size = f"{limit >> 20} MiB" if limit >> 20 else f"{limit >> 10} KiB"
        raise UsageError(f"cannot read {what}: it has more than {size}")
    return content


def _standard_input(most: int) -> bytes:
    """Read standard input to its end, or `most` bytes of it. NothingCame, OSError."""
    source = cast(io.BufferedReader, sys.stdin.buffer)
    content = bytearray()
    while len(content) < most:
        with bounded():
            piece = source.read1(min(_PIECE, most - len(content)))
        if not piece:
            break
        content += piece
    return bytes(content)


def check_free(path: str, *, force: bool, there: str = _THERE) -> None:
    """Check before anything is done that `write_file` can be called for a result. UsageError.

    there: what is said of a file that is there. What is only seen when it is written (a full disk,
    say) is told then.
    """
    if path == "-":
        return
    place = Path(path)
    try:
        found = bool(place.lstat())
    except FileNotFoundError:
        found = False
    except OSError as error:
        raise UsageError(f"cannot write the output file: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"cannot write the output file: {_NO_NAME}") from None
    if found and not force:
        raise UsageError(there)
    if not place.absolute().parent.is_dir():
        raise UsageError("cannot write the output file: there is no such folder")


def write_file(path: str, content: bytes, *, force: bool) -> None:
    """Write a result to a file, `-` for standard output. UsageError.

    A file that is there already is replaced with `force` only, and whole: a write that is cut off
    leaves it as it was, and no half of a new one.
    """
    if path == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    place = Path(os.path.realpath(path)) if force else Path(path)
    try:
        mode = 0o666
        if place.exists():
            found = place.stat()
            if not is_file(found):
                raise UsageError(
                    "the output file is there and no regular file; choose another name, or - for "
                    "standard output"
                )
            if force and not stat.S_ISREG(found.st_mode):
                return  # /dev/null
            mode = stat.S_IMODE(found.st_mode)
        replace_file(place, content, mode=mode, force=force)
    except FileExistsError:
        raise UsageError(_THERE) from None
    except OSError as error:
        raise UsageError(f"cannot write the output file: {error.strerror}") from None
