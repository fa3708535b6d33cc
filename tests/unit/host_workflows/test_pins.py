"""Secrets of a card: changed by who knows them, set anew at the counter; cut everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from jukicard import Card, LocalReader
from jukihost.channel import build_channel
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.errors import CardError, CardRemoved, PinBlocked, PinFormatError, PinRejected
from jukihost.ledger import IntentState, uncertain_purposes
from jukihost.pinpad import PadNotUsable, PinPad
from jukihost.register import AsReceived, InquiryRefused
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.text import TextSession
from jukihost.workflows import (
    Cancelled,
    CardAtDesk,
    CutOff,
    Desk,
    Duty,
    Impossible,
    Paper,
    PinSet,
    PinUncertain,
    PinUse,
    PinWanted,
    Presented,
    PresentedBy,
    Question,
    SupervisorDecides,
    Task,
    change_pin,
    inquire,
    recover_card,
    unblock_pin,
)
from tests.support.host.counters import PIN, SUPERVISOR, Clerk, Counter
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble

NEW = "2580"
WRONG = "0000"
PASSWORD = "NEWPASS1"
HOLDER = Presented()
WITH_PHOTO = Presented(papers=frozenset({Paper.PHOTO}))

VERIFIES: dict[PinUse, tuple[Any, Callable[[Any, str], None]]] = {
    PinUse.JUKI: (JukiSession, JukiSession.verify_pin),
    PinUse.SIGNATURE: (JpkiSession, JpkiSession.verify_password),
    PinUse.AUTHENTICATION: (JpkiSession, JpkiSession.verify_pin),
    PinUse.TEXT: (TextSession, TextSession.verify_pin),
    PinUse.COMMON: (CommonSession, CommonSession.verify_pin),
}
ELSEWHERE = [use for use in VERIFIES if use is not PinUse.JUKI]


def my_number_counter(database: Database, clock: MovableClock) -> Counter:
    """A town's counter whose holder has a My Number card, which came in 2016."""
    clock.put(datetime(2016, 4, 1, 3, tzinfo=UTC))
    return Counter(database, clock, profile="mynumber")


def knows(card: Card, secret: str, use: PinUse = PinUse.JUKI) -> bool:
    """Whether the card takes a secret; costs a try where it does not."""
    kind, verify = VERIFIES[use]
    with LocalReader(card) as reader, kind(build_channel(reader)) as session:
        try:
            verify(session, secret)
        except PinRejected:
            return False
    return True


def block(card: Card, use: PinUse = PinUse.JUKI) -> None:
    """Have something wrong typed until no try is left."""
    wrong = "WRONG123" if use is PinUse.SIGNATURE else WRONG
    for _ in range(10):
        try:
            assert not knows(card, wrong, use)
        except PinBlocked:
            return
    raise AssertionError("the card lets anybody go on trying")


def changed(counter: Counter, *typed: str, presented: Presented = HOLDER) -> tuple[PinSet, Clerk]:
    """Change the PIN, with what is typed."""
    clerk = Clerk(*typed)
    with counter.on_desk() as (hand, _):
        return change_pin(counter.desk(talk=clerk), hand, presented), clerk


def test_the_holder_changes_the_pin_and_nobody_else_learns_it(counter: Counter) -> None:
    result, clerk = changed(counter, PIN, NEW)
    assert knows(counter.card, NEW)
    assert result == PinSet(counter.number, PinUse.JUKI, counter.ledger().standing)
    assert clerk.asked == [
        PinWanted(PinUse.JUKI, 3),
        PinWanted(PinUse.NEW_JUKI, None),
    ]
    [use] = counter.uses()
    assert (use.purpose, use.outcome.value, use.reason) == ("change_pin", "done", "")
    assert use.card
    assert use.resident
    assert NEW not in repr(result) + repr(clerk.asked)
    assert NEW not in f"{use.operator} {use.terminal} {use.body} {use.purpose} {use.reason}"


