"""Issuing and handing over: what is refused, and every cut between two steps."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest

from jukicard import PROFILES, LocalReader, issue_card as make_card
from jukicard.runtime.boundary import raise_bug
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.database.errors import DatabaseAway
from jukihost.errors import CardError
from jukihost.issuing import NotBlank, examine_card
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.ledger import HasCard, IntentState, LedgerState, take_over_card
from jukihost.register import AddressRestricted, UnknownResident
from jukihost.workflows import (
    CardAtDesk,
    CutOff,
    Desk,
    Duty,
    ForeignTown,
    Impossible,
    NoIssuingHere,
    NotMade,
    Paper,
    Presented,
    PresentedBy,
    Task,
    hand_over,
    issue_card,
    recover_card,
)
from tests.support.host.counters import SUPERVISOR, Clerk, Counter
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.issuing_office import (
    NAME_ONLY,
    NEW,
    PHOTO,
    WORD,
    Office,
    code_read,
    issued,
    lose,
    office,
    quick_keys,
    taken,
    without_card,
)

__all__ = ["office", "quick_keys"]
pytestmark = pytest.mark.usefixtures("quick_keys")


def test_nobody_has_two_cards(office: Office) -> None:
    counter = office.counter
    office.blank()
    issued(counter, NAME_ONLY)
    first = counter.card, counter.number
    office.blank()
    with pytest.raises(HasCard):
        issued(counter, NAME_ONLY)
    counter.card, counter.number = first
    taken(counter)
    office.blank()
    issued(counter, NAME_ONLY)
    with pytest.raises(HasCard):
        taken(counter)
    assert counter.undecided() == 0, "the card was not touched"
    assert counter.ledger().state is LedgerState.ISSUING


def test_a_hand_over_that_was_undecided_gives_nobody_two_cards(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder is given another while it is undecided: they bring one from another town."""
    counter = office.counter
    office.blank()
    issued(counter, NAME_ONLY)
    with counter.on_desk() as (hand, _), monkeypatch.context() as away:
        away.setattr("jukihost.workflows.changing.settle_intent", broken)
        with pytest.raises(DatabaseAway):
            hand_over(counter.desk(talk=Clerk(NEW, WORD)), hand, PHOTO)
    assert counter.undecided() == 1
    brought = replace(counter.ledger(), number=bytes(8))
    with counter.database.begin() as connection:
        take_over_card(connection, brought, counter.desk().by())
    with counter.on_desk() as (hand, _):
        assert recover_card(counter.desk(), hand) is IntentState.FINISHED
    assert counter.told()[-1] == ("recover", "done", "hand_over; holder has another card")
    assert counter.ledger().state is LedgerState.ISSUING
    assert counter.ledger(bytes(8)).state is LedgerState.MOVED_OUT


def broken(*_: object) -> None:
    raise DatabaseAway


def test_a_card_that_is_not_blank_is_not_touched(office: Office, counter: Counter) -> None:
    other = counter.another_resident("other")
    card, _ = counter.issued_card(other, "12345678903")
    counter.card = card
    with pytest.raises(Impossible, match="another holder"):
        issued(counter, NAME_ONLY)
    counter.card = make_card(PROFILES["juki-v2"], seed=99, on_bug=raise_bug)
    with pytest.raises(NotBlank):
        issued(counter, NAME_ONLY)


def test_an_address_under_restriction_goes_onto_a_card_when_a_supervisor_decides(
    office: Office,
) -> None:
    from jukihost.register import RestrictionKind, restrict

    counter = office.counter
    with counter.database.begin() as connection:
        until = date(2015, 1, 1)
        by = counter.desk().by()
        restrict(connection, [counter.holder], RestrictionKind.VIOLENCE, until, by)
    office.blank()
    with pytest.raises(AddressRestricted):
        issued(counter, NAME_ONLY)
    with counter.on_desk() as (hand, _):
        desk = counter.desk()
        desk.supervisor = Duty(SUPERVISOR, counter.clock.now())
        issue_card(desk, hand, counter.holder, NAME_ONLY, PHOTO)
    assert counter.told()[-1] == ("issue", "done", f"decided by {SUPERVISOR}")


def test_who_may_not_have_one_and_who_may_not_issue(office: Office) -> None:
    counter = office.counter
    office.blank()
    household = Presented(PresentedBy.HOUSEHOLD, frozenset({Paper.PHOTO}))
    with counter.on_desk() as (hand, _), pytest.raises(Impossible, match="household"):
        issue_card(counter.desk(), hand, counter.holder, NAME_ONLY, household)
    with counter.on_desk() as (hand, _), pytest.raises(UnknownResident):
        issue_card(counter.desk(), hand, 999, NAME_ONLY, PHOTO)
    counter.office = replace(counter.office, issuer=None)
    with pytest.raises(NoIssuingHere):
        issued(counter, NAME_ONLY)


@pytest.mark.parametrize("receipts", [True, False])
def test_a_card_that_is_not_made_whole_is_not_handed_over(office: Office, receipts: bool) -> None:
    counter = office.counter
    card = office.blank(receipts=receipts)
    begun = 0
    for at in range(20, 200, 15):
        with counter.on_desk() as (hand, reader):
            reader.pull(at, acts=True)
            with suppress(CutOff):
                issue_card(counter.desk(), hand, counter.holder, NAME_ONLY, PHOTO)
        with LocalReader(card) as connection:
            if examine_card(connection, lambda _: ISSUER_TEST_KEYS).done:
                break
        begun += counter.knows_card()
        with pytest.raises(NotMade):
            taken(counter)
        assert not counter.knows_card() or counter.ledger().state is LedgerState.ISSUING
    assert begun
    issued(counter, NAME_ONLY)
    taken(counter)
    assert counter.ledger().state is LedgerState.ACTIVE


