"""Operators log in, lock the terminal and log out; card and password is one way, others plug in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, cast

from jukicard.apdu import Ins, StatusWord
from jukihost.channel import build_channel
from jukihost.connection import Connection as CardConnection
from jukihost.conversation.secrets import OperatorPassword
from jukihost.database import day_in_japan
from jukihost.ledger import OperatorRefused
from jukihost.models import OperatorPurpose
from jukihost.sessions.operator import Checks, OperatorBlocked, OperatorSession
from jukihost.workflows.asking import Conversation, PinUse, PinWanted, Question
from jukihost.workflows.door import AtTheDoor
from jukihost.workflows.duty import Duty
from jukihost.workflows.errors import Cancelled, NotApproved, NotOnDuty
from jukihost.workflows.hand import LOST
from jukihost.workflows.office import Desk
from jukihost.workflows.tasks import Task

Named = Callable[[str, bytes | None], None]
"""Takes down who somebody says they are, and the number of their card; refuses who may not in."""
TrustAt = Callable[[datetime], Checks]
"""Makes what certificates of operators are checked against at a moment: a `Trust`, say."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who has proven to be an operator, by which card if any; `stays`: it stays in its reader."""

    operator: str
    card: bytes | None = None
    stays: bool = False


class LogInMethod(Protocol):
    """A way in which an operator proves who they are: card and password, or palm veins."""

    def recognise(self, desk: Desk, named: Named) -> Recognised:
        """Return who has proven to be it; raise where nobody has.

        `named` is called as soon as it is known who they say they are, before anything is typed.
        """


class CardAndPassword:
    """An operator card in a reader, and its password::

        log_in(desk, CardAndPassword(reader, lambda at: Trust(anchors, at)))

    With `stays` the card stays in that reader, one beside that for residents' cards: whoever
    watches the reader says so when it is taken out (`card_gone`). Without, it is taken out after.
    """

    def __init__(
        self,
        connection: CardConnection,
        trust: TrustAt,
        *,
        stays: bool = False,
        second: bool = False,
    ) -> None:
        """Take an open connection to the card; `second`: of an operator beside who is on duty."""
        self._connection, self._trust = connection, trust
        self._stays, self._second = stays, second

    def recognise(self, desk: Desk, named: Named) -> Recognised:
        """Have the password typed, once; see `OperatorSession.log_in` for what is refused.

        OperatorRefused for a card of another town; Cancelled, where the last try is not agreed to.
        """
        with at_operator_card(desk, self._connection) as session:
            number, identity = session.card_number(), session.identity()
            if identity.municipality != desk.office.municipality:
                raise OperatorRefused("this operator card is another town's; it is used there")
            named(identity.identifier, number)
            password = present_password(
                desk.talk, session, identity.identifier, second=self._second
            )
            at = desk.database.clock.now()
            session.log_in(password, self._trust(at), today=day_in_japan(at))
        return Recognised(identity.identifier, number, self._stays)


def log_in(desk: Desk, method: LogInMethod) -> Duty:
    """Log an operator in at a desk, in place of whoever was on duty there.

    A wrong password is one attempt and one entry in the log: begin anew. OperatorRefused for a card
    that was lent to nobody, or to another; Stopped, where they could not lift it either.
    """
    duty = _let_in(desk, method, "")
    if desk.duty is not None:
        desk.duty.end()
    desk.duty, desk.supervisor = duty, None
    return duty


def call_second(desk: Desk, method: LogInMethod) -> Duty:
    """Log another operator in beside the one on duty, who decides or turns the switch with them.

    NotApproved, where it is the same person. Take them away again (`desk.supervisor = None`).
    """
    duty = _let_in(desk, method, "second operator")
    desk.supervisor = duty
    return duty


