"""A card of any town is met: the ledger that has it is asked, wherever that is.

A card is in one ledger. One of another town's is stopped here where its own ledger has stopped it:
its town keeps the intent, and is told what the card's receipt says afterwards.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date
from typing import Final

from jukihost.errors import CardError
from jukihost.ledger import (
    IntentOpen,
    LedgerCard,
    LedgerState,
    Standing,
    UnknownCard,
    find_card,
)
from jukihost.ledger.intents import ID_LENGTH
from jukihost.models import CardForm, CardState, Purpose, ResidentCode
from jukihost.register import (
    Asking,
    Body,
    CardSeen,
    CardThere,
    HolderDiffers,
    Registers,
    UnknownResident,
    Use,
    known_resident,
)
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.cards import STOPPED, meet
from jukihost.workflows.changing import receipt_of
from jukihost.workflows.errors import (
    CardExpired,
    CardStopped,
    ForeignTown,
    MovedOut,
    NotHandedOver,
)
from jukihost.workflows.hand import LOST, CardAtDesk
from jukihost.workflows.office import Desk
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

_HOPS: Final = 4
"""How often a card that was given up is followed to the next town."""


@dataclass(frozen=True, slots=True)
class Met:
    """A card, and what the ledger that has it says.

    town: whose card it is. expires: its last day. own: the card in this town's ledger; `there`:
    what another one's says of it.
    """

    number: bytes
    town: str
    form: CardForm
    issued: date
    expires: date
    standing: Standing
    own: LedgerCard | None
    there: CardThere | None


def meet_any(
    run: Procedure,
    hand: CardAtDesk,
    juki: JukiSession,
    *,
    also: frozenset[LedgerState] = frozenset(),
) -> Met:
    """Return what the ledger that has a card says of it, as `meet` does for one of this town.

    `juki` is authenticated for COUNTER. IntentOpen where something is undecided in another town.
    """
    number = juki.card_number()
    run.about(card=number)
    ours = _ours(run, number)
    if ours is not None and ours.state is not LedgerState.TRANSFERRED:
        card = meet(run, hand, juki, also=also)
        expires = min(card.expires, _stay(run, card.holder) or card.expires)
        if run.day > expires:
            raise CardExpired
        return Met(
            number, card.municipality, card.form, card.issued, expires, card.standing, card, None
        )
    there = _ask(run, juki, ours.municipality if ours else _town_on(juki))
    if there.state in STOPPED - also:
        if not juki.suspended:
            _stop(run.desk, hand, juki, there.municipality)
        raise CardStopped(
            f"the ledger of its town says that this card is {there.standing}: keep it, ask who "
            "brought it, and tell its town"
        )
    if there.undecided:
        raise IntentOpen
    if juki.suspended:
        raise CardStopped("the card is suspended, and its town's ledger does not say so: keep it")
    if there.state is LedgerState.ISSUING:
        raise NotHandedOver
    if there.state in (LedgerState.MOVED_OUT, LedgerState.TRANSFERRED) and there.state not in also:
        raise MovedOut
    if there.expired(run.day):
        raise CardExpired
    return Met(
        number,
        there.municipality,
        there.form,
        there.issued,
        there.expires,
        there.standing,
        None,
        there,
    )


def check_code(run: Procedure, met: Met, code: ResidentCode) -> None:
    """Check that the code in a card is its holder's, as its town knows them. HolderDiffers."""
    run.about(resident=code)
    if met.own is None:
        asking = asking_for(run, Use.CARD_SEEN)
        registers_of(run).check_holder(met.town, met.number, code, asking)
        return
    with run.desk.database.read() as connection:
        known = known_resident(connection, met.own.holder)
    if known.code != code:
        raise HolderDiffers


def asking_for(run: Procedure, use: Use) -> Asking:
    """Return who asks another town, and what for."""
    return Asking(run.by, Body.OTHER_TOWN, use, town=run.desk.office.municipality)


def registers_of(run: Procedure) -> Registers:
    """Return the way to other towns. ForeignTown where this office has none."""
    registers = run.desk.office.registers
    if registers is None:
        raise ForeignTown
    return registers


def _ours(run: Procedure, number: bytes) -> LedgerCard | None:
    with run.desk.database.read() as connection:
        try:
            return find_card(connection, number)
        except UnknownCard:
            return None


def _stay(run: Procedure, holder: int) -> date | None:
    with run.desk.database.read() as connection:
        return known_resident(connection, holder).residence_until


def _town_on(juki: JukiSession) -> str:
    """Return the town that a card says it is of, which a suspended one does not."""
    if juki.suspended:
        raise CardStopped(
            "the card is suspended, and no card of this town: keep it; who issued it is printed on "
            "it"
        )
    return juki.card_info().municipality


def _ask(run: Procedure, juki: JukiSession, town: str) -> CardThere:
    """Ask the town that a card is of, and where it was given up to, until one has it."""
    own = run.desk.office.municipality
    for _ in range(_HOPS):
        there = _told(run, juki, town)
        if there.state is not LedgerState.TRANSFERRED or there.municipality in (town, own):
            return there
        town = there.municipality
    raise ForeignTown


def _told(run: Procedure, juki: JukiSession, town: str) -> CardThere:
    receipt = receipt_of(juki)
    suspended = juki.card_state() is CardState.SUSPENDED
    seen = CardSeen(juki.card_number(), suspended)
    if receipt is not None:
        seen = CardSeen(seen.number, suspended, receipt.number, receipt.intent)
    try:
        return registers_of(run).card_seen(town, seen, asking_for(run, Use.CARD_SEEN))
    except (UnknownCard, UnknownResident):
        raise ForeignTown from None


def _stop(desk: Desk, hand: CardAtDesk, juki: JukiSession, town: str) -> None:
    """Suspend another town's card that its ledger has stopped: a procedure of its own, in the log.

    Its town writes the intent before the card is touched. Where the card is gone in between, the
    same one is waited for. CutOff where it does not come back: a suspended card tells nobody its
    town, so that it is settled there, at its own counter.
    """
    with Procedure(desk, Task.STOP_CARD) as run:
        run.about(card=juki.card_number())
        run.remark(f"of {town}")
        try:
            _suspend(run, juki, town)
        except LOST as lost:
            _suspend_again(run, hand, town, lost)
        with run.finish():
            pass


def _suspend(run: Procedure, juki: JukiSession, town: str) -> None:
    """Suspend a card unless it is, and tell its town what the receipt says."""
    office = run.desk.office
    if juki.card_state() is not CardState.SUSPENDED:
        if run.undecided:
            run.undecided = _told(run, juki, town).undecided
        identifier = secrets.token_bytes(ID_LENGTH)
        asking = asking_for(run, Use.CARD_SEEN)
        registers_of(run).begin_stop(town, juki.card_number(), identifier, asking)
        run.undecided = True
        juki.authenticate(Purpose.SUSPEND, office.custody, floor=office.key_floor)
        juki.announce(identifier)
        juki.suspend()
        juki.authenticate(Purpose.COUNTER, office.custody, floor=office.key_floor)
    run.undecided = _told(run, juki, town).undecided


def _suspend_again(run: Procedure, hand: CardAtDesk, town: str, cause: CardError) -> None:
    while True:
        hand.await_again(run.desk, cause)
        try:
            with hand.session(run.desk, allow_suspended=True) as juki:
                _suspend(run, juki, town)
        except LOST as lost:
            cause = lost
        else:
            return
