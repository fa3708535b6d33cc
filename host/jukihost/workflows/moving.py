"""Moving on a card: announced by post, one visit in the new town, and the card goes on there.

Two databases take part, and neither waits for the other inside a transaction. Who moves is entered
in the new town first and then closed in the old one: in between they are in both, never in none,
and the old town is told as often as it takes. A card is given up by the old town first and then
taken over: in between it is in no ledger, never in two, and the old town gives it up again to the
same town only. So each step may be made again from any cut.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Final

from sqlalchemy import Connection

from jukihost.errors import CardError
from jukihost.ledger import (
    CardAct,
    HasCard,
    Intent,
    LedgerCard,
    LedgerState,
    NewCard,
    PersonAct,
    Reason,
    cards_of,
    move_card,
    take_over_card,
)
from jukihost.models import CardInfo, Purpose, ResidentCode
from jukihost.register import (
    Arrival,
    AsReceived,
    ChangeReason,
    HolderDiffers,
    Item,
    Known,
    Moving,
    NotAnnounced,
    Provided,
    Resident,
    Use,
    announce_move,
    enter_mover,
    known_by_code,
    known_resident,
    last_arrival,
    note_arrival,
    note_told,
    restrictions_of,
    untold_arrivals,
    withdraw_move,
)
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.asking import Step, verify_pin
from jukihost.workflows.cards import meet
from jukihost.workflows.changing import RESUMES, Change, change_card
from jukihost.workflows.elsewhere import Met, asking_for, check_code, meet_any, registers_of
from jukihost.workflows.errors import Impossible
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.identifying import WITH_CARD
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_presented, have_decided
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

SINCE_MOVING: Final = 14
"""How many days after moving in the notification is given on a card at the latest."""
SINCE_ANNOUNCED: Final = 30
"""How many days after the announced day."""
TO_CONTINUE: Final = 90
"""How many days after the notification a card still goes on."""
_PAPER: Final = "; the certificate of moving out is brought on paper instead"
_MOVED_OUT: Final = frozenset({LedgerState.MOVED_OUT})


@dataclass(frozen=True, slots=True)
class MovingOut:
    """A move that was announced; the cards of who moves are good for moving in from now on."""

    day: date
    members: tuple[int, ...]
    cards: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, repr=False)
class NewHome:
    """Where somebody has moved to. `repr` shows nothing of it.

    moved: when. household: the number of one that is here already and that they join; None for one
    of their own. relation: of whose card it is to its head, where that has changed.
    """

    address: AsReceived = field(repr=False)
    moved: date
    household: int | None = None
    relation: str | None = None

    def __repr__(self) -> str:
        return "<NewHome>"


@dataclass(frozen=True, slots=True)
class MovedIn:
    """Who has moved in, by the numbers of their records, the card's holder first.

    restricted: an address was under restriction in the old town, and has to be put under one here
    anew (支援措置). untold: the old town could not be reached, and is told later.
    """

    origin: str
    members: tuple[int, ...]
    restricted: bool
    untold: bool


@dataclass(frozen=True, slots=True)
class Continued:
    """A card that goes on in this town; its certificates were revoked as its holder moved out."""

    card: bytes
    origin: str
    expires: date


def announce_by_post(
    desk: Desk, members: Sequence[int], day: date, presented: Presented
) -> MovingOut:
    """Note that residents of one household move out on a day (付記転出届), as a letter says.

    members: the numbers of their records, the one who wrote first. Impossible where none of them
    has a card to move in with; SupervisorDecides where one is under restriction (支援措置), whose
    letters are looked at twice.
    """
    with Procedure(desk, Task.MOVE_OUT) as run:
        leaving = list(dict.fromkeys(members))
        if not leaving:
            raise Impossible("nobody moves")
        run.about(holder=leaving[0])
        with desk.database.read() as connection:
            known = [known_resident(connection, one) for one in leaving]
            held = [one for who in leaving for one in cards_of(connection, who, valid=True)]
            protected = any(_protected(connection, who, run.day) for who in leaving)
        check_presented(run, presented, known[0].born, known[0].resident)
        if any(one.closed for one in known):
            raise Impossible("the record of one of them is closed")
        if not any(card.state is LedgerState.ACTIVE for card in held):
            raise Impossible("none of them has a card that is in use" + _PAPER)
        if protected:
            have_decided(run, "a supervisor decides this; let one log in here, and say no more")
        with run.finish() as connection:
            announce_move(connection, leaving, day, run.by)
            going = [card for card in held if _stays(card)]
            for card in going:
                move_card(connection, card, PersonAct.MOVE_OUT, Reason.MOVED_OUT, run.by)
    return MovingOut(day, tuple(leaving), tuple(card.number for card in going))


def _stays(card: LedgerCard) -> bool:
    return LedgerState.ACTIVE in (card.state, card.standing.returns_to)


def _protected(connection: Connection, resident: int, today: date) -> bool:
    return any(
        one.ended is None and one.until >= today for one in restrictions_of(connection, resident)
    )


def move_in(
    desk: Desk, hand: CardAtDesk, home: NewHome, presented: Presented = WITH_CARD
) -> MovedIn:
    """Enter who moves in on one member's card and PIN, without a paper (転入届の特例).

    All who announced the move together are entered, from the record that their old town gives.
    Impossible when it is too late for the card, or too early; NotAnnounced; as `identify` for the
    card. The card itself is not changed: that is `continue_use`.
    """
    with Procedure(desk, Task.MOVE_IN) as run, hand.session(desk, allow_suspended=True) as juki:
        met = meet_any(run, hand, juki, also=_MOVED_OUT)
        if met.own is not None:
            raise Impossible("this card is of this town: its holder has not left it")
        code = _by_pin(run, juki)
        check_code(run, met, code)
        asking = asking_for(run, Use.MOVE_IN)
        moving = registers_of(run).announced_move(met.town, code, asking)
        check_presented(run, presented, moving.members[0][Item.BORN])
        _check_in_time(run.day, home.moved, moving.announced)
        with run.finish() as connection:
            members = _entered(connection, run, met, moving, home)
    untold = not _all_told(run, members)
    restricted = any(one.restricted for one in moving.members)
    return MovedIn(met.town, members, restricted, untold)


def _by_pin(run: Procedure, juki: JukiSession) -> ResidentCode:
    """Return the code in a card, once its holder has typed the PIN for moving in."""
    office = run.desk.office
    juki.authenticate(Purpose.MOVE_IN, office.custody, floor=office.key_floor)
    run.desk.talk.progress(Step.PIN)
    verify_pin(run.desk.talk, juki)
    return juki.read_code()


def _check_in_time(notified: date, moved: date, announced: date) -> None:
    """Check the days of a notification on a card (card-edge.md, 2.4). Impossible."""
    if moved > notified:
        raise Impossible("moving in is notified once it has happened")
    if (notified - moved).days > SINCE_MOVING:
        raise Impossible(f"more than {SINCE_MOVING} days have passed since moving in" + _PAPER)
    if (notified - announced).days > SINCE_ANNOUNCED:
        raise Impossible(
            f"more than {SINCE_ANNOUNCED} days have passed since the announced day" + _PAPER
        )


def _entered(
    connection: Connection, run: Procedure, met: Met, moving: Moving, home: NewHome
) -> tuple[int, ...]:
    household = secrets.randbits(_HOUSEHOLD_BITS) if home.household is None else home.household
    by, town = run.by, run.desk.office.municipality
    numbers: list[int] = []
    for record in moving.members:
        resident = _resident(record, town, home, household)
        if not numbers and home.relation is not None:
            resident = replace(resident, relation=home.relation)
        number = enter_mover(connection, resident, by)
        note_arrival(connection, number, met.town, home.moved, moving.announced, by)
        numbers.append(number)
    return tuple(numbers)


_HOUSEHOLD_BITS: Final = 48
"""A household's number is drawn from so many that no two are alike."""


