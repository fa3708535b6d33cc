"""The receipt, card and terminal against each other: what it decides, and who may see it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from typing import Any

import pytest

from jukicard import PROFILES, Card, CardKeys, LocalReader, ProfileError, issue_card
from jukicard.apdu import Aid, CommandApdu, Ins
from jukicard.memory import PowerLoss
from jukicard.testing import HazardousCard, PowerCut
from jukihost import (
    ISSUER_TEST_KEYS,
    AppletNotFound,
    CardError,
    CardForm,
    CardInfo,
    CardMute,
    ConditionsNotSatisfied,
    IncorrectData,
    IssuerSession,
    JukiSession,
    PublishedKeys,
    Purpose,
    PurposeNotEntitled,
    Residence,
    ResidentCode,
    TerminalNotAuthenticated,
    WrongLength,
    build_channel,
)
from jukihost.receipts import (
    ChangeInterrupted,
    ChangeOutcome,
    OpenChange,
    Receipt,
    ReceiptElsewhere,
    ReceiptError,
    ReceiptForged,
    ReceiptWentBack,
    answered,
)
from tests.support.cards.juki_desk import CODE

KEYS = PublishedKeys()
INTENT = bytes(range(1, 17))
OLD, NEW = "1234", "5678"


def issued(profile: str = "juki-v1", *, receipts: bool = True, seed: int = 1) -> Card:
    return issue_card(dataclasses.replace(PROFILES[profile], receipts=receipts), seed=seed)


@pytest.fixture
def card() -> Card:
    return issued()


@pytest.fixture
def juki(card: Card) -> Iterator[JukiSession]:
    """The counter's session."""
    with LocalReader(card) as reader, JukiSession(build_channel(reader)) as session:
        session.authenticate(Purpose.COUNTER, KEYS)
        yield session


@pytest.fixture
def issuer(card: Card) -> Iterator[IssuerSession]:
    with LocalReader(card) as reader, IssuerSession(build_channel(reader)) as session:
        session.authenticate(ISSUER_TEST_KEYS)
        yield session


def receipt_of(session: JukiSession | IssuerSession) -> Receipt:
    found = session.receipt(KEYS)
    assert found is not None
    return found


def test_a_change_leaves_its_number_and_intent(juki: JukiSession) -> None:
    first = receipt_of(juki)
    assert (first.number, first.seen, first.intent) == (0, True, b"")
    change = juki.begin_change(INTENT)
    assert receipt_of(juki) == first, "an intent alone changes nothing"
    juki.move_out()
    second = receipt_of(juki)
    assert (second.number, second.seen, second.intent) == (1, False, INTENT)
    confirmed = juki.confirm(change, KEYS)
    assert confirmed is not None
    assert dataclasses.replace(confirmed, seen=False, mac=second.mac) == second
    assert confirmed.mac != second.mac


def test_every_change_of_a_session_has_its_intent_and_the_next_session_none(card: Card) -> None:
    with LocalReader(card) as reader:
        with JukiSession(build_channel(reader)) as juki:
            juki.authenticate(Purpose.COUNTER, KEYS)
            juki.begin_change(INTENT)
            juki.move_out()
            juki.unblock_pin("4321")
            assert receipt_of(juki).number == 2
            assert receipt_of(juki).intent == INTENT
        with JukiSession(build_channel(reader)) as juki:
            juki.authenticate(Purpose.COUNTER, KEYS)
            juki.suspend()
            assert (receipt_of(juki).number, receipt_of(juki).intent) == (3, b"")


def test_a_suspended_card_tells_it_and_takes_an_intent(juki: JukiSession) -> None:
    juki.suspend()
    assert receipt_of(juki).number == 1
    change = juki.begin_change(INTENT)
    juki.resume()
    confirmed = juki.confirm(change)
    assert confirmed is not None
    assert confirmed.number == 2


