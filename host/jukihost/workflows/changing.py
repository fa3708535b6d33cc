"""Changes a card and the ledger in step, and settles what was cut off between the two.

Card and ledger change one after the other. So an intent is in the database before the card is
touched, and what the card's receipt says afterwards settles it: in this procedure when the same
card is put back, else at any terminal that sees the card next (`recover_card`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Final, TypeVar

from sqlalchemy import Connection

from jukihost.conversation.receipts import Receipt, ReceiptError
from jukihost.conversation.refusals import OnlyTheCounter
from jukihost.errors import CardError, CardTerminated, StatusError
from jukihost.ledger import (
    CardAct,
    Intent,
    IntentState,
    LedgerCard,
    NotAllowed,
    PersonAct,
    Reason,
    after,
    cards_of,
    find_card,
    find_intent,
    finish_intent,
    leave_uncertain,
    move_card,
    open_intent,
    settle_intent,
    undo_intent,
)
from jukihost.ledger.intents import ID_LENGTH
from jukihost.models import CardState, Residence
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.asking import Step
from jukihost.workflows.errors import CutOff
from jukihost.workflows.hand import LOST, CardAtDesk
from jukihost.workflows.office import Desk
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

T = TypeVar("T")
CardStep = Callable[[JukiSession], None]
"""One change on a card, which can be made again without harm."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to a card, and what follows in the ledger.

    steps: each makes one change on the card, so that the number of its receipt tells how many were
    made; each may be made again (as on a card that keeps no receipts).
    ends: the last step ends the card for good, and its state says it, not a receipt.
    """

    act: CardAct | PersonAct
    reason: Reason
    steps: tuple[CardStep, ...]
    ends: bool = False


Resume = Callable[[Procedure, JukiSession, Intent], Change]
"""Makes a change of several steps anew, so that another terminal goes on with it."""
RESUMES: Final[dict[str, Resume]] = {}
"""By the purpose of an intent; who makes changes of several steps enters how they go on."""
Settler = Callable[[Procedure, CardAtDesk, Intent], IntentState]
"""Settles an intent, and finishes the procedure in which that is done; it may ask the card."""
SETTLERS: Final[dict[str, Settler]] = {}
"""By the purpose of an intent, for what the Juki application cannot tell; as `RESUMES`."""
ENDS: Final[dict[str, Callable[[Connection, Intent, Procedure], None]]] = {}
"""By the purpose of an intent, what else follows once a card has ended itself; as `RESUMES`."""
_ENTERED_BY: Final[Mapping[str, str]] = {
    Task.CONTINUE_USE.value: "jukihost.workflows.moving",
    Task.REISSUE_CERTIFICATE.value: "jukihost.workflows.reissuing",
    Task.EXCHANGE.value: "jukihost.workflows.exchanging",
    Task.INSTALL.value: "jukihost.workflows.applications",
    Task.REMOVE.value: "jukihost.workflows.applications",
}
"""Which module does that: it is loaded when there is something to go on with."""


def change_card(
    run: Procedure, hand: CardAtDesk, juki: JukiSession, card: LedgerCard, change: Change
) -> LedgerCard:
    """Change a card and the ledger alike, and finish the procedure; return the card as it then is.

    Where the card is gone in the middle, the same one is waited for, and the change goes on. CutOff
    where it does not come back: the intent stays, and is settled when the card is next seen. What
    the card refuses is undone in the ledger. NotAllowed, ChangedMeanwhile, IntentOpen, Stopped.
    """
    with change_and_finish(run, hand, juki, card, change) as (connection, now):
        return move_card(connection, now, change.act, change.reason, run.by)


@contextmanager
def change_and_finish(
    run: Procedure, hand: CardAtDesk, juki: JukiSession, card: LedgerCard, change: Change
) -> Iterator[tuple[Connection, LedgerCard]]:
    """As `change_card`, for who has more to do in the last transaction, and moves the card there.

    Give the transaction, and the card as the ledger has it in it.
    """
    intent = _opened(run, card, change)
    carried = _carried_out(run, hand, juki, intent, change)
    run.desk.talk.progress(Step.LEDGER)
    with run.finish() as connection:
        _settled(connection, intent, carried, run)
        yield connection, find_card(connection, card.number)


def change_ahead(
    run: Procedure, hand: CardAtDesk, juki: JukiSession, card: LedgerCard, change: Change
) -> None:
    """Change a card, of which nothing follows in the ledger before the procedure is finished.

    As `change_card`; the ledger has the card's receipt afterwards.
    """
    intent = _opened(run, card, change, follows=False)
    carried = _carried_out(run, hand, juki, intent, change)
    with run.step() as connection:
        _settled(connection, intent, carried, run)
    run.intent = None


def _opened(run: Procedure, card: LedgerCard, change: Change, *, follows: bool = True) -> Intent:
    after(card.standing, change.act, change.reason)  # or the card would be changed for nothing
    with run.opening() as connection:
        run.intent = open_intent(
            connection,
            card,
            secrets.token_bytes(ID_LENGTH),
            run.task.value,
            run.by,
            changes=len(change.steps),
            act=change.act if follows else None,
            reason=change.reason if follows else None,
        )
    return run.intent


def _carried_out(
    run: Procedure, hand: CardAtDesk, juki: JukiSession, intent: Intent, change: Change
) -> Receipt | None:
    """Make the steps, also over several sessions; return the card's receipt of the last one."""
    run.desk.talk.progress(Step.WRITING)
    try:
        return _attempt(run, juki, intent, change)
    except LOST as lost:
        cause: CardError = lost
    while True:
        if hand.await_again(run.desk, cause):
            if change.ends:
                return None
            raise CutOff from cause
        try:
            with hand.session(run.desk, allow_suspended=True) as again:
                return _attempt(run, again, intent, change)
        except LOST as lost:
            cause = lost


