"""A municipal application comes onto a holder's card, or goes off it, over the issuer's domain.

To come it takes several changes of the card: installed, its contents, the keys of its systems. What
they need is not kept, the holder's PIN least of all: so one that was cut off half-way goes on while
its holder is there, and is deleted from the card by whoever sees it later.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from jukicard.apdu import Aid
from jukihost.channel import build_channel
from jukihost.conversation.issuerdata import RegistryPart
from jukihost.conversation.receipts import Receipt, ReceiptError
from jukihost.conversation.refusals import ModuleNotOffered, NoRoomForKeys
from jukihost.conversation.secrets import Pin
from jukihost.errors import AlreadyExists, CardError, CardFull, StatusError
from jukihost.issuing.standing import OWN_APPLICATIONS
from jukihost.keys.custody import CardKeys
from jukihost.ledger import (
    ApplicationState,
    CardAct,
    Intent,
    IntentState,
    LedgerCard,
    Reason,
    ReceiptGap,
    applications_of,
    drop_application,
    find_card,
    finish_intent,
    note_application,
    open_intent,
    undo_intent,
)
from jukihost.ledger.intents import ID_LENGTH
from jukihost.sessions.issuer import IssuerSession
from jukihost.workflows.asking import PinUse, PinWanted, Step
from jukihost.workflows.cards import meet
from jukihost.workflows.changing import SETTLERS, card_follows, changes_made
from jukihost.workflows.errors import (
    ApplicationDoesNotFit,
    ApplicationNotOffered,
    ApplicationThere,
    Impossible,
    NoIssuingHere,
    NoSuchApplication,
    OtherCard,
)
from jukihost.workflows.hand import LOST, CardAtDesk
from jukihost.workflows.municipal import CardChange, TownApplication, changes_for
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

_REFUSED: Final[Mapping[type[StatusError], type[CardError]]] = {
    CardFull: ApplicationDoesNotFit,
    NoRoomForKeys: ApplicationDoesNotFit,
    ModuleNotOffered: ApplicationNotOffered,
    AlreadyExists: ApplicationThere,
}


@dataclass(frozen=True, slots=True)
class ApplicationMoved:
    """A card that has a municipal application now, or not any more; what it then has of them."""

    card: bytes
    aid: Aid
    there: tuple[Aid, ...]


def install_application(
    desk: Desk, hand: CardAtDesk, application: TownApplication, presented: Presented
) -> ApplicationMoved:
    """Put a municipal application on the card of a holder (条例利用), with contents, keys and PIN.

    ApplicationThere, ApplicationNotOffered, ApplicationDoesNotFit, ForeignTown for a card of
    another town, NoIssuingHere, UnknownKey; Cancelled, PinFormatError before the card is touched;
    StatusError where it does not take the contents: then it is as it was. CutOff.
    """
    with Procedure(desk, Task.INSTALL) as run:
        run.remark(_shown(application.aid))
        card = _met(run, hand, presented)
        with _domain(run, hand) as issuer:
            if _is_there(issuer, application.aid):
                raise ApplicationThere
            keys = _keys(desk, issuer.card_number(), application)
        steps = changes_for(application, keys, _typed(desk, application))
        intent = _opened(run, card, application.aid, len(steps), ApplicationState.INSTALLING)
        aid = application.aid
        _carried_out(run, hand, intent, aid, lambda: _put_on(run, hand, intent, aid, steps))
        return _finished(run, intent, aid)


def remove_application(
    desk: Desk, hand: CardAtDesk, aid: Aid, presented: Presented
) -> ApplicationMoved:
    """Take a municipal application off the card of a holder, with all that it holds, for good.

    NoSuchApplication; Impossible for one that belongs to every card; StillInUse; else as
    `install_application`.
    """
    with Procedure(desk, Task.REMOVE) as run:
        run.remark(_shown(aid))
        if aid in OWN_APPLICATIONS:
            raise Impossible("this application belongs to every card, and stays on it")
        card = _met(run, hand, presented)
        with _domain(run, hand) as issuer:
            if not _is_there(issuer, aid):
                raise NoSuchApplication
        intent = _opened(run, card, aid, 1, ApplicationState.REMOVING)
        _carried_out(run, hand, intent, aid, lambda: _take_off(run, hand, intent, aid))
        return _finished(run, intent, aid)


def _shown(aid: bytes) -> str:
    """Return an AID as the log takes it: never eleven digits in a row, which could be a code."""
    digits = aid.hex().upper()
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _met(run: Procedure, hand: CardAtDesk, presented: Presented) -> LedgerCard:
    with hand.session(run.desk, allow_suspended=True) as juki:
        card = meet(run, hand, juki)
    check_who_came(run, card.holder, presented)
    return card


@contextmanager
def _domain(run: Procedure, hand: CardAtDesk) -> Iterator[IssuerSession]:
    """Give a session with the same card's domain. NoIssuingHere, OtherCard, CardNotAuthentic."""
    keys = run.desk.office.issuer
    if keys is None:
        raise NoIssuingHere
    with IssuerSession(build_channel(hand.connection)) as issuer:
        number = issuer.card_number()
        if hand.number is not None and number != hand.number:
            raise OtherCard
        issuer.authenticate(keys(number))
        yield issuer


