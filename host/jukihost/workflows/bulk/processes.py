"""Cards made by several processes, one a core: each opens database, keys and cards for itself.

They are started anew, never forked: a token or a database that two processes hold is none. A
process is sent rows by their numbers, and sends back what became of them. One that dies costs no
row: another one goes on with its card.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final, Protocol

from jukihost.errors import CardError
from jukihost.workflows.bulk.rows import Bench, CardsEnded, Outcome
from jukihost.workflows.errors import Retry, WorkflowError
from jukihost.workflows.explained import Explained, explain

MOST: Final = 64
"""The most processes that are started."""
_LIVES: Final = 3
"""How often a row is given to another process, after one has died over it."""
_RETRIES: Final = {one.value: one for one in Retry}
_FREE: Final = "free"
_END: Final = 10.0
_BOUND: Final = 600.0
"""Seconds that a process may take over a row, or over its start."""


class WorkersGone(WorkflowError):
    """The processes that make cards have died, or do not answer."""


class EndedElsewhere(WorkflowError):
    """What ended the run in another process: its code, its words, and what may help."""

    def __init__(self, code: str, meaning: str, may_help: str) -> None:
        super().__init__(code, meaning, may_help)
        self.why = Explained(code, meaning, _RETRIES.get(may_help, Retry.COUNTER))

    def __str__(self) -> str:
        return self.why.meaning


class StationClosed(WorkflowError):
    """A process could not open what it makes cards with; nothing was done in it."""


class Station(Protocol):
    """Opens a bench in the process that asks; it is sent to each, and holds nothing open."""

    def opened(self, place: int) -> AbstractContextManager[Bench]:
        """Open desk, cards and list, for the process of a place, from 0."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process ends with, in the place of outcomes; `cards`: it has no more cards."""

    why: Explained
    cards: bool


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    row: int | None = None
    ready: bool = False
    gone: bool = False

    @property
    def busy(self) -> bool:
        """Whether it is at a row, or still at its start."""
        return not self.ready or self.row is not None


@dataclass
class Processes:
    """A crew of some processes on this machine; each is given a row when it is free for one."""

    station: Station
    count: int
    _again: deque[int] = field(default_factory=deque, init=False)
    _deaths: dict[int, int] = field(default_factory=dict, init=False)
    _ends: list[Ended] = field(default_factory=list, init=False)

    def outcomes(self, rows: Iterable[int]) -> Iterator[Outcome]:
        """Have the rows made. WorkersGone, EndedElsewhere."""
        context = multiprocessing.get_context("spawn")
        workers: list[_Worker] = []
        given = iter(rows)
        try:
            for place in range(min(self.count, MOST)):
                mine, theirs = context.Pipe()
                process = context.Process(
                    target=work, args=(theirs, self.station, place), daemon=True
                )
                process.start()
                theirs.close()
                workers.append(_Worker(process, mine))
            yield from self._served(workers, given)
        finally:
            _end(workers)
        self._check_ends(given)

    def _served(self, workers: list[_Worker], given: Iterator[int]) -> Iterator[Outcome]:
        """Hear what processes send until none is at a row; idle ones wait for rows of others."""
        while any(one.busy for one in workers):
            ready = wait([one.pipe for one in workers], _BOUND)
            if not ready:
                raise WorkersGone(
                    f"nothing was heard of the processes that make cards for {_BOUND:g} s: look at "
                    "cards and database, then run this again"
                )
            for worker in [one for one in workers if one.pipe in ready]:
                yield from self._heard(worker)
                if worker.gone:
                    workers.remove(worker)
                    _end([worker])
            for worker in workers:
                if not worker.busy:
                    self._give(worker, given)

    def _heard(self, worker: _Worker) -> Iterator[Outcome]:
        """Take what a process sent."""
        try:
            said = worker.pipe.recv()
        except (EOFError, OSError):
            worker.gone = True
            yield from self._died(worker.row)
            return
        if isinstance(said, Outcome):
            yield said
        elif isinstance(said, Ended):
            worker.gone = True
            self._ends.append(said)
            if worker.row is not None:
                self._again.append(worker.row)
        else:
            worker.ready, worker.row = True, None

    def _died(self, row: int | None) -> Iterator[Outcome]:
        if row is None:
            return
        self._deaths[row] = self._deaths.get(row, 0) + 1
        if self._deaths[row] < _LIVES:
            self._again.append(row)
            return
        why = explain(WorkersGone("processes died over this row: issue it at the counter"))
        yield Outcome(row, 0, made=False, why=why)

    def _give(self, worker: _Worker, given: Iterator[int]) -> None:
        """Give a process the next row, where there is one and nothing has ended the run."""
        if any(not one.cards for one in self._ends):
            return
        worker.row = self._again.popleft() if self._again else next(given, None)
        if worker.row is not None:
            with suppress(OSError):  # it has died; its end of the pipe says so
                worker.pipe.send(worker.row)

    def _check_ends(self, given: Iterator[int]) -> None:
        """Raise what ended the run, where rows are left over it."""
        for end in self._ends:
            if not end.cards:
                raise EndedElsewhere(end.why.code, end.why.meaning, end.why.retry.value)
        if not self._again and next(given, None) is None:
            return
        if self._ends:
            raise CardsEnded(self._ends[0].why.meaning)
        raise WorkersGone("the processes that make cards have died: run this again")


def work(pipe: Connection, station: Station, place: int) -> None:
    """Make the cards of the rows that come through a pipe, until None comes or nobody is there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it says when to end
    with suppress(EOFError, BrokenPipeError):
        try:
            with station.opened(place) as bench:
                pipe.send(_FREE)
                while (row := pipe.recv()) is not None:
                    for outcome in bench.make(row):
                        pipe.send(outcome)
                    pipe.send(_FREE)
        except CardError as why:
            pipe.send(Ended(explain(why), isinstance(why, CardsEnded)))


def _end(workers: list[_Worker]) -> None:
    """Let every process end: none is given a row any more, and those under way are finished."""
    for worker in workers:
        with suppress(OSError):
            worker.pipe.send(None)
    for worker in workers:
        worker.process.join(_END)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join(_END)
        worker.pipe.close()
