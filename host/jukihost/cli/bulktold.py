"""How bulk issue tells what goes on: a bar with the time left for a person, lines for a program."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from jukihost.cli import output
from jukihost.cli.counter.told import ForPeople, ForPrograms, plain
from jukihost.texts import said
from jukihost.workflows import Explained, Step, explain

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from jukihost.errors import CardError
    from jukihost.workflows import BulkIssued, Outcome, PeopleChecked, Progress

TASK = "bulk_issue"


class BulkTeller(Protocol):
    """Tells somebody how a run goes; open while it lasts."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def progress(self, step: Step) -> None:
        """Tell where the log-in is."""

    def done(self, result: object) -> None:
        """Tell what came of it."""

    def failed(self, error: Explained) -> None:
        """Tell what ended it before anything was made."""

    def checked(self, checked: PeopleChecked) -> None:
        """Tell what a list comes to that was only checked."""

    def begun(self, checked: PeopleChecked) -> None:
        """Tell which rows are refused, before the first card."""

    def outcome(self, progress: Progress) -> None:
        """Tell what became of a row."""

    def ended(self, result: BulkIssued, why: CardError | None) -> None:
        """Tell what a run came to, and what ended it, if anything."""


def teller_for(programs: bool) -> BulkTeller:
    """Return who tells a program, or a person."""
    return BulkForPrograms() if programs else BulkForPeople()


class BulkForPeople(ForPeople):
    """Tells a person; a bar where they have a terminal, rows that failed as they come."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def checked(self, checked: PeopleChecked) -> None:
        """Print the counts, and say of each refused row why."""
        self._refused(checked)
        for name, value in _counts(checked).items():
            print(f"{said(_WORDS[name])}: {value}")

    def begun(self, checked: PeopleChecked) -> None:
        """Say of each refused row why, and begin the bar."""
        self._refused(checked)
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._stack.enter_context(self._bar)
            self._bar.add_task("", total=len(checked.waiting))

    def outcome(self, progress: Progress) -> None:
        """Say why a row failed, and move the bar."""
        self._failure(progress.outcome)
        if self._bar is not None:
            [task] = self._bar.task_ids
            left = timedelta(seconds=round(progress.seconds_left or 0))
            done = (self._bar.tasks[0].total or 0) - progress.left
            self._bar.update(task, completed=done, description=f"{said('time left')} {left}")

    def ended(self, result: BulkIssued, why: CardError | None) -> None:
        """Print the counts, and say what ended it."""
        self._stack.close()
        self._bar = None
        for name, value in plain(result).items():
            print(f"{said(_WORDS[name])}: {value}")
        if why is not None:
            self.failed(_explained(why))

    def _refused(self, checked: PeopleChecked) -> None:
        for one in checked.refused:
            self._failure(one)

    def _failure(self, outcome: Outcome) -> None:
        if outcome.why is None:
            return
        text = f"{said('row')} {outcome.row}: {outcome.why.meaning} [{outcome.why.code}]"
        if self._bar is not None:
            self._bar.console.print(output.shown(text), markup=False, highlight=False)
        else:
            output.say(text)


class BulkForPrograms(ForPrograms):
    """Tells a program: JSON lines, the last one the result."""

    def __init__(self) -> None:
        super().__init__(TASK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def checked(self, checked: PeopleChecked) -> None:
        """Tell each refused row, then the counts."""
        self.begun(checked)
        self._line("result", done=not checked.refused, result=_counts(checked))

    def begun(self, checked: PeopleChecked) -> None:
        """Tell each refused row."""
        for one in checked.refused:
            self._line("progress", **_row(one))

    def outcome(self, progress: Progress) -> None:
        """Tell a row, and where the run is."""
        seconds = progress.seconds_left
        self._line(
            "progress",
            **_row(progress.outcome),
            counts={"made": progress.made, "failed": progress.failed, "left": progress.left},
            seconds_left=None if seconds is None else round(seconds, 1),
        )

    def ended(self, result: BulkIssued, why: CardError | None) -> None:
        """Tell the counts, and what ended it."""
        told = {} if why is None else {"error": _explained(why).told()}
        done = why is None and result.failed == result.left == 0
        self._line("result", done=done, result=plain(result), **told)


_WORDS = {
    "rows": "rows",
    "waiting": "waiting for a card",
    "made": "made",
    "before": "made before",
    "refused": "refused",
    "failed": "failed",
    "left": "left",
}


def _counts(checked: PeopleChecked) -> dict[str, int]:
    return {
        "rows": checked.rows,
        "waiting": len(checked.waiting),
        "before": len(checked.before),
        "refused": len(checked.refused),
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "row": outcome.row,
        "made": outcome.made,
        "before": outcome.before,
        "error": None if outcome.why is None else outcome.why.told(),
    }


def _explained(why: CardError) -> Explained:
    """Return what an error is; of one that came from another process, what it was there."""
    told: Explained = getattr(why, "why", None) or explain(why)
    return told
