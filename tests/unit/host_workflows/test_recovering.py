"""What is finished, what is undone, and what is left open, when a card refuses or a card is gone.

The tables of cuts walk every exchange; here stands each decision between finishing and undoing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import pytest
from sqlalchemy import Connection, select

from jukicard import LocalReader
from jukicard.apdu import Ins, StatusWord
from jukihost.channel import build_channel
from jukihost.clock import MovableClock
from jukihost.conversation.receipts import ReceiptError
from jukihost.database import Database
from jukihost.errors import CardError, CardRemoved, StatusError
from jukihost.keys import PublishedKeys
from jukihost.ledger import (
    By,
    CardAct,
    IntentState,
    LedgerState,
    PersonAct,
    Reason,
    find_card,
    move_card,
    open_intent,
    uncertain_purposes,
)
from jukihost.ledger.tables import intents
from jukihost.models import CardState, Purpose
from jukihost.sessions.juki import JukiSession
from jukihost.workflows import (
    CardAtDesk,
    CardStopped,
    CutOff,
    Desk,
    MovedOut,
    Paper,
    Paused,
    PinUncertain,
    PinUse,
    Presented,
    Procedure,
    SignatureForm,
    Task,
    change_pin,
    changing,
    recover_card,
    report_lost,
    resume_card,
    return_card,
    sign_document,
    stay,
    suspend_by_telephone,
    unblock_pin,
)
from tests.support.host.counters import CLERK, PIN, Clerk, Counter
from tests.support.host.residents import CALLED

PHOTO: Final = Presented(papers=frozenset({Paper.PHOTO}))
REFUSED: Final = StatusError(StatusWord(0x6F00), Ins.VERIFY)


def refuse(*_: object) -> None:
    raise REFUSED


def unblocked(counter: Counter) -> None:
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk("2580")), hand, PHOTO)


def recovered(counter: Counter) -> IntentState | None:
    with counter.on_desk() as (hand, _):
        return recover_card(counter.desk(), hand)


def test_what_the_card_refuses_is_undone_and_stands_in_nobodys_way(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(JukiSession, "unblock_pin", refuse)
        with pytest.raises(StatusError):
            unblocked(counter)
    assert counter.undecided() == 0
    assert counter.told() == [("unblock_pin", "refused", "status_error")]
    unblocked(counter)


def test_what_the_card_has_done_is_not_undone_though_it_refuses_to_say_so(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the ledger would not know of it, and the next to see the card would raise an alarm."""
    true, calls = changing.receipt_of, []

    def once_more(juki: JukiSession) -> Any:
        calls.append(juki)
        return refuse() if len(calls) == 3 else true(juki)

    with monkeypatch.context() as patch:
        patch.setattr(changing, "receipt_of", once_more)
        patch.setattr("jukihost.workflows.cards.receipt_of", once_more)
        with pytest.raises(StatusError):
            unblocked(counter)
    assert counter.undecided() == 1
    assert counter.told()[-1] == ("unblock_pin", "unknown", "status_error")
    assert recovered(counter) is IntentState.FINISHED
    with counter.on_desk() as (hand, _):
        change_pin(counter.desk(talk=Clerk("2580", PIN)), hand, Presented())


