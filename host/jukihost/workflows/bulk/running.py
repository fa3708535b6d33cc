"""A run over a list: rows given out, outcomes counted and written down, and when it stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from jukihost.errors import CardError
from jukihost.workflows.bulk.bins import Bins, BinsUnwritable
from jukihost.workflows.bulk.checking import PeopleChecked
from jukihost.workflows.bulk.rows import Bench, Outcome
from jukihost.workflows.errors import WorkflowError

STOP_AFTER: Final = 5
"""How many rows that fail one after another end a run, unless said otherwise."""


class TooManyFailures(WorkflowError):
    """Rows failed one after another: something is wrong that is not theirs."""


class Crew(Protocol):
    """Who makes cards: this process, several, or several machines."""

    def outcomes(self, rows: Iterable[int]) -> Iterator[Outcome]:
        """Take rows, one after another, and yield what became of each, in any order.

        A row is taken when somebody is free for it. When no more are given, those under way are
        finished. Raises, after those, what ends the run.
        """


class Alone:
    """A crew of this process alone."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def outcomes(self, rows: Iterable[int]) -> Iterator[Outcome]:
        """Make the cards one after the other."""
        for row in rows:
            yield from self._bench.make(row)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: the outcome that has just come, counts, and seconds left as far as known."""

    outcome: Outcome
    made: int
    failed: int
    left: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class BulkIssued:
    """What a run came to: cards made now and before, rows refused or failed, rows left."""

    made: int
    before: int
    failed: int
    left: int


class Run:
    """A run over a list that was checked; `told` hears of each row, `halt` ends it in order.

    stop_after: how many rows may fail one after another, 0 for any number.
    """

    def __init__(
        self,
        checked: PeopleChecked,
        crew: Crew,
        bins: Bins,
        *,
        stop_after: int = STOP_AFTER,
        told: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._checked, self._crew, self._bins = checked, crew, bins
        self._stop_after, self._told = stop_after, told
        self._first: float | None = None
        self._outcomes: dict[int, Outcome] = {}
        self._halted: CardError | None = None
        self._in_a_row = 0

    def halt(self, why: CardError) -> None:
        """Give out no more rows; those under way are finished. `run` raises it then."""
        self._halted = self._halted or why

    def run(self) -> BulkIssued:
        """Make the cards. TooManyFailures, BinsUnwritable, and what ends a run (`Bench.make`).

        Whatever is raised, `result` says how far it came.
        """
        for outcome in (*self._checked.before, *self._checked.refused):
            self._bins.put(outcome)
        for outcome in self._crew.outcomes(self._rows()):
            self._count(outcome)
        if self._halted is not None:
            raise self._halted
        return self.result

    @property
    def result(self) -> BulkIssued:
        """How far it came."""
        made = [one for one in self._outcomes.values() if one.made]
        before = sum(one.before for one in made)
        failed = len(self._outcomes) - len(made)
        return BulkIssued(
            made=len(made) - before,
            before=len(self._checked.before) + before,
            failed=len(self._checked.refused) + failed,
            left=len(self._checked.waiting) - len(self._outcomes),
        )

    def _rows(self) -> Iterator[int]:
        for row in self._checked.waiting:
            if self._halted is not None:
                return
            if row not in self._outcomes:
                yield row

    def _count(self, outcome: Outcome) -> None:
        known = self._outcomes.get(outcome.row)
        if known is not None and known.made:
            return
        self._outcomes[outcome.row] = outcome
        try:
            self._bins.put(outcome)
        except BinsUnwritable as why:
            self.halt(why)
        self._in_a_row = 0 if outcome.made else self._in_a_row + 1
        if self._stop_after and self._in_a_row >= self._stop_after:
            self.halt(
                TooManyFailures(
                    f"{self._in_a_row} rows failed one after another, the last one because: "
                    f"{outcome.why.meaning if outcome.why else ''}. Mend what is wrong, and run "
                    "this again; --stop-after says how many it takes"
                )
            )
        self._told(self._progress(outcome))

    def _progress(self, outcome: Outcome) -> Progress:
        found = self.result
        return Progress(outcome, found.made, found.failed, found.left, self._seconds(found.left))

    def _seconds(self, left: int) -> float | None:
        """Return how long the rows that are left will take, by those since the first one."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
        since = len(self._outcomes) - 1
        return (now - self._first) / since * left if since else None
