"""A Juki card is exchanged for a My Number card: one is valid at every instant, after every cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

import pytest

from jukicard import Card, LocalReader
from jukihost.channel import build_channel
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.errors import CardError
from jukihost.issuing import IssueEnded
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.ledger import (
    ApplicationState,
    CertificateState,
    LedgerState,
    PersonAct,
    Reason,
    cards_of,
    certificates_of,
    enter_certificate,
    move_card,
    note_application,
)
from jukihost.models import CardState
from jukihost.register import InquiryRefused
from jukihost.sessions.juki import JukiSession
from jukihost.workflows import (
    Cancelled,
    CardAtDesk,
    CutOff,
    Desk,
    Duty,
    Exchanged,
    Impossible,
    NotMade,
    Paper,
    Paused,
    PinUse,
    PinWanted,
    Presented,
    PresentedBy,
    Question,
    SupervisorDecides,
    Task,
    exchange_card,
    hand_over,
    inquire,
    recover_card,
    suspend_by_telephone,
)
from tests.support.cards.issuer_desk import POINTS
from tests.support.host.authority import RecordingAuthority
from tests.support.host.counters import SUPERVISOR, Clerk, Counter, Reader
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.issuing_office import Office, fresh_keys
from tests.support.host.residents import CALLED

__all__ = ["fresh_keys"]
PHOTO: Final = Presented(papers=frozenset({Paper.PHOTO}))
JUKI, TEXT = "2580", "1379"
TYPED: Final = (JUKI, TEXT)
ISSUED: Final = date(2014, 4, 1)


@dataclass
class Cards:
    """A counter in 2016, whose resident has a Juki card, and a My Number card that waits."""

    counter: Counter
    old: Card
    old_number: bytes
    new: Card
    new_number: bytes
    receipts: bool = True

    def renewed(self) -> None:
        """Give the resident both anew."""
        counter = self.counter
        with counter.database.begin() as connection:
            for card in cards_of(connection, counter.holder):
                if card.state in (LedgerState.ACTIVE, LedgerState.ISSUING):
                    by = counter.desk().by()
                    move_card(connection, card, PersonAct.REPORT_DAMAGED, Reason.BROKEN, by)
        self.old, self.old_number = juki(counter, receipts=self.receipts)
        self.new, self.new_number = waiting(counter, receipts=self.receipts)

    def exchange(self, clerk: Clerk | None = None, presented: Presented = PHOTO) -> Exchanged:
        counter = self.counter
        with Reader(self.new) as one, Reader(self.old) as other:
            desk = counter.desk(talk=clerk or Clerk(*TYPED))
            return exchange_card(desk, CardAtDesk(one), presented, old=CardAtDesk(other))

    def states(self) -> tuple[LedgerState, LedgerState]:
        """What the ledger says of the old card, and of the new one."""
        counter = self.counter
        return counter.ledger(self.old_number).state, counter.ledger(self.new_number).state

    @property
    def untouched(self) -> bool:
        """Whether all is as it was before."""
        as_before = LedgerState.ACTIVE, LedgerState.ISSUING
        return self.states() == as_before and self.state_of_old is CardState.ACTIVE

    @property
    def state_of_old(self) -> CardState:
        """What the old card says of its life."""
        return self.counter.card_state(self.old)

    @property
    def exchanged(self) -> bool:
        """Whether the new one is valid, with the PIN that was typed, and the old one is over."""
        if self.states() != (LedgerState.RETURNED, LedgerState.ACTIVE):
            return False
        assert self.state_of_old is CardState.TERMINATED
        with LocalReader(self.new) as reader, JukiSession(build_channel(reader)) as session:
            session.verify_pin(JUKI)
        return True


def juki(counter: Counter, *, receipts: bool = True) -> tuple[Card, bytes]:
    return counter.issued_card(
        counter.holder, counter.code.reveal(), issued=ISSUED, receipts=receipts
    )


def waiting(counter: Counter, *, receipts: bool = True) -> tuple[Card, bytes]:
    code = counter.code.reveal()
    return counter.issued_card(
        counter.holder, code, profile="mynumber", handed=False, receipts=receipts
    )


@pytest.fixture
def cards(database: Database, clock: MovableClock) -> Cards:
    """Both cards, as they are before."""
    return both(database, clock)


def both(database: Database, clock: MovableClock, *, receipts: bool = True) -> Cards:
    clock.put(datetime(2016, 4, 1, 3, tzinfo=UTC))
    counter = Counter(database, clock)
    counter.office = replace(
        counter.office, issuer=lambda _: ISSUER_TEST_KEYS, authority=RecordingAuthority()
    )
    first = counter.card, counter.number
    made = Cards(counter, *first, *first, receipts)
    made.renewed()
    return made


def test_the_old_card_is_over_as_the_new_one_is_handed_over(cards: Cards) -> None:
    counter = cards.counter
    authority = RecordingAuthority({5: None})
    counter.office = replace(counter.office, authority=authority)
    with counter.database.begin() as connection:
        by = counter.desk().by()
        enter_certificate(connection, cards.old_number, 5, "signature", by)
        there = ApplicationState.INSTALLED
        note_application(connection, cards.old_number, bytes(POINTS), there, by)
    clerk = Clerk(*TYPED)
    made = cards.exchange(clerk)
    assert (made.card, made.old) == (cards.new_number, cards.old_number)
    assert made.applications == (POINTS,)
    assert made.expires == counter.ledger(cards.new_number).expires
    assert cards.exchanged
    assert clerk.asked == [
        Question.END_CARD,
        PinWanted(PinUse.NEW_JUKI, None),
        PinWanted(PinUse.NEW_TEXT, None),
    ]
    with counter.database.read() as connection:
        [certificate] = certificates_of(connection, cards.old_number)
    assert (certificate.state, certificate.reason) == (CertificateState.REVOKED, 4)
    assert authority.known[5] == (counter.clock.now(), 4)
    assert counter.told() == [("exchange", "done", "")]
    with pytest.raises(CardError):
        cards.exchange()


def test_with_one_reader_the_old_card_is_asked_for_by_its_number(cards: Cards) -> None:
    class Swapping(Clerk):
        def paused(self, pause: Paused) -> bool:
            super().paused(pause)
            reader.close()
            reader.__init__(cards.old)  # type: ignore[misc]
            return True

    clerk = Swapping(*TYPED)
    with Reader(cards.new) as reader:
        exchange_card(cards.counter.desk(talk=clerk), CardAtDesk(reader), PHOTO)
    [pause] = [one for one in clerk.asked if isinstance(one, Paused)]
    assert pause.number == cards.old_number
    assert cards.exchanged


def test_with_one_reader_and_nobody_who_changes_the_cards_all_stays(cards: Cards) -> None:
    with Reader(cards.new) as reader, pytest.raises(CutOff):
        exchange_card(cards.counter.desk(talk=Clerk(*TYPED)), CardAtDesk(reader), PHOTO)
    assert cards.untouched
    assert cards.counter.undecided() == 0
    cards.exchange()
    assert cards.exchanged


def test_p24_there_is_nothing_to_exchange_for_before_my_number_cards(
    database: Database, clock: MovableClock
) -> None:
    clock.put(datetime(2015, 12, 28, 3, tzinfo=UTC))
    counter = Counter(database, clock)
    with counter.on_desk() as (hand, _), pytest.raises(IssueEnded, match="2015-12-29"):
        exchange_card(counter.desk(), hand, PHOTO)


@pytest.mark.usefixtures("fresh_keys")
def test_a_card_that_is_not_made_is_not_exchanged_for(cards: Cards) -> None:
    Office(cards.counter)
    blank = Office(cards.counter).blank("mynumber")
    cards.new, kept = blank, cards.new
    with pytest.raises(NotMade):
        cards.exchange()
    cards.new = kept
    assert cards.untouched


def test_who_does_not_agree_keeps_the_old_card(cards: Cards) -> None:
    with pytest.raises(Cancelled):
        cards.exchange(Clerk(*TYPED, agrees=False))
    assert cards.untouched


def test_who_has_no_juki_card_is_handed_the_new_one_over(cards: Cards) -> None:
    counter = cards.counter
    with counter.database.begin() as connection:
        old = counter.ledger(cards.old_number)
        by = counter.desk().by()
        move_card(connection, old, PersonAct.REPORT_LOST, Reason.NOT_FOUND, by)
    with pytest.raises(Impossible, match="no Juki card"):
        cards.exchange()
    with Reader(cards.new) as reader:
        hand_over(counter.desk(talk=Clerk(*TYPED)), CardAtDesk(reader), PHOTO)
    assert cards.states()[1] is LedgerState.ACTIVE


def test_a_card_that_was_missing_is_taken_back_like_any_other(cards: Cards) -> None:
    counter = cards.counter
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    cards.exchange()
    assert cards.exchanged


def test_another_card_than_the_holders_is_not_taken_for_it(cards: Cards) -> None:
    counter = cards.counter
    other = counter.another_resident("other")
    mine, cards.old = cards.old, counter.issued_card(other, "00000000019", issued=ISSUED)[0]
    with pytest.raises(CardError):
        cards.exchange()
    assert counter.card_state(cards.old) is CardState.ACTIVE
    cards.old = mine
    assert cards.untouched


@pytest.mark.parametrize(
    ("presented", "error"),
    [
        (Presented(), Impossible),
        (Presented(papers=frozenset({Paper.OTHER})), Impossible),
        (Presented(PresentedBy.HOUSEHOLD, frozenset(Paper)), Impossible),
        (Presented(PresentedBy.PROXY, frozenset(Paper)), SupervisorDecides),
    ],
)
def test_who_may_exchange_a_card(
    cards: Cards, presented: Presented, error: type[CardError]
) -> None:
    with pytest.raises(error):
        cards.exchange(presented=presented)
    assert cards.untouched


def test_whoever_is_sent_has_the_answer_to_a_letter_for_this(cards: Cards) -> None:
    counter = cards.counter
    letter = inquire(counter.desk(), counter.holder, Task.EXCHANGE)
    sent = Presented(PresentedBy.PROXY, frozenset(Paper), letter.number + 1)
    for presented in (sent, replace(sent, inquiry=letter.number)):
        with Reader(cards.new) as one, Reader(cards.old) as other:
            desk = counter.desk(talk=Clerk(*TYPED))
            desk.supervisor = Duty(SUPERVISOR, counter.clock.now())
            if presented is sent:
                with pytest.raises(InquiryRefused):
                    exchange_card(desk, CardAtDesk(one), presented, old=CardAtDesk(other))
            else:
                exchange_card(desk, CardAtDesk(one), presented, old=CardAtDesk(other))
    assert cards.exchanged


# --- what is cut off ---


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("which", ["old", "new"])
def test_an_exchange_cut_at_any_exchange_with_either_card_leaves_one_valid(
    database: Database, clock: MovableClock, cut: Cut, receipts: bool, which: str
) -> None:
    cards = both(database, clock, receipts=receipts)
    assert exchanging(cards, which).at_every_exchange(cut) > 5


@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_before_any_transaction_of_an_exchange(cards: Cards, trouble: Trouble) -> None:
    assert exchanging(cards, "new").at_every_transaction(trouble) >= 4


def exchanging(cards: Cards, which: str) -> Cutting:
    """Exchanging a card, cut at what is said to the old one or the new one."""
    counter = cards.counter

    def ready() -> None:
        if not cards.untouched:
            cards.renewed()
        counter.card = getattr(cards, which)
        counter.number = getattr(cards, f"{which}_number")

    def procedure(desk: Desk, hand: CardAtDesk) -> None:
        with Reader(cards.new if which == "old" else cards.old) as reader:
            hands = {which: hand, "new" if which == "old" else "old": CardAtDesk(reader)}
            exchange_card(desk, hands["new"], PHOTO, old=hands["old"])

    def one(done: bool) -> None:
        with counter.database.read() as connection:
            valid = cards_of(connection, counter.holder, valid=True)
        assert len(valid) == 1
        if cards.state_of_old is CardState.TERMINATED:
            assert cards.exchanged
        else:
            assert cards.untouched
            assert not done

    def other() -> Card:
        return cards.new if which == "old" else cards.old

    return Cutting(counter, Task.EXCHANGE, ready, procedure, one, TYPED, other)


def test_what_was_cut_off_behind_the_end_of_the_old_card_hands_over_only_what_was_made_ready(
    cards: Cards,
) -> None:
    """Another card that waits by then has no secrets yet: it is handed over at the counter."""
    counter = cards.counter
    with Reader(cards.new) as one, Reader(cards.old) as other:
        transmit = other.transmit

        def watching(command: bytes) -> bytes:
            answer = transmit(command)
            if command[1] == 0xFE:
                other.close()
                raise ConnectionError("gone")
            return answer

        other.transmit = watching  # type: ignore[method-assign]
        with pytest.raises(CutOff):
            exchange_card(
                counter.desk(talk=Clerk(*TYPED)), CardAtDesk(one), PHOTO, old=CardAtDesk(other)
            )
    with counter.database.begin() as connection:
        spoiled = counter.ledger(cards.new_number)
        by = counter.desk().by()
        move_card(connection, spoiled, PersonAct.REPORT_DAMAGED, Reason.PRODUCTION, by)
    _, again = waiting(counter)
    with Reader(cards.old) as reader:
        recover_card(counter.desk(), CardAtDesk(reader))
    assert counter.ledger(cards.old_number).state is LedgerState.RETURNED
    assert counter.ledger(again).state is LedgerState.ISSUING
