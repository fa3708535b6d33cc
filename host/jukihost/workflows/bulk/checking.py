"""A list of people checked against register, ledger and rules, before any card is touched."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from jukihost.errors import CardError
from jukihost.issuing import CardKind, check_card_issue, check_certificate_issue
from jukihost.ledger import Stopped
from jukihost.register.restrictions import may_see_address
from jukihost.workflows.bulk.people import PeopleList, Person
from jukihost.workflows.bulk.rows import Outcome, standing_of_row
from jukihost.workflows.explained import explain
from jukihost.workflows.making import entitled, means_of
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import asking_here, check_presented
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task


@dataclass(frozen=True, slots=True)
class PeopleChecked:
    """What a list comes to: rows that wait for a card, those that were made, those refused."""

    waiting: tuple[int, ...]
    before: tuple[Outcome, ...]
    refused: tuple[Outcome, ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.waiting) + len(self.before) + len(self.refused)


def check_people(desk: Desk, people: PeopleList) -> PeopleChecked:
    """Check each row of a list as issuing would; touch no card, and change nothing but the log.

    Juki cards only: IssueEnded outside their time (P24), NoIssuingHere, Stopped, OperatorRefused,
    NotOnDuty. What is wrong with single rows is in the result, NotNotified (P23) among it.
    """
    with Procedure(desk, Task.BULK_ISSUE) as run:
        means_of(desk)
        check_card_issue(CardKind.JUKI, run.day)
        bad = [
            Outcome(one.row, one.holder or 0, made=False, why=explain(one.why))
            for one in people.bad
        ]
        waiting: list[int] = []
        before: list[Outcome] = []
        for person in people.people:
            try:
                done = _check(run, person, people.batch)
            except Stopped:
                raise
            except CardError as why:
                bad.append(Outcome(person.row, person.holder, made=False, why=explain(why)))
                continue
            if done:
                before.append(Outcome(person.row, person.holder, made=True, before=True))
            else:
                waiting.append(person.row)
        run.remark(f"{len(waiting)} rows, {len(before)} made before, {len(bad)} refused")
        with run.finish():
            pass
    return PeopleChecked(tuple(waiting), tuple(before), tuple(bad))


def _check(run: Procedure, person: Person, batch: str) -> bool:
    """Return whether the card of a row is made already; raise why it cannot be made."""
    with run.desk.database.read() as connection:
        found = standing_of_row(connection, person.holder, batch)
        if found is not None and found.done:
            return True
        _check_holder(run, connection, person)
    person.wish()
    if person.with_certificates:
        check_certificate_issue(CardKind.JUKI, run.by.at)
    return False


def _check_holder(run: Procedure, connection: Connection, person: Person) -> None:
    known = entitled(connection, person.holder, run.day)
    check_presented(run, person.presented, known.born, task=Task.ISSUE)
    may_see_address(connection, known.resident, known.household, asking_here(run))
