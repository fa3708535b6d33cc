"""What changes in a resident's record while they hold a card: code, name, address in the same town.

Record and card are changed in one transaction of the ledger. A new code ends the card, which holds
the old one; a new name or address ends its certificates, and the card goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection

from jukihost.ledger import (
    CardAct,
    LedgerCard,
    LedgerState,
    PersonAct,
    Reason,
    cards_of,
    follow_card,
    move_card,
)
from jukihost.ledger.states import VALID
from jukihost.models import ResidentCode
from jukihost.register import (
    Asking,
    AsReceived,
    ChangeReason,
    Item,
    ResidentExists,
    change_resident,
    draw_code,
    show_resident,
)
from jukihost.workflows.errors import Impossible
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, asking_here, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

_DRAWS: Final = 5
"""How often a code is drawn at most; that two in a row are taken is less than one in a million."""
_HAS: Final = (LedgerState.ISSUING, *VALID)


@dataclass(frozen=True, slots=True)
class RecordChanged:
    """A record that was changed, and the numbers of the cards that it changed something for.

    over: those that are not valid any more, to be given back. kept: those that go on.
    """

    resident: int
    over: tuple[bytes, ...]
    kept: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a reason changes in the record, and why that concerns the card."""

    items: frozenset[Item]
    card: Reason


_KINDS: Final[Mapping[ChangeReason, _Kind]] = {
    ChangeReason.MOVED_WITHIN: _Kind(frozenset({Item.ADDRESS}), Reason.MOVED_WITHIN),
    ChangeReason.NAME_CHANGED: _Kind(frozenset({Item.NAME}), Reason.NAME_CHANGED),
}
"""Which changes of a record end the certificates: those of what they say of their holder."""


def change_code(desk: Desk, holder: int, presented: Presented) -> RecordChanged:
    """Give a resident another code (住民票コードの変更), drawn at random; nobody chooses it.

    holder: the number of the record. Without a reason, on request. A card holds the old code: it is
    abolished, its certificates are revoked, and `return_card` takes it back; whoever sees it stops
    it. AddressRestricted where a supervisor has to log in here first.
    """
    with Procedure(desk, Task.CHANGE_CODE) as run:
        run.about(holder=holder)
        check_who_came(run, holder, presented)
        asking = asking_here(run)
        for _ in range(_DRAWS):
            try:
                over = _recoded(run, holder, asking, draw_code())
            except ResidentExists:
                continue
            return RecordChanged(holder, over, ())
        raise ResidentExists


def _recoded(run: Procedure, holder: int, asking: Asking, code: ResidentCode) -> tuple[bytes, ...]:
    with run.finish() as connection:
        by, reason = run.by, ChangeReason.CODE_CHANGED
        provided = show_resident(connection, holder, asking)
        if provided[Item.CODE] == code:
            raise ResidentExists
        change_resident(connection, provided, {Item.CODE: code}, reason, run.day, by)
        over = _cards(connection, holder)
        for card in over:
            move_card(connection, card, PersonAct.ABOLISH, Reason.CODE_CHANGED, by)
    return tuple(card.number for card in over)


def change_record(
    desk: Desk,
    holder: int,
    reason: ChangeReason,
    new: AsReceived,
    day: date,
    presented: Presented,
) -> RecordChanged:
    """Change the name, or the address in this town, of a resident (氏名変更, 転居).

    holder: the number of the record. reason: NAME_CHANGED or MOVED_WITHIN. new: what it is now.
    day: on which it became so. The certificates on the card are revoked, the card goes on; what is
    printed on it is corrected by hand. Impossible for a day that is to come, AddressRestricted
    where a supervisor has to log in here first, TextRefused.
    """
    with Procedure(desk, Task.CHANGE_RECORD) as run:
        kind = _KINDS.get(reason)
        if kind is None:
            raise ValueError(f"{reason.value!r} has a procedure of its own")
        run.about(holder=holder)
        run.remark(reason.value)
        check_who_came(run, holder, presented)
        if day > run.day:
            raise Impossible("this is entered once it has happened: the day is still to come")
        asking = asking_here(run)
        with run.finish() as connection:
            provided = show_resident(connection, holder, asking)
            items = dict.fromkeys(kind.items, new)
            change_resident(connection, provided, items, reason, day, run.by)
            kept = _cards(connection, holder)
            for card in kept:
                _follow(run, connection, card, kind.card)
    return RecordChanged(holder, (), tuple(card.number for card in kept))


def _follow(run: Procedure, connection: Connection, card: LedgerCard, reason: Reason) -> None:
    """Let the certificates follow; a card in use has it among its events too."""
    if card.state is LedgerState.ACTIVE:
        move_card(connection, card, CardAct.CHANGE, reason, run.by)
    else:
        follow_card(connection, card.number, reason, run.by.at)


def _cards(connection: Connection, holder: int) -> list[LedgerCard]:
    return [card for card in cards_of(connection, holder) if card.state in _HAS]