def _let_in(desk: Desk, method: LogInMethod, remark: str) -> Duty:
    with AtTheDoor(desk, Task.LOG_IN) as run:
        run.remark(remark)
        if remark and desk.duty is None:
            raise NotOnDuty("nobody is on duty here, beside whom a second operator logs in")
        found = method.recognise(desk, run.named)
        run.named(found.operator, found.card)
        if remark and desk.duty is not None and desk.duty.operator == found.operator:
            raise NotApproved("a second operator is another person than who is on duty")
        with run.finish() as connection:
            run.admitted(connection, found.operator, found.card)
            since = run.by.at
    return Duty(found.operator, since, card=found.card, stays=found.stays)


def log_out(desk: Desk) -> None:
    """End the duty at a desk. NotOnDuty; whatever else is raised, it has ended."""
    _end(desk, "")


def card_gone(desk: Desk) -> None:
    """End the duty whose operator card was taken out of its reader; for who watches that reader.

    Nothing happens where no card has to stay. DatabaseError; the duty has ended all the same.
    """
    if desk.duty is not None and desk.duty.stays:
        _end(desk, "card taken out")


def _end(desk: Desk, remark: str) -> None:
    duty, desk.duty, desk.supervisor = desk.duty, None, None
    if duty is not None:
        duty.end()
    with AtTheDoor(desk, Task.LOG_OUT, None if duty is None else duty.operator) as run:
        _ = run.by
        run.remark(remark)
        with run.finish():
            pass


def lock(desk: Desk) -> None:
    """Lock a terminal that is left alone: nothing goes on before somebody logs in. NotOnDuty."""
    desk.supervisor = None
    if desk.duty is not None:
        desk.duty.lock()
    with AtTheDoor(desk, Task.LOCK, None if desk.duty is None else desk.duty.operator) as run:
        _ = run.by
        with run.finish():
            pass


def change_password(desk: Desk, connection: CardConnection) -> date:
    """Have an operator change the password of their card, one that is over too; log in afterwards.

    Return the new one's last day. What the card refuses is as with
    `OperatorSession.change_password`; OperatorRefused as with `log_in`. Where the card is gone in
    the middle the password is the old one or the new one: the log says that it is unknown.
    """
    with AtTheDoor(desk, Task.CHANGE_PASSWORD) as run:
        with at_operator_card(desk, connection) as session:
            operator = session.identity().identifier
            run.named(operator, session.card_number())
            present = present_password(desk.talk, session, operator)
            after = typed_password(desk.talk, PinWanted(PinUse.NEW_OPERATOR, None, operator))
            try:
                until = session.change_password(present, after, today=run.day)
            except LOST:
                run.undecided = True
                raise
        with run.finish():
            return until


@contextmanager
def at_operator_card(
    desk: Desk,
    connection: CardConnection,
    purpose: OperatorPurpose = OperatorPurpose.OPERATOR_LOGIN,
) -> Iterator[OperatorSession]:
    """Give a session with an operator card that has proven itself to this office, and it to it."""
    with OperatorSession(build_channel(connection)) as session:
        session.authenticate(purpose, desk.office.custody, floor=desk.office.key_floor)
        yield session


def present_password(
    talk: Conversation, session: OperatorSession, operator: str, *, second: bool = False
) -> OperatorPassword:
    """Have the password typed: the tries are shown, and the last one is agreed to expressly.

    operator, second: whose it is, as `PinWanted` has it. OperatorBlocked, where none is left;
    PinFormatError, PadNotUsable, Cancelled.
    """
    tries = session.password_retries()
    if not tries:
        raise OperatorBlocked(StatusWord.REFERENCE_DATA_NOT_USABLE, Ins.VERIFY)
    if tries == 1 and not talk.agree(Question.LAST_TRY):
        raise Cancelled
    return typed_password(talk, PinWanted(PinUse.OPERATOR, tries, operator, second))


def typed_password(talk: Conversation, wanted: PinWanted) -> OperatorPassword:
    """Return a password that is typed at the terminal. PadNotUsable, PinFormatError, Cancelled."""
    return OperatorPassword.of(cast(str, talk.secret(wanted)))  # a pad is refused in words
