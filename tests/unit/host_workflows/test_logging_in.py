"""Who gets in at a terminal, how long they stay, and what the log says of those who did not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from jukihost.conversation.refusals import PasswordRejected
from jukihost.database import Database
from jukihost.database.errors import DatabaseAway
from jukihost.errors import CardError
from jukihost.ledger import (
    By,
    Hours,
    OperatorRefused,
    Role,
    Stopped,
    lend_card,
    return_card,
    revoke_card,
    stop,
)
from jukihost.sessions.operator import OperatorBlocked, PasswordExpired
from jukihost.workflows import (
    Cancelled,
    CardAndPassword,
    Desk,
    NotApproved,
    NotOnDuty,
    PinUse,
    PinWanted,
    Presented,
    Question,
    Recognised,
    call_second,
    card_gone,
    change_password,
    lock,
    log_in,
    log_out,
    suspend_by_telephone,
)
from jukihost.workflows.logging_in import Named
from tests.support.host.counters import CLERK, Clerk, Counter, Reader
from tests.support.host.ledgers import FIRST
from tests.support.host.operators import PASSWORD, Person, Staff, person, trust
from tests.support.host.residents import CALLED


@pytest.fixture
def staff(counter: Counter) -> Staff:
    """Operators with cards."""
    return Staff(counter)


def enter(staff: Staff, one: Person, *secrets: str, agrees: bool = True) -> Desk:
    """Log somebody in at a desk of its own."""
    desk = staff.desk(*secrets, agrees=agrees)
    with staff.method(one) as method:
        log_in(desk, method)
    return desk


def does_something(staff: Staff, desk: Desk) -> None:
    """Do something for which one has to be on duty."""
    suspend_by_telephone(desk, staff.counter.another_resident("x"), Presented(), CALLED)


def test_an_operator_logs_in_with_card_and_password_and_is_in_the_log(staff: Staff) -> None:
    clerk = staff.hired(Role.CLERK)
    desk = enter(staff, clerk, PASSWORD)
    assert desk.duty is not None
    assert (desk.duty.operator, desk.duty.card) == (clerk.identifier, clerk.number)
    assert isinstance(desk.talk, Clerk)
    assert desk.talk.asked == [PinWanted(PinUse.OPERATOR, 3, clerk.identifier)]
    [use] = staff.counter.uses()
    assert (use.purpose, use.outcome.value, use.operator) == ("log_in", "done", clerk.identifier)
    assert use.card == staff.counter.office.pseudonyms.card(clerk.number)


def test_tries_are_shown_and_each_wrong_password_is_an_entry(staff: Staff) -> None:
    clerk = staff.hired(Role.CLERK)
    asked = []
    for _ in range(2):
        desk = staff.desk("wrong-one-1")
        with staff.method(clerk) as method, pytest.raises(PasswordRejected):
            log_in(desk, method)
        assert desk.duty is None
        assert isinstance(desk.talk, Clerk)
        asked += desk.talk.asked
    assert asked == [PinWanted(PinUse.OPERATOR, left, clerk.identifier) for left in (3, 2)]
    with pytest.raises(Cancelled):
        enter(staff, clerk, PASSWORD, agrees=False)
    assert clerk.tries() == 1, "the last try needs an express yes"
    desk = staff.desk("wrong-one-1")
    with staff.method(clerk) as method, pytest.raises(OperatorBlocked):
        log_in(desk, method)
    assert isinstance(desk.talk, Clerk)
    assert desk.talk.asked == [
        Question.LAST_TRY, PinWanted(PinUse.OPERATOR, 1, clerk.identifier)
    ]  # fmt: skip
    with pytest.raises(OperatorBlocked, match="ADMIN"):
        enter(staff, clerk)
    assert staff.counter.told() == [
        ("log_in", "refused", "password_rejected"),
        ("log_in", "refused", "password_rejected"),
        ("log_in", "refused", "cancelled"),
        ("log_in", "refused", "operator_blocked"),
        ("log_in", "refused", "operator_blocked"),
    ]
    assert {use.operator for use in staff.counter.uses()} == {clerk.identifier}


def refused_without_a_password(staff: Staff, one: Person, words: str) -> None:
    """Whoever is not let in is told so before a password is typed."""
    desk = staff.desk()
    with staff.method(one) as method, pytest.raises(OperatorRefused, match=words):
        log_in(desk, method)
    assert isinstance(desk.talk, Clerk)
    assert desk.talk.asked == []
    assert desk.duty is None
    assert one.tries() == 3
    assert staff.counter.told()[-1] == ("log_in", "refused", "operator_refused")


def test_a_card_that_was_lent_to_nobody_is_good_for_nothing(staff: Staff) -> None:
    clerk, stranger = staff.hired(Role.CLERK), person(77)
    refused_without_a_password(staff, stranger, "no such operator")
    admin = By.at_terminal(staff.counter.database, FIRST.identifier)
    with staff.counter.database.begin() as connection:
        return_card(connection, clerk.number, admin)
    refused_without_a_password(staff, clerk, "lent to nobody")
    with staff.counter.database.begin() as connection:
        lend_card(connection, clerk.number, CLERK, admin)
    refused_without_a_password(staff, clerk, "another operator than it names")
    with staff.counter.database.begin() as connection:
        revoke_card(connection, clerk.number, admin)
    refused_without_a_password(staff, clerk, "revoked")


def test_a_card_of_another_town_is_refused(staff: Staff) -> None:
    refused_without_a_password(staff, person(78, "13221"), "another town's")


def test_hours_are_asked_but_not_of_who_may_turn_the_emergency_stop(staff: Staff) -> None:
    hours = Hours(since=time(13), until=time(18))
    refused_without_a_password(staff, staff.hired(Role.CLERK, hours), "hours")
    desk = enter(staff, staff.hired(Role.SUPERVISOR, hours), PASSWORD)
    with pytest.raises(OperatorRefused, match="hours"):
        does_something(staff, desk)


def test_during_an_emergency_stop_only_who_may_lift_it_is_let_in(staff: Staff) -> None:
    clerk, supervisor = staff.hired(Role.CLERK), staff.hired(Role.SUPERVISOR)
    with staff.counter.database.begin() as connection:
        admin = By.at_terminal(staff.counter.database, FIRST.identifier)
        stop(connection, admin, "admin-2", "rehearsal")
    with pytest.raises(Stopped):
        enter(staff, clerk, PASSWORD)
    assert enter(staff, supervisor, PASSWORD).duty is not None


def test_a_password_that_is_over_is_changed_and_then_lets_in(staff: Staff) -> None:
    clerk = staff.hired(Role.CLERK)
    staff.counter.clock.move(timedelta(days=100))
    with pytest.raises(PasswordExpired):
        enter(staff, clerk, PASSWORD)
    with Reader(clerk.card) as reader:
        until = change_password(staff.desk(PASSWORD, "another one 2"), reader)
    assert until == date(2014, 4, 1) + timedelta(days=190)
    assert enter(staff, clerk, "another one 2").duty is not None
    assert staff.counter.told()[1:] == [("change_password", "done", ""), ("log_in", "done", "")]


def test_a_password_whose_change_was_cut_off_is_said_to_be_unknown(staff: Staff) -> None:
    clerk = staff.hired(Role.CLERK)
    with Reader(clerk.card) as reader:
        change_password(staff.desk(PASSWORD, "another one 2"), reader)
        exchanges = reader.exchanges
    now, new = "another one 2", "a third one 3"
    seen = set()
    for at in range(exchanges):
        for acts in (False, True):
            with Reader(clerk.card) as reader:
                reader.pull(at, acts=acts)
                with suppress(CardError):
                    change_password(staff.desk(now, new), reader)
            _, outcome, _ = staff.counter.told()[-1]
            try:
                enter(staff, clerk, now)
            except PasswordRejected:
                assert outcome in {"unknown", "done"}
                enter(staff, clerk, new)
                now, new = new, now
                seen.add(outcome)
    assert "unknown" in seen, "one cut at least came after the card had changed it"


def test_a_card_that_has_to_stay_ends_the_duty_when_it_is_taken_out(staff: Staff) -> None:
    clerk = staff.hired(Role.CLERK)
    desk = staff.desk(PASSWORD)
    with staff.method(clerk, stays=True) as method:
        duty = log_in(desk, method)
    card_gone(desk)
    assert desk.duty is None
    with pytest.raises(NotOnDuty):
        duty.used(staff.counter.clock.now())
    assert staff.counter.told()[-1] == ("log_out", "done", "card taken out")
    desk = enter(staff, clerk, PASSWORD)
    card_gone(desk)
    assert desk.duty is not None, "this one was to be taken out"


def test_a_duty_ends_though_the_log_is_out_of_reach(staff: Staff) -> None:
    desk = enter(staff, staff.hired(Role.CLERK), PASSWORD)
    duty = desk.duty
    assert duty is not None
    staff.counter.database.engine.dispose()

    class Away(Database):
        def begin(self, *, durable: bool = True) -> object:  # type: ignore[override]
            raise DatabaseAway

        def read(self) -> object:  # type: ignore[override]
            raise DatabaseAway

    base = staff.counter.database
    desk.office = replace(desk.office, database=Away(base.engine, base.clock, base.terminal))
    with pytest.raises(DatabaseAway):
        log_out(desk)
    assert desk.duty is None
    with pytest.raises(NotOnDuty):
        duty.used(base.clock.now())


def test_a_locked_terminal_goes_on_when_somebody_has_logged_in(staff: Staff) -> None:
    clerk, other = staff.hired(Role.CLERK), staff.hired(Role.CLERK)
    desk = enter(staff, clerk, PASSWORD)
    lock(desk)
    with pytest.raises(NotOnDuty, match="locked"):
        does_something(staff, desk)
    for one in (clerk, other):
        desk.talk = Clerk(PASSWORD)
        with staff.method(one) as method:
            log_in(desk, method)
        with pytest.raises(CardError, match="no card"):
            does_something_more(staff, desk)
        lock(desk)
    log_out(desk)
    for procedure in (log_out, lock):
        with pytest.raises(NotOnDuty):
            procedure(desk)
    assert staff.counter.told()[-2:] == [
        ("log_out", "refused", "not_on_duty"),
        ("lock", "refused", "not_on_duty"),
    ]


def does_something_more(staff: Staff, desk: Desk) -> None:
    """Ask for what somebody on duty is told is impossible."""
    suspend_by_telephone(
        desk, staff.counter.another_resident(f"more {desk.duty!r}"), Presented(), CALLED
    )


def test_a_second_operator_is_another_person_beside_who_is_on_duty(staff: Staff) -> None:
    clerk, supervisor = staff.hired(Role.CLERK), staff.hired(Role.SUPERVISOR)
    with staff.method(supervisor) as method, pytest.raises(NotOnDuty):
        call_second(staff.desk(PASSWORD), method)
    desk = enter(staff, clerk, PASSWORD, PASSWORD, PASSWORD)
    with staff.method(clerk) as method, pytest.raises(NotApproved):
        call_second(desk, method)
    with staff.method(supervisor) as method:
        call_second(desk, method)
    assert desk.supervisor is not None
    assert desk.supervisor.operator == supervisor.identifier
    assert staff.counter.told()[-1] == ("log_in", "done", "second operator")
    log_out(desk)
    assert desk.supervisor is None


def test_a_card_that_is_revoked_ends_what_its_operator_may_do(staff: Staff) -> None:
    clerk = staff.hired(Role.CLERK)
    desk = enter(staff, clerk, PASSWORD)
    admin = By.at_terminal(staff.counter.database, FIRST.identifier)
    with staff.counter.database.begin() as connection:
        revoke_card(connection, clerk.number, admin)
    with pytest.raises(OperatorRefused, match="revoked"):
        does_something(staff, desk)


class Vein:
    """Another way to log in: whose palm it is, as a sensor says."""

    def __init__(self, palm: str) -> None:
        self.palm = palm

    def recognise(self, desk: Desk, named: Named) -> Recognised:
        named(self.palm, None)
        return Recognised(self.palm)


def test_another_way_to_log_in_can_be_plugged_in(staff: Staff) -> None:
    desk = staff.desk()
    duty = log_in(desk, Vein(CLERK))
    assert (duty.operator, duty.card) == (CLERK, None)
    with pytest.raises(CardError, match="no card"):
        does_something_more(staff, desk)
    with pytest.raises(OperatorRefused, match="no such operator"):
        log_in(desk, Vein("nobody-9"))
    assert desk.duty is duty, "who is on duty stays, when somebody else did not get in"
    with pytest.raises(CardError):
        log_in(desk, Vein("12345678901"))


def test_a_cut_at_any_exchange_lets_nobody_in(staff: Staff) -> None:
    clerk = staff.hired(Role.CLERK)
    at = 0
    while True:
        desk, before = staff.desk(PASSWORD), len(staff.counter.uses())
        with Reader(clerk.card) as reader:
            reader.pull(at, acts=True)
            try:
                log_in(desk, CardAndPassword(reader, trust))
            except CardError:
                assert desk.duty is None
            ended = reader.exchanges <= at
        assert len(staff.counter.uses()) == before + 1
        if ended:
            break
        at += 1
    assert desk.duty is not None
    assert at > 10
