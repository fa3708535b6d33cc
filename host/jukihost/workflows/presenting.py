"""Who came to the counter and what they showed, checked against the rules of the town."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from jukihost.register import Asking, Body, Known, Use, find_open_inquiry, known_resident
from jukihost.workflows.errors import Impossible, SupervisorDecides
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.rules import Paper, PresentedBy, Verdict, rule_for
from jukihost.workflows.tasks import Task

ADULT_AT: Final = 15
"""Who is younger comes with a parent."""


@dataclass(frozen=True, slots=True)
class Presented:
    """Who came, and what they showed.

    inquiry: the number of the letter whose answer they brought, where `Paper.ANSWER` is shown.
    """

    by: PresentedBy = PresentedBy.HOLDER
    papers: frozenset[Paper] = frozenset()
    inquiry: int | None = None


def check_presented(
    run: Procedure,
    presented: Presented,
    born: date,
    holder: int | None = None,
    *,
    task: Task | None = None,
) -> None:
    """Check who came against the rules of the town. Impossible, SupervisorDecides, NotApproved.

    `born` is the holder's day of birth, `holder` the number of their record where it is in this
    town's register, `task` what they came for, where it is not this procedure. Where a supervisor
    decides, the one at the desk is named in the log. Who has nothing better than the answer to an
    inquiry letter needs one that was sent for this procedure (`Presented.inquiry`): InquiryRefused.
    It is used up with the first thing that is done.
    """
    if presented.by is PresentedBy.HOLDER and _age(born, run.day) < ADULT_AT:
        raise Impossible("a holder under 15 comes with a parent: who presents it is the parent")
    rule = rule_for(task or run.task, presented.by, run.desk.office.rules)
    if rule.verdict is Verdict.IMPOSSIBLE:
        raise Impossible(f"{presented.by.value!r} cannot do this ({rule.source})")
    if not any(papers <= presented.papers for papers in rule.papers):
        wanted = " or ".join(
            " and ".join(sorted(paper.value for paper in papers)) for papers in rule.papers
        )
        raise Impossible(f"this needs {wanted} ({rule.source})")
    if rule.verdict is Verdict.DECIDED:
        have_decided(run, f"a supervisor decides this ({rule.source}); let one log in here")
    if not any(papers <= presented.papers - {Paper.ANSWER} for papers in rule.papers):
        _check_answer(run, presented, holder)


def _check_answer(run: Procedure, presented: Presented, holder: int | None) -> None:
    """Check that the answer is that to a letter of this town to this holder, for this procedure."""
    if holder is None:
        raise Impossible("who answers an inquiry letter is of this town; this record is another's")
    if presented.inquiry is None:
        raise Impossible("say the number of the letter whose answer was brought")
    with run.desk.database.read() as connection:
        find_open_inquiry(connection, presented.inquiry, holder, run.task.value, run.by)
    run.answered = (presented.inquiry, holder)


def check_who_came(run: Procedure, holder: int, presented: Presented) -> Known:
    """Check who came for the holder of a record, and return what the rules ask of that one.

    As `check_presented`; UnknownResident, Stopped.
    """
    with run.desk.database.read() as connection:
        known = known_resident(connection, holder)
    check_presented(run, presented, known.born, holder)
    return known


def have_decided(run: Procedure, otherwise: str) -> None:
    """Have the supervisor at the desk decide; SupervisorDecides, with these words, without one."""
    if run.desk.supervisor is None:
        raise SupervisorDecides(otherwise)
    run.approved()


def asking_here(run: Procedure) -> Asking:
    """Return who asks the register: the counter, and a supervisor who has logged in beside."""
    decided = run.approved() if run.desk.supervisor is not None else None
    return Asking(run.by, Body.COUNTER, Use.PROCEDURE, approved_by=decided)


def _age(born: date, today: date) -> int:
    """Return the age: a year is full when the day before the birthday ends (民法143条2項)."""
    day = today + timedelta(days=1)
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
