"""What is left of a run in files: the rows that are made, and those that are not, with the reason.

They say what the ledger says, so each run writes them anew. There is a row's number in them, the
record's number as in the list, and words: no card, no name, no code.
"""

from __future__ import annotations

import csv
import os
import re
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from jukihost.workflows.bulk.rows import Outcome
from jukihost.workflows.errors import WorkflowError

DONE_HEAD: Final = ("row", "holder", "made")
ERROR_HEAD: Final = ("row", "holder", "code", "reason")
_FLAGS: Final[int] = (
    os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)
_NUMBER: Final = re.compile(r"\b[0-9A-F]{16}\b")
_MOST_HEAD: Final = 200


class BinsTaken(WorkflowError):
    """Another run writes the same files now."""

    def __str__(self) -> str:
        return (
            "another run is at this list now, and writes the same files: wait for its end; a "
            "second one beside it takes another folder (--bins)"
        )


class BinsUnwritable(WorkflowError):
    """The files of what is done cannot be written: a full disk, or something else's file."""


class Bins:
    """The files `NAME.done.csv` and `NAME.errors.csv` in a folder, open while a run lasts.

    BinsTaken where another run has them, BinsUnwritable; what is another program's is not touched.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.done_file = folder / f"{name}.done.csv"
        self.error_file = folder / f"{name}.errors.csv"
        self._lock_file = folder / f".{name}.lock"
        self._stack = ExitStack()
        self._done = self._errors = -1

    def __enter__(self) -> Self:
        from filelock import FileLock, Timeout  # not every system has locks; only a run needs one

        with ExitStack() as stack:
            try:
                stack.enter_context(FileLock(self._lock_file).acquire(timeout=0))
                self._done = _opened(stack, self.done_file, DONE_HEAD)
                self._errors = _opened(stack, self.error_file, ERROR_HEAD)
                for descriptor, head in ((self._done, DONE_HEAD), (self._errors, ERROR_HEAD)):
                    os.ftruncate(descriptor, 0)
                    _write(descriptor, head)
            except Timeout:
                raise BinsTaken from None
            except OSError as error:
                raise _unwritable(error) from None
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def put(self, outcome: Outcome) -> None:
        """Write down what became of a row. BinsUnwritable."""
        try:
            if outcome.made:
                said = "before" if outcome.before else "now"
                _write(self._done, (outcome.row, outcome.holder, said))
            elif outcome.why is not None:
                meaning = _NUMBER.sub("(its number)", outcome.why.meaning)
                _write(self._errors, (outcome.row, outcome.holder, outcome.why.code, meaning))
        except OSError as error:
            raise _unwritable(error) from None


def _opened(stack: ExitStack, path: Path, head: tuple[str, ...]) -> int:
    """Open a file of an earlier run, or a new one. OSError, BinsUnwritable."""
    descriptor = os.open(path, _FLAGS, 0o600)
    stack.callback(os.close, descriptor)
    there = os.read(descriptor, _MOST_HEAD)
    if there and not there.startswith(",".join(head).encode()):
        raise BinsUnwritable(
            f"{path.name} is there and is not what an earlier run left: move it away, or take "
            "another folder (--bins)"
        )
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _write(descriptor: int, cells: tuple[object, ...]) -> None:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    view = memoryview(line.getvalue().encode("utf-8"))
    while view:
        view = view[os.write(descriptor, view) :]


def _unwritable(error: OSError) -> BinsUnwritable:
    return BinsUnwritable(
        f"the files of what is done cannot be written: {error.strerror}. What was made stands in "
        "the ledger: make room, or take another folder (--bins), and run it again"
    )
