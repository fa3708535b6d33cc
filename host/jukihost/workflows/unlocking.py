"""A locked operator card is unlocked by another office, by a grant that is good once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from jukihost.connection import Connection as CardConnection
from jukihost.conversation.secrets import OperatorPassword
from jukihost.keys import UnknownKey
from jukihost.ledger import Grant, find_lent, grant_unlock, use_grant
from jukihost.models import OperatorPurpose
from jukihost.sessions.operator import OperatorSession
from jukihost.workflows.asking import PinUse, PinWanted
from jukihost.workflows.errors import AnotherOffice, Impossible, UnlockUnknown
from jukihost.workflows.hand import LOST
from jukihost.workflows.logging_in import at_operator_card, typed_password
from jukihost.workflows.office import Desk, Office
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Unlocked:
    """An operator card that has all its tries again: whose it is, and by whose grant."""

    card: bytes
    operator: str
    granted_by: str


def grant_unlocking(desk: Desk, card: bytes, lasts: timedelta = A_DAY) -> Grant:
    """Grant that a locked operator card is unlocked once, within a time, a week at most.

    card: its number. An administrator does it, for another's card, at an office that has the key of
    `ADMIN`. AnotherOffice, OperatorRefused.
    """
    with Procedure(desk, Task.GRANT_UNLOCK) as run:
        run.about(card=card)
        _check_office(desk.office)
        with run.finish() as connection:
            whose = find_lent(connection, card)
            run.concerns(connection, whose)
            run.remark(whose.identifier)
            return grant_unlock(connection, card, lasts, run.by)


def unlock_operator(
    desk: Desk, connection: CardConnection, *, new_password: bool = False
) -> Unlocked:
    """Give the operator card in a reader its tries again, and use the grant for it up.

    It is done where the key of `ADMIN` is (AnotherOffice). The grant is used up before the card is
    touched: whatever happens then, a second unlocking needs a second grant. new_password: its
    operator types a new one. Impossible for a card that is not locked; OperatorRefused where there
    is no grant; UnlockUnknown where the card was gone before its answer came.
    """
    with Procedure(desk, Task.UNLOCK_OPERATOR) as run:
        _check_office(desk.office)
        with at_operator_card(desk, connection, OperatorPurpose.ADMIN) as session:
            number = session.card_number()
            run.about(card=number)
            if session.password_retries():
                raise Impossible("this operator card is not locked; its password has tries left")
            new = _new_password(desk, number) if new_password else None
            grant = _taken(run, number)
            _unlock(run, session, new)
        with run.finish():
            return Unlocked(number, grant.operator, grant.granted_by)


def _new_password(desk: Desk, card: bytes) -> OperatorPassword:
    """Have whose card it is type a new one. OperatorRefused for a card that is lent to nobody."""
    with desk.database.read() as connection:
        whose = find_lent(connection, card).identifier
    new = typed_password(desk.talk, PinWanted(PinUse.NEW_OPERATOR, None, whose))
    new.check_new()
    return new


def _taken(run: Procedure, card: bytes) -> Grant:
    with run.step() as connection:
        run.concerns(connection, find_lent(connection, card))
        grant = use_grant(connection, card, run.by)
    run.remark(f"{grant.operator}, granted by {grant.granted_by}")
    return grant


def _unlock(run: Procedure, session: OperatorSession, new: OperatorPassword | None) -> None:
    try:
        if new is not None:
            session.tell_date(run.day)
        session.unlock(new)
    except LOST as lost:
        run.undecided = True
        raise UnlockUnknown from lost


def _check_office(office: Office) -> None:
    """Check that this office has the key of ADMIN. AnotherOffice."""
    try:
        office.custody.newest_version(OperatorPurpose.ADMIN.name)
    except UnknownKey:
        raise AnotherOffice from None
