"""Who is a child, and who decides: the days of an age, and a supervisor who may, by their name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest

from jukihost.clock import MovableClock
from jukihost.ledger import (
    By,
    OperatorRefused,
    Role,
    change_operator,
    find_operator,
    lend_card,
    return_card,
    revoke_card,
)
from jukihost.register import InquiryRefused
from jukihost.workflows import (
    Desk,
    Duty,
    Impossible,
    NotApproved,
    NotOnDuty,
    Paper,
    Presented,
    PresentedBy,
    Rule,
    SupervisorDecides,
    Task,
    Verdict,
    call_second,
    inquire,
    report_lost,
    show_cards,
    suspend_by_telephone,
)
from jukihost.workflows.duty import IDLE
from tests.support.host.counters import AUDITOR, CLERK, SUPERVISOR, Counter
from tests.support.host.cuts import OVER
from tests.support.host.ledgers import FIRST
from tests.support.host.operators import PASSWORD, Staff
from tests.support.host.residents import CALLED

PHOTO = Presented(papers=frozenset({Paper.PHOTO}))
SENT = Presented(PresentedBy.PROXY)
"""About a call of somebody whom the holder has sent, a supervisor decides."""
_SEEDS = count()

# --- a child ---


@pytest.mark.parametrize(
    ("born", "full"),
    [
        (date(1999, 4, 10), date(2014, 4, 9)),
        (date(1999, 5, 1), date(2014, 4, 30)),
        (date(2000, 2, 29), date(2015, 2, 28)),
        (date(2000, 3, 1), date(2015, 2, 28)),
        (date(2001, 1, 1), date(2015, 12, 31)),
    ],
)
def test_fifteen_years_are_full_on_the_day_before_the_birthday(
    counter: Counter, clock: MovableClock, born: date, full: date
) -> None:
    """民法143条2項: until the day before that one, a parent comes with them."""
    clock.put(datetime(2014, 4, 2, 3, tzinfo=UTC))
    holder = counter.another_resident(f"a child {next(_SEEDS)}", born=born, residence_until=None)
    for day, why in ((full - timedelta(days=1), "a parent"), (full, "no card")):
        clock.put(datetime(day.year, day.month, day.day, 3, tzinfo=UTC))
        with pytest.raises(Impossible, match=why):
            report_lost(counter.desk(), holder, PHOTO)


# --- a supervisor ---


def decided(counter: Counter, desk: Desk) -> None:
    """Do what a supervisor decides."""
    suspend_by_telephone(desk, counter.holder, SENT, CALLED)


def test_a_supervisor_who_decides_is_named_in_the_log(counter: Counter) -> None:
    desk = counter.desk()
    with pytest.raises(SupervisorDecides):
        decided(counter, desk)
    desk.supervisor = Duty(SUPERVISOR, counter.clock.now())
    decided(counter, desk)
    assert counter.told() == [
        ("suspend", "refused", "supervisor_decides"),
        ("suspend", "done", f"decided by {SUPERVISOR}"),
    ]
    assert {use.operator for use in counter.uses()} == {CLERK}


def themselves(counter: Counter) -> Desk:
    desk = counter.desk(SUPERVISOR)
    desk.supervisor = Duty(SUPERVISOR, counter.clock.now())
    return desk


def beside(operator: str) -> Callable[[Counter], Desk]:
    def made(counter: Counter) -> Desk:
        desk = counter.desk()
        desk.supervisor = Duty(operator, counter.clock.now())
        return desk

    return made


def another_clerk(counter: Counter) -> Desk:
    return beside(Staff(counter).hired(Role.CLERK).identifier)(counter)


def left_alone(counter: Counter) -> Desk:
    desk = beside(SUPERVISOR)(counter)
    counter.clock.move(IDLE + timedelta(seconds=1))
    desk.duty = Duty(CLERK, counter.clock.now())
    return desk


def locked(counter: Counter) -> Desk:
    desk = beside(SUPERVISOR)(counter)
    assert desk.supervisor is not None
    desk.supervisor.lock()
    return desk


def after_hours(counter: Counter) -> Desk:
    desk = beside(SUPERVISOR)(counter)
    with counter.database.begin() as connection:
        found = find_operator(connection, SUPERVISOR)
        by = By.at_terminal(counter.database, FIRST.identifier)
        change_operator(connection, found, replace(found, hours=OVER), by)
    return desk


def with_a_card_revoked_since(counter: Counter) -> Desk:
    staff = Staff(counter)
    supervisor = staff.hired(Role.SUPERVISOR)
    desk = staff.on_duty(staff.hired(Role.CLERK))
    desk.talk.secrets.append(PASSWORD)  # type: ignore[attr-defined]
    with staff.method(supervisor) as method:
        call_second(desk, method)
    with counter.database.begin() as connection:
        revoke_card(
            connection, supervisor.number, By.at_terminal(counter.database, FIRST.identifier)
        )
    return desk


@pytest.mark.parametrize(
    ("desk", "kind"),
    [
        (themselves, NotApproved),
        (another_clerk, OperatorRefused),
        (beside(AUDITOR), OperatorRefused),
        (beside("nobody-1"), OperatorRefused),
        (left_alone, NotOnDuty),
        (locked, NotOnDuty),
        (after_hours, OperatorRefused),
        (with_a_card_revoked_since, OperatorRefused),
    ],
)
def test_who_may_not_decide_decides_nothing(
    counter: Counter, desk: Callable[[Counter], Desk], kind: type[Exception]
) -> None:
    at = desk(counter)
    before = counter.ledger()
    with pytest.raises(kind):
        decided(counter, at)
    assert counter.ledger() == before
    purpose, outcome, reason = counter.told()[-1]
    assert (purpose, outcome) == ("suspend", "refused")
    assert "decided by" not in reason


def test_a_log_in_is_over_once_its_card_was_lent_to_another(counter: Counter) -> None:
    staff = Staff(counter)
    clerk, other = staff.hired(Role.CLERK), staff.known(Role.CLERK)
    desk = staff.on_duty(clerk)
    by = By.at_terminal(counter.database, FIRST.identifier)
    with counter.database.begin() as connection:
        return_card(connection, clerk.number, by)
        lend_card(connection, clerk.number, other.identifier, by)
    with pytest.raises(OperatorRefused, match="lent to another"):
        show_cards(desk, counter.holder)
    assert counter.told()[-1] == ("show_cards", "refused", "operator_refused")


# --- the answer to a letter ---


def test_an_answer_serves_once_for_what_is_done_without_a_card_too(counter: Counter) -> None:
    """By a rule of a town's own: none of the standard ones asks for it there."""
    rule = Rule(Verdict.ALLOWED, (frozenset({Paper.ANSWER}),), "our ordinance")
    rules = {(Task.SUSPEND, PresentedBy.HOLDER): rule}
    counter.office = replace(counter.office, rules=rules)
    letter = inquire(counter.desk(), counter.holder, Task.SUSPEND)
    answered = Presented(papers=frozenset({Paper.ANSWER}), inquiry=letter.number)
    suspend_by_telephone(counter.desk(), counter.holder, answered, CALLED)
    with pytest.raises(InquiryRefused):
        suspend_by_telephone(counter.desk(), counter.holder, answered, CALLED)
