"""A secret of the card: changed by its holder, or set anew at the counter where it is blocked.

The holder types it. The counter's key sets it in the card, and so can set it again when the
card was gone in the middle. Only the Juki application's PIN is counted in the card's receipt: what
becomes of the others, and of that one on a card without receipts, nobody can know when the card
does not come back. Then it is uncertain until it is set anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from jukihost.channel import build_channel
from jukihost.conversation.secrets import Pin, Secret, SignaturePassword
from jukihost.conversation.secured import SecuredSession
from jukihost.errors import AppletNotFound, CardError, FileNotFound, StatusError
from jukihost.ledger import (
    CardAct,
    Intent,
    LedgerCard,
    Reason,
    Standing,
    finish_intent,
    move_card,
    open_intent,
    supersede,
    uncertain_purposes,
    undo_intent,
)
from jukihost.ledger.intents import ID_LENGTH
from jukihost.models import Purpose
from jukihost.pinpad import PinPad
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.text import TextSession
from jukihost.workflows.asking import PinUse, PinWanted, Step, verify_pin, verify_secret
from jukihost.workflows.cards import meet
from jukihost.workflows.changing import Change, change_and_finish
from jukihost.workflows.errors import Impossible, OtherCard, PinUncertain
from jukihost.workflows.hand import LOST, CardAtDesk
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

_SETTING: Final = (Task.CHANGE_PIN, Task.UNBLOCK_PIN)
"""After either the holder knows what the secret is."""


@dataclass(frozen=True, slots=True)
class PinSet:
    """A secret that has a new value, known to the holder alone, and all its tries."""

    card: bytes
    use: PinUse
    standing: Standing


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How a secret outside of the Juki application is asked for, verified and set.

    session: of its application. kind: checks the form of a new one.
    """

    session: type[SecuredSession]
    new: PinUse
    kind: Callable[[Any], Secret]
    retries: Callable[[Any], int]
    verify: Callable[[Any, Any], None]
    put: Callable[[Any, Any], None]


def _password(text: SignaturePassword | str) -> SignaturePassword:
    password = SignaturePassword.of(text)
    password.check_new()
    return password


ELSEWHERE: Final[Mapping[PinUse, Elsewhere]] = {
    PinUse.SIGNATURE: Elsewhere(
        JpkiSession,
        PinUse.NEW_SIGNATURE,
        _password,
        lambda jpki: cast("int", jpki.pin_retries(JpkiKey.SIGNATURE)),
        JpkiSession.verify_password,
        JpkiSession.unblock_password,
    ),
    PinUse.AUTHENTICATION: Elsewhere(
        JpkiSession,
        PinUse.NEW_AUTHENTICATION,
        Pin.of,
        lambda jpki: cast("int", jpki.pin_retries(JpkiKey.AUTHENTICATION)),
        JpkiSession.verify_pin,
        JpkiSession.unblock_pin,
    ),
    PinUse.TEXT: Elsewhere(
        TextSession,
        PinUse.NEW_TEXT,
        Pin.of,
        TextSession.pin_retries,
        TextSession.verify_pin,
        TextSession.unblock_pin,
    ),
    PinUse.COMMON: Elsewhere(
        CommonSession,
        PinUse.NEW_COMMON,
        Pin.of,
        CommonSession.pin_retries,
        CommonSession.verify_pin,
        CommonSession.unblock_pin,
    ),
}


def change_pin(
    desk: Desk, hand: CardAtDesk, presented: Presented, use: PinUse = PinUse.JUKI
) -> PinSet:
    """Let the holder prove a secret, and choose a new one (暗証番号の変更).

    use: JUKI, or SIGNATURE, AUTHENTICATION, TEXT or COMMON where the card has it. PinBlocked where
    no try is left, PinUncertain, PinFormatError, Cancelled; CutOff where the card
    does not come back.
    """
    return _set(desk, hand, presented, Task.CHANGE_PIN, use)


def unblock_pin(
    desk: Desk, hand: CardAtDesk, presented: Presented, use: PinUse = PinUse.JUKI
) -> PinSet:
    """Let the holder choose a secret anew that is blocked, forgotten or uncertain (再設定).

    As `change_pin`, without the old one.
    """
    return _set(desk, hand, presented, Task.UNBLOCK_PIN, use)


def _set(desk: Desk, hand: CardAtDesk, presented: Presented, task: Task, use: PinUse) -> PinSet:
    if use is not PinUse.JUKI and use not in ELSEWHERE:
        raise ValueError(f"{use.value!r} is not set in this way")
    with Procedure(desk, task) as run:
        if use is PinUse.JUKI:
            card = _set_juki(run, hand, presented)
        else:
            card = _set_elsewhere(run, hand, presented, use)
        desk.talk.progress(Step.DONE)
    return PinSet(card.number, use, card.standing)


# --- the PIN of the Juki application ---


