"""What an office does with its log and its addresses: who may, what is left of it in the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from jukihost.database import Database
from jukihost.database.errors import AddressError, DatabaseAway
from jukihost.errors import CardError
from jukihost.ledger import (
    By,
    OperatorRefused,
    Role,
    Stopped,
    cards_of,
    change_operator,
    find_operator,
    lift_stop,
    stop,
)
from jukihost.log import NotPublished, TooEarly, end_day, publish_log, sequence_log
from jukihost.register import (
    RestrictionKind,
    TextRefused,
    UnknownNotice,
    UnknownResident,
    enter_notice,
    find_notice,
    note_call_back,
    notices_of,
    restrictions_of,
)
from jukihost.register.tables import callbacks
from jukihost.workflows import (
    Impossible,
    Paper,
    Presented,
    PresentedBy,
    SupervisorDecides,
    call_back,
    disclose_uses,
    end_old_uses,
    lift_restriction,
    make_backup,
    restrict_address,
    suspend_by_telephone,
)
from tests.support.host.counters import AUDITOR, CLERK, SUPERVISOR, Counter
from tests.support.host.cuts import Watched, turn
from tests.support.host.ledgers import FIRST
from tests.support.host.operators import Staff
from tests.support.host.residents import CALLED
from tests.support.host.town import LOG

IN_PERSON = Presented(papers=frozenset({Paper.PHOTO}))


class ReadOnly(Database):
    """A database to which nothing is written any more."""

    @contextmanager
    def _connected(self, options: dict[str, object]) -> Iterator[Connection]:
        if options["jukihost_writes"]:
            raise DatabaseAway
        with super()._connected(options) as connection:
            yield connection


def published(counter: Counter) -> None:
    """Let a day end, and publish it."""
    counter.clock.move(timedelta(days=1))
    sequence_log(counter.database)
    end_day(counter.database)
    publish_log(counter.database, LOG)


def test_a_disclosure_is_one_use_and_for_who_may_have_it(counter: Counter) -> None:
    desk = counter.desk(AUDITOR)
    with pytest.raises(NotPublished):
        disclose_uses(desk, counter.holder, IN_PERSON)
    published(counter)
    desk = counter.desk(AUDITOR)
    with pytest.raises(Impossible, match="photo"):
        disclose_uses(desk, counter.holder, Presented())
    with pytest.raises(Impossible, match="household"):
        disclose_uses(desk, counter.holder, Presented(PresentedBy.HOUSEHOLD))
    sent = Presented(PresentedBy.PROXY, frozenset({Paper.PHOTO, Paper.LETTER_OF_ATTORNEY}))
    with pytest.raises(SupervisorDecides):
        disclose_uses(desk, counter.holder, sent)
    with pytest.raises(UnknownResident):
        disclose_uses(desk, 99, IN_PERSON)
    made = disclose_uses(desk, counter.holder, IN_PERSON)
    assert "disclosure=" not in repr(made)
    outcomes = [outcome for purpose, outcome, _ in counter.told() if purpose == "disclose"]
    assert outcomes == ["refused"] * 4 + ["done"], "the first is published"


def test_old_uses_end_when_their_term_is_over(counter: Counter) -> None:
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    published(counter)
    with pytest.raises(TooEarly):
        end_old_uses(counter.desk(FIRST.identifier), years=6)
    with pytest.raises(OperatorRefused):
        end_old_uses(counter.desk(CLERK))
    assert end_old_uses(counter.desk(FIRST.identifier)) is None
    counter.clock.move(timedelta(days=366 * 8))
    counter.database.accept_clock()
    pruned = end_old_uses(counter.desk(FIRST.identifier))
    assert pruned is not None
    assert pruned.count > 0
    assert counter.told()[-1] == ("retention", "done", f"{pruned.count} uses")


def test_old_notices_end_with_the_uses_but_of_cards_that_are_suspended(counter: Counter) -> None:
    taken = suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    call_back(counter.desk(), taken.notice, answered=True)
    later = counter.another_resident("later")
    counter.issued_card(later, "00000000019")
    with counter.database.begin() as connection:
        card = cards_of(connection, later)[0]
        gone = enter_notice(connection, later, card.number, CALLED, "holder", counter.desk().by())
        note_call_back(connection, gone, False, counter.desk().by())
    counter.clock.move(timedelta(days=366 * 7 - 9))
    counter.database.accept_clock()
    with counter.database.begin() as connection:
        kept = enter_notice(connection, later, card.number, CALLED, "holder", counter.desk().by())
    counter.clock.move(timedelta(days=30))
    counter.database.accept_clock()
    end_old_uses(counter.desk(FIRST.identifier))
    assert counter.told()[-1] == ("retention", "done", "0 uses; 1 notices")
    with counter.database.read() as connection:
        assert find_notice(connection, taken.notice).back
        assert [one.number for one in notices_of(connection, card.number)] == [kept]
        with pytest.raises(UnknownNotice):
            find_notice(connection, gone)
        assert connection.execute(select(callbacks.c.notice)).scalars().all() == [taken.notice]


def test_a_stop_in_the_middle_of_a_retention_finds_all_of_it_done_or_nothing(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    published(counter)
    counter.clock.move(timedelta(days=366 * 8))
    counter.database.accept_clock()
    before = Watched(counter.database, 0, lambda _: turn(counter, stop))
    desk = counter.desk(FIRST.identifier)
    desk.office = replace(desk.office, database=before)
    with pytest.raises(Stopped):
        end_old_uses(desk)
    assert counter.told()[-1] == ("retention", "refused", "stopped")
    turn(counter, lift_stop)

    def behind(*_: object, **__: object) -> None:
        turn(counter, stop)

    monkeypatch.setattr("jukihost.workflows.auditing.clean_removed", behind)
    pruned = end_old_uses(counter.desk(FIRST.identifier))
    assert pruned is not None
    assert pruned.count > 0, "the refused one had removed nothing"
    assert counter.told()[-1] == ("retention", "done", f"{pruned.count} uses")


def test_a_backup_is_in_the_log_or_not_at_all(counter: Counter, tmp_path: Path) -> None:
    with counter.database.begin() as connection:
        known = find_operator(connection, CLERK)
        by = By.at_terminal(counter.database, FIRST.identifier)
        change_operator(connection, known, replace(known, may_export=True), by)
    file = tmp_path / "town.backup"

    base = counter.database
    desk = counter.desk()
    desk.office = replace(desk.office, database=ReadOnly(base.engine, base.clock, base.terminal))
    with pytest.raises(DatabaseAway):
        make_backup(desk, file)
    assert not file.exists()
    assert make_backup(counter.desk(), file).file == file
    with pytest.raises(AddressError):
        make_backup(counter.desk(), file)
    assert [outcome for _, outcome, _ in counter.told()] == ["done", "failed"]


def test_a_supervisor_restricts_an_address_and_ends_that_early(counter: Counter) -> None:
    until = date(2015, 3, 31)
    with pytest.raises(OperatorRefused):
        restrict_address(counter.desk(CLERK), counter.holder, RestrictionKind.VIOLENCE, until)
    desk = counter.desk(SUPERVISOR)
    for wrong in (date(2014, 3, 31), date(2015, 4, 2)):
        with pytest.raises(Impossible, match="year"):
            restrict_address(desk, counter.holder, RestrictionKind.VIOLENCE, wrong)
    made = restrict_address(desk, counter.holder, RestrictionKind.VIOLENCE, until)
    assert (made.until, made.ended) == (until, None)
    other = counter.another_resident("other")
    with pytest.raises(Impossible, match="no restriction"):
        lift_restriction(desk, other, made.number, "asked for")
    with pytest.raises(TextRefused):
        lift_restriction(desk, counter.holder, made.number, " ")
    ended = lift_restriction(desk, counter.holder, made.number, "asked for")
    assert (ended.ended, ended.why_ended) == (date(2014, 4, 1), "asked for")
    with pytest.raises(CardError):
        lift_restriction(desk, counter.holder, made.number, "asked for")
    with counter.database.read() as connection:
        assert restrictions_of(connection, other) == []
    pseudonym = counter.office.pseudonyms.resident(counter.code)
    assert [use.resident == pseudonym for use in counter.uses()].count(True) == 6


@pytest.mark.parametrize("role", Role)
def test_no_role_makes_backups(counter: Counter, tmp_path: Path, role: Role) -> None:
    one = Staff(counter).hired(role)
    with pytest.raises(OperatorRefused, match="export"):
        make_backup(Staff(counter).on_duty(one), tmp_path / "a backup")
