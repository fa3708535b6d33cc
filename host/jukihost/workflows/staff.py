"""Operators are entered, changed and dismissed; their cards lent, inspected, returned, revoked."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from jukihost.connection import Connection as CardConnection
from jukihost.ledger import (
    By,
    Lending,
    Operator,
    OperatorRefused,
    change_operator,
    dismiss_operator,
    enter_operator,
    find_lent,
    find_operator,
    inspect_card,
    lend_card,
    list_lendings,
    replace_card,
    return_card,
    revoke_card,
)
from jukihost.workflows.logging_in import LogInMethod, at_operator_card
from jukihost.workflows.office import Desk
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.stopping import second_at
from jukihost.workflows.tasks import Task

_Act = Callable[[Connection, bytes, By], None]


def enter_staff(desk: Desk, operator: Operator) -> Operator:
    """Enter an operator; a card is lent to them next. OperatorRefused."""
    with Procedure(desk, Task.OPERATORS) as run:
        run.remark(f"enter {operator.identifier}")
        with run.finish() as connection:
            enter_operator(connection, operator, run.by)
    return operator


def find_staff(desk: Desk, identifier: str) -> Operator:
    """Return an operator as they are now, for who is about to change them. OperatorRefused.

    It leaves an entry in the log where it is refused; else the change does.
    """
    looking = Procedure(desk, Task.OPERATORS)
    looking.remark(f"change {identifier}")
    looking.admit()
    with looking.noting(), desk.database.read() as connection:
        return find_operator(connection, identifier)


def change_staff(desk: Desk, old: Operator, new: Operator) -> Operator:
    """Change an operator's name, role, hours or right to export. OperatorRefused, ChangedMeanwhile.

    old: as they were read.
    """
    with Procedure(desk, Task.OPERATORS) as run:
        run.remark(f"change {old.identifier}")
        with run.finish() as connection:
            change_operator(connection, old, new, run.by)
    return new


def dismiss_staff(desk: Desk, identifier: str) -> None:
    """Let an operator work no longer, and revoke the card they have. OperatorRefused."""
    with Procedure(desk, Task.OPERATORS) as run:
        run.remark(f"dismiss {identifier}")
        with run.finish() as connection:
            dismiss_operator(connection, identifier, run.by)


def lend_operator_card(desk: Desk, connection: CardConnection, operator: str) -> Lending:
    """Lend the operator card in a reader to the operator that it names. OperatorRefused."""
    with Procedure(desk, Task.LEND_CARD) as run:
        number = _number(run, connection, operator)
        run.remark(f"lend to {operator}")
        with run.finish() as transaction:
            run.concerns(transaction, find_operator(transaction, operator))
            lend_card(transaction, number, operator, run.by)
            return _newest(transaction, number)


def inspect_operator_card(desk: Desk, connection: CardConnection) -> Lending:
    """Note that a lent card was there at the inspection: it is in the reader. OperatorRefused."""
    return _seen(desk, connection, "inspect", inspect_card)


def return_operator_card(desk: Desk, connection: CardConnection) -> Lending:
    """Take back the operator card in a reader, which can be lent again. OperatorRefused."""
    return _seen(desk, connection, "return", return_card)


def revoke_operator_card(desk: Desk, operator: str) -> Lending:
    """Let the card of an operator be good for nothing any more: it was lost. OperatorRefused.

    Whoever is logged in with it is not on duty any more, at any terminal.
    """
    with Procedure(desk, Task.LEND_CARD) as run:
        run.remark(f"revoke of {operator}")
        with run.finish() as connection:
            run.concerns(connection, find_operator(connection, operator))
            held = [
                one
                for one in list_lendings(connection)
                if one.operator == operator and one.ended is None
            ]
            if not held:
                raise OperatorRefused("this operator has no card that could be revoked")
            run.about(card=held[0].card)
            revoke_card(connection, held[0].card, run.by)
            return _newest(connection, held[0].card)


def replace_administrators_card(desk: Desk, method: LogInMethod, operator: str) -> Lending:
    """Revoke an administrator's card that is lost, and lend them another, which they log in with.

    For when no administrator is left who could do it alone: who is on duty and a second operator
    (`call_second`), both with the right `STOP`, do it together; neither is the one whose card it
    is. method: how the administrator proves the new card to be theirs. OperatorRefused,
    NotApproved.
    """
    with Procedure(desk, Task.REPLACE_CARD) as run:
        second = second_at(desk)
        run.remark(f"{operator}, with {second}")
        found = method.recognise(desk, lambda named, _: _check_named(named, operator))
        _check_named(found.operator, operator)
        if found.card is None:
            raise OperatorRefused("a card is replaced by a card; this way to log in has none")
        run.about(card=found.card)
        with run.finish() as connection:
            run.concerns(connection, find_operator(connection, operator))
            replace_card(connection, found.card, operator, run.by, second)
            lending = _newest(connection, found.card)
    desk.supervisor = None
    return lending


def _seen(desk: Desk, connection: CardConnection, word: str, act: _Act) -> Lending:
    with Procedure(desk, Task.LEND_CARD) as run:
        number = _number(run, connection, None)
        with run.finish() as transaction:
            whose = find_lent(transaction, number)
            run.concerns(transaction, whose)
            run.remark(f"{word} of {whose.identifier}")
            act(transaction, number, run.by)
            return _newest(transaction, number)


def _number(run: Procedure, connection: CardConnection, operator: str | None) -> bytes:
    """Return the number of the operator card in a reader, which names an operator if one is given.

    OperatorRefused.
    """
    with at_operator_card(run.desk, connection) as session:
        number, identity = session.card_number(), session.identity()
    run.about(card=number)
    if identity.municipality != run.desk.office.municipality:
        raise OperatorRefused("this operator card is another town's; it is used there")
    if operator is not None:
        _check_named(identity.identifier, operator)
    return number


def _check_named(named: str, operator: str) -> None:
    if named != operator:
        raise OperatorRefused("this operator card names another operator; lend it to that one")


def _newest(connection: Connection, card: bytes) -> Lending:
    return next(one for one in reversed(list_lendings(connection)) if one.card == card)
