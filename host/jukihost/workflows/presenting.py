"""Who came to the counter and what they showed, checked against the rules of the town."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from jukihost.register import Asking, Body, Known, Use, known_resident
from jukihost.workflows.errors import Impossible, SupervisorDecides
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.rules import Paper, PresentedBy, Verdict, rule_for

ADULT_AT: Final = 15
"""Who is younger comes with a parent."""


@dataclass(frozen=True, slots=True)
class Presented:
    """Who came, and what they showed."""

    by: PresentedBy = PresentedBy.HOLDER
    papers: frozenset[Paper] = frozenset()


def check_presented(run: Procedure, presented: Presented, born: date) -> None:
    """Check who came against the rules of the town. Impossible, SupervisorDecides, NotApproved.

    `born` is the holder's day of birth. Where a supervisor decides, the one at the desk is named in
    the log.
    """
    if presented.by is PresentedBy.HOLDER and _age(born, run.day) < ADULT_AT:
        raise Impossible("a holder under 15 comes with a parent: who presents it is the parent")
    rule = rule_for(run.task, presented.by, run.desk.office.rules)
    if rule.verdict is Verdict.IMPOSSIBLE:
        raise Impossible(f"{presented.by.value!r} cannot do this ({rule.source})")
    if not any(papers <= presented.papers for papers in rule.papers):
        wanted = " or ".join(
            " and ".join(sorted(paper.value for paper in papers)) for papers in rule.papers
        )
        raise Impossible(f"this needs {wanted} ({rule.source})")
    if rule.verdict is Verdict.DECIDED:
        have_decided(run, f"a supervisor decides this ({rule.source}); let one log in here")


def check_who_came(run: Procedure, holder: int, presented: Presented) -> Known:
    """Check who came for the holder of a record, and return what the rules ask of that one.

    As `check_presented`; UnknownResident, Stopped.
    """
    with run.desk.database.read() as connection:
        known = known_resident(connection, holder)
    check_presented(run, presented, known.born)
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
