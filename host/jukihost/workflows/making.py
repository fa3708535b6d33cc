"""Issuing: a blank card is made a holder's, and handed over to who typed the PIN.

A card that is being made stands in the ledger as `ISSUING` before it is touched. Each part of it is
made whole or not at all, and the card says which are made: so the same call with the same card goes
on where another was cut off.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection

from jukihost.conversation.secrets import Pin, Secret
from jukihost.issuing import (
    CardKind,
    CardOrder,
    CardStanding,
    CertificateUse,
    HolderItems,
    IssuedCertificate,
    IssueEnded,
    IssuingMeans,
    Personalised,
    card_last_day,
    check_card_issue,
    examine_card,
    personalise,
)
from jukihost.issuing.standing import check_usable
from jukihost.ledger import (
    CardAct,
    CertificateState,
    HasCard,
    LedgerCard,
    LedgerState,
    NewCard,
    Reason,
    UnknownCard,
    cards_of,
    certificates_of,
    claim_card,
    claim_of_card,
    enter_card,
    enter_certificate,
    find_card,
    find_intent,
    finish_claim,
    settle_claim,
    take_receipt,
)
from jukihost.models import CardForm, CardInfo
from jukihost.register import (
    Item,
    Known,
    NotNotified,
    Provided,
    UnknownResident,
    code_of_record,
    known_resident,
    show_resident,
)
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.asking import PinUse, PinWanted, Step
from jukihost.workflows.cards import meet
from jukihost.workflows.changing import Change, change_card, receipt_of, settle
from jukihost.workflows.errors import Impossible, NoIssuingHere, NotMade
from jukihost.workflows.hand import LOST, CardAtDesk
from jukihost.workflows.office import Desk
from jukihost.workflows.pins import ELSEWHERE, put_secret
from jukihost.workflows.presenting import Presented, asking_here, check_presented, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

_WAITING: Final = frozenset({LedgerState.ISSUING})


@dataclass(frozen=True, slots=True, kw_only=True)
class CardWish:
    """What is made of a blank card beside what the register says. `repr` shows nothing personal.

    photo: JPEG 2000, for form 2. my_number, security_code: of a My Number card, 12 and 4 digits.
    with_certificates: False for who wants none.
    """

    form: CardForm = CardForm.WITH_PHOTO
    photo: bytes | None = field(default=None, repr=False)
    my_number: str | None = field(default=None, repr=False)
    security_code: str | None = field(default=None, repr=False)
    with_certificates: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a list of people, for which a card is made: which list, and the row's number."""

    batch: str
    number: int


