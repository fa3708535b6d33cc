"""A card that is lost: suspended by telephone with who called, found again, and resumed."""

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
    find_card,
    move_card,
)
from jukihost.register import (
    NoticeTaken,
    TelephoneNotice,
    enter_notice,
    find_notice,
    note_call_back,
    notices_of,
)
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.cards import meet
from jukihost.workflows.changing import Change, change_card
from jukihost.workflows.errors import Impossible
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

_SUSPENDED: Final = frozenset({LedgerState.SUSPENDED})


@dataclass(frozen=True, slots=True)
class Suspended:
    """A card that was suspended in the ledger; the next terminal that sees it suspends it too.

    notice: the number under which the call is kept, for the call back.
    """

    card: bytes
    standing: Standing
    notice: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """A card that is as it was before it was suspended; `notices` is who had called about it."""

    card: bytes
    standing: Standing
    notices: tuple[NoticeTaken, ...]


def suspend_by_telephone(
    desk: Desk, holder: int, presented: Presented, notice: TelephoneNotice
) -> Suspended:
    """Suspend the card of a holder who cannot find it (一時停止), in the ledger, at once.

    holder: the number of the record. presented: who calls, as the rules say it. notice: who called,
    and how that was checked. Impossible where there is no card to suspend.
    """
    with Procedure(desk, Task.SUSPEND) as run:
        run.about(holder=holder)
        with desk.database.read() as connection:
            valid = cards_of(connection, holder, valid=True)
        check_who_came(run, holder, presented)
        if not valid:
            raise Impossible("the holder has no card that could be suspended")
        run.about(card=valid[0].number)
        with run.finish() as connection:
            by = run.by
            card = move_card(connection, valid[0], PersonAct.SUSPEND, Reason.MISSING, by)
            who = presented.by.value
            number = enter_notice(connection, holder, card.number, notice, who, by)
    return Suspended(card.number, card.standing, number)


def call_back(desk: Desk, notice: int, *, answered: bool) -> NoticeTaken:
    """Keep that whoever gave a notice was called back, and whether they answered; return it whole.

    notice: its number. UnknownNotice.
    """
    with Procedure(desk, Task.CALL_BACK) as run:
        with desk.database.read() as connection:
            taken = find_notice(connection, notice)
        run.about(card=taken.card, holder=taken.resident)
        run.remark("answered" if answered else "not answered")
        with run.finish() as connection:
            note_call_back(connection, notice, answered, run.by)
            return find_notice(connection, notice)


def show_notices(desk: Desk, card: bytes) -> tuple[NoticeTaken, ...]:
    """Return who called about a card, how it was checked, and who called back, the first one first.

    card: its number. For whoever is about to resume it. UnknownCard.
    """
    with Procedure(desk, Task.SHOW_NOTICES) as run:
        run.about(card=card)
        with desk.database.read() as connection:
            run.about(holder=find_card(connection, card).holder)
        with run.finish() as connection:
            return notices_of(connection, card)


def resume_card(desk: Desk, hand: CardAtDesk, presented: Presented) -> Resumed:
    """Resume a card that was found, to what it was before (一時停止解除), at the counter.

    A card that no terminal has seen meanwhile is not suspended itself, and is left alone.
    """
    with Procedure(desk, Task.RESUME) as run, hand.session(desk, allow_suspended=True) as juki:
        card = meet(run, hand, juki, also=_SUSPENDED)
        with desk.database.read() as connection:
            notices = notices_of(connection, card.number)
        check_who_came(run, card.holder, presented)
        if juki.suspended:
            change = Change(CardAct.RESUME, Reason.FOUND, (JukiSession.resume,))
            card = change_card(run, hand, juki, card, change)
        else:
            with run.finish() as connection:
                card = move_card(connection, card, CardAct.RESUME, Reason.FOUND, run.by)
    return Resumed(card.number, card.standing, notices)
