"""A locked operator card: another office unlocks it, once for each grant, whatever is cut off."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jukihost.errors import CardError, CardRemoved
from jukihost.ledger import By, Grant, OperatorRefused, Role, Stopped, list_grants, stop
from jukihost.workflows import (
    AnotherOffice,
    Impossible,
    UnlockUnknown,
    grant_unlocking,
    log_in,
    unlock_operator,
)
from tests.support.host.counters import Clerk, Counter, Reader
from tests.support.host.ledgers import FIRST
from tests.support.host.operators import PASSWORD, Person, Staff


@pytest.fixture
def staff(counter: Counter) -> Staff:
    """Operators with cards."""
    return Staff(counter)


def grants(staff: Staff) -> list[Grant]:
    """Every grant that was given."""
    with staff.counter.database.read() as connection:
        return list_grants(connection)


def enter(staff: Staff, one: Person, password: str = PASSWORD) -> None:
    """Log somebody in."""
    with staff.method(one) as method:
        log_in(staff.desk(password), method)


def test_a_locked_card_is_unlocked_by_a_grant_that_is_good_once(staff: Staff) -> None:
    clerk, admin = staff.hired(Role.CLERK), staff.hired(Role.ADMINISTRATOR)
    clerk.lock()
    desk = staff.on_duty(admin)
    with Reader(clerk.card) as reader, pytest.raises(OperatorRefused, match="nobody has granted"):
        unlock_operator(desk, reader)
    grant = grant_unlocking(desk, clerk.number)
    assert grant.until - grant.granted == timedelta(days=1)
    with Reader(clerk.card) as reader:
        unlocked = unlock_operator(desk, reader)
    assert (unlocked.operator, unlocked.granted_by) == (clerk.identifier, admin.identifier)
    enter(staff, clerk)
    clerk.lock()
    with Reader(clerk.card) as reader, pytest.raises(OperatorRefused, match="was used"):
        unlock_operator(desk, reader)
    assert clerk.tries() == 0
    [used] = grants(staff)
    assert (used.outcome, used.ended_by) == ("used", admin.identifier)
    remark = f"{clerk.identifier}, granted by {admin.identifier}"
    assert staff.counter.told() == [
        ("log_in", "done", ""),
        ("unlock_operator", "refused", "operator_refused"),
        ("grant_unlock", "done", clerk.identifier),
        ("unlock_operator", "done", remark),
        ("log_in", "done", ""),
        ("unlock_operator", "refused", "operator_refused"),
    ]
    pseudonym = staff.counter.office.pseudonyms.card(clerk.number)
    assert {use.card for use in staff.counter.uses()[1:4]} == {pseudonym}


def test_the_own_ward_neither_grants_nor_unlocks(staff: Staff) -> None:
    clerk, admin = staff.hired(Role.CLERK), staff.hired(Role.ADMINISTRATOR)
    clerk.lock()
    grant_unlocking(staff.on_duty(admin), clerk.number)
    staff.ward()
    desk = staff.on_duty(admin)
    with pytest.raises(AnotherOffice, match="another office"):
        grant_unlocking(desk, clerk.number)
    with Reader(clerk.card) as reader, pytest.raises(AnotherOffice):
        unlock_operator(desk, reader)
    assert clerk.tries() == 0
    assert grants(staff)[0].outcome is None, "the grant is still good, elsewhere"


def test_only_an_administrator_grants_and_not_for_themselves(staff: Staff) -> None:
    admin, supervisor = staff.hired(Role.ADMINISTRATOR), staff.hired(Role.SUPERVISOR)
    with pytest.raises(OperatorRefused, match="right"):
        grant_unlocking(staff.on_duty(supervisor), admin.number)
    with pytest.raises(OperatorRefused, match="their own"):
        grant_unlocking(staff.on_duty(admin), admin.number)
    with pytest.raises(OperatorRefused, match="lent to nobody"):
        grant_unlocking(staff.on_duty(admin), bytes(8))
    assert grants(staff) == []


def test_a_grant_lapses_and_there_is_one_at_a_time(staff: Staff) -> None:
    clerk, admin = staff.hired(Role.CLERK), staff.hired(Role.ADMINISTRATOR)
    clerk.lock()
    desk = staff.on_duty(admin)
    for lasts in (timedelta(), timedelta(days=8)):
        with pytest.raises(OperatorRefused, match="7 days"):
            grant_unlocking(desk, clerk.number, lasts)
    grant_unlocking(desk, clerk.number, timedelta(minutes=5))
    with pytest.raises(OperatorRefused, match="already"):
        grant_unlocking(desk, clerk.number)
    staff.counter.clock.move(timedelta(minutes=6))
    with Reader(clerk.card) as reader, pytest.raises(OperatorRefused, match="has lapsed"):
        unlock_operator(desk, reader)
    grant_unlocking(desk, clerk.number)
    assert [one.outcome for one in grants(staff)] == ["lapsed", None]
    with Reader(clerk.card) as reader:
        unlock_operator(desk, reader)


def test_a_card_that_is_not_locked_uses_no_grant(staff: Staff) -> None:
    clerk, admin = staff.hired(Role.CLERK), staff.hired(Role.ADMINISTRATOR)
    desk = staff.on_duty(admin)
    grant_unlocking(desk, clerk.number)
    with Reader(clerk.card) as reader, pytest.raises(Impossible, match="not locked"):
        unlock_operator(desk, reader)
    assert grants(staff)[0].ended is None


def test_a_new_password_is_typed_by_its_operator(staff: Staff) -> None:
    clerk, admin = staff.hired(Role.CLERK), staff.hired(Role.ADMINISTRATOR)
    clerk.lock()
    desk = staff.on_duty(admin)
    grant_unlocking(desk, clerk.number)
    desk.talk = Clerk("aaaaaaaa")
    with Reader(clerk.card) as reader, pytest.raises(CardError, match="different"):
        unlock_operator(desk, reader, new_password=True)
    assert grants(staff)[0].ended is None, "nothing was sent, so the grant is still good"
    desk.talk = Clerk("another one 2")
    with Reader(clerk.card) as reader:
        unlock_operator(desk, reader, new_password=True)
    enter(staff, clerk, "another one 2")


def test_during_an_emergency_stop_only_who_may_lift_it_is_unlocked(staff: Staff) -> None:
    clerk, supervisor = staff.hired(Role.CLERK), staff.hired(Role.SUPERVISOR)
    admin = staff.hired(Role.ADMINISTRATOR)
    clerk.lock()
    supervisor.lock()
    desk = staff.on_duty(admin)
    grant_unlocking(desk, clerk.number)
    with staff.counter.database.begin() as connection:
        by = By.at_terminal(staff.counter.database, FIRST.identifier)
        stop(connection, by, "admin-2", "rehearsal")
    with Reader(clerk.card) as reader, pytest.raises(Stopped):
        unlock_operator(desk, reader)
    assert grants(staff)[0].ended is None
    grant_unlocking(desk, supervisor.number)
    with Reader(supervisor.card) as reader:
        unlock_operator(desk, reader)
    assert (clerk.tries(), supervisor.tries()) == (0, 3)


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("new_password", [False, True])
def test_a_cut_at_any_exchange_uses_a_grant_at_most_once(
    staff: Staff, acts: bool, new_password: bool
) -> None:
    clerk, admin = staff.hired(Role.CLERK), staff.hired(Role.ADMINISTRATOR)
    desk = staff.on_duty(admin)
    seen: set[tuple[bool, bool, str]] = set()
    ended = done = False
    for at in range(100):
        clerk.lock()
        if not grants(staff) or grants(staff)[-1].ended:
            grant_unlocking(desk, clerk.number)
        known = len(staff.counter.uses())
        desk.talk = Clerk(f"password {at}")
        with Reader(clerk.card) as reader:
            reader.pull(at, acts=acts)
            try:
                unlock_operator(desk, reader, new_password=new_password)
                done = True
            except (UnlockUnknown, CardRemoved):
                done = False
            ended = reader.exchanges <= at
        assert len(staff.counter.uses()) == known + 1
        _, outcome, _ = staff.counter.told()[-1]
        used, unlocked = grants(staff)[-1].ended is not None, clerk.tries() > 0
        assert used or not unlocked, "no card is unlocked whose grant is still good"
        assert outcome == ("done" if done else "unknown" if used else "failed")
        seen.add((used, unlocked, outcome))
        if ended:
            break
    assert ended
    assert done
    assert {(False, False, "failed"), (True, True, "done")} <= seen
    assert any(outcome == "unknown" for *_, outcome in seen)