def _resident(record: Provided, town: str, home: NewHome, household: int) -> Resident:
    """Return what is entered here of somebody's record in the town that they left."""
    return Resident(
        municipality=town,
        name=record[Item.NAME],
        address=home.address,
        sex=record[Item.SEX],
        born=record[Item.BORN],
        code=record[Item.CODE],
        reason=ChangeReason.MOVED_IN,
        changed=home.moved,
        household=household,
        relation=record[Item.RELATION],
        alias=record[Item.ALIAS],
        residence_until=record[Item.RESIDENCE_UNTIL],
        notified=record.notified,
        domicile=record[Item.DOMICILE],
        family_head=record[Item.FAMILY_HEAD],
    )


def tell_old_towns(desk: Desk) -> tuple[Arrival, ...]:
    """Tell each town that somebody left which does not know yet; return whose still does not.

    `move_in` does it at its end; this is for what was cut off there, or could not be reached.
    """
    with Procedure(desk, Task.RECOVER) as run:
        run.remark(Task.MOVE_IN.value)
        untold = _tell_all(run)
        with run.finish():
            pass
    return untold


def _all_told(run: Procedure, members: tuple[int, ...]) -> bool:
    """Tell the old towns; whatever is in the way, who moved in has moved in."""
    try:
        return not any(one.resident in members for one in _tell_all(run))
    except CardError:
        return False


def _tell_all(run: Procedure) -> tuple[Arrival, ...]:
    with run.desk.database.read() as connection:
        untold = untold_arrivals(connection)
    return tuple(one for one in untold if not _tell(run, one))


def _tell(run: Procedure, arrival: Arrival) -> bool:
    """Tell one town; return whether it knows. Its own transaction has landed before this one's."""
    try:
        asking = asking_for(run, Use.MOVE_IN)
        registers_of(run).moved_in(arrival.origin, arrival.code, arrival.moved, asking)
        with run.step() as connection:
            note_told(connection, arrival, run.by)
    except CardError:
        return False
    return True