def test_a_card_that_does_not_count_what_it_did_is_kept_and_checked(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counter.on_desk() as (hand, _), hand.session(counter.desk()) as juki:
        before = juki.receipt()
    monkeypatch.setattr(JukiSession, "receipt", lambda _: before)
    with pytest.raises(ReceiptError, match="have it checked"):
        unblocked(counter)
    assert counter.undecided() == 1
    assert counter.told()[-1][:2] == ("unblock_pin", "unknown")


class EndsIt(Clerk):
    """Puts the card back once it has ended: another office has taken it back meanwhile."""

    def __init__(self, counter: Counter, *secrets: str) -> None:
        super().__init__(*secrets)
        self._counter = counter

    def paused(self, pause: Paused) -> bool:
        with LocalReader(self._counter.card) as reader, JukiSession(build_channel(reader)) as juki:
            juki.authenticate(Purpose.COUNTER, PublishedKeys())
            juki.terminate()
        return True


def test_a_card_that_ended_meanwhile_has_not_done_what_does_not_end_it(counter: Counter) -> None:
    with counter.on_desk() as (hand, reader):
        desk = counter.desk(talk=EndsIt(counter, "2580"))
        pull_where_it_writes(counter, desk, hand, reader)
        with pytest.raises(CutOff):
            unblock_pin(desk, hand, PHOTO)
    assert counter.card_state() is CardState.TERMINATED
    assert counter.ledger().state is LedgerState.ACTIVE
    assert counter.undecided() == 1
    assert counter.told()[-1] == ("unblock_pin", "unknown", "cut_off")


def pull_where_it_writes(counter: Counter, desk: Desk, hand: CardAtDesk, reader: Any) -> None:
    """Have the card pulled at the first exchange behind the intent."""
    true = reader.transmit

    def transmit(command: bytes) -> bytes:
        if counter.undecided():
            reader.transmit = true
            reader.pull(0, acts=False)
        answer: bytes = true(command)
        return answer

    reader.transmit = transmit


@pytest.mark.parametrize("secret", [PinUse.SIGNATURE, PinUse.AUTHENTICATION])
def test_a_secret_that_no_receipt_tells_of_is_uncertain_though_the_card_keeps_receipts(
    counter: Counter, secret: PinUse
) -> None:
    purpose = f"change_pin {secret.value}"
    with counter.database.begin() as connection:
        by, card = By.at_terminal(counter.database, CLERK), find_card(connection, counter.number)
        open_intent(
            connection, card, bytes(range(16)), purpose, by,
            changes=0, act=CardAct.CHANGE, reason=Reason.PIN,
        )  # fmt: skip
    assert recovered(counter) is IntentState.UNCERTAIN
    with counter.database.read() as connection:
        assert uncertain_purposes(connection, counter.number) == {purpose}
    assert counter.told()[-1] == ("recover", "done", f"{purpose}; pin_uncertain")
    with counter.on_desk() as (hand, _), pytest.raises(PinUncertain):
        change_pin(counter.desk(talk=Clerk("PASSWORD9")), hand, Presented(), secret)
    if secret is PinUse.SIGNATURE:
        with counter.on_desk() as (hand, _), pytest.raises(PinUncertain):
            sign_document(counter.desk(talk=Clerk()), hand, b"a", SignatureForm.RAW)


def test_a_card_that_is_gone_before_anything_was_begun_is_no_refusal(counter: Counter) -> None:
    with counter.on_desk() as (hand, reader):
        reader.pull(3, acts=False)
        with pytest.raises(CardRemoved):
            unblock_pin(counter.desk(talk=Clerk("2580")), hand, PHOTO)
    assert counter.told() == [("unblock_pin", "failed", "card_removed")]


# --- between the card and the ledger ---


class Killed(BaseException):
    """The process ends."""


def kill(*_: object) -> None:
    raise Killed


def see(counter: Counter, talk: Clerk | None = None) -> None:
    with counter.on_desk() as (hand, _):
        change_pin(counter.desk(talk=talk), hand, Presented())


def missed(counter: Counter) -> None:
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)


def found(counter: Counter) -> None:
    missed(counter)
    with pytest.raises(CardStopped):
        see(counter)


def leaves(counter: Counter) -> None:
    by = By.at_terminal(counter.database, CLERK)
    with counter.database.begin() as connection:
        move_card(connection, counter.ledger(), PersonAct.MOVE_OUT, Reason.MOVED_OUT, by)


def left(counter: Counter) -> None:
    leaves(counter)
    with pytest.raises(MovedOut):
        see(counter)


def resumes(counter: Counter) -> None:
    with counter.on_desk() as (hand, _):
        resume_card(counter.desk(), hand, PHOTO)


def stays(counter: Counter) -> None:
    with counter.on_desk() as (hand, _):
        stay(counter.desk(talk=Clerk(PIN)), hand)


def returns(counter: Counter) -> None:
    with counter.on_desk() as (hand, _):
        return_card(counter.desk(talk=Clerk()), hand, PHOTO)


