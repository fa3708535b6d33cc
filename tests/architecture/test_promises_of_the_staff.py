"""What was promised of who works at the counter, as its procedures show it: docs/card.md, 1."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

import jukihost.workflows
from jukihost.clock import MovableClock
from jukihost.conversation.refusals import PasswordRejected
from jukihost.database import Database
from jukihost.ledger import RIGHTS, Hours, OperatorRefused, Right, Role, Stopped, find_operator
from jukihost.log import Policy, TooEarly, end_day, publish_log, sequence_log, verify_log
from jukihost.sessions.operator import OperatorBlocked
from jukihost.workflows import (
    AnotherOffice,
    NotOnDuty,
    Paper,
    Presented,
    change_staff,
    disclose_uses,
    end_old_uses,
    grant_unlocking,
    lift_everything,
    log_in,
    make_backup,
    show_notices,
    stop_everything,
    suspend_by_telephone,
    unlock_operator,
)
from tests.support.host.counters import AUDITOR, CLERK, Counter, Reader
from tests.support.host.databases import (
    address,
    clock,
    database,
    postgresql_server,
    sqlite_template,
)
from tests.support.host.ledgers import FIRST
from tests.support.host.operators import PASSWORD, Staff
from tests.support.host.residents import CALLED
from tests.support.host.town import LOG, LOG_KEY

__all__ = ["address", "clock", "database", "postgresql_server", "sqlite_template"]

IN_PERSON = Presented(papers=frozenset({Paper.PHOTO}))


@pytest.fixture
def staff(database: Database, clock: MovableClock) -> Staff:
    """A town's counter, and operators with cards."""
    return Staff(Counter(database, clock))


def test_p16_a_card_that_locked_is_unlocked_by_another_office_once(staff: Staff) -> None:
    clerk, admin = staff.hired(Role.CLERK), staff.hired(Role.ADMINISTRATOR)
    centre = staff.counter.office
    for _ in range(3):
        with staff.method(clerk) as method, pytest.raises((PasswordRejected, OperatorBlocked)):
            log_in(staff.desk("wrong-one-1"), method)
    staff.ward()
    with staff.method(clerk) as method, pytest.raises(OperatorBlocked):
        log_in(staff.desk(PASSWORD), method)
    ward = staff.on_duty(admin)
    with pytest.raises(AnotherOffice):
        grant_unlocking(ward, clerk.number)
    with Reader(clerk.card) as reader, pytest.raises(AnotherOffice):
        unlock_operator(ward, reader)
    staff.counter.office = centre
    desk = staff.on_duty(admin)
    grant_unlocking(desk, clerk.number)
    with Reader(clerk.card) as reader:
        unlock_operator(desk, reader)
    assert staff.on_duty(clerk).duty is not None
    clerk.lock()
    with Reader(clerk.card) as reader, pytest.raises(OperatorRefused):
        unlock_operator(desk, reader)


def test_p17_each_procedure_is_on_record_with_who_when_and_which_terminal(staff: Staff) -> None:
    counter = staff.counter
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    counter.clock.move(timedelta(minutes=1))
    with pytest.raises(OperatorRefused):
        show_notices(counter.desk(AUDITOR), counter.number)
    done, refused = counter.uses()
    assert (done.operator, done.terminal, done.purpose) == (CLERK, "counter-1", "suspend")
    assert (refused.operator, refused.outcome.value) == (AUDITOR, "refused")
    assert refused.at - done.at == timedelta(minutes=1)
    counter.clock.move(timedelta(days=1))
    sequence_log(counter.database)
    assert end_day(counter.database)
    publish_log(counter.database, LOG)
    assert not verify_log(counter.database, [LOG_KEY]).problems
    admin = counter.desk(FIRST.identifier)
    with pytest.raises(TooEarly):
        end_old_uses(admin, years=6)
    assert end_old_uses(admin) is None, "nothing goes before its seven years are over"


