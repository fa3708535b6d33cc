"""A card at another town's counter: what its own town's ledger says of it, and is told of it.

A card is in one ledger. Whoever sees it elsewhere asks there, says what the card's receipt carries,
and stops it where it was stopped (docs/procedures.md, "A card of another town").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from jukihost.ledger import (
    By,
    CardAct,
    Intent,
    IntentOpen,
    IntentState,
    LedgerState,
    Reason,
    Standing,
    check_receipt,
    find_card,
    find_intent,
    finish_intent,
    move_card,
    note_gap,
    open_intent,
    settle_intent,
    transfer_card,
    undo_intent,
)
from jukihost.ledger.tables import cards
from jukihost.models import CardForm, ResidentCode
from jukihost.register.errors import HolderDiffers
from jukihost.register.provision import Asking
from jukihost.register.residents import code_of_record, known_resident

STOP_PURPOSE = "suspend_on_sight"
"""What a ledger calls the suspending of its card by another town."""


@dataclass(frozen=True, slots=True)
class CardSeen:
    """A card as it says that it is.

    receipt, intent: what its receipt carries; None and nothing from a card that keeps none.
    suspended: whether the card itself is.
    """

    number: bytes
    suspended: bool
    receipt: int | None = None
    intent: bytes = b""


@dataclass(frozen=True, slots=True)
class CardThere:
    """What the ledger of a card's town says of it; nothing of its holder.

    municipality: the town whose card it is; another one's where it was given up. undecided: a
    procedure on it was cut off. receipt, intent: what its receipt carries. expires: its last day,
    or that of a foreign holder's stay, if that ends before.
    """

    number: bytes
    municipality: str
    form: CardForm
    issued: date
    expires: date
    standing: Standing
    undecided: bool
    receipt: int
    intent: bytes

    @property
    def state(self) -> LedgerState:
        """The state alone."""
        return self.standing.state

    def expired(self, today: date) -> bool:
        """Tell whether the card's last day has passed."""
        return today > self.expires


def card_seen(connection: Connection, seen: CardSeen, by: By) -> CardThere:
    """Return what the ledger says of a card; settle its suspending elsewhere, if that was cut off.

    UnknownCard, ReceiptGap, Stopped.
    """
    card = find_card(connection, seen.number)
    intent = find_intent(connection, seen.number)
    if intent is not None and intent.purpose == STOP_PURPOSE:
        _settle(connection, seen, intent, by)
    elif card.state is LedgerState.TRANSFERRED:
        pass  # what the card has been through is in the other ledger
    elif intent is None and seen.receipt is not None:
        check_receipt(connection, seen.number, seen.receipt, seen.intent)
    return _there(connection, seen.number)


def _settle(connection: Connection, seen: CardSeen, intent: Intent, by: By) -> None:
    if seen.receipt is not None:
        state = settle_intent(connection, intent, seen.receipt, seen.intent, by)
    elif seen.suspended:
        finish_intent(connection, intent, by)
        state = IntentState.FINISHED
    else:
        undo_intent(connection, intent, by)
        state = IntentState.UNDONE
    if state is IntentState.FINISHED:
        card = find_card(connection, seen.number)
        move_card(connection, card, CardAct.STOP, Reason.SEEN, by)


def _there(connection: Connection, number: bytes) -> CardThere:
    card = find_card(connection, number)
    stay = known_resident(connection, card.holder).residence_until
    return CardThere(
        number,
        card.municipality,
        card.form,
        card.issued,
        min(card.expires, stay or card.expires),
        card.standing,
        find_intent(connection, number) is not None,
        card.receipt,
        card.intent,
    )


def keep_gap(connection: Connection, seen: CardSeen, by: By) -> None:
    """Keep what a card said that the ledger does not know, as an alarm."""
    note_gap(connection, seen.number, seen.receipt or 0, seen.intent, by)


def check_holder(connection: Connection, number: bytes, code: ResidentCode) -> None:
    """Check that a card's holder has a code. HolderDiffers, UnknownCard, Stopped."""
    card = find_card(connection, number)
    if code_of_record(connection, card.holder) != code:
        raise HolderDiffers


def begin_stop(connection: Connection, number: bytes, identifier: bytes, by: By) -> None:
    """Write that a stopped card is about to be suspended itself, before it is touched elsewhere.

    IntentOpen, NotAllowed where the card is not stopped, UnknownCard, Stopped.
    """
    card = find_card(connection, number)
    open_intent(
        connection, card, identifier, STOP_PURPOSE, by, act=CardAct.STOP, reason=Reason.SEEN
    )


def give_up_card(
    connection: Connection, number: bytes, code: ResidentCode, asking: Asking
) -> CardThere:
    """Give a card up to the ledger of the town that asks, once, however often it asks.

    NotAllowed where its holder has not moved out, or it was given to another town; IntentOpen,
    HolderDiffers, UnknownCard, Stopped.
    """
    check_holder(connection, number, code)
    card = find_card(connection, number)
    if (card.state, card.municipality) != (LedgerState.TRANSFERRED, asking.town):
        if find_intent(connection, number) is not None:
            raise IntentOpen
        transfer_card(connection, card, asking.town, asking.by)
    return _there(connection, number)


def code_of_card(connection: Connection, number: bytes) -> ResidentCode | None:
    """Return the code under which uses of a card are noted; None where there is no such card.

    For the log alone, which is written while everything is stopped too.
    """
    wanted = select(cards.c.holder).where(cards.c.number == number)
    holder = connection.execute(wanted).scalar_one_or_none()
    return None if holder is None else code_of_record(connection, holder)