@dataclass(frozen=True)
class Case:
    """A change of a card: what is before, what does it and in which step, what is then."""

    before: Callable[[Counter], object]
    does: Callable[[Counter], object]
    task: Task
    step: str
    from_: LedgerState
    to: LedgerState
    raises: type[CardError] | None = None
    """What who sees the card is told once it has been changed."""


S = LedgerState
CASES: Final = {
    "stopped": Case(missed, see, Task.STOP_CARD, "suspend", S.SUSPENDED, S.SUSPENDED, CardStopped),
    "resumed": Case(found, resumes, Task.RESUME, "resume", S.SUSPENDED, S.ACTIVE),
    "moved out": Case(leaves, see, Task.MOVE_OUT, "move_out", S.MOVED_OUT, S.MOVED_OUT, MovedOut),
    "stayed": Case(left, stays, Task.CONTINUE_USE, "move_in", S.MOVED_OUT, S.ACTIVE),
    "returned": Case(lambda _: None, returns, Task.RETURN, "terminate", S.ACTIVE, S.RETURNED),
}


def cut(counter: Counter, case: Case, monkeypatch: pytest.MonkeyPatch, *, done: bool) -> None:
    """Have the process end before the card does it, or before the ledger is told."""
    case.before(counter)
    finish = Procedure.finish

    def ended(run: Procedure) -> AbstractContextManager[Connection]:
        if run.task is case.task:
            raise Killed
        return finish(run)

    with monkeypatch.context() as patch:
        if done:
            patch.setattr(Procedure, "finish", ended)
        else:
            patch.setattr(JukiSession, case.step, kill)
        with pytest.raises(Killed):
            case.does(counter)


def kept(counter: Counter, task: Task) -> IntentState:
    """What became of the one intent of a procedure."""
    of_it = select(intents.c.state).where(intents.c.purpose == task.value)
    with counter.database.read() as connection:
        return IntentState(connection.execute(of_it).scalar_one())


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_what_the_card_has_done_is_finished_and_what_it_has_not_is_undone(
    database: Database,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    done: bool,
    receipts: bool,
) -> None:
    counter, case = Counter(database, clock, receipts=receipts), CASES[name]
    cut(counter, case, monkeypatch, done=done)
    assert counter.ledger().state is case.from_
    assert counter.undecided() == 1
    assert (case.task.value, "unknown") in [one[:2] for one in counter.told()]
    settled = IntentState.FINISHED if done else IntentState.UNDONE
    assert recovered(counter) is settled
    assert kept(counter, case.task) is settled
    assert counter.undecided() == 0
    assert counter.ledger().state is (case.to if done else case.from_)
    if not done:
        with nullcontext() if case.raises is None else pytest.raises(case.raises):
            case.does(counter)
    assert counter.ledger().state is case.to


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("name", [one for one in CASES if one != "returned"])
def test_whatever_is_done_with_the_card_next_settles_it_first(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, name: str, done: bool
) -> None:
    case = CASES[name]
    cut(counter, case, monkeypatch, done=done)
    told = {S.ACTIVE: None, S.SUSPENDED: CardStopped, S.MOVED_OUT: MovedOut}
    kind = told[case.to if done else case.from_]
    with nullcontext() if kind is None else pytest.raises(kind):
        see(counter, Clerk(PIN, "2580"))
    assert counter.undecided() == 0
    assert ("recover", "done", case.task.value) in counter.told()
    assert counter.ledger().state is (case.to if done else case.from_)


def test_what_was_done_to_a_card_that_is_over_meanwhile_changes_nothing_of_that(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card was resumed, its ledger not told, and its loss for good was."""
    found(counter)
    with monkeypatch.context() as patch:
        patch.setattr(Procedure, "finish", kill)
        with pytest.raises(Killed):
            resumes(counter)
    report_lost(counter.desk(), counter.holder, PHOTO)
    assert recovered(counter) is IntentState.FINISHED
    assert counter.ledger().state is LedgerState.LOST
    assert counter.told()[-1] == ("recover", "done", "resume; lost meanwhile")
    with pytest.raises(CardStopped):
        see(counter)
    assert counter.card_state() is CardState.SUSPENDED