@dataclass(frozen=True, slots=True)
class Issued:
    """A card that is made, and waits to be handed over; what it is and until when it lasts."""

    card: bytes
    kind: CardKind
    form: CardForm
    expires: date
    certificates: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A card that its holder has now."""

    card: bytes
    expires: date


def issue_card(
    desk: Desk, hand: CardAtDesk, holder: int, wish: CardWish, presented: Presented
) -> Issued:
    """Make the blank card in the reader a holder's: contents, key pairs, certificates; no PIN.

    The same card is made whole where it was begun before. NotNotified for who asked not to be
    notified to the prefecture (P23), IssueEnded outside the time of cards of this kind (P24),
    Impossible, HasCard where another one is being made, NotBlank, NotOurCard, CutOff.
    """
    return issue_row(desk, hand, holder, wish, presented, None)


def issue_row(
    desk: Desk, hand: CardAtDesk, holder: int, wish: CardWish, presented: Presented, row: Row | None
) -> Issued:
    """Make the blank card in the reader a holder's, for a row of a list where one is given.

    The card is claimed for the row before it is touched, and the claim is done with the last
    transaction. ChangedMeanwhile where another process has made the same card meanwhile; otherwise
    as `issue_card`.
    """
    with Procedure(desk, Task.ISSUE) as run:
        means = means_of(desk)
        with run.desk.database.read() as connection:
            run.about(resident=code_of_record(connection, holder))
            known = entitled(connection, holder, run.day)
            check_presented(run, presented, known.born, known.resident)
            provided = show_resident(connection, holder, asking_here(run))
        desk.talk.progress(Step.CARD)
        standing = examine_card(hand.connection, means.issuer)
        hand.number = standing.number
        run.about(card=standing.number)
        check_card_issue(standing.kind, run.day)
        if standing.done:
            _settled(run, hand)
        card, begun = _entered(run, standing, known, wish, row)
        order = _order(card, provided, known, wish)
        made = _made(run, hand, order, means, begun=begun, standing=standing)
        desk.talk.progress(Step.LEDGER)
        with run.finish() as connection:
            card = find_card(connection, card.number)
            if made.receipt is not None:
                take_receipt(connection, card, made.receipt.number, made.receipt.intent)
            (settle_claim if row is None else finish_claim)(connection, card.number, run.by)
    serials = tuple(one.serial for one in made.certificates)
    return Issued(card.number, standing.kind, card.form, card.expires, serials)


def hand_over(desk: Desk, hand: CardAtDesk, presented: Presented) -> HandedOver:
    """Hand a card over that was made: the holder types the PINs (P31), and the card is valid.

    HasCard where the holder has a valid card: that one is returned, or abolished, first. As
    `issue_card` for who may not have one by now.
    """
    with Procedure(desk, Task.HAND_OVER) as run:
        standing = examine_card(hand.connection, means_of(desk).issuer)
        run.about(card=standing.number)
        if not standing.done:
            raise NotMade
        with hand.session(desk) as juki:
            card = waiting_card(run, hand, juki)
        check_who_came(run, card.holder, presented)
        with desk.database.read() as connection:
            entitled(connection, card.holder, run.day)
            if cards_of(connection, card.holder, valid=True):
                raise HasCard
        pin, others = have_secrets_typed(desk, card)
        for use, secret in others.items():
            put_secret(run, hand, ELSEWHERE[use], secret)
        change = Change(
            CardAct.HAND_OVER, Reason.APPLICATION, (lambda juki: juki.unblock_pin(pin),)
        )
        with hand.session(desk) as juki:
            card = change_card(run, hand, juki, card, change)
    return HandedOver(card.number, card.expires)


def means_of(desk: Desk) -> IssuingMeans:
    """Return what this office issues with. NoIssuingHere."""
    office = desk.office
    if office.issuer is None or office.authority is None:
        raise NoIssuingHere
    return IssuingMeans(
        issuer=office.issuer,
        custody=office.custody,
        authority=office.authority,
        records=office.records,
    )


def entitled(connection: Connection, holder: int, day: date) -> Known:
    """Return the resident, who may have a card on this day.

    UnknownResident, NotNotified, Impossible, Stopped.
    """
    known = known_resident(connection, holder)
    if known.closed is not None:
        raise UnknownResident
    if not known.notified:
        raise NotNotified
    if known.residence_until is not None and known.residence_until < day:
        raise Impossible("the resident's period of stay has ended: it has to be extended first")
    return known


def _entered(
    run: Procedure, standing: CardStanding, known: Known, wish: CardWish, row: Row | None
) -> tuple[LedgerCard, bool]:
    """Return the ledger's card, entered before it is touched; and whether it was there before."""
    with run.step() as connection:
        with suppress(UnknownCard):
            card = find_card(connection, standing.number)
            _check_begun(connection, card, known, wish, row)
            return card, True
        check_usable(standing, None)  # what is somebody's in another ledger is in none here
        issued = run.day
        expires = card_last_day(standing.kind, issued, known.born, known.residence_until)
        new = NewCard(
            standing.number, known.resident, wish.form, known.municipality, issued, expires
        )
        card = enter_card(connection, new, run.by)
        if row is not None:
            claim_card(connection, card, row.batch, row.number, run.by)
        return card, False


def _check_begun(
    connection: Connection, card: LedgerCard, known: Known, wish: CardWish, row: Row | None
) -> None:
    """Check that a card which the ledger has was begun for this holder. Impossible."""
    if (card.state, card.holder) != (LedgerState.ISSUING, known.resident):
        raise Impossible("this card is another holder's, or was made already: take a blank one")
    if row is None:
        return
    claim = claim_of_card(connection, card.number)
    if claim is None or claim.done:
        raise Impossible("this card was made, or begun, at the counter: it is finished there")
    if card.form is not wish.form:
        raise Impossible("this card was begun with another form: finish it with that one")


