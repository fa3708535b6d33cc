"""Every procedure there is: refused in words while it may not be done, in the log, with no change.

They are found on the face, and called with what their parameters are called: a new one is walked
here at once. What nobody knows here is something that is good for nothing: a procedure refuses
before it looks at it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, select

import jukihost.workflows
from jukihost.clock import MovableClock
from jukihost.database import Database, metadata, open_database
from jukihost.database.errors import DatabaseAway
from jukihost.errors import CardError
from jukihost.ledger import (
    By,
    ChangedMeanwhile,
    Operator,
    OperatorRefused,
    Reason,
    Right,
    Role,
    Stopped,
    stop,
)
from jukihost.register import RestrictionKind
from jukihost.workflows import (
    RIGHT_FOR,
    AlreadyFounded,
    CardAndPassword,
    CardAtDesk,
    Desk,
    Duty,
    Founder,
    NotOnDuty,
    Presented,
    Task,
)
from jukihost.workflows.tasks import AT_THE_DOOR
from tests.support.host.counters import AUDITOR, CLERK, SUPERVISOR, Clerk, Counter, Reader
from tests.support.host.databases import made
from tests.support.host.ledgers import FIRST
from tests.support.host.operators import PASSWORD, Person, Staff, trust
from tests.support.host.residents import CALLED

PROCEDURES: Final = sorted(
    name
    for name in jukihost.workflows.__all__
    if inspect.isfunction(function := getattr(jukihost.workflows, name))
    and "desk" in inspect.signature(function).parameters
)
"""Every function of the face that is done at a desk."""
UNDER_A_STOP: Final[dict[str, type[CardError] | None]] = {
    "card_gone": None,  # takes a log-in away
    "found_office": AlreadyFounded,
    "lift_everything": None,  # or it would stay for good
    "lock": None,
    "log_out": None,
    "replace_administrators_card": None,  # of who may lift it
    "stop_everything": ChangedMeanwhile,
}
"""What does not say Stopped while everything is, and what it says instead; None: it is done."""
NEEDS_NOBODY: Final = {"card_gone", "change_password", "found_office", "log_in"}
"""What is done at a terminal where nobody is on duty."""

ANYTHING: Final = object()


@dataclass
class Place:
    """A town's counter, and one of everything that a procedure may be called with."""

    counter: Counter
    staff: Staff
    admin: Person
    clerk: Person
    spare: Person
    folder: Path

    @contextmanager
    def arguments(self, name: str) -> Iterator[dict[str, Any]]:
        """Give what a procedure is called with, beside the desk."""
        with Reader(self.counter.card) as reader, Reader(self._card(name).card) as operators:
            method = CardAndPassword(operators, trust)
            operator = Operator("clerk-9", "窓口", Role.CLERK)
            known: dict[str, Any] = {
                "hand": CardAtDesk(reader),
                "connection": operators,
                "method": method,
                "presented": Presented(),
                "holder": self.counter.holder,
                "resident": self.counter.holder,
                "notice": CALLED if name == "suspend_by_telephone" else 1,
                "answered": True,
                "card": self.clerk.number if "unlock" in name else self.counter.number,
                "identifier": CLERK,
                "operator": self._operator(name, operator),
                "old": operator,
                "new": replace(operator, role=Role.AUDITOR),
                "kind": RestrictionKind.OTHER,
                "until": date(2014, 6, 1),
                "number": 1,
                "why": "rehearsal",
                "reason": Reason.SURRENDERED,
                "file": self.folder / "a backup",
                "origin": "another.example/uses",
                "first": Founder(operator, method),
                "second": Founder(operator, method),
            }
            parameters = inspect.signature(getattr(jukihost.workflows, name)).parameters
            needed = [
                one.name
                for one in parameters.values()
                if one.default is one.empty and one.name != "desk"
            ]
            yield {one: known.get(one, ANYTHING) for one in needed}

    def _card(self, name: str) -> Person:
        if name in {"lend_operator_card", "replace_administrators_card"}:
            return self.spare
        return self.clerk

    def _operator(self, name: str, whole: Operator) -> object:
        if name == "enter_staff":
            return whole
        return {
            "lend_operator_card": self.spare.identifier,
            "replace_administrators_card": self.spare.identifier,
        }.get(name, self.clerk.identifier)

    def desk(self, operator: str | None, database: Database | None = None) -> Desk:
        """A desk with somebody on duty, and a second operator beside them."""
        office = replace(self.counter.office, database=database or self.counter.database)
        now = self.counter.clock.now()
        duty = None if operator is None else Duty(operator, now)
        desk = Desk(office, duty, Clerk(*[PASSWORD] * 4))
        if operator is not None:
            second = SUPERVISOR if operator != SUPERVISOR else "super-2"
            desk.supervisor = Duty(second, now)
        return desk

    def call(self, name: str, desk: Desk) -> None:
        """Call a procedure."""
        with self.arguments(name) as arguments:
            getattr(jukihost.workflows, name)(desk, **arguments)

    def who_may(self, name: str) -> str:
        """Somebody who has the right for a procedure."""
        right = RIGHT_FOR[self.task(name)]
        return {
            Right.COUNTER: CLERK,
            Right.DECIDE: SUPERVISOR,
            Right.READ_LOG: AUDITOR,
        }.get(right, FIRST.identifier)

    def task(self, name: str) -> Task:
        """The task of a procedure: under which its refusal is in the log."""
        door = {"card_gone": Task.LOG_OUT, "log_in": Task.LOG_IN, "change_password": Task.LOG_IN}
        if name in door:
            return door[name]
        with pytest.raises(CardError):
            self.call(name, self.desk(None))
        return Task(self.counter.told()[-1][0])

    @property
    def away(self) -> Database:
        """A database that is out of reach."""
        base = self.counter.database
        return Away(base.engine, base.clock, base.terminal)

    def state(self) -> tuple[Any, ...]:
        """All that is in the database, but for the log, and in the cards."""
        with self.counter.database.read() as connection:
            rows = {
                table.name: connection.execute(select(table)).all()
                for table in metadata.sorted_tables
                if not table.name.startswith("log_") and table.name != "database_clocks"
            }
        cards = [self.counter.card, self.admin.card, self.clerk.card, self.spare.card]
        return rows, [one.environment.memory.snapshot().copies() for one in cards]

    def stop(self) -> None:
        """Turn the emergency stop."""
        with self.counter.database.begin() as connection:
            by = By.at_terminal(self.counter.database, FIRST.identifier)
            stop(connection, by, "admin-2", "rehearsal")