@pytest.mark.parametrize(
    ("typed", "error", "code"),
    [
        ((PIN, "258"), PinFormatError, "pin_format_error"),
        (("12345",), PinFormatError, "pin_format_error"),
        ((WRONG, WRONG, WRONG), PinBlocked, "pin_blocked"),
    ],
)
def test_what_is_typed_amiss_changes_nothing(
    counter: Counter, typed: tuple[str, ...], error: type[CardError], code: str
) -> None:
    with pytest.raises(error):
        changed(counter, *typed)
    assert counter.told() == [("change_pin", "refused", code)]
    assert counter.undecided() == 0
    if error is not PinBlocked:
        assert knows(counter.card, PIN)


def test_the_last_try_is_agreed_to_and_else_not_used(counter: Counter) -> None:
    assert not knows(counter.card, WRONG)
    assert not knows(counter.card, WRONG)
    clerk = Clerk(PIN, agrees=False)
    with counter.on_desk() as (hand, _), pytest.raises(Cancelled):
        change_pin(counter.desk(talk=clerk), hand, HOLDER)
    assert clerk.asked == [Question.LAST_TRY]
    assert knows(counter.card, PIN)


def test_a_new_pin_is_not_typed_on_a_pad(counter: Counter) -> None:
    class Pad(Clerk):
        def secret(self, wanted: PinWanted) -> Any:
            return PinPad() if wanted.tries is None else super().secret(wanted)

    with counter.on_desk() as (hand, _), pytest.raises(PadNotUsable):
        change_pin(counter.desk(talk=Pad(PIN)), hand, HOLDER)
    assert knows(counter.card, PIN)


def test_a_blocked_pin_serves_nothing_until_the_counter_sets_it_anew(counter: Counter) -> None:
    block(counter.card)
    with pytest.raises(PinBlocked):
        changed(counter, PIN, NEW)
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk(NEW)), hand, WITH_PHOTO)
    assert knows(counter.card, NEW)
    assert [one[:2] for one in counter.told()] == [
        ("change_pin", "refused"),
        ("unblock_pin", "done"),
    ]


@pytest.mark.parametrize(
    ("presented", "error"),
    [
        (Presented(), Impossible),
        (Presented(papers=frozenset({Paper.OTHER})), Impossible),
        (Presented(papers=frozenset({Paper.OTHER, Paper.ANSWER})), Impossible),
        (Presented(papers=frozenset({Paper.OTHER, Paper.ANSWER}), inquiry=9), InquiryRefused),
        (Presented(PresentedBy.HOUSEHOLD, frozenset(Paper)), Impossible),
        (Presented(PresentedBy.PROXY, frozenset({Paper.PHOTO})), Impossible),
        (Presented(PresentedBy.PROXY, frozenset(Paper)), SupervisorDecides),
        (Presented(PresentedBy.LEGAL_REPRESENTATIVE, frozenset(Paper)), None),
    ],
)
def test_who_may_have_a_pin_set_anew(
    counter: Counter, presented: Presented, error: type[CardError] | None
) -> None:
    with counter.on_desk() as (hand, _):
        desk = counter.desk(talk=Clerk(NEW))
        if error is None:
            unblock_pin(desk, hand, presented)
        else:
            with pytest.raises(error):
                unblock_pin(desk, hand, presented)
    assert knows(counter.card, NEW) == (error is None)


def test_the_answer_to_a_letter_for_this_procedure_serves_once(counter: Counter) -> None:
    other = inquire(counter.desk(), counter.holder, Task.HAND_OVER)
    letter = inquire(counter.desk(), counter.holder, Task.UNBLOCK_PIN)
    papers = frozenset({Paper.OTHER, Paper.ANSWER})

    def unblock(number: int, typed: str) -> None:
        with counter.on_desk() as (hand, _):
            presented = Presented(papers=papers, inquiry=number)
            unblock_pin(counter.desk(talk=Clerk(typed)), hand, presented)

    with pytest.raises(InquiryRefused):
        unblock(other.number, NEW)
    with pytest.raises(PinFormatError):  # nothing was touched: the answer is as good as before
        unblock(letter.number, "25")
    unblock(letter.number, NEW)
    assert knows(counter.card, NEW)
    with pytest.raises(InquiryRefused):
        unblock(letter.number, "1379")
    assert knows(counter.card, NEW)


