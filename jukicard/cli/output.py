"""Standard output, whatever it is: full, closed, read by nobody, or without our signs.

Exit code 0 says that all that was to be said was written: what is lost ends in `OutputLost`.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, Final, TextIO, cast

from jukicard.cli.problems import UserError

_FALLBACK: Final = "jukicard.signs"
_SIGNS: Final = {"→": ">", "←": "<", "·": "*", "…": "..."}
"""What to write where the encoding of the output has none of our signs; `?` for any other."""


class OutputLost(UserError):
    """Something that was to be said could not be written to standard output."""


class ReaderLeft(OutputLost):
    """Whoever read our output has left and wants no more: nothing to complain about."""


class Output:
    """Standard output that tells every loss, as `OutputLost`, to whoever writes to it.

    Not an OSError: libraries that write (argparse, rich) would keep some of those to themselves.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = False
        self._told = False

    def write(self, text: str) -> int:
        """Write a text; OutputLost."""
        with self._watched():
            return self._stream.write(text)

    def flush(self) -> None:
        """Write what was kept back; OutputLost."""
        with self._watched():
            self._stream.flush()

    def tell_loss(self, loss: OutputLost) -> None:
        """Complain of a loss on standard error: once, and not when the reader has left."""
        if not (self._told or isinstance(loss, ReaderLeft)):
            self._told = True
            complain(loss)

    def is_for(self, stream: TextIO) -> bool:
        """Tell whether this is the one that it writes to."""
        return self._stream is stream

    def abandon(self) -> None:
        """Let what is still kept back go nowhere: Python would try again at its end, and say so."""
        _send_nowhere(self._stream)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self.lost = True
            raise ReaderLeft("nobody reads standard output any more") from None
        except OSError as error:
            self.lost = True
            why = "it is closed" if error.errno == errno.EBADF else error.strerror or error
            raise OutputLost(f"standard output cannot be written: {why}") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _send_nowhere(stream: TextIO) -> None:
    with contextlib.suppress(OSError):
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


@contextlib.contextmanager
def standard_output() -> Iterator[Output]:
    """Make standard output an `Output`, and every sign one that it can write.

    What standard error has not taken by the end is dropped: there is nowhere left to say it.
    """
    fill_closed_streams()
    if sys.stdout is sys.__stdout__:  # our own, not one that a caller has put there
        _write_any_sign(cast(TextIO, sys.stdout))
    output = Output(sys.stdout)
    try:
        with contextlib.redirect_stdout(cast(TextIO, output)):
            yield output
    finally:
        try:
            sys.stderr.flush()
        except OSError:
            _send_nowhere(sys.stderr)


@contextlib.contextmanager
def going_on() -> Iterator[None]:
    """Complain of lost output, and do not end for it."""
    try:
        yield
    except OutputLost as loss:
        if isinstance(sys.stdout, Output):
            sys.stdout.tell_loss(loss)


def fill_closed_streams() -> None:
    """Give a closed stream 0, 1 or 2 a file of its own: the next one opened is perhaps a card's.

    Nothing can be read from such an input; writing to such an output fails, as it must.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest free number, which is this
    if sys.stdin is None:
        sys.stdin = _opened(0, "r")
    if sys.stdout is None:
        sys.stdout = _opened(1, "w")
    if sys.stderr is None:
        sys.stderr = _opened(2, "w")


def _opened(number: int, mode: str) -> TextIO:
    return cast(TextIO, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def complain(text: object) -> None:
    """Write one line to standard error, or nothing where that cannot be written either."""
    with contextlib.suppress(OSError):
        print(f"jukicard: {text}", file=sys.stderr, flush=True)


def _write_any_sign(stream: TextIO) -> None:
    """Replace what the encoding has not, unless the user chose something (PYTHONIOENCODING)."""
    if getattr(stream, "errors", "") in {"strict", "surrogateescape"}:
        codecs.register_error(_FALLBACK, _replaced)
        stream.reconfigure(errors=_FALLBACK)  # type: ignore[attr-defined]


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign = error.object[error.start]
    if "\udc80" <= sign <= "\udcff":  # a byte of a file's name that was no text: give it back
        return bytes((ord(sign) & 0xFF,)), error.start + 1
    return _SIGNS.get(sign, "?"), error.start + 1