def continue_use(desk: Desk, hand: CardAtDesk, presented: Presented = WITH_CARD) -> Continued:
    """Let a card go on in this town, to which its holder has moved (継続利用), by its PIN.

    Impossible where the holder has not moved in with notice, it was too late then, or is now, or
    they had moved before without going on; HasCard; as `identify` for the card.
    """
    with (
        Procedure(desk, Task.CONTINUE_USE) as run,
        hand.session(desk, allow_suspended=True) as juki,
    ):
        met = meet_any(run, hand, juki, also=_MOVED_OUT | {LedgerState.TRANSFERRED})
        if met.standing.state is LedgerState.ACTIVE:
            raise Impossible(
                "the card is in use already"
                if met.own
                else "the town of this card does not know that its holder moves out"
            )
        info = juki.card_info()
        code = _by_pin(run, juki)
        run.about(resident=code)
        with desk.database.read() as connection:
            known = known_by_code(connection, code)
            arrival = last_arrival(connection, known.resident)
        check_presented(run, presented, known.born, known.resident)
        origin = _check_continued(run.day, arrival, info, met)
        card = met.own or _taken_over(run, juki, info, origin, known)
        juki.authenticate(Purpose.COUNTER, desk.office.custody, floor=desk.office.key_floor)
        card = change_card(run, hand, juki, card, _going_on(desk))
    return Continued(card.number, origin, card.expires)


def stay(desk: Desk, hand: CardAtDesk, presented: Presented = WITH_CARD) -> Continued:
    """Take back a move that did not take place, for a card's holder: it is in use here again.

    Its certificates stay revoked. Impossible where the card has not moved out, or its holder has
    moved in elsewhere; as `identify` for the card. The notification is withdrawn before the card is
    touched: cut in between, the card is still good for nothing, and this is begun again.
    """
    with (
        Procedure(desk, Task.CONTINUE_USE) as run,
        hand.session(desk, allow_suspended=True) as juki,
    ):
        card = meet(run, hand, juki, also=_MOVED_OUT)
        if card.state is not LedgerState.MOVED_OUT:
            raise Impossible("the card is in use already")
        code = _by_pin(run, juki)
        with desk.database.read() as connection:
            known = known_resident(connection, card.holder)
        if known.code != code:
            raise HolderDiffers
        if known.closed:
            raise Impossible("the holder has moved in elsewhere: the card goes on there")
        check_presented(run, presented, known.born, known.resident)
        with run.step() as connection, suppress(NotAnnounced):
            withdraw_move(connection, card.holder, run.by)
        juki.authenticate(Purpose.COUNTER, desk.office.custody, floor=desk.office.key_floor)
        change = Change(CardAct.CONTINUE_USE, Reason.STAYED, (JukiSession.move_in,))
        card = change_card(run, hand, juki, card, change)
    return Continued(card.number, card.municipality, card.expires)


def _check_continued(today: date, arrival: Arrival | None, info: CardInfo, met: Met) -> str:
    """Check the days (card-edge.md, 2.4); return the town that the card comes from. Impossible."""
    if arrival is None:
        raise Impossible("the holder has not given notice of having moved in from another town")
    if met.own is None and info.municipality != arrival.origin:
        raise Impossible("the holder had moved on before the card went on: it is over")
    _check_in_time(arrival.notified, arrival.moved, arrival.announced)
    if (today - arrival.notified).days > TO_CONTINUE:
        raise Impossible(
            f"more than {TO_CONTINUE} days have passed since the notification: the card is over"
        )
    return arrival.origin


def _taken_over(
    run: Procedure, juki: JukiSession, info: CardInfo, origin: str, known: Known
) -> LedgerCard:
    """Have the old town give a card up, then take it into this ledger, as it is."""
    number, town = juki.card_number(), run.desk.office.municipality
    with run.desk.database.read() as connection:
        if cards_of(connection, known.resident, valid=True):
            raise HasCard
    there = registers_of(run).give_up_card(
        origin, number, known.code, asking_for(run, Use.CARD_SEEN)
    )
    new = NewCard(number, known.resident, info.form, town, info.issued, info.expires)
    with run.step() as connection:
        return take_over_card(connection, new, run.by, receipt=there.receipt, intent=there.intent)


def _going_on(desk: Desk) -> Change:
    """Return the change of a card that goes on here: its data first, so that the town is told."""
    steps = (partial(_rename, town=desk.office.municipality), JukiSession.move_in)
    return Change(CardAct.CONTINUE_USE, Reason.MOVED_IN, steps)


def _rename(juki: JukiSession, town: str) -> None:
    juki.update_card_data(replace(juki.card_info(), municipality=town))


def _go_on_again(run: Procedure, juki: JukiSession, intent: Intent) -> Change:
    return _going_on(run.desk)


RESUMES[Task.CONTINUE_USE.value] = _go_on_again