def test_whoever_is_sent_brings_the_answer_to_a_letter_too(counter: Counter) -> None:
    letter = inquire(counter.desk(), counter.holder, Task.UNBLOCK_PIN)
    sent = Presented(PresentedBy.PROXY, frozenset(Paper))
    desk = counter.desk(talk=Clerk(NEW))
    desk.supervisor = Duty(SUPERVISOR, counter.clock.now())
    with counter.on_desk() as (hand, _), pytest.raises(Impossible, match="number of the letter"):
        unblock_pin(desk, hand, sent)
    with counter.on_desk() as (hand, _):
        unblock_pin(desk, hand, replace(sent, inquiry=letter.number))
    assert knows(counter.card, NEW)


def test_a_child_comes_with_a_parent(database: Database, clock: MovableClock) -> None:
    counter = Counter(database, clock)
    child = counter.another_resident("child", born=date(2005, 5, 5), name=AsReceived("住基 子"))
    code = "00000000019"
    card, number = counter.issued_card(child, code)
    with counter.on_desk(card) as (hand, _), pytest.raises(Impossible):
        change_pin(counter.desk(talk=Clerk(PIN, NEW)), hand, HOLDER)
    parent = Presented(PresentedBy.LEGAL_REPRESENTATIVE, frozenset(Paper))
    with counter.on_desk(card) as (hand, _):
        assert change_pin(counter.desk(talk=Clerk(PIN, NEW)), hand, parent).card == number


# --- what is cut off ---


def test_a_pin_is_uncertain_where_a_card_without_receipts_does_not_come_back(
    database: Database, clock: MovableClock
) -> None:
    counter = Counter(database, clock, receipts=False)
    with counter.on_desk() as (hand, reader):
        pull_at_the_change(reader, counter)
        with pytest.raises(CutOff):
            change_pin(counter.desk(talk=Clerk(PIN, NEW)), hand, HOLDER)
    with counter.on_desk() as (hand, _):
        assert recover_card(counter.desk(), hand) is IntentState.UNCERTAIN
    assert counter.told()[-2:] == [
        ("change_pin", "unknown", "cut_off"),
        ("recover", "done", "change_pin; pin_uncertain"),
    ]
    with counter.on_desk() as (hand, _), pytest.raises(PinUncertain):
        change_pin(counter.desk(talk=Clerk(PIN)), hand, HOLDER)
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk("1379")), hand, WITH_PHOTO)
    changed(counter, "1379", NEW)
    assert knows(counter.card, NEW)


def pull_at_the_change(reader: Any, counter: Counter) -> None:
    """Have the card pulled after it has set a PIN anew: the exchange with which it does."""
    transmit = reader.transmit

    def watching(command: bytes) -> bytes:
        answer = transmit(command)
        if command[1] == 0x2C:
            reader.close()
            raise CardRemoved("the card is gone")
        return bytes(answer)

    reader.transmit = watching


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("task", [Task.CHANGE_PIN, Task.UNBLOCK_PIN])
@pytest.mark.parametrize("cut", CUTS)
def test_a_new_pin_cut_at_any_exchange_is_there_or_not_or_known_to_be_uncertain(
    database: Database, clock: MovableClock, cut: Cut, task: Task, receipts: bool
) -> None:
    counter = Counter(database, clock, receipts=receipts)
    assert setting(counter, task).at_every_exchange(cut) > 10


@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_before_any_transaction_of_a_change_of_the_pin(
    counter: Counter, trouble: Trouble
) -> None:
    assert setting(counter, Task.CHANGE_PIN).at_every_transaction(trouble) >= 2