def test_p18_a_resident_is_told_every_use_and_that_they_were_told(staff: Staff) -> None:
    counter = staff.counter
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    show_notices(counter.desk(), counter.number)
    with pytest.raises(OperatorRefused):
        disclose_uses(counter.desk(CLERK), counter.holder, IN_PERSON)
    told = []
    for _ in range(2):
        counter.clock.move(timedelta(days=1))
        sequence_log(counter.database)
        end_day(counter.database)
        publish_log(counter.database, LOG)
        made = disclose_uses(counter.desk(AUDITOR), counter.holder, IN_PERSON)
        found = made.disclosure.check(counter.code, Policy(LOG_KEY, (), 0))
        told = [(use.purpose, use.operator, use.outcome.value) for use in found.uses]
    assert told == [
        ("suspend", CLERK, "done"),
        ("show_notices", CLERK, "done"),
        ("disclose", AUDITOR, "done"),
    ]


def test_p22_two_operators_stop_every_terminal_at_once_and_it_is_logged(staff: Staff) -> None:
    admin, supervisor = staff.hired(Role.ADMINISTRATOR), staff.hired(Role.SUPERVISOR)
    counter = staff.counter
    stop_everything(staff.on_duty(admin, supervisor), "漏えいの疑い")
    for terminal in ("counter-1", "counter-2"):
        base = counter.database
        desk = counter.desk()
        desk.office = replace(desk.office, database=Database(base.engine, base.clock, terminal))
        with pytest.raises(Stopped):
            suspend_by_telephone(desk, counter.holder, Presented(), CALLED)
    lift_everything(staff.on_duty(supervisor, admin), "疑いが晴れた")
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    assert [one for one in counter.told() if one[0] != "log_in"] == [
        ("emergency_stop", "done", f"with {supervisor.identifier}"),
        ("suspend", "refused", "stopped"),
        ("suspend", "refused", "stopped"),
        ("lift_emergency_stop", "done", f"with {admin.identifier}"),
        ("suspend", "done", ""),
    ]


def test_p29_nothing_goes_to_a_file_but_a_backup_by_who_was_given_the_right(
    staff: Staff, tmp_path: Path
) -> None:
    read = {("read_people", "folder")}
    writers = {
        name
        for name in jukihost.workflows.__all__
        if inspect.isfunction(function := getattr(jukihost.workflows, name))
        and any(
            "Path" in str(one.annotation) and (name, one.name) not in read
            for one in inspect.signature(function).parameters.values()
        )
    }
    assert writers == {"make_backup"}
    assert not any(Right.EXPORT in rights for rights in RIGHTS.values())
    supervisor, admin = staff.hired(Role.SUPERVISOR), staff.hired(Role.ADMINISTRATOR)
    file = tmp_path / "town.backup"
    with pytest.raises(OperatorRefused, match="export"):
        make_backup(staff.on_duty(supervisor), file)
    assert not file.exists()
    with staff.counter.database.read() as connection:
        known = find_operator(connection, supervisor.identifier)
    change_staff(staff.on_duty(admin), known, replace(known, may_export=True))
    assert make_backup(staff.on_duty(supervisor), file).rows > 0
    assert file.exists()
    told = [one for one in staff.counter.told() if one[0] == "export"]
    assert told == [("export", "refused", "operator_refused"), ("export", "done", "")]


def test_p30_a_terminal_knows_nobody_after_hours_nor_when_it_was_left_alone(
    staff: Staff,
) -> None:
    clerk = staff.hired(Role.CLERK, Hours(since=time(8), until=time(13)))
    desk = staff.on_duty(clerk)
    show_notices(desk, staff.counter.number)
    staff.counter.clock.move(timedelta(minutes=16))
    with pytest.raises(NotOnDuty, match="operator card and password"):
        show_notices(desk, staff.counter.number)
    desk = staff.on_duty(clerk)
    staff.counter.clock.move(timedelta(minutes=14))
    show_notices(desk, staff.counter.number)
    for _ in range(3):
        staff.counter.clock.move(timedelta(minutes=14))
    with pytest.raises((OperatorRefused, NotOnDuty)):
        show_notices(desk, staff.counter.number)
    with pytest.raises(OperatorRefused, match="hours"):
        staff.on_duty(clerk)
