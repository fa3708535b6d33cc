"""Operators: who works at the terminals, as what and when, and which card they were lent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from sqlalchemy import Connection, Row, bindparam, insert, select, text, update

from jukihost.clock import JAPAN
from jukihost.ledger.acting import By
from jukihost.ledger.errors import ChangedMeanwhile, OperatorRefused
from jukihost.ledger.roles import RIGHTS, Right, Role
from jukihost.ledger.switching import have_switch
from jukihost.ledger.tables import lendings, operators
from jukihost.ledger.words import check_words

_MANAGING: Final = 5497163
"""PostgreSQL's advisory lock of who changes operators."""
_OPERATOR: Final = select(operators).where(operators.c.identifier == bindparam("identifier"))
_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """When an operator may work, in Japan: weekdays (Monday is 0), from a minute up to another.

    `until` 00:00 is the end of the day. ValueError where that is no time at all.
    """

    weekdays: frozenset[int] = frozenset(range(5))
    since: time = time(8)
    until: time = time(18)

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= frozenset(range(7)):
            raise ValueError("weekdays are numbers from 0 (Monday) to 6, and there is one at least")
        if not self.first_minute < self.last_minute:
            raise ValueError("hours end later than they begin, on the same day")

    @property
    def first_minute(self) -> int:
        """The minute of the day from which it is allowed."""
        return self.since.hour * 60 + self.since.minute

    @property
    def last_minute(self) -> int:
        """The minute of the day from which it no longer is."""
        return self.until.hour * 60 + self.until.minute or _DAY

    def allow(self, at: datetime) -> bool:
        """Tell whether a moment is within them."""
        here = at.astimezone(JAPAN)
        minute = here.hour * 60 + here.minute
        return here.weekday() in self.weekdays and self.first_minute <= minute < self.last_minute


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator as the ledger has them. WordsRefused.

    may_export: a right of its own, off by default.
    """

    identifier: str
    name: str
    role: Role
    hours: Hours = Hours()
    may_export: bool = False

    def __post_init__(self) -> None:
        check_words("operator's identifier", self.identifier)
        check_words("operator's name", self.name)

    @property
    def rights(self) -> frozenset[Right]:
        """What this operator may do, at their hours."""
        return RIGHTS[self.role] | ({Right.EXPORT} if self.may_export else frozenset())


@dataclass(frozen=True, slots=True)
class Lending:
    """An operator card that was lent; `outcome` is `returned` or `revoked` once it has ended."""

    card: bytes
    operator: str
    lent: datetime
    inspected: datetime | None
    ended: datetime | None
    outcome: str | None


def enter_first_operators(connection: Connection, first: Operator, second: Operator) -> None:
    """Enter the two administrators who enter all others, while there is nobody yet.

    Two, so that the emergency stop can be turned. Of two terminals that do it at once, one is
    refused. OperatorRefused.
    """
    have_switch(connection)
    if any_operators(connection):
        raise OperatorRefused("there are operators already; one with the right for it enters more")
    if {first.role, second.role} != {Role.ADMINISTRATOR} or first.identifier == second.identifier:
        raise OperatorRefused("the first operators are two administrators")
    for operator in (first, second):
        _enter(connection, operator)


def enter_operator(connection: Connection, operator: Operator, by: By) -> None:
    """Enter an operator. OperatorRefused where `by` may not, or the identifier was given before."""
    _check_manager(connection, by, operator.identifier)
    _enter(connection, operator)


def _enter(connection: Connection, operator: Operator) -> None:
    mine = operators.c.identifier == operator.identifier
    if connection.execute(select(operators.c.identifier).where(mine)).first():
        raise OperatorRefused("this identifier was given before, and is given once")
    values = {"identifier": operator.identifier, "version": 1, **_columns(operator)}
    connection.execute(insert(operators).values(values))


def change_operator(connection: Connection, old: Operator, new: Operator, by: By) -> None:
    """Change name, role, hours or `may_export`. OperatorRefused, ChangedMeanwhile."""
    _check_manager(connection, by, old.identifier)
    if old.identifier != new.identifier:
        raise OperatorRefused("an operator's identifier stays; enter another operator")
    as_it_was = [operators.c[name] == value for name, value in _columns(old).items()]
    _change(connection, old.identifier, *as_it_was, values=_columns(new))


def dismiss_operator(connection: Connection, identifier: str, by: By) -> None:
    """Let an operator work no longer, and revoke the card they have. OperatorRefused."""
    _check_manager(connection, by, identifier)
    _change(connection, identifier, operators.c.dismissed.is_(None), values={"dismissed": by.at})
    connection.execute(
        update(lendings)
        .where(lendings.c.operator == identifier, lendings.c.ended.is_(None))
        .values(ended=by.at, outcome="revoked")
    )


def _change(
    connection: Connection, identifier: str, *conditions: object, values: dict[str, object]
) -> None:
    changed = connection.execute(
        update(operators)
        .where(operators.c.identifier == identifier, *conditions)  # type: ignore[arg-type]
        .values(version=operators.c.version + 1, **values)
    )
    if not changed.rowcount:
        raise ChangedMeanwhile
    _check_enough(connection)


def _check_enough(connection: Connection) -> None:
    """Check that there are two who turn the emergency stop, and one who enters operators."""
    there = select(operators.c.role).where(operators.c.dismissed.is_(None))
    rights = [RIGHTS[Role(role)] for role in connection.execute(there).scalars()]
    if sum(Right.STOP in one for one in rights) < 2 or not any(
        Right.OPERATORS in one for one in rights
    ):
        raise OperatorRefused(
            "two operators who may turn the emergency stop must stay, an administrator among them; "
            "enter another first"
        )


def any_operators(connection: Connection) -> bool:
    """Tell whether any operator was ever entered: before, there is nobody to be asked."""
    return connection.execute(select(operators.c.identifier).limit(1)).first() is not None


def find_operator(connection: Connection, identifier: str) -> Operator:
    """Return an operator. OperatorRefused where there is none, or no longer."""
    row = connection.execute(_OPERATOR, {"identifier": identifier}).one_or_none()
    if row is None or row.dismissed is not None:
        raise OperatorRefused("there is no such operator, or no longer")
    return _operator(row)


def check_right(connection: Connection, identifier: str, right: Right, at: datetime) -> Operator:
    """Return an operator who may do this at this moment. OperatorRefused.

    The emergency stop is turned at any hour; everything else at the operator's own.
    """
    operator = find_operator(connection, identifier)
    if right not in operator.rights:
        raise OperatorRefused(f"this operator has not the right {right.value!r}; ask one who has")
    if right is not Right.STOP:
        check_hours(operator, at)
    return operator


def lend_card(connection: Connection, card: bytes, operator: str, by: By) -> None:
    """Lend an operator card, one a person. OperatorRefused."""
    _check_manager(connection, by, operator)
    find_operator(connection, operator)
    _lend(connection, card, operator, by)


def _lend(connection: Connection, card: bytes, operator: str, by: By) -> None:
    taken = select(lendings.c.id).where(
        ((lendings.c.operator == operator) & lendings.c.ended.is_(None))
        | ((lendings.c.card == card) & (lendings.c.ended.is_(None)))
        | ((lendings.c.card == card) & (lendings.c.outcome == "revoked"))
    )
    if connection.execute(taken).first():
        raise OperatorRefused(
            "this operator has a card, or this card is lent or was revoked; take it back first"
        )
    connection.execute(
        insert(lendings).values(card=card, operator=operator, lent=by.at, by=by.operator)
    )


def return_card(connection: Connection, card: bytes, by: By) -> None:
    """Take a lent card back, which can be lent again. OperatorRefused."""
    _end_lending(connection, card, by, "returned")


def revoke_card(connection: Connection, card: bytes, by: By) -> None:
    """Let a lent card be good for nothing any more, as when it was lost. OperatorRefused."""
    _end_lending(connection, card, by, "revoked")


def _end_lending(connection: Connection, card: bytes, by: By, outcome: str) -> None:
    _change_lending(connection, card, by, {"ended": by.at, "outcome": outcome})


def replace_card(
    connection: Connection, card: bytes, operator: str, by: By, second: str
) -> Operator:
    """Revoke the card of an administrator, and lend them another: what two others do together.

    It serves when no administrator is left who could: both have the right `STOP`, and neither is
    the one whose card it is. Return whose it is now. OperatorRefused.
    """
    have_operators(connection)
    if len({by.operator, second, operator}) != 3:
        raise OperatorRefused("an administrator's card is replaced by two others together")
    for one in (by.operator, second):
        check_right(connection, one, Right.STOP, by.at)
    whose = find_operator(connection, operator)
    if whose.role is not Role.ADMINISTRATOR:
        raise OperatorRefused("this is no administrator: an administrator lends them a card")
    held = (lendings.c.operator == operator) & lendings.c.ended.is_(None)
    connection.execute(update(lendings).where(held).values(ended=by.at, outcome="revoked"))
    _lend(connection, card, operator, by)
    return whose


def inspect_card(connection: Connection, card: bytes, by: By) -> None:
    """Note that a lent card was there when the cards were inspected. OperatorRefused."""
    _change_lending(connection, card, by, {"inspected": by.at})


def _change_lending(connection: Connection, card: bytes, by: By, values: dict[str, object]) -> None:
    check_right(connection, by.operator, Right.OPERATORS, by.at)
    lent = (lendings.c.card == card) & lendings.c.ended.is_(None)
    if not connection.execute(update(lendings).where(lent).values(values)).rowcount:
        raise OperatorRefused("this card is not lent to anybody")


def list_lendings(connection: Connection) -> list[Lending]:
    """Return every lending of an operator card, the first one first."""
    rows = connection.execute(select(lendings).order_by(lendings.c.id))
    return [
        Lending(row.card, row.operator, row.lent, row.inspected, row.ended, row.outcome)
        for row in rows
    ]


def find_lent(connection: Connection, card: bytes) -> Operator:
    """Return whose operator card this is, at whatever hour. OperatorRefused."""
    lent = (lendings.c.card == card) & lendings.c.ended.is_(None)
    identifier = connection.execute(select(lendings.c.operator).where(lent)).scalar_one_or_none()
    if identifier is None:
        raise OperatorRefused("this card is lent to nobody, or was revoked")
    return find_operator(connection, identifier)


def check_lent(connection: Connection, card: bytes, at: datetime) -> Operator:
    """Return whose operator card this is, who may work now. OperatorRefused."""
    operator = find_lent(connection, card)
    check_hours(operator, at)
    return operator


def check_hours(operator: Operator, at: datetime) -> None:
    """Check that these are an operator's hours. OperatorRefused."""
    if not operator.hours.allow(at):
        raise OperatorRefused(
            "these are not the hours of this operator; an administrator sets them"
        )


def _check_manager(connection: Connection, by: By, whom: str) -> None:
    """Check that `by` may; others that change operators wait until the transaction ends."""
    have_operators(connection)
    check_right(connection, by.operator, Right.OPERATORS, by.at)
    if by.operator == whom:
        raise OperatorRefused("nobody changes what they may do themselves; ask another")


def have_operators(connection: Connection) -> None:
    """Have all who change operators, their cards and grants wait until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MANAGING})"))


def _columns(operator: Operator) -> dict[str, object]:
    return {
        "name": operator.name,
        "role": operator.role.value,
        "may_export": operator.may_export,
        "weekdays": "".join(str(day) for day in sorted(operator.hours.weekdays)),
        "first_minute": operator.hours.first_minute,
        "last_minute": operator.hours.last_minute,
    }


def _operator(row: Row[tuple[object, ...]]) -> Operator:
    since, until = divmod(row.first_minute, 60), divmod(row.last_minute % _DAY, 60)
    days = frozenset(int(day) for day in row.weekdays)
    hours = Hours(days, time(*since), time(*until))
    return Operator(row.identifier, row.name, Role(row.role), hours, row.may_export)
