"""The loop of cuts: a procedure is cut at every exchange with the card, and at every transaction.

After each cut the terminal that sees the card next settles it, and the caller checks that card,
ledger and log agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import time, timedelta
from enum import Enum
from typing import Any, Final
from zlib import crc32

import pytest
from sqlalchemy import Connection, Row, select

from jukicard import Card
from jukihost.database import Database, metadata
from jukihost.database.errors import DatabaseAway
from jukihost.errors import CardError
from jukihost.ledger import By, Hours, change_operator, find_operator, lift_stop, stop
from jukihost.workflows import CardAtDesk, Desk, Task, recover_card
from tests.support.host.counters import CLERK, Clerk, Counter
from tests.support.host.ledgers import ALWAYS, FIRST, SECOND
from tests.support.soak import ASKED

_APART: Final = 13
"""In a short run, so many exchanges are between two that are cut."""
_MOST: Final = 400
"""More exchanges or transactions than any procedure has."""
OVER: Final = Hours(frozenset(range(7)), time(1), time(2))
"""An operator's hours that are over, whatever the time of a test."""


class Killed(BaseException):
    """The process is ended: nothing of it is written any more."""


@dataclass(frozen=True)
class Cut:
    """How a procedure is cut at an exchange with the card.

    acts: the card has done what it was told. puts_back: the same card is put back at once.
    killed: not the card is pulled, the process of the terminal ends.
    """

    acts: bool
    puts_back: bool = False
    killed: bool = False

    def __str__(self) -> str:
        how = "killed" if self.killed else "put back" if self.puts_back else "pulled"
        return f"{how} {'after' if self.acts else 'before'} the card acts"


CUTS: Final = [
    pytest.param(cut, id=str(cut))
    for acts in (False, True)
    for cut in (Cut(acts), Cut(acts, puts_back=True), Cut(acts, killed=True))
]
"""Each way to cut at an exchange, for `parametrize`."""
CUTS_FOR_GOOD: Final = [cut for cut in CUTS if "put back" not in str(cut.id)]
"""Those after which the procedure does not go on: for what asks nobody to put a card back."""


class Trouble(Enum):
    """What becomes of the terminal before a transaction of a procedure."""

    AWAY = "the database is away from here on"
    BLINK = "the database is away for this transaction"
    STOP = "two operators turn the emergency stop"
    IDLE = "the terminal was left alone for too long"
    HOURS = "the operator's hours end"
    BACKWARDS = "the clock goes back"
    KILLED = "the process ends"


_UNWRITTEN: Final = frozenset({Trouble.AWAY, Trouble.BACKWARDS, Trouble.KILLED})
"""In these there is nothing that an entry of the log could be written to, or dated by."""


