"""The end of a card: abolished (廃止), lost for good, damaged, taken back (返納).

A card that is there is ended itself, and nothing brings it back; one that is not there is over in
the ledger, and stopped by whoever sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from jukicard.apdu import Aid
from jukihost.ledger import (
    CardAct,
    LedgerCard,
    LedgerState,
    PersonAct,
    Reason,
    Standing,
    applications_of,
    cards_of,
    find_card,
    move_card,
)
from jukihost.ledger.states import VALID
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.asking import Question, Step
from jukihost.workflows.cards import STOPPED, meet
from jukihost.workflows.changing import Change, change_and_finish
from jukihost.workflows.errors import Cancelled, Impossible
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

_OVER: Final = frozenset({LedgerState.LOST, LedgerState.DAMAGED, LedgerState.ABOLISHED})
_RETURNABLE: Final = STOPPED - {LedgerState.RETURNED}
EX_OFFICIO: Final = frozenset(
    {Reason.DIED, Reason.EXPIRED, Reason.RESIDENCE_ENDED, Reason.NOT_COLLECTED}
)
"""For these a town abolishes a card of itself, though nobody comes to the counter."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A card that is not valid any more, and the municipal applications that end with it."""

    card: bytes
    standing: Standing
    applications: tuple[Aid, ...] = ()


def abolish_card(desk: Desk, holder: int, reason: Reason, presented: Presented | None) -> Ended:
    """Abolish the card of a holder, in the ledger (廃止届, 失効); it is to be given back.

    holder: the number of the record. reason: SURRENDERED, or one of `EX_OFFICIO`, for which nobody
    needs to come (`presented` None). Impossible where there is no card, or where its day has not
    come (EXPIRED).
    """
    if reason is not Reason.SURRENDERED and reason not in EX_OFFICIO:
        raise ValueError(f"{reason.value!r} has a procedure of its own")
    if presented is None and reason not in EX_OFFICIO:
        raise ValueError(f"for {reason.value!r} somebody comes to the counter")
    with Procedure(desk, Task.ABOLISH) as run:
        return _over(run, holder, PersonAct.ABOLISH, reason, presented)


def report_lost(desk: Desk, holder: int, presented: Presented) -> Ended:
    """Note that the card of a holder was not found, and is lost for good."""
    with Procedure(desk, Task.REPORT_LOST) as run:
        return _over(run, holder, PersonAct.REPORT_LOST, Reason.NOT_FOUND, presented)


def report_damaged(desk: Desk, holder: int, presented: Presented) -> Ended:
    """Note that the card of a holder does not work any more; `return_unreadable` takes it back."""
    with Procedure(desk, Task.REPORT_DAMAGED) as run:
        return _over(run, holder, PersonAct.REPORT_DAMAGED, Reason.BROKEN, presented)


def _over(
    run: Procedure, holder: int, act: PersonAct, reason: Reason, presented: Presented | None
) -> Ended:
    run.about(holder=holder)
    run.remark(reason.value)
    wanted = (LedgerState.ISSUING,) if reason is Reason.NOT_COLLECTED else VALID
    if presented is not None:
        check_who_came(run, holder, presented)
    with run.desk.database.read() as connection:
        found = [card for card in cards_of(connection, holder) if card.state in wanted]
    if not found:
        raise Impossible("the holder has no card that this could be done with")
    card = found[0]
    run.about(card=card.number)
    if reason is Reason.EXPIRED and not card.expired(run.day):
        raise Impossible(f"the card is good until {card.expires}; it is abolished for what it is")
    with run.finish() as connection:
        card = move_card(connection, card, act, reason, run.by)
        return _ended(connection, card)


def return_card(desk: Desk, hand: CardAtDesk, presented: Presented) -> Ended:
    """Take a card back, and end it for good (返納): valid or not, suspended, or over.

    The person agrees expressly. Cancelled, CutOff.
    """
    with Procedure(desk, Task.RETURN) as run, hand.session(desk, allow_suspended=True) as juki:
        card = meet(run, hand, juki, also=_RETURNABLE, expired=True)
        check_who_came(run, card.holder, presented)
        if not desk.talk.agree(Question.END_CARD):
            raise Cancelled
        change = end_of(_reason(run, card))
        run.remark(change.reason.value)
        with change_and_finish(run, hand, juki, card, change) as (connection, now):
            card = move_card(connection, now, change.act, change.reason, run.by)
            ended = _ended(connection, card)
        desk.talk.progress(Step.DONE)
    return ended


def end_of(reason: Reason) -> Change:
    """Return what ends a card for good and takes it back."""
    return Change(CardAct.TAKE_BACK, reason, (JukiSession.terminate,), ends=True)


def _reason(run: Procedure, card: LedgerCard) -> Reason:
    if card.state in _OVER:
        return Reason.RECOVERED
    return Reason.EXPIRED if card.expired(run.day) else Reason.SURRENDERED


def return_unreadable(desk: Desk, number: bytes, presented: Presented) -> Ended:
    """Take back a card that no reader reads any more, or that has ended itself.

    number: the card's, which the ledger has for its holder. It is damaged in the ledger first where
    it was valid. UnknownCard, IntentOpen.
    """
    with Procedure(desk, Task.RETURN) as run:
        run.about(card=number)
        run.remark("unreadable")
        with desk.database.read() as connection:
            card = find_card(connection, number)
        run.about(holder=card.holder)
        check_who_came(run, card.holder, presented)
        with run.finish() as connection:
            if card.state not in _OVER:
                damaged = PersonAct.REPORT_DAMAGED, Reason.BROKEN
                card = move_card(connection, card, *damaged, run.by)
            card = move_card(connection, card, PersonAct.RETURN, Reason.RECOVERED, run.by)
            return _ended(connection, card)


def _ended(connection: Connection, card: LedgerCard) -> Ended:
    there = tuple(Aid(one.aid) for one in applications_of(connection, card.number))
    return Ended(card.number, card.standing, there)
