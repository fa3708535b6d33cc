"""Who somebody is (本人確認): by their card, of whatever town, and the PIN that they type."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from jukihost.models import CardForm, Purpose, ResidentCode
from jukihost.register import known_resident
from jukihost.workflows.asking import Step, verify_pin
from jukihost.workflows.elsewhere import Met, check_code, meet_any
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_presented
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.rules import Paper
from jukihost.workflows.tasks import Task

WITH_CARD: Final = Presented(papers=frozenset({Paper.CARD}))
"""The holder, with their card and its PIN."""


@dataclass(frozen=True, slots=True)
class Identified:
    """The holder of a card, who has typed its PIN.

    town: whose card it is. expires: its last day, or that of the holder's stay. resident: the
    number of the record where the town is this one, else None.
    """

    card: bytes
    town: str
    form: CardForm
    expires: date
    resident: int | None
    code: ResidentCode = field(repr=False)


def identify(desk: Desk, hand: CardAtDesk, presented: Presented = WITH_CARD) -> Identified:
    """Tell who the holder of a card is: the PIN, the code in the card, ledger and register agree.

    Both faces of the card are the same here. PinBlocked, Cancelled, CardStopped, CardExpired,
    NotHandedOver, MovedOut, ForeignTown, HolderDiffers, Impossible; see `meet_any`.
    """
    with Procedure(desk, Task.IDENTIFY) as run, hand.session(desk, allow_suspended=True) as juki:
        met = meet_any(run, hand, juki)
        check_presented(run, presented, _born(run, met))
        juki.authenticate(
            Purpose.RESIDENT_IDENTIFICATION, desk.office.custody, floor=desk.office.key_floor
        )
        desk.talk.progress(Step.PIN)
        verify_pin(desk.talk, juki)
        code = juki.read_code()
        check_code(run, met, code)
        with run.finish():
            pass
    resident = met.own.holder if met.own else None
    return Identified(met.number, met.town, met.form, met.expires, resident, code)


def _born(run: Procedure, met: Met) -> date:
    """Return the holder's day of birth; that of another town's is not told: of age."""
    if met.own is None:
        return date.min
    with run.desk.database.read() as connection:
        return known_resident(connection, met.own.holder).born