def test_only_the_counter_reads_it(card: Card) -> None:
    with LocalReader(card) as reader, JukiSession(build_channel(reader)) as juki:
        with pytest.raises(TerminalNotAuthenticated):
            juki.receipt()
        assert reader.transmit(bytes.fromhex("00CA00C600")) == b"\x69\x82"
        for purpose in set(Purpose) - {Purpose.COUNTER}:
            juki.authenticate(purpose, KEYS)
            with pytest.raises(PurposeNotEntitled):
                juki.receipt()


def test_who_suspends_says_with_what_intent(card: Card) -> None:
    with LocalReader(card) as reader, JukiSession(build_channel(reader)) as juki:
        juki.authenticate(Purpose.SUSPEND, KEYS)
        assert juki.announce(INTENT)
        juki.suspend()
    with (
        LocalReader(card) as reader,
        JukiSession(build_channel(reader), allow_suspended=True) as juki,
    ):
        juki.authenticate(Purpose.COUNTER, KEYS)
        assert receipt_of(juki).intent == INTENT


@pytest.mark.parametrize("value", [b"", bytes(16), bytes(15), bytes(17), bytes(3), bytes(5)])
def test_what_is_no_intent_is_refused(juki: JukiSession, value: bytes) -> None:
    with pytest.raises((IncorrectData, WrongLength)):
        juki._put_receipt(value)
    with pytest.raises(ValueError, match="16 bytes"):
        juki.begin_change(value)


def test_another_number_is_not_confirmed(juki: JukiSession) -> None:
    juki.begin_change(INTENT)
    juki.move_out()
    with pytest.raises(ConditionsNotSatisfied):
        juki._put_receipt((2).to_bytes(4))
    assert not receipt_of(juki).seen


def test_a_change_that_is_not_the_last_is_not_confirmed(juki: JukiSession) -> None:
    change = juki.begin_change(INTENT)
    with pytest.raises(ReceiptError, match="settle"):
        juki.confirm(change)


def test_the_mac_is_of_this_card_and_application_and_of_every_byte(juki: JukiSession) -> None:
    right = receipt_of(juki)
    false: list[dict[str, object]] = [
        {"number": 1},
        {"seen": False},
        {"intent": INTENT},
        {"mac": bytes(8)},
        {"card_number": bytes(8)},
        {"aid": Aid("A0000001510000")},
    ]
    for change in false:
        with pytest.raises(ReceiptForged):
            dataclasses.replace(right, **change).verify(KEYS)  # type: ignore[arg-type]
    assert INTENT.hex() not in repr(ChangeInterrupted.of(OpenChange(bytes(8), INTENT, 1)))


# --- the issuer ---


def test_the_issuer_has_receipts_of_its_own(issuer: IssuerSession, card: Card) -> None:
    change = issuer.begin_change(INTENT, changes=2)
    assert issuer.settle(change, KEYS) is ChangeOutcome.NOT_DONE
    issuer.lock(JukiSession.AID)
    assert issuer.settle(change, KEYS) is ChangeOutcome.PARTLY_DONE
    with pytest.raises(ReceiptError, match="settle it"):
        issuer.confirm(change, KEYS)
    issuer.unlock(JukiSession.AID)
    assert issuer.settle(change, KEYS) is ChangeOutcome.DONE
    assert receipt_of(issuer).number == 2
    confirmed = issuer.confirm(change, KEYS)
    assert confirmed is not None
    assert (confirmed.number, confirmed.seen, confirmed.intent) == (2, True, INTENT)
    issuer.put_keys(dataclasses.replace(ISSUER_TEST_KEYS, version=2))
    issuer.unblock_key(JukiSession.AID, Purpose.COUNTER)
    issuer.delete_keys(2)
    assert receipt_of(issuer).number == 5
    issuer.lock_card()
    assert receipt_of(issuer).number == 6


