"""How long a log-in is good, and that a second operator's ends with the first one's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jukihost.ledger import OperatorRefused, Role
from jukihost.workflows import (
    Desk,
    Duty,
    NotOnDuty,
    Recognised,
    call_second,
    lock,
    log_in,
    log_out,
    replace_administrators_card,
)
from jukihost.workflows.duty import IDLE, LONGEST
from jukihost.workflows.logging_in import Named
from tests.support.host.counters import CLERK, SUPERVISOR, Counter
from tests.support.host.operators import PASSWORD, Staff

A_SECOND = timedelta(seconds=1)


def test_p30_a_log_in_ends_where_the_terminal_was_left_alone_and_for_good(counter: Counter) -> None:
    now = counter.clock.now()
    duty = Duty(CLERK, now)
    duty.used(now + IDLE)
    duty.used(now + 2 * IDLE)
    for at in (now + 3 * IDLE + A_SECOND, now + 3 * IDLE, now):
        with pytest.raises(NotOnDuty):
            duty.used(at)


def test_p30_a_log_in_ends_after_its_longest_time_however_busy_it_is(counter: Counter) -> None:
    now = counter.clock.now()
    duty = Duty(CLERK, now)
    at = now
    while at + IDLE < now + LONGEST:
        at += IDLE
        duty.used(at)
    duty.used(now + LONGEST)
    with pytest.raises(NotOnDuty):
        duty.used(now + LONGEST + A_SECOND)


def test_a_second_log_in_ends_with_the_first_however_that_ends(counter: Counter) -> None:
    staff = Staff(counter)
    clerk, supervisor = staff.hired(Role.CLERK), staff.hired(Role.SUPERVISOR)

    def together() -> Desk:
        desk = staff.on_duty(clerk, supervisor)
        assert desk.supervisor is not None
        return desk

    desk = together()
    lock(desk)
    assert desk.supervisor is None
    desk = together()
    log_out(desk)
    assert desk.supervisor is None
    desk = together()
    desk.talk.secrets.append(PASSWORD)  # type: ignore[attr-defined]
    with staff.method(clerk) as method:
        log_in(desk, method)
    assert desk.supervisor is None


class SaysAnother:
    """A way to log in that names one operator, and recognises another."""

    def __init__(self, named: str, found: Recognised) -> None:
        self._named, self._found = named, found

    def recognise(self, desk: Desk, named: Named) -> Recognised:
        named(self._named, self._found.card)
        return self._found


def test_who_is_recognised_counts_and_not_who_was_named(counter: Counter) -> None:
    staff = Staff(counter)
    admin, other, third = (staff.hired(Role.ADMINISTRATOR) for _ in range(3))
    new = staff.known(Role.ADMINISTRATOR)
    desk = staff.on_duty(admin, other)
    method = SaysAnother(third.identifier, Recognised(new.identifier, new.number))
    with pytest.raises(OperatorRefused, match="names another"):
        replace_administrators_card(desk, method, third.identifier)
    with pytest.raises(OperatorRefused):
        call_second(counter.desk(), SaysAnother(SUPERVISOR, Recognised("nobody-1")))