def _set_juki(run: Procedure, hand: CardAtDesk, presented: Presented) -> LedgerCard:
    talk = run.desk.talk
    with hand.session(run.desk, allow_suspended=True) as juki:
        card = _met(run, hand, juki, presented)
        talk.progress(Step.PIN)
        if run.task is Task.CHANGE_PIN:
            _check_certain(run, card, PinUse.JUKI)
            verify_pin(talk, juki)
        new = Pin.of(_typed(run, PinUse.NEW_JUKI))
        change = Change(CardAct.CHANGE, Reason.PIN, (lambda session: session.unblock_pin(new),))
        with change_and_finish(run, hand, juki, card, change) as (connection, now):
            supersede(connection, card.number, _purposes(PinUse.JUKI))
            return move_card(connection, now, change.act, change.reason, run.by)


def _met(run: Procedure, hand: CardAtDesk, juki: JukiSession, presented: Presented) -> LedgerCard:
    card = meet(run, hand, juki)
    check_who_came(run, card.holder, presented)
    return card


def _typed(run: Procedure, use: PinUse) -> Any:
    return run.desk.talk.secret(PinWanted(use, None))


def _purposes(use: PinUse) -> frozenset[str]:
    return frozenset(_purpose(task, use) for task in _SETTING)


def _purpose(task: Task, use: PinUse) -> str:
    """Return what the intents of a procedure say: they tell the secrets of a card apart."""
    return task.value if use is PinUse.JUKI else f"{task.value} {use.value}"


# --- the others ---


def _set_elsewhere(
    run: Procedure, hand: CardAtDesk, presented: Presented, use: PinUse
) -> LedgerCard:
    run.remark(use.value)
    secret, talk = ELSEWHERE[use], run.desk.talk
    with hand.session(run.desk, allow_suspended=True) as juki:
        card = _met(run, hand, juki, presented)
    _check_certain(run, card, use)
    talk.progress(Step.PIN)
    with _counter(run, hand, secret) as session:
        _prove(run, secret, session, use)
    new = secret.kind(_typed(run, secret.new))
    intent = _opened(run, card, use)
    talk.progress(Step.WRITING)
    put_secret(run, hand, secret, new)
    with run.finish() as connection:
        finish_intent(connection, intent, run.by)
        supersede(connection, card.number, _purposes(use))
        return move_card(connection, card, CardAct.CHANGE, Reason.PIN, run.by)


def _check_certain(run: Procedure, card: LedgerCard, use: PinUse) -> None:
    """Refuse to try a secret of which nobody knows what it is. PinUncertain."""
    if run.task is Task.CHANGE_PIN:
        with run.desk.database.read() as connection:
            if uncertain_purposes(connection, card.number) & _purposes(use):
                raise PinUncertain


@contextmanager
def _counter(run: Procedure, hand: CardAtDesk, secret: Elsewhere) -> Iterator[SecuredSession]:
    """Give a session with an application of the same card, authenticated for COUNTER.

    OtherCard; Impossible where the card has no such application.
    """
    office = run.desk.office
    try:
        with secret.session(build_channel(hand.connection)) as session:
            session.authenticate(Purpose.COUNTER, office.custody, floor=office.key_floor)
            if session.card_number() != hand.number:
                raise OtherCard
            yield session
    except (AppletNotFound, FileNotFound):
        raise Impossible("this card has no such application, or no such secret in it") from None


def _prove(run: Procedure, secret: Elsewhere, session: SecuredSession, use: PinUse) -> None:
    """Have the old one typed where it is changed; ask for the tries alone where it is set anew."""

    def retries() -> int:
        return secret.retries(session)

    def verify(typed: str | PinPad) -> None:
        secret.verify(session, typed)

    if run.task is Task.CHANGE_PIN:
        verify_secret(run.desk.talk, use, retries, verify)
    else:
        retries()


def _opened(run: Procedure, card: LedgerCard, use: PinUse) -> Intent:
    with run.opening() as connection:
        run.intent = open_intent(
            connection,
            card,
            secrets.token_bytes(ID_LENGTH),
            _purpose(run.task, use),
            run.by,
            changes=0,
            act=CardAct.CHANGE,
            reason=Reason.PIN,
        )
    return run.intent


def put_secret(run: Procedure, hand: CardAtDesk, secret: Elsewhere, new: Secret) -> None:
    """Set it in the card, again where the card was gone meanwhile and is put back. CutOff."""
    lost: CardError | None = None
    while True:
        try:
            with _counter(run, hand, secret) as session:
                return secret.put(session, new)
        except StatusError:
            if lost is None and run.intent is not None:
                with suppress(CardError), run.step() as connection:
                    undo_intent(connection, run.intent, run.by)
                run.intent = None
            raise
        except LOST as gone:
            lost = gone
        hand.await_again(run.desk, lost)