def _attempt(run: Procedure, juki: JukiSession, intent: Intent, change: Change) -> Receipt | None:
    try:
        return _make(juki, intent, change)
    except StatusError:
        _undo(run, juki, intent)
        raise


def _make(juki: JukiSession, intent: Intent, change: Change) -> Receipt | None:
    """Make the steps that the receipt does not show, and return the receipt that then is there."""
    receipt = receipt_of(juki)
    steps = change.steps[changes_made(intent, receipt) :]
    if steps and receipt is not None:
        juki.announce(intent.identifier)
    for step in steps:
        step(juki)
    if change.ends:
        return None
    now = receipt_of(juki)
    if now is not None and changes_made(intent, now) < intent.changes:
        raise ReceiptError("the card did not count what it changed; keep it, and have it checked")
    return now


def receipt_of(juki: JukiSession) -> Receipt | None:
    """Return the card's receipt; None from a card that keeps none, suspended or not."""
    try:
        return juki.receipt()
    except OnlyTheCounter:
        return None  # docs/card.md, section 3: a suspended card tells it if it keeps one


def changes_made(intent: Intent, receipt: Receipt | None) -> int:
    """Return how many of an intent's changes a receipt shows."""
    if receipt is None or receipt.intent != intent.identifier:
        return 0
    return min(receipt.number - intent.receipt + 1, intent.changes)


def _settled(
    connection: Connection, intent: Intent, receipt: Receipt | None, run: Procedure
) -> IntentState:
    """Settle an intent by the receipt, or as done by this procedure where the card keeps none."""
    if receipt is not None:
        return settle_intent(connection, intent, receipt.number, receipt.intent, run.by)
    finish_intent(connection, intent, run.by)
    return IntentState.FINISHED


def _undo(run: Procedure, juki: JukiSession, intent: Intent) -> None:
    """Undo an intent whose change the card refused.

    It stays where that cannot be done now, or the card has made some of it, and is settled later.
    """
    with suppress(CardError):
        if changes_made(intent, receipt_of(juki)):
            return
        with run.step() as connection:
            undo_intent(connection, intent, run.by)
        run.intent = None


def settle(
    desk: Desk, hand: CardAtDesk, juki: JukiSession, intent: Intent, receipt: Receipt | None
) -> IntentState:
    """Settle what was cut off, by what the card says: a procedure of its own, in the log.

    A change of several steps goes on where its procedure said how (`RESUMES`), and one that the
    Juki application cannot tell of is settled as its procedure says (`SETTLERS`), which may select
    another one. UNCERTAIN where it was of a secret, which cannot be read, and no receipt tells.
    ReceiptGap.
    """
    settler = _entered(SETTLERS, intent)
    if settler is None:
        return _settle_by_juki(desk, juki, intent, receipt)
    with Procedure(desk, Task.RECOVER) as run:
        _take_up(run, intent)
        return settler(run, hand, intent)


