"""What was promised of the counter and shows in its procedures: docs/card.md, section 1."""

from __future__ import annotations

import inspect

import pytest

from jukicard.synthetic.codes import is_resident_code
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.errors import PinBlocked
from jukihost.ledger import LedgerState
from jukihost.models import CardState
from jukihost.register import code_of_record, draw_code
from jukihost.workflows import (
    CardAtDesk,
    CardStopped,
    Paper,
    Presented,
    Procedure,
    Task,
    call_back,
    change_code,
    change_pin,
    resume_card,
    return_card,
    show_notices,
    suspend_by_telephone,
    unblock_pin,
)
from jukihost.workflows.cards import meet
from tests.support.host.counters import CLERK, PIN, SUPERVISOR, Clerk, Counter
from tests.support.host.databases import (
    address,
    clock,
    database,
    postgresql_server,
    sqlite_template,
)
from tests.support.host.residents import CALLED

__all__ = ["address", "clock", "database", "postgresql_server", "sqlite_template"]


@pytest.fixture
def counter(database: Database, clock: MovableClock) -> Counter:
    """A town's counter."""
    return Counter(database, clock)


def _use(counter: Counter, hand: CardAtDesk) -> None:
    """Begin a procedure with a card."""
    desk = counter.desk()
    with Procedure(desk, Task.CHANGE_PIN) as run, hand.session(desk, allow_suspended=True) as juki:
        meet(run, hand, juki)


def test_p7_a_card_told_lost_by_telephone_is_suspended_with_who_called(counter: Counter) -> None:
    suspended = suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    assert counter.ledger().state is LedgerState.SUSPENDED, "at once, wherever the card is"
    call_back(counter.desk(SUPERVISOR), suspended.notice, answered=False)
    call_back(counter.desk(SUPERVISOR), suspended.notice, answered=True)
    in_person = Presented(papers=frozenset({Paper.PHOTO}))
    with counter.on_desk() as (hand, _), pytest.raises(CardStopped):
        _use(counter, hand)
    assert counter.card_state() is CardState.SUSPENDED, "by the next terminal that sees it"
    [told] = show_notices(counter.desk(), counter.number)
    with counter.on_desk() as (hand, _):
        resumed = resume_card(counter.desk(), hand, in_person)
    assert (told,) == resumed.notices
    assert (told.notice, told.presented_by, told.operator) == (CALLED, "holder", CLERK)
    assert [(one.operator, one.answered) for one in told.back] == [
        (SUPERVISOR, False),
        (SUPERVISOR, True),
    ]
    assert counter.card_state() is CardState.ACTIVE


def test_p5_three_wrong_pins_stop_the_card_until_the_counter_sets_it_anew(
    counter: Counter,
) -> None:
    with counter.on_desk() as (hand, _), pytest.raises(PinBlocked):
        change_pin(counter.desk(talk=Clerk("0000", "0001", "0002")), hand, Presented())
    with counter.on_desk() as (hand, _), pytest.raises(PinBlocked):
        change_pin(counter.desk(talk=Clerk(PIN)), hand, Presented())
    in_person = Presented(papers=frozenset({Paper.PHOTO}))
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk("2580")), hand, in_person)
    with counter.on_desk() as (hand, _):
        change_pin(counter.desk(talk=Clerk("2580", "1379")), hand, Presented())
    assert [outcome for _, outcome, _ in counter.told()] == ["refused", "refused", "done", "done"]


def test_p19_a_code_is_drawn_at_random_never_chosen_and_a_change_ends_the_card(
    counter: Counter,
) -> None:
    drawn = {draw_code().reveal() for _ in range(200)}
    assert len(drawn) == 200
    assert all(len(one) == 11 and is_resident_code(one) for one in drawn)
    assert all(len({one[place] for one in drawn}) == 10 for place in range(10)), "every digit"
    assert "code" not in inspect.signature(change_code).parameters, "nobody hands one in"
    assert inspect.signature(draw_code).parameters == {}
    in_person = Presented(papers=frozenset({Paper.PHOTO}))
    change_code(counter.desk(), counter.holder, in_person)
    with counter.database.read() as connection:
        new = code_of_record(connection, counter.holder)
    assert new != counter.code
    assert counter.ledger().state is LedgerState.ABOLISHED, "the card has the old code"
    with counter.on_desk() as (hand, _), pytest.raises(CardStopped):
        _use(counter, hand)
    with counter.on_desk() as (hand, _):
        return_card(counter.desk(talk=Clerk()), hand, in_person)
    assert counter.card_state() is CardState.TERMINATED