def test_card_and_issuer_count_together(card: Card) -> None:
    with LocalReader(card) as reader:
        with IssuerSession(build_channel(reader)) as issuer:
            issuer.authenticate(ISSUER_TEST_KEYS)
            issuer.begin_change(INTENT)
            issuer.lock(JukiSession.AID)
            issuer.unlock(JukiSession.AID)
            told = receipt_of(issuer)
        with JukiSession(build_channel(reader)) as juki:
            juki.authenticate(Purpose.COUNTER, KEYS)
            assert (receipt_of(juki).number, receipt_of(juki).intent) == (2, INTENT)
            assert receipt_of(juki).mac != told.mac, "each application has its own key"
            juki.move_out()
            assert (receipt_of(juki).number, receipt_of(juki).intent) == (3, b"")


def test_reading_and_a_refusal_leave_no_receipt(issuer: IssuerSession) -> None:
    with pytest.raises(AppletNotFound):
        issuer.delete(Aid("F0112233445566"))
    issuer.key_information()
    assert receipt_of(issuer).number == 0


# --- half-way ---


def as_counter(reader: LocalReader) -> JukiSession:
    juki = JukiSession(build_channel(reader), allow_suspended=True).open()
    juki.authenticate(Purpose.COUNTER, KEYS)
    return juki


class Counting(LocalReader):
    """Counts the commands that carry a PIN, as they reach the card."""

    def __init__(self, card: Card | HazardousCard) -> None:
        super().__init__(card)
        self.sent: list[int] = []

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(CommandApdu.parse(command).ins)
        return super().transmit(command)


@pytest.mark.parametrize("landed", [False, True], ids=["before it lands", "after it has landed"])
@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2", "mynumber"])
def test_a_pin_change_cut_at_every_write_is_decided(profile: str, landed: bool) -> None:
    snapshot = issued(profile).snapshot()
    outcomes = set()
    for at in range(1, 100):
        card = Card.restore(snapshot)
        hazardous = HazardousCard(card, PowerCut(at=at, landed=landed))
        reader = Counting(hazardous)
        change = None
        try:
            with suppress(CardMute, PowerLoss), reader:
                juki = as_counter(reader)
                juki.verify_pin(OLD)
                juki.change_pin_once(NEW, INTENT, custody=KEYS)
        except ChangeInterrupted as interrupted:
            change = interrupted.change
        assert reader.sent.count(Ins.CHANGE_REFERENCE_DATA) <= 1, "a PIN was sent twice"
        assert reader.sent.count(Ins.VERIFY) <= 1
        if not hazardous.happened:
            break
        if change is None:
            continue  # cut before the PIN was sent
        assert NEW not in repr(change)
        after = Counting(card)
        with after:
            juki = as_counter(after)
            outcome = juki.settle(change, KEYS)
            assert not {Ins.VERIFY, Ins.CHANGE_REFERENCE_DATA} & set(after.sent)
            juki.verify_pin({ChangeOutcome.DONE: NEW, ChangeOutcome.NOT_DONE: OLD}[outcome])
        outcomes.add(outcome)
    else:
        raise AssertionError("the change never came to its end")
    assert at > 3
    assert outcomes == ({ChangeOutcome.DONE} if landed else set(ChangeOutcome) & outcomes)
    assert landed or ChangeOutcome.NOT_DONE in outcomes


@pytest.mark.parametrize(
    ("landed", "outcome"), [(False, ChangeOutcome.NOT_DONE), (True, ChangeOutcome.DONE)]
)
def test_whoever_reconnects_after_a_cut_sends_no_pin_again(
    landed: bool, outcome: ChangeOutcome
) -> None:
    """The same session on the same reader: it goes on without a PIN until somebody types one."""
    # a PIN change writes when it authenticates (2), verifies (2), and is made (1)
    hazardous = HazardousCard(issued(), PowerCut(at=5, landed=landed))
    with Counting(hazardous) as reader:
        juki = as_counter(reader)
        juki.verify_pin(OLD)
        with suppress(PowerLoss), pytest.raises(ChangeInterrupted) as interrupted:
            juki.change_pin_once(NEW, INTENT, custody=KEYS)
        assert hazardous.happened
        reader.reset()
        reader.sent.clear()
        for again in (juki.read_code, lambda: juki.change_pin(NEW)):
            with pytest.raises(CardError):
                again()
        juki.open()
        juki.authenticate(Purpose.COUNTER, KEYS)
        assert juki.settle(interrupted.value.change, KEYS) is outcome
        assert not {Ins.VERIFY, Ins.CHANGE_REFERENCE_DATA} & set(reader.sent)
        juki.verify_pin(NEW if landed else OLD)
        assert reader.sent.count(Ins.VERIFY) == 1