@pytest.mark.parametrize("use", [PinUse.SIGNATURE, PinUse.TEXT])
@pytest.mark.parametrize("cut", CUTS)
def test_another_secret_cut_at_any_exchange_is_there_or_known_to_be_uncertain(
    database: Database, clock: MovableClock, cut: Cut, use: PinUse
) -> None:
    counter = my_number_counter(database, clock)
    assert setting(counter, Task.UNBLOCK_PIN, use).at_every_exchange(cut) > 10


def setting(counter: Counter, task: Task, use: PinUse = PinUse.JUKI) -> Cutting:
    """Changing a secret, or setting it anew; two values take turns."""
    values = ["PASSWORD1", "PASSWORD2"] if use is PinUse.SIGNATURE else ["1111", "2222"]
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk(values[0])), hand, WITH_PHOTO, use)

    def certain() -> None:
        if not uncertain(counter):
            return
        with counter.on_desk() as (hand, _):
            unblock_pin(counter.desk(talk=Clerk(values[0])), hand, WITH_PHOTO, use)
        assert not uncertain(counter)

    def agree(done: bool) -> None:
        old, new = values
        took = knows(counter.card, new, use)
        assert took or knows(counter.card, old, use)
        assert took or not done
        if took:
            values.reverse()
            cutting.secrets = typed()

    def typed() -> tuple[str, ...]:
        old, new = values
        return (old, new) if task is Task.CHANGE_PIN else (new,)

    def procedure(desk: Desk, hand: CardAtDesk) -> None:
        verb = change_pin if task is Task.CHANGE_PIN else unblock_pin
        verb(desk, hand, WITH_PHOTO, use)

    cutting = Cutting(counter, task, certain, procedure, agree, typed())
    return cutting


def uncertain(counter: Counter) -> frozenset[str]:
    """What nobody knows of the card."""
    with counter.database.read() as connection:
        return uncertain_purposes(connection, counter.number)


# --- the other secrets ---


@pytest.mark.parametrize("use", ELSEWHERE)
def test_every_secret_of_a_my_number_card_is_changed_and_set_anew(
    database: Database, clock: MovableClock, use: PinUse
) -> None:
    counter = my_number_counter(database, clock)
    first, second = (PASSWORD, "OTHER99") if use is PinUse.SIGNATURE else (NEW, "9753")
    block(counter.card, use)
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk(first)), hand, WITH_PHOTO, use)
    clerk = Clerk(first, second)
    with counter.on_desk() as (hand, _):
        result = change_pin(counter.desk(talk=clerk), hand, WITH_PHOTO, use)
    assert result.use is use
    assert knows(counter.card, second, use)
    assert counter.told() == [
        ("unblock_pin", "done", use.value),
        ("change_pin", "done", use.value),
    ]
    with counter.on_desk() as (hand, _):
        assert recover_card(counter.desk(), hand) is None


def test_a_juki_card_has_a_password_of_its_signature_key_and_nothing_of_the_others(
    counter: Counter,
) -> None:
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk(PASSWORD)), hand, WITH_PHOTO, PinUse.SIGNATURE)
    assert knows(counter.card, PASSWORD, PinUse.SIGNATURE)
    for use in (PinUse.AUTHENTICATION, PinUse.TEXT, PinUse.COMMON):
        with counter.on_desk() as (hand, _), pytest.raises(Impossible):
            unblock_pin(counter.desk(talk=Clerk(NEW)), hand, WITH_PHOTO, use)
    block(counter.card, PinUse.SIGNATURE)
    with counter.on_desk() as (hand, _), pytest.raises(PinBlocked):
        change_pin(counter.desk(talk=Clerk(PASSWORD)), hand, WITH_PHOTO, PinUse.SIGNATURE)
    with counter.on_desk() as (hand, _), pytest.raises(ValueError, match="not set in this way"):
        unblock_pin(counter.desk(), hand, WITH_PHOTO, PinUse.OPERATOR)