def test_the_ledger_has_what_the_receipt_of_a_made_card_carries(office: Office) -> None:
    counter = office.counter
    office.blank()
    issued(counter, NAME_ONLY)
    with counter.on_desk() as (hand, _), hand.session(counter.desk()) as juki:
        receipt = juki.receipt()
    assert receipt is not None
    assert receipt.number > 0
    assert (counter.ledger().receipt, counter.ledger().intent) == (receipt.number, receipt.intent)


@pytest.mark.parametrize("acts", [True, False])
def test_a_card_that_is_gone_in_the_last_exchanges_and_put_back_is_made(
    office: Office, acts: bool
) -> None:
    counter = office.counter
    office.blank()
    with counter.on_desk() as (hand, reader):
        issue_card(counter.desk(), hand, counter.holder, NAME_ONLY, PHOTO)
        exchanges = reader.exchanges
    for before in range(2, 12):  # the last one forgets what was proven, and may fail
        lose(counter)
        office.blank()
        with counter.on_desk() as (hand, reader):
            reader.pull(exchanges - before, acts=acts)
            desk = counter.desk(talk=Clerk(puts_back=True))
            issue_card(desk, hand, counter.holder, NAME_ONLY, PHOTO)
            assert reader.exchanges > exchanges
        assert counter.told()[-1][:2] == ("issue", "done")


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_an_issue_cut_at_any_exchange_goes_on_with_the_same_card(
    database: Database, clock: MovableClock, cut: Cut, receipts: bool
) -> None:
    office = without_card(Counter(database, clock))
    assert issue(office, receipts=receipts).at_every_exchange(cut) > 30


@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_before_any_transaction_of_an_issue(office: Office, trouble: Trouble) -> None:
    assert issue(office).at_every_transaction(trouble) >= 2


def issue(office: Office, *, receipts: bool = True) -> Cutting:
    """Making a card, which after any cut is made whole by doing it again."""
    counter = office.counter

    def blank() -> None:
        lose(counter)
        office.blank("juki-v1", receipts=receipts)

    def make(desk: Desk, hand: CardAtDesk) -> None:
        issue_card(desk, hand, counter.holder, NAME_ONLY, PHOTO)

    def whole(done: bool) -> None:
        if not done:
            with suppress(NotMade, ForeignTown):
                taken(counter)
            if counter.knows_card() and counter.ledger().state is LedgerState.ACTIVE:
                return  # made whole, and cut off behind that
            issued(counter, NAME_ONLY)
        assert counter.ledger().state is LedgerState.ISSUING
        taken(counter)
        assert counter.ledger().state is LedgerState.ACTIVE

    return Cutting(counter, Task.ISSUE, blank, make, whole)


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_a_hand_over_cut_at_any_exchange_is_finished_or_done_again(
    database: Database, clock: MovableClock, cut: Cut, receipts: bool
) -> None:
    office = without_card(Counter(database, clock))
    assert handing(office, receipts=receipts).at_every_exchange(cut) > 20


@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_before_any_transaction_of_a_hand_over(office: Office, trouble: Trouble) -> None:
    assert handing(office).at_every_transaction(trouble) >= 2


@pytest.mark.parametrize("receipts", [True, False])
def test_a_card_whose_hand_over_was_cut_may_be_begun_again_from_the_issue(
    office: Office, receipts: bool
) -> None:
    """Whoever sees it next may not know how far it was: nothing is lost, and it is handed over."""
    counter = office.counter
    states = set()
    for at in range(30, 90, 4):
        handing(office, receipts=receipts).prepare()
        with counter.on_desk() as (hand, reader):
            reader.pull(at, acts=True)
            with suppress(CardError):
                hand_over(counter.desk(talk=Clerk(NEW, WORD)), hand, PHOTO)
        states.add((counter.ledger().state, counter.undecided()))
        with suppress(Impossible):
            issued(counter, NAME_ONLY)
        assert counter.undecided() == 0
        if counter.ledger().state is LedgerState.ISSUING:
            taken(counter)
        assert counter.ledger().state is LedgerState.ACTIVE
        assert code_read(counter) == counter.code.reveal()
    assert states >= {(LedgerState.ISSUING, 1), (LedgerState.ISSUING, 0)}


def handing(office: Office, *, receipts: bool = True) -> Cutting:
    """Handing a card over that was made."""
    counter = office.counter

    def ready() -> None:
        lose(counter)
        office.blank("juki-v1", receipts=receipts)
        issued(counter, NAME_ONLY)

    def give(desk: Desk, hand: CardAtDesk) -> None:
        hand_over(desk, hand, PHOTO)

    def whole(done: bool) -> None:
        if counter.ledger().state is LedgerState.ISSUING:
            assert not done
            taken(counter)
        assert counter.ledger().state is LedgerState.ACTIVE
        assert code_read(counter) == counter.code.reveal()

    return Cutting(counter, Task.HAND_OVER, ready, give, whole, (NEW, WORD))
