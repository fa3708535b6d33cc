"""The end of a card: abolished, lost, damaged, taken back, its certificates too; cut everywhere."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.errors import CardTerminated
from jukihost.ledger import (
    CertificateState,
    LedgerState,
    Reason,
    UnknownCard,
    certificates_of,
    untold_certificates,
)
from jukihost.models import CardState
from jukihost.workflows import (
    Cancelled,
    CardAtDesk,
    CardStopped,
    Desk,
    Ended,
    Impossible,
    Paper,
    Presented,
    PresentedBy,
    Task,
    abolish_card,
    change_pin,
    report_damaged,
    report_lost,
    resume_card,
    return_card,
    return_unreadable,
    suspend_by_telephone,
    tell_authority,
)
from tests.support.host.authority import HOLD, certified
from tests.support.host.counters import Clerk, Counter
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.residents import CALLED

IN_PERSON = Presented(papers=frozenset({Paper.PHOTO}))
SIGNATURE, AUTHENTICATION = 10**40, 7
"""Serial numbers: one of more than eight bytes, as authorities give them, and a small one."""


def taken_back(counter: Counter, desk: Desk | None = None) -> Ended:
    with counter.on_desk() as (hand, _):
        return return_card(desk or counter.desk(talk=Clerk()), hand, IN_PERSON)


def test_a_card_that_is_given_back_is_ended_for_good(counter: Counter) -> None:
    assert taken_back(counter).standing.state is LedgerState.RETURNED
    assert counter.ledger().state is LedgerState.RETURNED
    assert counter.card_state() is CardState.TERMINATED
    assert counter.told() == [("return", "done", "surrendered")]
    with counter.on_desk() as (hand, _), pytest.raises(CardTerminated):
        change_pin(counter.desk(), hand, Presented())


def test_nobody_ends_a_card_without_saying_so(counter: Counter) -> None:
    with pytest.raises(Cancelled):
        taken_back(counter, counter.desk(talk=Clerk(agrees=False)))
    assert counter.card_state() is CardState.ACTIVE
    assert counter.told() == [("return", "refused", "cancelled")]


@pytest.mark.parametrize(
    ("over", "state"),
    [
        (report_lost, LedgerState.LOST),
        (report_damaged, LedgerState.DAMAGED),
        (lambda d, h, p: abolish_card(d, h, Reason.SURRENDERED, p), LedgerState.ABOLISHED),
        (lambda d, h, p: suspend_by_telephone(d, h, p, CALLED), LedgerState.SUSPENDED),
    ],
)
@pytest.mark.parametrize("seen", [True, False])
def test_a_card_that_is_over_is_stopped_where_it_is_seen_and_taken_back(
    counter: Counter, over: object, state: LedgerState, seen: bool
) -> None:
    over(counter.desk(), counter.holder, IN_PERSON)  # type: ignore[operator]
    assert counter.ledger().state is state
    if seen:
        with counter.on_desk() as (hand, _), pytest.raises(CardStopped):
            change_pin(counter.desk(), hand, Presented())
        assert counter.card_state() is CardState.SUSPENDED
    assert taken_back(counter).standing.state is LedgerState.RETURNED
    assert counter.card_state() is CardState.TERMINATED
    why = "surrendered" if state is LedgerState.SUSPENDED else "recovered"
    assert counter.told()[-1] == ("return", "done", why)


def test_a_card_is_abolished_for_its_age_when_its_day_has_come(counter: Counter) -> None:
    with pytest.raises(Impossible, match="good until"):
        abolish_card(counter.desk(), counter.holder, Reason.EXPIRED, None)
    counter.clock.move(timedelta(days=3653))
    assert taken_back(counter).standing.state is LedgerState.RETURNED
    assert counter.told()[-1] == ("return", "done", "expired")


def test_the_town_abolishes_the_card_of_who_has_died_and_no_other_twice(counter: Counter) -> None:
    ended = abolish_card(counter.desk(), counter.holder, Reason.DIED, None)
    assert ended == Ended(counter.number, counter.ledger().standing)
    with pytest.raises(Impossible):
        abolish_card(counter.desk(), counter.holder, Reason.DIED, None)
    for reason, presented in ((Reason.CODE_CHANGED, IN_PERSON), (Reason.SURRENDERED, None)):
        with pytest.raises(ValueError, match=r"procedure of its own|comes to the counter"):
            abolish_card(counter.desk(), counter.holder, reason, presented)


def test_who_sends_somebody_writes_a_letter(counter: Counter) -> None:
    sent = Presented(PresentedBy.PROXY, frozenset({Paper.PHOTO}))
    with pytest.raises(Impossible, match="letter_of_attorney"):
        report_lost(counter.desk(), counter.holder, sent)
    assert counter.ledger().state is LedgerState.ACTIVE


def test_a_card_that_no_reader_reads_is_taken_back_in_the_ledger_alone(counter: Counter) -> None:
    ended = return_unreadable(counter.desk(), counter.number, IN_PERSON)
    assert ended.standing.state is LedgerState.RETURNED
    assert counter.told() == [("return", "done", "unreadable")]
    with pytest.raises(UnknownCard):
        return_unreadable(counter.desk(), bytes(8), IN_PERSON)


# --- certificates ---


def certificates(counter: Counter) -> list[tuple[CertificateState, bool]]:
    """What the ledger says of each certificate, and whether the authority knows."""
    with counter.database.read() as connection:
        return [(one.state, one.told) for one in certificates_of(connection, counter.number)]


def test_the_certificates_follow_the_card_and_the_authority_knows(counter: Counter) -> None:
    authority = certified(counter, SIGNATURE, AUTHENTICATION)
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    now = counter.clock.now()
    assert authority.known == dict.fromkeys((SIGNATURE, AUTHENTICATION), (now, HOLD))
    assert certificates(counter) == [(CertificateState.HELD, True)] * 2
    with counter.on_desk() as (hand, _):
        resume_card(counter.desk(), hand, IN_PERSON)
    assert authority.known == dict.fromkeys((SIGNATURE, AUTHENTICATION))
    report_lost(counter.desk(), counter.holder, IN_PERSON)
    assert authority.known == dict.fromkeys((SIGNATURE, AUTHENTICATION), (now, 1))
    assert certificates(counter) == [(CertificateState.REVOKED, True)] * 2
    taken_back(counter)
    assert authority.known == dict.fromkeys((SIGNATURE, AUTHENTICATION), (now, 1))


def test_an_authority_that_is_away_is_told_later_by_whoever_comes_next(counter: Counter) -> None:
    authority = certified(counter, SIGNATURE)
    authority.away = True
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    report_lost(counter.desk(), counter.holder, IN_PERSON)
    assert authority.known == {SIGNATURE: None}
    assert certificates(counter) == [(CertificateState.REVOKED, False)]
    assert tell_authority(counter.office) == 1
    authority.away = False
    with counter.on_desk() as (hand, _), pytest.raises(CardStopped):
        change_pin(counter.desk(), hand, Presented())  # the card is stopped: another procedure
    assert authority.known[SIGNATURE] == (counter.clock.now(), 1)
    assert tell_authority(counter.office) == 0
    assert authority.told == 1


def test_what_an_authority_refuses_is_kept_with_what_it_said(counter: Counter) -> None:
    authority = certified(counter, SIGNATURE, AUTHENTICATION)
    del authority.known[SIGNATURE]
    report_lost(counter.desk(), counter.holder, IN_PERSON)
    with counter.database.read() as connection:
        [left] = untold_certificates(connection)
    assert (left.serial, left.refused) == (SIGNATURE, "certificate_unknown")
    assert authority.known[AUTHENTICATION] is not None
    authority.known[SIGNATURE] = None
    assert tell_authority(counter.office) == 0


def test_a_new_certificate_supersedes_the_one_before(counter: Counter) -> None:
    authority = certified(counter, SIGNATURE)
    authority.known[9] = None
    certified_again = certified(counter, 9)
    certified_again.known[SIGNATURE] = None
    assert tell_authority(counter.office) == 0
    assert certified_again.known == {9: None, SIGNATURE: (counter.clock.now(), 4)}


# --- cut off ---


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_a_return_cut_at_any_exchange_has_ended_the_card_in_both_or_in_none(
    database: Database, clock: MovableClock, cut: Cut, receipts: bool
) -> None:
    counter = Counter(database, clock, receipts=receipts)
    assert returning(counter, receipts=receipts).at_every_exchange(cut) >= 10


@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_before_any_transaction_of_a_return(counter: Counter, trouble: Trouble) -> None:
    assert returning(counter).at_every_transaction(trouble) >= 3


def returning(counter: Counter, *, receipts: bool = True) -> Cutting:
    """Taking back a card with a certificate; another one is issued when it has ended."""
    serial = 0
    authority = certified(counter)

    def issued() -> None:
        nonlocal serial
        if counter.ledger().state is LedgerState.RETURNED:
            code = counter.code.reveal()
            counter.card, counter.number = counter.issued_card(
                counter.holder, code, receipts=receipts
            )
        with counter.database.read() as connection:
            if certificates_of(connection, counter.number):
                return
        serial += 1
        again = certified(counter, serial)
        again.known |= authority.known
        authority.known = again.known
        counter.office = counter.desk().office

    def alike(done: bool) -> None:
        over = counter.card_state() is CardState.TERMINATED
        assert over == (counter.ledger().state is LedgerState.RETURNED)
        assert over or not done
        tell_authority(counter.office)
        assert (authority.known[serial] is not None) == over

    def procedure(desk: Desk, hand: CardAtDesk) -> None:
        return_card(desk, hand, IN_PERSON)

    return Cutting(counter, Task.RETURN, issued, procedure, alike)