def test_without_an_object_a_pin_change_is_uncertain_and_says_what_to_do() -> None:
    snapshot = issued(receipts=False).snapshot()
    with LocalReader(Card.restore(snapshot)) as reader:
        juki = as_counter(reader)
        juki.verify_pin(OLD)
        assert juki.change_pin_once(NEW) is None, "as before, where nothing happens to it"
        change = juki.begin_change(of_pin=True)
        assert change.number is None
        outcome = juki.settle(change, KEYS)
    assert outcome is ChangeOutcome.PIN_UNCERTAIN
    assert "unblock_pin" in outcome.value
    assert dataclasses.replace(change, of_pin=False).outcome(None) is ChangeOutcome.UNCERTAIN


def test_a_card_without_the_object_answers_as_before(card: Card) -> None:
    plain = issued(receipts=False)
    assert not any(
        key.startswith("receipt") for part in plain.snapshot().partitions.values() for key in part
    )
    with LocalReader(plain) as reader, JukiSession(build_channel(reader)) as juki:
        for command in ("00CA00C600", "00DA00C60400000000"):
            assert reader.transmit(bytes.fromhex(command)) == b"\x6a\x88"
        juki.authenticate(Purpose.COUNTER, KEYS)
        assert juki.receipt() is None
        assert not juki.announce(INTENT)
        juki.suspend()
        for asked in (
            CommandApdu(0, 0xCA, 0, 0xC6, ne=256),
            CommandApdu(0, 0xDA, 0, 0xC6, INTENT),
        ):
            assert juki.transmit(asked).status == 0x6985
    with (
        LocalReader(plain) as reader,
        IssuerSession(build_channel(reader), allow_suspended=True) as issuer,
    ):
        issuer.authenticate(ISSUER_TEST_KEYS)
        issuer.unlock_card()
        assert issuer.receipt() is None


INFO = CardInfo("13221", CardForm.WITH_PHOTO, date(2015, 4, 1), date(2025, 3, 31))
AT_THE_COUNTER: dict[str, Callable[[JukiSession], object]] = {
    "card data": lambda juki: juki.update_card_data(INFO),
    "code": lambda juki: juki.write_code(ResidentCode(CODE)),
    "moving out": lambda juki: juki.move_out(),
    "suspension": lambda juki: juki.suspend(),
    "a new PIN": lambda juki: juki.unblock_pin("4321"),
}
BY_THE_ISSUER: dict[str, Callable[[IssuerSession], object]] = {
    "an application locked": lambda issuer: issuer.lock(JukiSession.AID),
    "keys": lambda issuer: issuer.put_keys(dataclasses.replace(ISSUER_TEST_KEYS, version=2)),
    "the card locked": lambda issuer: issuer.lock_card(),
    "an object": lambda issuer: issuer.store_data(bytes.fromhex("F0053133323231")),
}


def as_issuer(reader: LocalReader) -> IssuerSession:
    issuer = IssuerSession(build_channel(reader), allow_suspended=True).open()
    issuer.authenticate(ISSUER_TEST_KEYS)
    return issuer


def others(card: Card) -> dict[tuple[str, str], bytes]:
    """All that the card keeps but receipts and what every session counts."""
    return {
        (name, key): value
        for name, values in card.environment.memory.snapshot().contents().items()
        for key, value in values.items()
        if not key.startswith(("receipt", "tries/", "counter"))
    }