def _is_there(issuer: IssuerSession, aid: Aid) -> bool:
    return any(entry.aid == aid for entry in issuer.registry(RegistryPart.APPLICATIONS))


def _keys(desk: Desk, number: bytes, application: TownApplication) -> dict[int, CardKeys]:
    """Derive the keys of the systems, before anything is changed. UnknownKey."""
    return {
        reference: desk.office.custody.derive_card_keys(
            system, number, application.aid, application.key_version
        )
        for system, reference in application.systems.items()
    }


def _typed(desk: Desk, application: TownApplication) -> Pin | None:
    if application.pin is None:
        return None
    desk.talk.progress(Step.PIN)
    typed: Any = desk.talk.secret(PinWanted(PinUse.NEW_MUNICIPAL, None))
    return Pin.of(typed)


# --- what is done to the card ---


def _opened(
    run: Procedure, card: LedgerCard, aid: Aid, changes: int, state: ApplicationState
) -> Intent:
    with run.opening() as connection:
        intent = open_intent(
            connection,
            card,
            secrets.token_bytes(ID_LENGTH),
            run.task.value,
            run.by,
            changes=changes,
            act=CardAct.CHANGE,
            reason=Reason.MUNICIPAL,
        )
        note_application(connection, card.number, aid, state, run.by)
    run.intent = intent
    return intent


def _carried_out(
    run: Procedure, hand: CardAtDesk, intent: Intent, aid: Aid, attempt: Callable[[], None]
) -> None:
    """Make the changes, and go on with them where the card was gone and is put back. CutOff."""
    run.desk.talk.progress(Step.WRITING)
    while True:
        try:
            return attempt()
        except LOST as gone:
            lost = gone
        except CardError as refusal:
            _give_up(run, hand, intent, aid)
            raise _meant(refusal) from None
        hand.await_again(run.desk, lost)


def _meant(refusal: CardError) -> CardError:
    kind = next((_REFUSED[one] for one in type(refusal).__mro__ if one in _REFUSED), None)
    return refusal if kind is None else kind()


def _put_on(
    run: Procedure, hand: CardAtDesk, intent: Intent, aid: Aid, steps: tuple[CardChange, ...]
) -> None:
    """Make the changes that the receipt does not show; all of them on a card that keeps none."""
    with _domain(run, hand) as issuer:
        receipt = issuer.receipt()
        made = changes_made(intent, receipt)
        if receipt is None and _is_there(issuer, aid):
            issuer.delete(aid)  # begun before the card was gone, nobody knows how far
        if receipt is not None and made < len(steps):
            issuer.announce(intent.identifier)
        for step in steps[made:]:
            step(issuer)
        _check_counted(intent, issuer.receipt())


def _take_off(run: Procedure, hand: CardAtDesk, intent: Intent, aid: Aid) -> None:
    with _domain(run, hand) as issuer:
        if _is_there(issuer, aid):
            if issuer.receipt() is not None:
                issuer.announce(intent.identifier)
            issuer.delete(aid)
        _check_counted(intent, issuer.receipt())


