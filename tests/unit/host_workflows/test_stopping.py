"""The emergency stop as a procedure: two operators, at any hour, each turn kept with its reason."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import time

import pytest
from sqlalchemy import Connection

from jukihost.errors import CardError
from jukihost.ledger import (
    By,
    ChangedMeanwhile,
    Hours,
    OperatorRefused,
    Role,
    Stopped,
    revoke_card,
    stop,
    turns,
)
from jukihost.workflows import (
    NotApproved,
    Presented,
    Procedure,
    Task,
    lift_everything,
    stop_everything,
    suspend_by_telephone,
)
from tests.support.host.counters import Counter
from tests.support.host.cuts import turn
from tests.support.host.ledgers import FIRST
from tests.support.host.operators import Staff
from tests.support.host.residents import CALLED

NIGHT = Hours(since=time(0), until=time(1))


@pytest.fixture
def staff(counter: Counter) -> Staff:
    """Operators with cards."""
    return Staff(counter)


def test_two_operators_stop_everything_and_lift_it_at_any_hour(staff: Staff) -> None:
    admin, supervisor = (
        staff.hired(Role.ADMINISTRATOR, NIGHT),
        staff.hired(Role.SUPERVISOR, NIGHT),
    )
    desk = staff.on_duty(admin, supervisor)
    turned = stop_everything(desk, "漏えいの疑い")
    assert (turned.running, turned.first, turned.second) == (
        False,
        admin.identifier,
        supervisor.identifier,
    )
    assert desk.supervisor is None, "a second log-in is good for one turn"
    with pytest.raises(Stopped):
        suspend_by_telephone(staff.counter.desk(), staff.counter.holder, Presented(), CALLED)
    with pytest.raises(NotApproved):
        lift_everything(desk, "疑いが晴れた")
    desk = staff.on_duty(supervisor, admin)
    assert lift_everything(desk, "疑いが晴れた").running
    suspend_by_telephone(staff.counter.desk(), staff.counter.holder, Presented(), CALLED)
    with staff.counter.database.read() as connection:
        assert [one.why for one in turns(connection)] == ["漏えいの疑い", "疑いが晴れた"]
    told = [one for one in staff.counter.told() if one[0] != "log_in"]
    assert told == [
        ("emergency_stop", "done", f"with {supervisor.identifier}"),
        ("suspend", "refused", "stopped"),
        ("lift_emergency_stop", "refused", "not_approved"),
        ("lift_emergency_stop", "done", f"with {admin.identifier}"),
        ("suspend", "done", ""),
    ]


def test_neither_one_alone_nor_a_clerk_turns_it(staff: Staff) -> None:
    admin, clerk = staff.hired(Role.ADMINISTRATOR), staff.hired(Role.CLERK)
    with pytest.raises(NotApproved, match="two operators"):
        stop_everything(staff.on_duty(admin), "rehearsal")
    with pytest.raises(OperatorRefused):
        stop_everything(staff.on_duty(admin, clerk), "rehearsal")
    with pytest.raises(OperatorRefused):
        stop_everything(staff.on_duty(clerk, admin), "rehearsal")
    with staff.counter.database.read() as connection:
        assert turns(connection) == []


def test_what_is_turned_already_is_said_to_be(staff: Staff) -> None:
    admin, supervisor = staff.hired(Role.ADMINISTRATOR), staff.hired(Role.SUPERVISOR)
    with pytest.raises(ChangedMeanwhile):
        lift_everything(staff.on_duty(admin, supervisor), "rehearsal")
    stop_everything(staff.on_duty(admin, supervisor), "rehearsal")
    with pytest.raises(ChangedMeanwhile):
        stop_everything(staff.on_duty(admin, supervisor), "rehearsal")
    with pytest.raises(CardError, match="say the reason"):
        lift_everything(staff.on_duty(admin, supervisor), " ")


@pytest.mark.parametrize("give", [Procedure.step, Procedure.opening, Procedure.finish])
def test_p22_a_stop_in_the_middle_keeps_every_transaction_behind_it_from_landing(
    counter: Counter, give: Callable[[Procedure], AbstractContextManager[Connection]]
) -> None:
    def stopped_in_the_middle() -> None:
        with Procedure(counter.desk(), Task.SUSPEND) as run:
            turn(counter, stop)
            with give(run):
                pytest.fail("nothing is written any more")

    with pytest.raises(Stopped):
        stopped_in_the_middle()
    assert counter.told() == [("suspend", "refused", "stopped")]


def test_a_second_operator_whose_card_was_revoked_meanwhile_does_not_count(staff: Staff) -> None:
    admin, supervisor = staff.hired(Role.ADMINISTRATOR), staff.hired(Role.SUPERVISOR)
    desk = staff.on_duty(admin, supervisor)
    with staff.counter.database.begin() as connection:
        by = By.at_terminal(staff.counter.database, FIRST.identifier)
        revoke_card(connection, supervisor.number, by)
    with pytest.raises(OperatorRefused, match="revoked"):
        stop_everything(desk, "rehearsal")
    with staff.counter.database.read() as connection:
        assert turns(connection) == []