@pytest.mark.parametrize("landed", [False, True], ids=["before it lands", "after it has landed"])
@pytest.mark.parametrize(
    ("enter", "make"),
    [
        *((as_counter, make) for make in AT_THE_COUNTER.values()),
        *((as_issuer, make) for make in BY_THE_ISSUER.values()),
    ],
    ids=[*AT_THE_COUNTER, *BY_THE_ISSUER],
)
def test_every_change_is_settled_as_the_card_is(enter: Any, make: Any, landed: bool) -> None:
    snapshot = issued().snapshot()
    before, decided, at = others(Card.restore(snapshot)), set(), 0
    happened = True
    while happened:
        at += 1
        torn = Card.restore(snapshot)
        hazardous = HazardousCard(torn, PowerCut(at=at, landed=landed))
        change = interrupted = None
        try:
            with suppress(CardMute, PowerLoss), LocalReader(hazardous) as reader:
                session = enter(reader)
                change = session.begin_change(INTENT)
                with answered(change):
                    make(session)
        except ChangeInterrupted as lost:
            interrupted = lost.change
        happened = bool(hazardous.happened)
        if change is None or not happened:
            continue  # cut before the change, or not at all
        assert interrupted is change, "it is said what was interrupted"
        with LocalReader(torn) as reader:
            outcome = enter(reader).settle(change, KEYS)
        assert (outcome is ChangeOutcome.DONE) is (others(torn) != before)
        decided.add(outcome)
    assert decided == {ChangeOutcome.DONE if landed else ChangeOutcome.NOT_DONE}


# --- what the terminal makes of what it reads ---


def test_what_is_between_leaves_no_room_or_some() -> None:
    change = OpenChange(bytes(8), INTENT, 5, of_pin=True)
    other = bytes(range(16))

    def told(number: int, intent: bytes = other) -> ChangeOutcome:
        return change.outcome(
            Receipt(JukiSession.AID, bytes(8), number, False, 1, intent, bytes(8))
        )

    assert told(5) is ChangeOutcome.NOT_DONE
    assert told(5, INTENT) is ChangeOutcome.NOT_DONE, "an earlier change with the same intent"
    assert told(6, INTENT) is ChangeOutcome.DONE
    assert told(7, INTENT) is ChangeOutcome.PIN_UNCERTAIN, "more than were begun"
    change = dataclasses.replace(change, changes=2)
    assert told(6, INTENT) is ChangeOutcome.PARTLY_DONE
    assert told(7, INTENT) is ChangeOutcome.DONE
    assert told(6) is ChangeOutcome.NOT_DONE
    assert told(7) is ChangeOutcome.PIN_UNCERTAIN
    with pytest.raises(ReceiptWentBack):
        told(4)


def test_another_card_does_not_settle_it(juki: JukiSession) -> None:
    change = juki.begin_change(INTENT)
    with LocalReader(issued(seed=2)) as reader, pytest.raises(ReceiptElsewhere):
        as_counter(reader).settle(change, KEYS)
    mine = juki.receipt(KEYS)
    assert mine
    another = dataclasses.replace(mine, card_number=bytes(len(mine.card_number)))
    with pytest.raises(ReceiptElsewhere):
        change.outcome(another)


def test_an_issuer_that_gives_masters_gives_one_for_receipts() -> None:
    profile = dataclasses.replace(PROFILES["juki-v1"], receipts=True)
    with pytest.raises(ProfileError, match="RECEIPT"):
        issue_card(profile, keys=CardKeys(masters={"COUNTER": _random(1)}))
    issue_card(profile, keys=CardKeys(masters={"COUNTER": _random(1), "RECEIPT": _random(2)}))


def _random(number: int) -> bytes:
    return hashlib.sha256(bytes((number,))).digest()[:16]


def test_residence_and_receipt_are_two_objects(juki: JukiSession) -> None:
    juki.begin_change(INTENT)
    assert juki.residence() is Residence.RESIDENT
