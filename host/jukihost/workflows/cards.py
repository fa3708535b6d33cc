"""A card is met: what was cut off is settled; card and ledger agree, or it is refused."""

from __future__ import annotations

from typing import Final

from jukihost.ledger import (
    CardAct,
    LedgerCard,
    LedgerState,
    Reason,
    ReceiptGap,
    UnknownCard,
    check_receipt,
    find_card,
    find_intent,
    note_gap,
    uncertain_purposes,
)
from jukihost.models import CardState, Purpose, Residence
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.changing import Change, change_card, receipt_of, settle
from jukihost.workflows.errors import (
    CardExpired,
    CardStopped,
    ForeignTown,
    MovedOut,
    NotHandedOver,
    PinUncertain,
)
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.office import Desk
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

STOPPED: Final = frozenset(
    {
        LedgerState.SUSPENDED,
        LedgerState.LOST,
        LedgerState.DAMAGED,
        LedgerState.ABOLISHED,
        LedgerState.RETURNED,
    }
)
"""A card in one of these is suspended itself by whoever sees it."""

_PROVED_BY_PIN: Final = frozenset({Task.IDENTIFY, Task.WIDE_AREA, Task.MOVE_IN, Task.CONTINUE_USE})
"""In these the holder types the PIN, and none is tried of which nobody knows what it is."""


def meet(
    run: Procedure,
    hand: CardAtDesk,
    juki: JukiSession,
    *,
    also: frozenset[LedgerState] = frozenset(),
    expired: bool = False,
) -> LedgerCard:
    """Return what the ledger has of a card, once both agree: the beginning of every procedure.

    `juki` is authenticated for COUNTER. What was cut off before is settled first. A card that the
    ledger has stopped is stopped itself, one whose holder has moved out is deactivated, one that
    waits for its holder is left alone; those of the states `also` are let through, and one that has
    expired where `expired` says so.

    ForeignTown, CardStopped, NotHandedOver, MovedOut, CardExpired, PinUncertain, Stopped;
    ReceiptGap, which is kept as an alarm.
    """
    number = juki.card_number()
    run.about(card=number)
    card = _agreed(run, hand, juki, number)
    run.about(holder=card.holder)
    if card.state in STOPPED - also:
        if juki.card_state() is CardState.ACTIVE:
            stop_on_sight(run.desk, hand, juki, card)
        raise CardStopped(
            f"the ledger says that this card is {card.standing}: keep it, and ask who brought it; "
            "one that was found is resumed at the counter"
        )
    if juki.suspended and card.state not in also:
        raise CardStopped(
            "the card is suspended, and the ledger does not say so: keep it, and tell whoever is "
            "responsible for the system"
        )
    if card.state is LedgerState.ISSUING and card.state not in also:
        raise NotHandedOver
    if card.state is LedgerState.MOVED_OUT and card.state not in also:
        if juki.residence() is Residence.RESIDENT:
            deactivate_on_sight(run.desk, hand, juki, card)
        raise MovedOut
    if card.expired(run.day) and not expired:
        raise CardExpired
    if run.task in _PROVED_BY_PIN:
        _check_pin_certain(run.desk, number)
    return card


def _check_pin_certain(desk: Desk, number: bytes) -> None:
    with desk.database.read() as connection:
        if uncertain_purposes(connection, number) & {Task.CHANGE_PIN, Task.UNBLOCK_PIN}:
            raise PinUncertain


def _agreed(run: Procedure, hand: CardAtDesk, juki: JukiSession, number: bytes) -> LedgerCard:
    """Return the ledger's card, after an open intent was settled and the receipts compared."""
    try:
        with run.desk.database.read() as connection:
            card, intent = find_card(connection, number), find_intent(connection, number)
    except UnknownCard:
        raise ForeignTown from None
    if card.state is LedgerState.TRANSFERRED:
        raise ForeignTown
    receipt = receipt_of(juki)
    if intent is not None:
        settle(run.desk, hand, juki, intent, receipt)
        juki.open()  # another application may be selected
        office = run.desk.office
        juki.authenticate(Purpose.COUNTER, office.custody, floor=office.key_floor)
        return _agreed(run, hand, juki, number)
    if receipt is not None:
        try:
            with run.desk.database.read() as connection:
                check_receipt(connection, number, receipt.number, receipt.intent)
        except ReceiptGap:
            with run.step() as connection:
                note_gap(connection, number, receipt.number, receipt.intent, run.by)
            raise
    return card


def stop_on_sight(desk: Desk, hand: CardAtDesk, juki: JukiSession, card: LedgerCard) -> None:
    """Suspend a card that the ledger has stopped: a procedure of its own, in the log."""
    with Procedure(desk, Task.STOP_CARD) as run:
        run.about(card=card.number, holder=card.holder)
        change = Change(CardAct.STOP, Reason.SEEN, (JukiSession.suspend,))
        change_card(run, hand, juki, card, change)


def deactivate_on_sight(desk: Desk, hand: CardAtDesk, juki: JukiSession, card: LedgerCard) -> None:
    """Deactivate a card whose holder has moved out: a procedure of its own, in the log."""
    with Procedure(desk, Task.MOVE_OUT) as run:
        run.about(card=card.number, holder=card.holder)
        change = Change(CardAct.DEACTIVATE, Reason.MOVED_OUT, (JukiSession.move_out,))
        change_card(run, hand, juki, card, change)
