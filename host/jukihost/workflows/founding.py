"""How an office begins: its log, its first two operators and their cards, once and for all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from jukihost.ledger import By, Operator, OperatorRefused, enter_first_operators, lend_card
from jukihost.ledger.tables import cards, operators
from jukihost.log import create_log
from jukihost.models import OperatorPurpose, Purpose
from jukihost.register.tables import residents
from jukihost.workflows.door import AtTheDoor
from jukihost.workflows.errors import AlreadyFounded
from jukihost.workflows.logging_in import LogInMethod, Recognised
from jukihost.workflows.office import Desk
from jukihost.workflows.tasks import Task

_KEYS: Final = (OperatorPurpose.OPERATOR_LOGIN.name, Purpose.COUNTER.name)
"""The keys without which nobody could log in, or do anything for a resident."""


@dataclass(frozen=True, slots=True)
class Founder:
    """One of the first two administrators, and how they prove that they are it."""

    operator: Operator
    method: LogInMethod


@dataclass(frozen=True, slots=True)
class Founded:
    """An office that has begun: its log's name, and who enters all others."""

    origin: str
    at: datetime
    operators: tuple[str, str]


def found_office(desk: Desk, origin: str, first: Founder, second: Founder) -> Founded:
    """Begin an office in an empty database: the log, and two administrators with their cards.

    desk: at the first terminal, with nobody on duty. origin: the name of the log. Each of the two
    logs in once; then all of it lands in one transaction, or none. The office has its keys before
    (UnknownKey). AlreadyFounded where there is anything; OperatorRefused.
    """
    with AtTheDoor(desk, Task.FOUND, first.operator.identifier) as run:
        with desk.database.read() as connection:
            _check_empty(connection)
        for key in _KEYS:
            desk.office.custody.newest_version(key)
        found = [_proven(desk, one) for one in (first, second)]
        names = (first.operator.identifier, second.operator.identifier)
        run.remark(f"with {names[1]}")
        with run.finish() as connection:
            _check_empty(connection)
            enter_first_operators(connection, first.operator, second.operator)
            create_log(connection, origin)
            by = run.by
            for one, other in zip(found, reversed(names), strict=True):
                if one.card is not None:
                    lender = By(other, by.terminal, by.at)
                    lend_card(connection, one.card, one.operator, lender)
    return Founded(origin, by.at, names)


def _proven(desk: Desk, founder: Founder) -> Recognised:
    """Have one of the two log in. OperatorRefused where it is another."""

    def check(named: str, _: bytes | None) -> None:
        if named != founder.operator.identifier:
            raise OperatorRefused("this is another operator than the one who is to be entered")

    found = founder.method.recognise(desk, check)
    check(found.operator, found.card)
    return found


def _check_empty(connection: Connection) -> None:
    """Check that nobody and nothing is there yet. AlreadyFounded."""
    for table in (operators, cards, residents):
        if connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise AlreadyFounded
