"""A Juki card is handed in for a My Number card: one of them is valid at every instant, never two.

The new one was made before (`issue_card`) and waits. Its holder's secrets are set in it first; then
the old one ends itself, and in one transaction that one is taken back and the new one is handed
over. Cut off before the old card has ended, everything is as it was, and is done again; behind
that, whoever sees the old card finishes both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection

from jukicard.apdu import Aid
from jukihost.issuing import CardKind, check_card_issue, examine_card
from jukihost.ledger import (
    CardAct,
    Intent,
    LedgerCard,
    LedgerState,
    Reason,
    applications_of,
    cards_of,
    find_card,
    move_card,
    was_finished,
)
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.asking import Question, Step
from jukihost.workflows.cards import meet
from jukihost.workflows.changing import ENDS, Change, change_ahead, change_and_finish
from jukihost.workflows.errors import Cancelled, Impossible, NotMade, OtherCard
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.making import (
    card_kind,
    entitled,
    have_secrets_typed,
    means_of,
    waiting_card,
)
from jukihost.workflows.office import Desk
from jukihost.workflows.pins import ELSEWHERE, put_secret
from jukihost.workflows.presenting import Presented, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

_FOUND: Final = frozenset({LedgerState.SUSPENDED})
"""A card that was reported missing and is here now is taken back like any other."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The card that its holder has now, and the one that is over.

    applications: the municipal ones that ended with it; the new card has none of them.
    """

    card: bytes
    expires: date
    old: bytes
    applications: tuple[Aid, ...]


def exchange_card(
    desk: Desk, hand: CardAtDesk, presented: Presented, *, old: CardAtDesk | None = None
) -> Exchanged:
    """Take a Juki card back and hand the My Number card over that was made for its holder (P24).

    hand: the new card. old: the Juki card in another reader; without it this reader is used for
    both, and the old one is asked for (`Conversation.paused`, with its number). The holder types
    the secrets of the new one, and agrees expressly that the old one ends for good. IssueEnded
    while there are no My Number cards; NotMade; Impossible where the holder has no Juki card, or no
    card waits; NoIssuingHere, OtherCard, Cancelled, CutOff.
    """
    with Procedure(desk, Task.EXCHANGE) as run:
        check_card_issue(CardKind.MY_NUMBER, run.day)
        new, held = _both(run, hand)
        check_who_came(run, new.holder, presented)
        if not desk.talk.agree(Question.END_CARD):
            raise Cancelled
        _make_ready(run, hand, new)
        other = _old_card(run, hand, held) if old is None else old
        with other.session(desk, allow_suspended=True) as juki:
            card = meet(run, other, juki, also=_FOUND, expired=True)
            if card.number != held.number:
                raise OtherCard
            change = Change(
                CardAct.TAKE_BACK, Reason.MY_NUMBER_CARD, (JukiSession.terminate,), ends=True
            )
            with change_and_finish(run, other, juki, card, change) as (connection, now):
                move_card(connection, now, change.act, change.reason, run.by)
                given = _given(connection, new.number, run)
                gone = applications_of(connection, card.number)
        desk.talk.progress(Step.DONE)
    return Exchanged(given.number, given.expires, card.number, tuple(Aid(one.aid) for one in gone))


def _both(run: Procedure, hand: CardAtDesk) -> tuple[LedgerCard, LedgerCard]:
    """Return the card that waits, and the Juki card that its holder has. NotMade, Impossible."""
    standing = examine_card(hand.connection, means_of(run.desk).issuer)
    run.about(card=standing.number)
    if not standing.done:
        raise NotMade
    with hand.session(run.desk) as juki:
        new = waiting_card(run, hand, juki)
    if card_kind(new) is not CardKind.MY_NUMBER:
        raise Impossible("this is no My Number card: a Juki card is exchanged for one")
    with run.desk.database.read() as connection:
        entitled(connection, new.holder, run.day)
        held = cards_of(connection, new.holder, valid=True)
    if not held or card_kind(held[0]) is not CardKind.JUKI:
        raise Impossible("the holder has no Juki card to hand in: hand the new one over")
    run.about(card=held[0].number)
    return new, held[0]


def _make_ready(run: Procedure, hand: CardAtDesk, new: LedgerCard) -> None:
    """Have the holder type the secrets of the new card, and set them; it is not valid by that."""
    pin, others = have_secrets_typed(run.desk, new)
    for use, secret in others.items():
        put_secret(run, hand, ELSEWHERE[use], secret)
    change = Change(CardAct.HAND_OVER, Reason.APPLICATION, (lambda juki: juki.unblock_pin(pin),))
    with hand.session(run.desk) as juki:
        change_ahead(run, hand, juki, new, change)


def _old_card(run: Procedure, hand: CardAtDesk, held: LedgerCard) -> CardAtDesk:
    """Have the old card put into the reader in which the new one was. CutOff."""
    old = CardAtDesk(hand.connection)
    old.number = held.number
    old.await_again(run.desk, OtherCard())
    return old


def _given(connection: Connection, number: bytes, run: Procedure) -> LedgerCard:
    new = find_card(connection, number)
    return move_card(connection, new, CardAct.HAND_OVER, Reason.APPLICATION, run.by)


def _finish(connection: Connection, intent: Intent, run: Procedure) -> None:
    """Hand the new card over, once the old one has ended: its secrets were set before that."""
    holder = find_card(connection, intent.card).holder
    for card in cards_of(connection, holder):
        ready = was_finished(connection, card.number, intent.purpose, intent.opened)
        if card.state is LedgerState.ISSUING and ready:
            _given(connection, card.number, run)


ENDS[Task.EXCHANGE.value] = _finish
