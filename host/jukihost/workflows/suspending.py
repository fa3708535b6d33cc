"""A card that is lost: suspended by telephone, found again, and resumed at the counter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from jukihost.ledger import (
    CardAct,
    LedgerState,
    PersonAct,
    Reason,
    Standing,
    cards_of,
    move_card,
)
from jukihost.register import known_resident
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.cards import meet
from jukihost.workflows.changing import Change, change_card
from jukihost.workflows.errors import Impossible
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_presented
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

_SUSPENDED: Final = frozenset({LedgerState.SUSPENDED})


@dataclass(frozen=True, slots=True)
class Suspended:
    """A card that was suspended in the ledger; the next terminal that sees it suspends it too."""

    card: bytes
    standing: Standing


@dataclass(frozen=True, slots=True)
class Resumed:
    """A card that is as it was before it was suspended."""

    card: bytes
    standing: Standing


def suspend_by_telephone(desk: Desk, holder: int, presented: Presented) -> Suspended:
    """Suspend the card of a holder who cannot find it (一時停止), in the ledger, at once.

    holder: the number of the record. Impossible where there is no card to suspend.
    """
    with Procedure(desk, Task.SUSPEND) as run:
        run.about(holder=holder)
        with desk.database.read() as connection:
            known = known_resident(connection, holder)
            valid = cards_of(connection, holder, valid=True)
        check_presented(run, presented, known.born)
        if not valid:
            raise Impossible("the holder has no card that could be suspended")
        run.about(card=valid[0].number)
        with run.finish() as connection:
            card = move_card(connection, valid[0], PersonAct.SUSPEND, Reason.MISSING, run.by)
    return Suspended(card.number, card.standing)


def resume_card(desk: Desk, hand: CardAtDesk, presented: Presented) -> Resumed:
    """Resume a card that was found, to what it was before (一時停止解除), at the counter.

    A card that no terminal has seen meanwhile is not suspended itself, and is left alone.
    """
    with Procedure(desk, Task.RESUME) as run, hand.session(desk, allow_suspended=True) as juki:
        card = meet(run, hand, juki, also=_SUSPENDED)
        with desk.database.read() as connection:
            known = known_resident(connection, card.holder)
        check_presented(run, presented, known.born)
        if juki.suspended:
            change = Change(CardAct.RESUME, Reason.FOUND, (JukiSession.resume,))
            card = change_card(run, hand, juki, card, change)
        else:
            with run.finish() as connection:
                card = move_card(connection, card, CardAct.RESUME, Reason.FOUND, run.by)
    return Resumed(card.number, card.standing)