def _check_counted(intent: Intent, receipt: Receipt | None) -> None:
    if receipt is not None and changes_made(intent, receipt) < intent.changes:
        raise ReceiptError("the card did not count what it changed; keep it, and have it checked")


def _give_up(run: Procedure, hand: CardAtDesk, intent: Intent, aid: Aid) -> None:
    """Put a card back to what it was before a refusal; where that fails, it is settled later."""
    with suppress(CardError):
        done, receipt = _put_back(run, hand, intent, aid)
        if not done:
            with run.step() as connection:
                _undone(connection, run, intent, aid, receipt)
            run.intent = None


def _put_back(
    run: Procedure, hand: CardAtDesk, intent: Intent, aid: Aid
) -> tuple[bool, Receipt | None]:
    """Tell whether a card has done all of an intent; delete what it has half of. ReceiptGap."""
    with _domain(run, hand) as issuer:
        receipt = issuer.receipt()
        _check_known(run, intent, receipt)
        there = _is_there(issuer, aid)
        if intent.purpose == Task.REMOVE.value:
            return not there, receipt
        whole = receipt is not None and changes_made(intent, receipt) == intent.changes
        if there and not whole:
            if receipt is not None:
                issuer.announce(intent.identifier)
            issuer.delete(aid)
        return there and whole, issuer.receipt()


def _check_known(run: Procedure, intent: Intent, receipt: Receipt | None) -> None:
    """Refuse a card that says neither what it said before the intent nor this one. ReceiptGap."""
    if receipt is None or receipt.intent == intent.identifier:
        return
    with run.desk.database.read() as connection:
        card = find_card(connection, intent.card)
    if (receipt.number, receipt.intent) != (card.receipt, card.intent):
        raise ReceiptGap


def _aid_of(run: Procedure, intent: Intent) -> Aid:
    """Return the application that an intent is of: the one that comes or goes on its card."""
    with run.desk.database.read() as connection:
        moving = [
            one.aid
            for one in applications_of(connection, intent.card)
            if one.state is not ApplicationState.INSTALLED
        ]
    [aid] = moving
    return Aid(aid)


# --- what follows in the ledger ---


def _finished(run: Procedure, intent: Intent, aid: Aid) -> ApplicationMoved:
    run.desk.talk.progress(Step.LEDGER)
    with run.finish() as connection:
        _done(connection, run, intent, aid)
        there = tuple(Aid(one.aid) for one in applications_of(connection, intent.card))
    run.desk.talk.progress(Step.DONE)
    return ApplicationMoved(intent.card, aid, there)


def _done(connection: Connection, run: Procedure, intent: Intent, aid: Aid) -> None:
    finish_intent(connection, intent, run.by)
    card_follows(connection, intent, run)
    if intent.purpose == Task.REMOVE.value:
        drop_application(connection, intent.card, aid)
    else:
        note_application(connection, intent.card, aid, ApplicationState.INSTALLED, run.by)


def _undone(
    connection: Connection, run: Procedure, intent: Intent, aid: Aid, receipt: Receipt | None
) -> None:
    """Note that a card is as it was before; its receipt may have counted the way there and back."""
    ours = receipt is not None and receipt.intent == intent.identifier
    undo_intent(connection, intent, run.by, receipt=receipt.number if receipt and ours else None)
    if intent.purpose == Task.REMOVE.value:
        note_application(connection, intent.card, aid, ApplicationState.INSTALLED, run.by)
    else:
        drop_application(connection, intent.card, aid)


def _settle(run: Procedure, hand: CardAtDesk, intent: Intent) -> IntentState:
    """Finish what the card has done, and delete what it has half of."""
    aid = _aid_of(run, intent)
    run.remark(_shown(aid))
    done, receipt = _put_back(run, hand, intent, aid)
    with run.finish() as connection:
        if done:
            _done(connection, run, intent, aid)
            return IntentState.FINISHED
        _undone(connection, run, intent, aid, receipt)
    return IntentState.UNDONE


for _task in (Task.INSTALL, Task.REMOVE):
    SETTLERS[_task.value] = _settle