class Away(Database):
    """A database out of reach."""

    @contextmanager
    def _connected(self, options: dict[str, object]) -> Iterator[Connection]:
        if options:
            raise DatabaseAway
        yield Connection(self.engine)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Place]:
    """A counter on SQLite; where it stands makes no difference to what is walked here."""
    with (
        made("sqlite", request, tmp_path) as address,
        open_database(address, clock=clock, terminal="counter-1") as database,
    ):
        counter = Counter(database, clock)
        staff = Staff(counter)
        admin, clerk = staff.hired(Role.ADMINISTRATOR), staff.hired(Role.CLERK)
        yield Place(counter, staff, admin, clerk, staff.known(Role.CLERK), tmp_path)


def refused(
    place: Place, name: str, kind: type[CardError], desk: Callable[[], Desk], *, entries: int = 1
) -> None:
    """Have a procedure refused: a typed error, one entry of the log, and nothing changed."""
    before, known = place.state(), len(place.counter.uses())
    with pytest.raises(kind) as error:
        place.call(name, desk())
    assert str(error.value)
    assert len(place.counter.uses()) == known + entries, place.counter.told()[known:]
    rows, cards = place.state()
    assert rows == before[0]
    assert cards == before[1]
    assert not (place.folder / "a backup").exists()


@pytest.mark.parametrize("name", PROCEDURES)
def test_p22_under_an_emergency_stop_every_procedure_refuses(place: Place, name: str) -> None:
    who = place.who_may(name)
    if name == "unlock_operator":
        place.clerk.lock()
    place.stop()
    kind = UNDER_A_STOP.get(name, Stopped)
    if kind is not None:
        refused(place, name, kind, lambda: place.desk(who))


@pytest.mark.parametrize("name", PROCEDURES)
def test_p22_without_its_database_every_procedure_refuses(place: Place, name: str) -> None:
    who = place.who_may(name)
    if name != "card_gone":
        refused(place, name, DatabaseAway, lambda: place.desk(who, place.away), entries=0)


@pytest.mark.parametrize("name", [one for one in PROCEDURES if one not in NEEDS_NOBODY])
def test_with_nobody_on_duty_every_procedure_refuses(place: Place, name: str) -> None:
    refused(place, name, NotOnDuty, lambda: place.desk(None))


@pytest.mark.parametrize("name", PROCEDURES)
def test_without_the_right_for_it_every_procedure_refuses(place: Place, name: str) -> None:
    task = place.task(name)
    if task in AT_THE_DOOR:
        return
    without = CLERK if RIGHT_FOR[task] is Right.READ_LOG else AUDITOR
    refused(place, name, OperatorRefused, lambda: place.desk(without))


def test_the_walk_is_over_every_task_of_a_function() -> None:
    assert len(PROCEDURES) > 25
    assert set(PROCEDURES) >= UNDER_A_STOP.keys() | NEEDS_NOBODY
