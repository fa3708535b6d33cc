"""Other certificates for a card in use: it makes new key pairs, and the old ones are over.

The old keys are gone with the first new one, and of the signature pair nobody but the holder can
see what the card has. So what is cut off and not gone on with is undone on the safe side: the
certificates of these pairs are revoked, and the holder is given others when they are back.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Final

from jukihost.channel import build_channel
from jukihost.clock import day_in_japan
from jukihost.errors import AppletNotFound, CardError
from jukihost.issuing import (
    AuthorityError,
    CertificateAuthority,
    CertificateUse,
    HolderItems,
    IssuedCertificate,
    RevocationReason,
    certificates_of,
    check_certificate_issue,
    renew_certificates,
    revoke_certificate,
)
from jukihost.ledger import (
    CardAct,
    Intent,
    IntentState,
    LedgerCard,
    Reason,
    drop_certificates,
    enter_certificate,
    finish_intent,
    move_card,
    open_intent,
    uncertain_purposes,
    undo_intent,
)
from jukihost.ledger.intents import ID_LENGTH
from jukihost.models import CardInfo
from jukihost.register import Item, Known, show_resident
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.workflows.asking import PinUse, Step, verify_secret
from jukihost.workflows.cards import meet
from jukihost.workflows.changing import SETTLERS
from jukihost.workflows.errors import Impossible, NoIssuingHere, OtherCard, PinUncertain
from jukihost.workflows.hand import LOST, CardAtDesk
from jukihost.workflows.making import card_kind
from jukihost.workflows.office import Desk
from jukihost.workflows.pins import ELSEWHERE
from jukihost.workflows.presenting import Presented, asking_here, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

PAIRS: Final = frozenset({CertificateUse.SIGNATURE, CertificateUse.AUTHENTICATION})
_KEYS: Final = {
    CertificateUse.SIGNATURE: JpkiKey.SIGNATURE,
    CertificateUse.AUTHENTICATION: JpkiKey.AUTHENTICATION,
}


@dataclass(frozen=True, slots=True)
class Reissued:
    """A card with other certificates: their numbers at the authority, and their last days."""

    card: bytes
    certificates: tuple[int, ...]
    until: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class _Order:
    """What is certified: the card and its holder as ledger and register have them, which pairs."""

    card: LedgerCard
    known: Known
    holder: HolderItems
    uses: tuple[CertificateUse, ...]

    @property
    def info(self) -> CardInfo:
        """The card's own data, of which the last day counts, or that of the holder's stay."""
        card, stay = self.card, self.known.residence_until
        expires = card.expires if stay is None else min(card.expires, stay)
        return CardInfo(card.municipality, card.form, card.issued, expires)


def reissue_certificate(
    desk: Desk,
    hand: CardAtDesk,
    presented: Presented,
    uses: Collection[CertificateUse] = PAIRS,
) -> Reissued:
    """Have a card in use make new key pairs, and give them certificates (電子証明書の再発行).

    uses: which of the pairs that the card has. The holder types the secret of each first, and it
    stays. The certificates last as those of a new card, and not beyond the card. Those that were on
    it are revoked. IssueEnded for Juki cards after 22 December 2015, 17:00; NoIssuingHere;
    PinBlocked, PinUncertain: the secret is set anew first; AddressRestricted where a supervisor has
    to log in here; AuthorityAway; Impossible; CutOff where the card does not come back.
    """
    with Procedure(desk, Task.REISSUE_CERTIFICATE) as run:
        authority = _authority(desk)
        with hand.session(desk, allow_suspended=True) as juki:
            card = meet(run, hand, juki)
        known = check_who_came(run, card.holder, presented)
        check_certificate_issue(card_kind(card), run.by.at)
        _check_stays(run, known)
        holder = _holder(run, known)
        order = _Order(card, known, holder, _proven(run, hand, card, uses))
        run.remark(" ".join(order.uses))
        issued = _renewed(run, hand, order, authority)
        desk.talk.progress(Step.LEDGER)
        with run.finish() as connection:
            if run.intent is not None:
                finish_intent(connection, run.intent, run.by)
            move_card(connection, card, CardAct.CHANGE, Reason.CERTIFICATE, run.by)
        desk.talk.progress(Step.DONE)
    until = tuple(day_in_japan(one.last) for one in issued)
    return Reissued(card.number, tuple(one.serial for one in issued), until)


def _authority(desk: Desk) -> CertificateAuthority:
    if desk.office.authority is None:
        raise NoIssuingHere
    return desk.office.authority


def _check_stays(run: Procedure, known: Known) -> None:
    if known.closed is not None:
        raise Impossible("the record of the card's holder is closed: it gets no certificate")
    if known.residence_until is not None and known.residence_until < run.day:
        raise Impossible("the resident's period of stay has ended: it has to be extended first")


def _holder(run: Procedure, known: Known) -> HolderItems:
    """Return what a certificate says of its holder; a supervisor decides on restrictions."""
    asking = asking_here(run)
    with run.desk.database.read() as connection:
        shown = show_resident(connection, known.resident, asking)
    return HolderItems(
        name=shown[Item.NAME].text,
        address=shown[Item.ADDRESS].text,
        sex=shown[Item.SEX],
        birth=known.born,
        foreign=known.residence_until is not None,
    )


def _proven(
    run: Procedure, hand: CardAtDesk, card: LedgerCard, uses: Collection[CertificateUse]
) -> tuple[CertificateUse, ...]:
    """Have the holder type the secret of each pair that the card has; return which those are."""
    with run.desk.database.read() as connection:
        uncertain = uncertain_purposes(connection, card.number)
    try:
        with JpkiSession(build_channel(hand.connection)) as jpki:
            if jpki.card_number() != hand.number:
                raise OtherCard
            there = tuple(use for use, key in _KEYS.items() if use in uses and jpki.has_key(key))
            if not there:
                raise Impossible("this card has no such key pair; a Juki card signs, and no more")
            if any(one.endswith(f" {use.value}") for one in uncertain for use in there):
                raise PinUncertain
            run.desk.talk.progress(Step.PIN)
            for use in there:
                _prove(run, jpki, use)
            return there
    except AppletNotFound:
        raise Impossible("this card has no place for certificates") from None


def _prove(run: Procedure, jpki: JpkiSession, use: CertificateUse) -> None:
    pin = PinUse(use.value)
    secret = ELSEWHERE[pin]
    verify_secret(
        run.desk.talk, pin, lambda: secret.retries(jpki), lambda typed: secret.verify(jpki, typed)
    )


def _renewed(
    run: Procedure, hand: CardAtDesk, order: _Order, authority: CertificateAuthority
) -> tuple[IssuedCertificate, ...]:
    """Make pairs and certificates, anew where the card was gone and is put back. CutOff.

    The intent is written before the first pair is made: from there on the old keys are gone.
    """
    run.desk.talk.progress(Step.KEYS)
    while True:
        try:
            return renew_certificates(
                hand.connection,
                order.holder,
                order.info,
                custody=run.desk.office.custody,
                authority=authority,
                at=run.by.at,
                keys=[_KEYS[use] for use in order.uses],
                on_begin=lambda: _open(run, order),
                on_certified=lambda issued: _note(run, order.card.number, issued),
            )
        except LOST as gone:
            lost = gone
        except CardError:
            _give_up(run, order)
            raise
        hand.await_again(run.desk, lost)


def _open(run: Procedure, order: _Order) -> None:
    if run.intent is not None:
        return
    with run.opening() as connection:
        intent = open_intent(
            connection,
            order.card,
            secrets.token_bytes(ID_LENGTH),
            " ".join((run.task.value, *order.uses)),
            run.by,
            changes=0,
            act=CardAct.CHANGE,
            reason=Reason.CERTIFICATE,
        )
    run.intent = intent


def _note(run: Procedure, card: bytes, issued: Iterable[IssuedCertificate]) -> None:
    """Enter the certificates in the ledger, before they are on the card."""
    with run.step() as connection:
        for one in issued:
            enter_certificate(connection, card, one.serial, one.use.value, run.by)


def _give_up(run: Procedure, order: _Order) -> None:
    """Undo what card or authority refused; where that cannot be done now it is done later."""
    if run.intent is None:
        return
    _revoke(run, order.card.number, order.uses)
    with suppress(CardError):
        with run.step() as connection:
            undo_intent(connection, run.intent, run.by)
            drop_certificates(connection, order.card.number, order.uses, run.by.at)
        run.intent = None


def _revoke(run: Procedure, card: bytes, uses: Collection[CertificateUse]) -> None:
    """Revoke what the authority has of these pairs, and perhaps the ledger has not heard of."""
    authority = run.desk.office.authority
    if authority is None:
        return
    with suppress(AuthorityError):  # what the ledger knows of is told later
        for one in certificates_of(authority, card):
            if one.use in uses:
                revoke_certificate(
                    authority, one.serial, RevocationReason.CESSATION_OF_OPERATION, run.by.at
                )


def _settle(run: Procedure, hand: CardAtDesk, intent: Intent) -> IntentState:
    """Undo what was cut off: nobody can see whether the old keys are there still."""
    uses = tuple(CertificateUse(word) for word in intent.purpose.split()[1:])
    _revoke(run, intent.card, uses)
    run.remark("certificates revoked")
    with run.finish() as connection:
        undo_intent(connection, intent, run.by)
        drop_certificates(connection, intent.card, uses, run.by.at)
    return IntentState.UNDONE


SETTLERS[Task.REISSUE_CERTIFICATE.value] = _settle