def _settle_by_juki(
    desk: Desk, juki: JukiSession, intent: Intent, receipt: Receipt | None
) -> IntentState:
    with Procedure(desk, Task.RECOVER) as run:
        _take_up(run, intent)
        resume = _entered(RESUMES, intent)
        if resume is not None and 0 < changes_made(intent, receipt) < intent.changes:
            receipt = _make(juki, intent, resume(run, juki, intent))
        done = receipt is not None or _shows(desk, juki, intent)
        unknown = intent.reason is Reason.PIN and (receipt is None or not intent.changes)
        if unknown:
            run.remark("pin_uncertain")
        with run.finish() as connection:
            if unknown:
                leave_uncertain(connection, intent, run.by)
                return IntentState.UNCERTAIN
            if not done:
                undo_intent(connection, intent, run.by)
                return IntentState.UNDONE
            state = _settled(connection, intent, receipt, run)
            if state is IntentState.FINISHED:
                card_follows(connection, intent, run)
        return state


def card_follows(connection: Connection, intent: Intent, run: Procedure) -> None:
    """Move a card as its intent says, once the card itself has done it.

    A card may have been stopped meanwhile (a loss is told while something is undecided), or its
    holder been handed another: that stands, and nothing follows from what was done to this one.
    """
    if intent.act is None or intent.reason is None:
        return
    card = find_card(connection, intent.card)
    if intent.act is CardAct.HAND_OVER and cards_of(connection, card.holder, valid=True):
        run.remark("holder has another card")
        return
    try:
        after(card.standing, intent.act, intent.reason)
    except NotAllowed:
        run.remark(f"{card.state.value} meanwhile")
    else:
        move_card(connection, card, intent.act, intent.reason, run.by)


def _entered(table: Mapping[str, T], intent: Intent) -> T | None:
    """Return what was entered for the purpose of an intent, which its first word names."""
    purpose = intent.purpose.split()[0]
    home = _ENTERED_BY.get(purpose)
    if home is not None:
        import_module(home)
    return table.get(purpose)


def recover_card(desk: Desk, hand: CardAtDesk) -> IntentState | None:
    """Settle what was cut off on the card in the reader; None where nothing was.

    It leaves an entry in the log where something was settled, or it was refused, also by a card
    that proves nothing or is gone. ForeignTown, ReceiptGap, NotOnDuty, OperatorRefused, Stopped,
    TransportError.
    """
    looking = Procedure(desk, Task.RECOVER)
    looking.admit()
    try:
        with ExitStack() as stack:
            with looking.noting(but=CardTerminated):
                juki = stack.enter_context(hand.session(desk, allow_suspended=True))
                intent = _open_intent(desk, juki.card_number())
                receipt = None if intent is None else receipt_of(juki)
            return None if intent is None else settle(desk, hand, juki, intent, receipt)
    except CardTerminated:
        with looking.noting():
            intent = _open_intent(desk, hand.ended_number())
    if intent is None or intent.act is None or intent.reason is None:
        return None
    with Procedure(desk, Task.RECOVER) as run:
        _take_up(run, intent)
        with run.finish() as connection:
            finish_intent(connection, intent, run.by)
            card_follows(connection, intent, run)
            if (further := _entered(ENDS, intent)) is not None:
                further(connection, intent, run)
    return IntentState.FINISHED


def _open_intent(desk: Desk, number: bytes) -> Intent | None:
    with desk.database.read() as connection:
        return find_intent(connection, number)


def _take_up(run: Procedure, intent: Intent) -> None:
    run.intent = intent
    run.about(card=intent.card)
    run.remark(intent.purpose)
    with run.desk.database.read() as connection:
        card = find_card(connection, intent.card)
    run.about(holder=card.holder)


def _goes_on(juki: JukiSession, town: str) -> bool:
    """Tell whether a card is in use in a town: the data is written first, the residence last."""
    if juki.suspended or juki.residence() is not Residence.RESIDENT:
        return False
    return juki.card_info().municipality == town


_SHOWN: Final[Mapping[CardAct | PersonAct, Callable[[JukiSession, str], bool]]] = {
    CardAct.STOP: lambda juki, _: juki.card_state() is CardState.SUSPENDED,
    CardAct.RESUME: lambda juki, _: juki.card_state() is CardState.ACTIVE,
    CardAct.DEACTIVATE: lambda juki, _: juki.residence() is Residence.MOVED_OUT,
    CardAct.CONTINUE_USE: _goes_on,
}
"""How a card that keeps no receipts shows what it did; what it cannot show can be done again."""


def _shows(desk: Desk, juki: JukiSession, intent: Intent) -> bool:
    shown = _SHOWN.get(intent.act) if intent.act else None
    return shown is not None and shown(juki, desk.office.municipality)