@dataclass
class Cutting:
    """A procedure that is cut, and what holds before and afterwards.

    prepare: brings card and ledger to where the procedure begins; called before each cut.
    procedure: the procedure itself, at a desk, with the card in its reader.
    check: asserts that card, ledger and log agree; told whether the procedure came to its end.
    secrets: what is typed, again in each run.
    beside: gives another card that takes part, where one does; it is seen afterwards too.
    silent: where nothing was to be done, there is no entry in the log.
    reads: gives the card in the reader that is cut, where it is not the holder's: an operator's.
    operator: whose hours end.
    """

    counter: Counter
    task: Task
    prepare: Callable[[], object]
    procedure: Callable[[Desk, CardAtDesk], object]
    check: Callable[[bool], object]
    secrets: tuple[str, ...] = ()
    beside: Callable[[], Card] | None = None
    silent: bool = False
    reads: Callable[[], Card | None] = lambda: None
    operator: str = CLERK

    def at_every_exchange(self, cut: Cut) -> int:
        """Cut at every exchange; return how many there are, or a few more.

        At every thirteenth in a short run, another one for each procedure and way to cut.
        """
        for at in self._places(cut):
            self.prepare()
            known = self._entries()
            with self.counter.on_desk(self.reads()) as (hand, reader):
                database = Watched(self.counter.database)

                def kill(database: Watched = database) -> BaseException:
                    database.dead = True
                    return Killed()

                reader.pull(at, acts=cut.acts, error=kill if cut.killed else None)
                done = self._run(database, hand, puts_back=cut.puts_back)
                ended = reader.exchanges <= at
            self._settled(known, done, may_lack=cut.killed and not done)
            assert done or not (ended or (cut.puts_back and self.counter.undecided()))
            if ended:
                return at
        raise AssertionError("the procedure has no end")

    def at_every_transaction(self, trouble: Trouble) -> int:
        """Have trouble before every transaction that writes; return how many there are."""
        for at in range(_MOST):
            self.prepare()
            known = self._entries()
            with (
                self.counter.on_desk(self.reads()) as (hand, _),
                self._trouble(trouble, at) as database,
            ):
                done = self._run(database, hand, puts_back=True)
                ended = database.begun <= at
            self._settled(known, done, may_lack=not done and trouble in _UNWRITTEN)
            if ended:
                assert done
                return at
        raise AssertionError("the procedure has no end")

    def _places(self, cut: Cut) -> range:
        apart = 1 if ASKED else _APART
        first = crc32(f"{self.task.value} {cut}".encode()) % apart
        return range(first, _MOST, apart)

    def _run(self, database: Database, hand: CardAtDesk, *, puts_back: bool) -> bool:
        desk = self.counter.desk(talk=Clerk(*self.secrets, puts_back=puts_back))
        desk.office = replace(desk.office, database=database)
        try:
            self.procedure(desk, hand)
        except (CardError, Killed):
            return False
        return True

    def _settled(self, known: int, done: bool, *, may_lack: bool) -> None:
        """Let another terminal see the card, and check what then is."""
        entries = self._entries() - known
        may_lack = may_lack or self.silent
        assert entries == 1 or (may_lack and entries == 0), self.counter.told()[-3:]
        with self.counter.on_desk() as (hand, _):
            recover_card(self.counter.desk(), hand)
        if self.beside is not None:
            with self.counter.on_desk(self.beside()) as (hand, _):
                recover_card(self.counter.desk(), hand)
        assert self.counter.undecided() == 0
        self.check(done)

    def _entries(self) -> int:
        return sum(purpose == self.task.value for purpose, _, _ in self.counter.told())

    @contextmanager
    def _trouble(self, trouble: Trouble, at: int) -> Iterator[Watched]:
        """Give a database that has trouble before its transaction `at`; all is well afterwards."""
        clock, stopped = self.counter.clock, False
        moved = timedelta()
        kept: dict[str, list[Row[Any]]] = {}

        def happen(database: Watched) -> None:
            nonlocal stopped, moved, kept
            if trouble in (Trouble.AWAY, Trouble.BLINK):
                database.away = trouble is Trouble.AWAY
                raise DatabaseAway
            if trouble is Trouble.KILLED:
                database.dead = True
                raise Killed
            if trouble is Trouble.STOP:
                turn(self.counter, stop)
                stopped, kept = True, self._rows()
                return
            if trouble is Trouble.HOURS:
                self._work(OVER)
                return
            moved = timedelta(minutes=20 if trouble is Trouble.IDLE else -20)
            clock.move(moved)

        try:
            yield Watched(self.counter.database, at, happen)
            assert not stopped or self._rows() == kept, "P22: it was written on, while stopped"
        finally:
            if moved < timedelta():
                clock.move(-moved)
            if stopped:
                turn(self.counter, lift_stop)
            self._work(ALWAYS)

    def _rows(self) -> dict[str, list[Row[Any]]]:
        """All that is in the database, but for the log."""
        with self.counter.database.read() as connection:
            return {
                table.name: list(connection.execute(select(table)))
                for table in metadata.sorted_tables
                if not table.name.startswith("log_") and table.name != "database_clocks"
            }

    def _work(self, hours: Hours) -> None:
        """Let the operator work at other hours."""
        with self.counter.database.begin() as connection:
            found = find_operator(connection, self.operator)
            by = By.at_terminal(self.counter.database, FIRST.identifier)
            change_operator(connection, found, replace(found, hours=hours), by)


def turn(counter: Counter, switch: Callable[[Connection, By, str, str], None]) -> None:
    """Have two operators turn the emergency stop, on or off, at another desk."""
    with counter.database.begin() as connection:
        by = By.at_terminal(counter.database, FIRST.identifier)
        switch(connection, by, SECOND.identifier, "a rehearsal")


class Watched(Database):
    """A terminal's database in which something happens before one of its transactions."""

    def __init__(
        self,
        database: Database,
        at: int = _MOST,
        happen: Callable[[Watched], None] | None = None,
    ) -> None:
        super().__init__(database.engine, database.clock, database.terminal)
        self.begun = 0
        self.away = self.dead = False
        self._at, self._happen = at, happen

    @contextmanager
    def begin(self, *, durable: bool = True) -> Iterator[Connection]:
        self._reachable()
        number, self.begun = self.begun, self.begun + 1
        if number == self._at and self._happen is not None:
            self._happen(self)
        with super().begin(durable=durable) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._reachable()
        with super().read() as connection:
            yield connection

    def _reachable(self) -> None:
        if self.dead:
            raise Killed
        if self.away:
            raise DatabaseAway
