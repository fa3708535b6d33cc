"""Operators: rights by role, hours in Japan, one card each, and nobody raises themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

import pytest
from sqlalchemy import Connection

from jukihost.clock import JAPAN
from jukihost.database import Database
from jukihost.ledger import (
    RIGHTS,
    By,
    ChangedMeanwhile,
    Hours,
    Operator,
    OperatorRefused,
    Right,
    Role,
    change_operator,
    check_lent,
    check_right,
    dismiss_operator,
    enter_first_operators,
    enter_operator,
    find_operator,
    inspect_card,
    lend_card,
    list_lendings,
    return_card,
    revoke_card,
)
from tests.support.host.ledgers import ADMIN, ALWAYS, AT, FIRST, SECOND, staffed

CLERK: Final = Operator("clerk-1", "係 一", Role.CLERK)
SUPERVISOR: Final = Operator("super-1", "係長", Role.SUPERVISOR)
CARD: Final = bytes(9) + b"\1"
OTHER: Final = bytes(9) + b"\2"


def do(database: Database, *steps: Callable[[Connection], object]) -> None:
    with database.begin() as connection:
        for step in steps:
            step(connection)


def refused(database: Database, step: Callable[[Connection], object], match: str) -> None:
    with pytest.raises(OperatorRefused, match=match), database.begin() as connection:
        step(connection)


@pytest.fixture
def office(database: Database) -> Database:
    """A database with two administrators, a clerk and a supervisor."""
    staffed(database)
    do(database, *(lambda c, one=one: enter_operator(c, one, ADMIN) for one in (CLERK, SUPERVISOR)))
    return database


def test_the_rights_of_each_role_are_these() -> None:
    said = {role.value: {right.value for right in rights} for role, rights in RIGHTS.items()}
    assert said == {
        "clerk": {"counter"},
        "supervisor": {"counter", "decide", "stop"},
        "administrator": {"operators", "stop"},
        "auditor": {"read_log"},
    }
    assert set(RIGHTS) == set(Role)


def test_every_right_of_every_role_is_asked(office: Database) -> None:
    everyone = [
        Operator(f"{role.value}-{may_export}", "某", role, ALWAYS, may_export)
        for role in Role
        for may_export in (False, True)
    ]
    do(office, *(lambda c, one=one: enter_operator(c, one, ADMIN) for one in everyone))
    for one, right in itertools.product(everyone, Right):
        with office.read() as connection:
            if right in RIGHTS[one.role] or (right is Right.EXPORT and one.may_export):
                assert check_right(connection, one.identifier, right, AT) == one
            else:
                with pytest.raises(OperatorRefused, match="right"):
                    check_right(connection, one.identifier, right, AT)


def test_hours_are_those_of_japan(office: Database) -> None:
    for day, hour, minute, allowed in (
        (1, 8, 0, True),
        (1, 7, 59, False),
        (1, 17, 59, True),
        (1, 18, 0, False),
        (1, 0, 0, False),
        (5, 12, 0, False),
        (6, 12, 0, False),
        (4, 12, 0, True),
    ):
        at = datetime(2014, 4, day, hour, minute, tzinfo=JAPAN).astimezone(UTC)
        with office.read() as connection:
            if allowed:
                check_right(connection, "clerk-1", Right.COUNTER, at)
            else:
                with pytest.raises(OperatorRefused, match="hours"):
                    check_right(connection, "clerk-1", Right.COUNTER, at)


def test_hours_may_last_to_the_end_of_the_day_and_are_some_time_at_least() -> None:
    assert all(ALWAYS.allow(AT + timedelta(hours=hour)) for hour in range(7 * 24))
    assert Hours(until=time(0)).last_minute == 1440
    for days, since, until in (
        (frozenset(), time(8), time(9)),
        (frozenset({7}), time(8), time(9)),
        (frozenset({1}), time(9), time(9)),
        (frozenset({1}), time(9), time(8)),
    ):
        with pytest.raises(ValueError, match=r"hours end|weekdays"):
            Hours(days, since, until)


def test_the_first_two_enter_all_others(database: Database) -> None:
    refused(database, lambda c: enter_operator(c, CLERK, ADMIN), "no such operator")
    for first, second in ((FIRST, CLERK), (FIRST, FIRST), (CLERK, SUPERVISOR)):
        with (
            pytest.raises(OperatorRefused, match="two admin"),
            database.begin() as connection,
        ):
            enter_first_operators(connection, first, second)
    staffed(database)
    refused(database, lambda c: enter_first_operators(c, FIRST, SECOND), "already")
    do(database, lambda c: enter_operator(c, CLERK, ADMIN))
    refused(database, lambda c: enter_operator(c, CLERK, ADMIN), "given once")
    with database.read() as connection:
        assert find_operator(connection, "clerk-1") == CLERK


def test_two_who_turn_the_stop_stay_and_an_administrator(database: Database) -> None:
    staffed(database)
    third = Operator("admin-3", "管理 三", Role.ADMINISTRATOR)
    head = Operator("head-1", "課長", Role.SUPERVISOR)
    with database.begin() as connection:
        enter_operator(connection, third, ADMIN)
        dismiss_operator(connection, SECOND.identifier, ADMIN)
    third_says = replace(ADMIN, operator=third.identifier)
    clerk = replace(FIRST, role=Role.CLERK)
    with pytest.raises(OperatorRefused, match="must stay"), database.begin() as connection:
        dismiss_operator(connection, FIRST.identifier, third_says)
    with pytest.raises(OperatorRefused, match="must stay"), database.begin() as connection:
        change_operator(connection, FIRST, clerk, third_says)
    with database.begin() as connection:
        enter_operator(connection, head, ADMIN)
        dismiss_operator(connection, FIRST.identifier, third_says)
    with pytest.raises(OperatorRefused, match="themselves"), database.begin() as connection:
        dismiss_operator(connection, third.identifier, third_says)


def test_of_two_administrators_who_dismiss_each_other_one_is_refused(database: Database) -> None:
    staffed(database)
    with database.begin() as connection:
        for at in (3, 4):
            one = Operator(f"admin-{at}", "管理", Role.ADMINISTRATOR)
            enter_operator(connection, one, ADMIN)

    def dismiss() -> None:
        with database.begin() as connection:
            dismiss_operator(connection, FIRST.identifier, replace(ADMIN, operator="admin-2"))

    with ThreadPoolExecutor(1) as pool:
        with database.begin() as connection:
            dismiss_operator(connection, SECOND.identifier, ADMIN)
            late = pool.submit(dismiss)
            with pytest.raises(TimeoutError):
                late.result(0.3)
        with pytest.raises(OperatorRefused):
            late.result(60)


def test_of_two_terminals_that_enter_the_first_two_at_once_one_is_refused(
    database: Database,
) -> None:
    other = [replace(one, identifier=f"other-{at}") for at, one in enumerate((FIRST, SECOND))]

    def enter() -> None:
        with database.begin() as connection:
            enter_first_operators(connection, *other)

    with ThreadPoolExecutor(1) as pool:
        with database.begin() as connection:
            enter_first_operators(connection, FIRST, SECOND)
            late = pool.submit(enter)
            with pytest.raises(TimeoutError):
                late.result(0.3)
        with pytest.raises(OperatorRefused, match="operators already"):
            late.result(60)
    with database.read() as connection:
        assert find_operator(connection, FIRST.identifier) == FIRST


def test_nobody_changes_what_they_may_do_themselves(office: Database) -> None:
    raised = replace(FIRST, may_export=True)
    clerk = By("clerk-1", "counter-1", AT)
    refused(office, lambda c: change_operator(c, FIRST, raised, ADMIN), "themselves")
    refused(office, lambda c: dismiss_operator(c, "admin-1", ADMIN), "themselves")
    refused(office, lambda c: lend_card(c, CARD, "admin-1", ADMIN), "themselves")
    refused(office, lambda c: change_operator(c, CLERK, SUPERVISOR, clerk), "operators")
    refused(office, lambda c: change_operator(c, CLERK, SUPERVISOR, ADMIN), "identifier stays")
    do(office, lambda c: change_operator(c, CLERK, replace(CLERK, may_export=True), ADMIN))
    with pytest.raises(ChangedMeanwhile):
        do(office, lambda c: change_operator(c, CLERK, replace(CLERK, hours=ALWAYS), ADMIN))
    with office.read() as connection:
        assert Right.EXPORT in find_operator(connection, "clerk-1").rights


def test_who_is_dismissed_works_no_longer_and_has_no_card(office: Database) -> None:
    do(office, lambda c: lend_card(c, CARD, "clerk-1", ADMIN))
    with office.read() as connection:
        assert check_lent(connection, CARD, AT) == CLERK
    do(office, lambda c: dismiss_operator(c, "clerk-1", ADMIN))
    refused(office, lambda c: check_lent(c, CARD, AT), "lent to nobody")
    refused(office, lambda c: check_right(c, "clerk-1", Right.COUNTER, AT), "no longer")
    refused(office, lambda c: enter_operator(c, CLERK, ADMIN), "given once")
    with pytest.raises(ChangedMeanwhile):
        do(office, lambda c: dismiss_operator(c, "clerk-1", ADMIN))


def test_cards_are_lent_returned_inspected_and_revoked(office: Database) -> None:
    later = By("admin-1", "office", AT + timedelta(hours=1))
    do(office, lambda c: lend_card(c, CARD, "clerk-1", ADMIN))
    refused(office, lambda c: lend_card(c, CARD, "super-1", ADMIN), "is lent")
    refused(office, lambda c: lend_card(c, OTHER, "clerk-1", ADMIN), "has a card")
    refused(office, lambda c: inspect_card(c, OTHER, ADMIN), "not lent")
    do(office, lambda c: inspect_card(c, CARD, later), lambda c: return_card(c, CARD, later))
    refused(office, lambda c: return_card(c, CARD, ADMIN), "not lent")
    do(office, lambda c: lend_card(c, CARD, "super-1", ADMIN))
    do(office, lambda c: revoke_card(c, CARD, later))
    refused(office, lambda c: check_lent(c, CARD, AT), "revoked")
    refused(office, lambda c: lend_card(c, CARD, "clerk-1", ADMIN), "revoked")
    do(office, lambda c: lend_card(c, OTHER, "clerk-1", ADMIN))
    refused(office, lambda c: check_lent(c, OTHER, AT + timedelta(hours=12)), "hours")
    with office.read() as connection:
        first, second, third = list_lendings(connection)
    assert (first.outcome, first.inspected, second.outcome) == ("returned", later.at, "revoked")
    assert (third.card, third.operator, third.ended) == (OTHER, "clerk-1", None)
