"""Gaps between card and ledger: kept as alarms, once each, until a supervisor settles them."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Final

import pytest

from jukihost.database import Database
from jukihost.ledger import (
    STANDINGS,
    By,
    ChangedMeanwhile,
    Gap,
    IntentOpen,
    Operator,
    OperatorRefused,
    ReceiptGap,
    Role,
    Stopped,
    UnknownCard,
    WordsRefused,
    check_receipt,
    enter_operator,
    find_intent,
    gaps,
    note_gap,
    open_intent,
    settle_gap,
    stop,
    undo_intent,
)
from tests.support.host.ledgers import (
    ADMIN,
    ALWAYS,
    AT,
    BY,
    card_that_is,
    read_card,
    staffed,
)

ACTIVE: Final = STANDINGS[1]
FIRST: Final = bytes(range(16))
SECOND: Final = bytes(range(16, 32))
NUMBER: Final = bytes(7) + b"\1"
SUPERVISOR: Final = By("super-1", "office", AT + timedelta(hours=1))


def noted(database: Database, receipt: int = 3, identifier: bytes = FIRST, by: By = BY) -> Gap:
    """What a procedure does at a contact: it looks, and keeps what does not fit."""
    with pytest.raises(ReceiptGap), database.begin() as connection:
        check_receipt(connection, NUMBER, receipt, identifier)
    with database.begin() as connection:
        return note_gap(connection, NUMBER, receipt, identifier, by)


def listed(database: Database, *, settled: bool = False) -> list[Gap]:
    with database.read() as connection:
        return gaps(connection, settled=settled)


def with_supervisor(database: Database) -> None:
    staffed(database)
    with database.begin() as connection:
        for name, role in (("super-1", Role.SUPERVISOR), ("clerk-1", Role.CLERK)):
            enter_operator(connection, Operator(name, "係", role, ALWAYS), ADMIN)


def test_a_gap_is_kept_with_what_card_and_ledger_said(database: Database) -> None:
    card_that_is(database, ACTIVE)
    gap = noted(database)
    assert listed(database) == [gap]
    assert gap == Gap(gap.number, NUMBER, 3, FIRST, 0, b"", AT, "clerk-1", "counter-1")
    assert listed(database, settled=True) == []


def test_the_same_gap_is_one_alarm_as_it_was_first_noted(database: Database) -> None:
    card_that_is(database, ACTIVE)
    gap = noted(database)
    again = noted(database, by=By("clerk-2", "counter-2", AT + timedelta(days=1)))
    assert again == gap
    other = noted(database, 4, SECOND)
    assert listed(database) == [gap, other]


def test_several_terminals_note_the_same_gap_once(database: Database) -> None:
    card_that_is(database, ACTIVE)
    found: list[Gap] = []
    start = threading.Barrier(4)

    def note() -> None:
        start.wait(60)
        found.append(noted(database))

    threads = [threading.Thread(target=note) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert len(found) == 4
    assert listed(database) == found[:1]
    assert {one.number for one in found} == {found[0].number}


def test_a_supervisor_settles_it_and_says_why(database: Database) -> None:
    card_that_is(database, ACTIVE)
    with_supervisor(database)
    gap = noted(database)
    for who in ("clerk-1", "admin-1", "nobody"):
        with pytest.raises(OperatorRefused), database.begin() as connection:
            settle_gap(connection, gap, "ok", By(who, "office", AT))
    for why in ("", "  ", "a\nb", "of 12345678901", "x" * 201, "\ud800"):
        with pytest.raises(WordsRefused), database.begin() as connection:
            settle_gap(connection, gap, why, SUPERVISOR)
    assert listed(database) == [gap]
    with database.begin() as connection:
        settle_gap(connection, gap, "複製されたカード", SUPERVISOR)
    assert listed(database) == []
    [settled] = listed(database, settled=True)
    assert (settled.settled, settled.settled_by, settled.settled_at) == (
        SUPERVISOR.at,
        "super-1",
        "office",
    )
    assert (settled.accepted, settled.why) == (False, "複製されたカード")
    with pytest.raises(ChangedMeanwhile), database.begin() as connection:
        settle_gap(connection, gap, "again", SUPERVISOR)
    assert noted(database).number != gap.number, "the card is still another, and alarms anew"


def test_what_the_card_said_may_be_accepted(database: Database) -> None:
    card_that_is(database, ACTIVE)
    with_supervisor(database)
    gap = noted(database)
    with database.begin() as connection:
        settle_gap(connection, gap, "entry lost with the disk", SUPERVISOR, accept=True)
    assert (read_card(database).receipt, read_card(database).intent) == (3, FIRST)
    with database.read() as connection:
        check_receipt(connection, NUMBER, 3, FIRST)
    [settled] = listed(database, settled=True)
    assert settled.accepted is True
    with pytest.raises(ChangedMeanwhile), database.begin() as connection:
        note_gap(connection, NUMBER, 3, FIRST, BY)


def test_nothing_is_accepted_while_a_procedure_is_open_or_over_what_came_later(
    database: Database,
) -> None:
    card_that_is(database, ACTIVE)
    with_supervisor(database)
    gap, other = noted(database), noted(database, 4, SECOND)
    with database.begin() as connection:
        open_intent(connection, read_card(database), SECOND, "change PIN", BY)
    with pytest.raises(IntentOpen), database.begin() as connection:
        settle_gap(connection, gap, "lost", SUPERVISOR, accept=True)
    assert listed(database) == [gap, other]
    with database.begin() as connection:
        intent = find_intent(connection, NUMBER)
        assert intent is not None
        undo_intent(connection, intent, SUPERVISOR)
        settle_gap(connection, gap, "lost", SUPERVISOR, accept=True)
    with pytest.raises(ChangedMeanwhile), database.begin() as connection:
        settle_gap(connection, other, "lost too", SUPERVISOR, accept=True)
    assert listed(database) == [other]


def test_the_switch_stops_noting_and_settling_but_not_looking(database: Database) -> None:
    card_that_is(database, ACTIVE)
    with_supervisor(database)
    gap = noted(database)
    with database.begin() as connection:
        stop(connection, ADMIN, "admin-2", "drill")
    assert listed(database) == [gap]
    with pytest.raises(Stopped), database.begin() as connection:
        note_gap(connection, NUMBER, 9, SECOND, BY)
    with pytest.raises(Stopped), database.begin() as connection:
        settle_gap(connection, gap, "ok", SUPERVISOR)


def test_a_card_that_the_ledger_has_not_is_no_gap(database: Database) -> None:
    with pytest.raises(UnknownCard), database.begin() as connection:
        note_gap(connection, NUMBER, 1, FIRST, BY)