def _order(card: LedgerCard, provided: Provided, known: Known, wish: CardWish) -> CardOrder:
    return CardOrder(
        code=known.code,
        info=CardInfo(card.municipality, card.form, card.issued, card.expires),
        holder=HolderItems(
            name=provided[Item.NAME].text,
            address=provided[Item.ADDRESS].text,
            sex=provided[Item.SEX],
            birth=known.born,
            foreign=known.residence_until is not None,
            my_number=wish.my_number,
            security_code=wish.security_code,
            photo=wish.photo,
        ),
        with_certificates=wish.with_certificates,
    )


def _made(
    run: Procedure,
    hand: CardAtDesk,
    order: CardOrder,
    means: IssuingMeans,
    *,
    begun: bool,
    standing: CardStanding | None,
) -> Personalised:
    """Make the card, also over several tries with the same card. CutOff."""
    run.desk.talk.progress(Step.KEYS)
    card = hand.number or b""
    while True:
        number = card if begun else None
        try:
            return personalise(
                hand.connection,
                order,
                means,
                at=run.by.at,
                number=number,
                standing=standing,
                on_certified=lambda issued: _note(run, card, issued),
            )
        except LOST as lost:
            begun, standing = True, None
            hand.await_again(run.desk, lost)


def _note(run: Procedure, number: bytes, issued: tuple[IssuedCertificate, ...]) -> None:
    """Enter the certificates in the ledger, before they are on the card."""
    with run.step() as connection:
        for one in issued:
            enter_certificate(connection, number, one.serial, one.use.value, run.by)


def _settled(run: Procedure, hand: CardAtDesk) -> None:
    """Settle what was cut off on a card that is made, as `meet` does: it may be handed over."""
    with run.desk.database.read() as connection:
        intent = find_intent(connection, hand.number or b"")
    if intent is not None:
        with hand.session(run.desk, allow_suspended=True) as juki:
            settle(run.desk, hand, juki, intent, receipt_of(juki))


def waiting_card(run: Procedure, hand: CardAtDesk, juki: JukiSession) -> LedgerCard:
    """Return the card, which is made and waits for its holder. Impossible, as `meet`."""
    number, receipt = juki.card_number(), receipt_of(juki)
    with suppress(UnknownCard), run.step() as connection:
        card = find_card(connection, number)
        told = card.receipt or find_intent(connection, number) is not None
        if card.state is LedgerState.ISSUING and receipt is not None and not told:
            # made, and cut off before the ledger was told
            take_receipt(connection, card, receipt.number, receipt.intent)
    card = meet(run, hand, juki, also=_WAITING)
    if card.state is not LedgerState.ISSUING:
        raise Impossible(f"this card is {card.standing}: it was handed over before")
    return card


_PAIRS: Final = {
    CertificateUse.SIGNATURE.value: PinUse.SIGNATURE,
    CertificateUse.AUTHENTICATION.value: PinUse.AUTHENTICATION,
}


def have_secrets_typed(desk: Desk, card: LedgerCard) -> tuple[Pin, dict[PinUse, Secret]]:
    """Have the holder type every secret that the card has, before anything is changed.

    The PIN of the common application, which no service asks for, is the Juki application's.
    """
    with desk.database.read() as connection:
        there = certificates_of(connection, card.number)
    uses = {_PAIRS[one.use] for one in there if one.state is CertificateState.VALID}
    successor = card_kind(card) is CardKind.MY_NUMBER
    if successor:
        uses.add(PinUse.TEXT)
    desk.talk.progress(Step.PIN)
    pin = Pin.of(_new(desk, PinUse.NEW_JUKI))
    others = {
        use: secret.kind(_new(desk, secret.new)) for use, secret in ELSEWHERE.items() if use in uses
    }
    return pin, others | ({PinUse.COMMON: pin} if successor else {})


def _new(desk: Desk, use: PinUse) -> Any:
    return desk.talk.secret(PinWanted(use, None))


def card_kind(card: LedgerCard) -> CardKind:
    """Return what kind a card of the ledger is: by the day on which it was issued."""
    try:
        check_card_issue(CardKind.JUKI, card.issued)
    except IssueEnded:
        return CardKind.MY_NUMBER
    return CardKind.JUKI
