"""Lost cards: suspended by telephone, stopped where they are seen, resumed; cut everywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.ledger import LedgerState
from jukihost.models import CardState
from jukihost.workflows import (
    CardAtDesk,
    CardStopped,
    Desk,
    Paper,
    Presented,
    Procedure,
    Task,
    identify,
    resume_card,
    suspend_by_telephone,
)
from jukihost.workflows.cards import meet
from tests.support.host.counters import Counter
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.residents import CALLED

IN_PERSON = Presented(papers=frozenset({Paper.PHOTO}))


def seen(counter: Counter) -> None:
    """Let a terminal see the suspended card: it refuses, and suspends the card itself."""
    with counter.on_desk() as (hand, _), pytest.raises(CardStopped):
        see(counter, hand)


def see(counter: Counter, hand: CardAtDesk) -> None:
    """Begin a procedure with a card."""
    desk = counter.desk()
    with Procedure(desk, Task.CHANGE_PIN) as run, hand.session(desk, allow_suspended=True) as juki:
        meet(run, hand, juki)


def resume_it(counter: Counter, hand: CardAtDesk) -> None:
    resume_card(counter.desk(), hand, IN_PERSON)


def identify_it(counter: Counter, hand: CardAtDesk) -> None:
    identify(counter.desk(), hand)


def test_p7_a_card_suspended_by_telephone_is_suspended_itself_where_it_is_seen(
    counter: Counter,
) -> None:
    suspended = suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    assert suspended.card == counter.number
    assert counter.ledger().state is LedgerState.SUSPENDED
    assert counter.card_state() is CardState.ACTIVE
    seen(counter)
    assert counter.card_state() is CardState.SUSPENDED
    assert counter.told() == [
        ("suspend", "done", ""),
        ("suspend_on_sight", "done", ""),
        ("change_pin", "refused", "card_stopped"),
    ]
    assert {use.resident for use in counter.uses()} == {
        counter.office.pseudonyms.resident(counter.code)
    }


@pytest.mark.parametrize("was_seen", [True, False])
def test_a_card_that_was_found_is_what_it_was_before(counter: Counter, was_seen: bool) -> None:
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    if was_seen:
        seen(counter)
    with counter.on_desk() as (hand, _):
        resumed = resume_card(counter.desk(), hand, IN_PERSON)
    assert str(resumed.standing) == "active"
    assert counter.ledger().state is LedgerState.ACTIVE
    assert counter.card_state() is CardState.ACTIVE
    assert counter.told()[-1] == ("resume", "done", "")


@pytest.mark.parametrize("procedure", [see, resume_it, identify_it])
def test_a_card_that_is_suspended_though_the_ledger_does_not_say_so_is_kept(
    database: Database, clock: MovableClock, procedure: Callable[[Counter, CardAtDesk], object]
) -> None:
    """A card without receipts, which would be an alarm."""
    counter = Counter(database, clock, receipts=False)
    with counter.on_desk() as (hand, _), hand.session(counter.desk()) as juki:
        juki.suspend()
    with counter.on_desk() as (hand, _), pytest.raises(CardStopped, match="does not say so"):
        procedure(counter, hand)
    assert counter.ledger().state is LedgerState.ACTIVE
    assert counter.card_state() is CardState.SUSPENDED


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_a_resumption_cut_at_any_exchange_is_finished_or_undone(
    database: Database, clock: MovableClock, cut: Cut, receipts: bool
) -> None:
    assert resumption(Counter(database, clock, receipts=receipts)).at_every_exchange(cut) > 10


@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_before_any_transaction_of_a_resumption_leaves_card_and_ledger_alike(
    counter: Counter, trouble: Trouble
) -> None:
    assert resumption(counter).at_every_transaction(trouble) >= 2


def resumption(counter: Counter) -> Cutting:
    """Resuming a card that was suspended itself."""

    def suspended() -> None:
        if counter.ledger().state is LedgerState.ACTIVE:
            suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
            seen(counter)

    def alike(done: bool) -> None:
        ledger, card = counter.ledger().state, counter.card_state()
        assert (ledger is LedgerState.ACTIVE) == (card is CardState.ACTIVE)
        assert ledger is LedgerState.ACTIVE or not done

    def resume(desk: Desk, hand: CardAtDesk) -> None:
        resume_card(desk, hand, IN_PERSON)

    return Cutting(counter, Task.RESUME, suspended, resume, alike)
