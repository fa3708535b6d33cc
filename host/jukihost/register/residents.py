"""Residents: entered, searched, shown, changed, and closed; whoever sees an address asks first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from jukihost.ledger import By, check_running
from jukihost.models import ResidentCode, Sex
from jukihost.register.errors import (
    ProvisionRefused,
    RecordChanged,
    ResidentExists,
    TextRefused,
    UnknownResident,
)
from jukihost.register.provision import FAMILY, Asking, Item, items_for
from jukihost.register.received import AsReceived, check_text, search_key
from jukihost.register.restrictions import end_all_restrictions, may_see_address
from jukihost.register.tables import changes, family, residents

MOST_FOUND: Final = 100
"""The most residents that a search returns."""
_KNOWN: Final = select(
    residents.c.code,
    residents.c.born,
    residents.c.household,
    residents.c.municipality,
    residents.c.notified,
    residents.c.residence_until,
    residents.c.closed,
).where(residents.c.id == bindparam("resident"))
_SHOWN: Final = (
    select(residents, family)
    .join_from(residents, family, residents.c.id == family.c.resident, isouter=True)
    .where(residents.c.closed.is_(None))
)
_BY_NUMBER: Final = _SHOWN.where(residents.c.id == bindparam("resident"))
_BY_CODE: Final = _SHOWN.where(residents.c.code == bindparam("resident_code"))


class ChangeReason(Enum):
    """Why a record was changed (異動事由)."""

    BIRTH = "birth"
    MOVED_IN = "moved_in"
    MOVED_WITHIN = "moved_within"
    NAME_CHANGED = "name_changed"
    CODE_CHANGED = "code_changed"
    CORRECTED = "corrected"
    HOUSEHOLD_CHANGED = "household_changed"
    STAY_EXTENDED = "stay_extended"
    MOVED_OUT = "moved_out"
    DIED = "died"
    STRUCK_OFF = "struck_off"
    """The record was closed by the town's own authority (職権消除)."""


CLOSING: Final = (ChangeReason.MOVED_OUT, ChangeReason.DIED, ChangeReason.STRUCK_OFF)
"""Reasons that close a record."""


@dataclass(frozen=True, slots=True, repr=False)
class Resident:
    """What is entered of a resident. `repr` shows nothing of it.

    household: a number that all members share, who have one address.
    relation: to its head (続柄).
    residence_until: of a foreign resident.
    notified: False where they asked that the prefecture is not given notice.
    domicile, family_head: from the family register, both or neither.
    """

    municipality: str
    name: AsReceived
    address: AsReceived
    sex: Sex
    born: date
    code: ResidentCode
    reason: ChangeReason
    changed: date
    household: int
    relation: str
    alias: AsReceived | None = None
    residence_until: date | None = None
    notified: bool = True
    domicile: AsReceived | None = None
    family_head: AsReceived | None = None

    def __repr__(self) -> str:
        return "<Resident>"


Value = AsReceived | Sex | date | ResidentCode | ChangeReason | int | str | None
"""What an item can be."""


@dataclass(frozen=True, slots=True)
class Provided:
    """What was given of a resident; each item by `provided[Item.NAME]`. `repr` shows none.

    resident: the number of the record in the register of `municipality`; 0 at the prefecture.
    version: of the record, what a change is compared with.
    restricted: whether the address is under restriction: whoever is given it has to know.
    """

    resident: int
    municipality: str
    version: int
    restricted: bool
    notified: bool
    values: Mapping[Item, Value] = field(repr=False)

    def __getitem__(self, item: Item) -> Any:
        try:
            return self.values[item]
        except KeyError:
            raise ProvisionRefused(f"the item {item.value!r} was not given for this") from None


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """Somebody who may be the one that is searched: no address, no code."""

    resident: int
    name: AsReceived
    alias: AsReceived | None
    born: date

    def __repr__(self) -> str:
        return f"<Found {self.resident}>"


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """What the rules of a procedure ask of a resident: no name, no address. `repr` shows none.

    residence_until: of a foreign resident. closed: the day on which the record was closed.
    """

    resident: int
    code: ResidentCode
    born: date
    household: int
    municipality: str
    notified: bool
    residence_until: date | None
    closed: date | None

    def __repr__(self) -> str:
        return f"<Known {self.resident}>"


def enter_resident(connection: Connection, resident: Resident, by: By) -> int:
    """Enter a resident; return the number of the record. ResidentExists, TextRefused, Stopped."""
    check_running(connection)
    columns = _columns(resident)
    taken = select(residents.c.id).where(residents.c.code == resident.code.reveal())
    if connection.execute(taken).first():
        raise ResidentExists
    made: int = connection.execute(
        insert(residents).values(version=1, **columns).returning(residents.c.id)
    ).scalar_one()
    _enter_family(connection, made, resident)
    _note(connection, made, by)
    return made


def enter_mover(connection: Connection, resident: Resident, by: By) -> int:
    """Enter who moves in: whoever has lived here before has their closed record opened again.

    As `enter_resident`. RecordChanged.
    """
    check_running(connection)
    mine = residents.c.code == resident.code.reveal()
    before = select(residents.c.id, residents.c.version).where(
        mine, residents.c.closed.is_not(None)
    )
    row = connection.execute(before).one_or_none()
    if row is None:
        return enter_resident(connection, resident, by)
    as_read = (residents.c.id == row.id) & (residents.c.version == row.version)
    opened = (
        update(residents)
        .where(as_read)
        .values(closed=None, version=row.version + 1, **_columns(resident))
    )
    if connection.execute(opened).rowcount != 1:
        raise RecordChanged
    connection.execute(delete(family).where(family.c.resident == row.id))
    number: int = row.id
    _enter_family(connection, number, resident)
    _note(connection, number, by)
    return number


def _columns(resident: Resident) -> dict[str, object]:
    """Return the columns of a record, without those of the family register. TextRefused."""
    if (resident.domicile is None) != (resident.family_head is None):
        raise TextRefused("of the family register there is domicile and head, or neither")
    AsReceived(resident.municipality)  # plain texts are held to the same as names
    values: dict[Item, Any] = {
        item: getattr(resident, item.value) for item in Item if item not in FAMILY
    }
    beside = {"municipality": resident.municipality, "notified": resident.notified}
    return beside | columns_of(values)


def _enter_family(connection: Connection, number: int, resident: Resident) -> None:
    if resident.domicile is not None:
        ours = columns_of({item: getattr(resident, item.value) for item in FAMILY})
        connection.execute(insert(family).values(resident=number, **ours))


def search_residents(connection: Connection, text: str, born: date | None = None) -> list[Found]:
    """Return whose name or alias begins like this, however written; `born` leaves fewer. Stopped.

    At most `MOST_FOUND`: with that many, say more of the name, or the day of birth. TextRefused.
    """
    check_running(connection)
    check_text(text)
    key = search_key(text)
    if not key:
        return []
    columns = residents.c
    wanted = select(
        columns.id,
        columns.name,
        columns.name_origin,
        columns.alias,
        columns.alias_origin,
        columns.born,
    ).where(
        or_(_begins(columns.name_key, key), _begins(columns.alias_key, key)),
        columns.closed.is_(None),
    )
    if born is not None:
        wanted = wanted.where(columns.born == born)
    rows = connection.execute(wanted.order_by(columns.id).limit(MOST_FOUND))
    return [
        Found(row.id, _received(row, "name"), _received(row, "alias"), row.born) for row in rows
    ]


def _begins(column: ColumnElement[Any], key: str) -> ColumnElement[bool]:
    """Return the condition that a key begins like another, which an index answers."""
    return and_(column >= key, column < key + "\U0010ffff")


def show_resident(connection: Connection, resident: int, asking: Asking) -> Provided:
    """Return what a body may be given for a purpose, of a resident by the record's number.

    ProvisionRefused, AddressRestricted, UnknownResident, Stopped.
    """
    return _provide(connection, asking, _BY_NUMBER, {"resident": resident})


def show_by_code(connection: Connection, code: ResidentCode, asking: Asking) -> Provided:
    """Return what a body may be given for a purpose, of the resident with a code.

    As `show_resident`. The table of provisions is asked before the code is looked up.
    """
    return _provide(connection, asking, _BY_CODE, {"resident_code": code.reveal()})


def show_household(
    connection: Connection, code: ResidentCode, asking: Asking
) -> tuple[Provided, ...]:
    """Return what a body may be given of everybody in a household, who was asked for first.

    As `show_by_code`: whoever is under restriction, it is asked of all.
    """
    mine = show_by_code(connection, code, asking)
    columns = residents.c
    household = select(columns.household).where(columns.id == mine.resident).scalar_subquery()
    others = select(columns.id).where(
        columns.household == household, columns.closed.is_(None), columns.id != mine.resident
    )
    numbers = connection.execute(others.order_by(columns.id)).scalars()
    return (mine, *(show_resident(connection, one, asking) for one in numbers))


def _provide(
    connection: Connection, asking: Asking, wanted: Executable, whom: dict[str, object]
) -> Provided:
    check_running(connection)
    items = items_for(asking)
    row = connection.execute(wanted, whom).one_or_none()
    if row is None:
        raise UnknownResident
    restricted = may_see_address(connection, row.id, row.household, asking)
    return Provided(
        row.id,
        row.municipality,
        row.version,
        restricted,
        row.notified,
        {item: value_of(row, item) for item in Item if item in items},
    )


def known_resident(connection: Connection, resident: int) -> Known:
    """Return what procedures go by that show nothing of a resident, also of a closed record.

    No name and no address, so that no restriction is asked. UnknownResident, Stopped.
    """
    check_running(connection)
    return _known(connection, resident)


def known_by_code(connection: Connection, code: ResidentCode) -> Known:
    """Return what `known_resident` does, of the open record with a code. UnknownResident, Stopped.

    For a procedure to which the holder has shown the code, in their card.
    """
    check_running(connection)
    columns = residents.c
    mine = (columns.code == code.reveal()) & columns.closed.is_(None)
    number = connection.execute(select(columns.id).where(mine)).scalar_one_or_none()
    if number is None:
        raise UnknownResident
    return _known(connection, number)


def code_of_record(connection: Connection, resident: int) -> ResidentCode:
    """Return the code under which uses of a record are noted in the log. UnknownResident.

    For the log alone, which is written while everything is stopped too.
    """
    return _known(connection, resident).code


def _known(connection: Connection, resident: int) -> Known:
    row = connection.execute(_KNOWN, {"resident": resident}).one_or_none()
    if row is None:
        raise UnknownResident
    return Known(
        resident,
        ResidentCode(row.code),
        row.born,
        row.household,
        row.municipality,
        row.notified,
        row.residence_until,
        row.closed,
    )


def change_resident(
    connection: Connection,
    provided: Provided,
    new: Mapping[Item, Value],
    reason: ChangeReason,
    day: date,
    by: By,
) -> None:
    """Change items of a record, where it still is as it was read. RecordChanged, Stopped.

    Of the family register both items or neither. TextRefused for a text that cannot be kept;
    ResidentExists where a new code is another's.
    """
    check_running(connection)
    if {Item.REASON, Item.CHANGED} & new.keys() or reason in CLOSING:
        raise ValueError("reason and day are said apart, and close_record closes a record")
    values = {**new, Item.REASON: reason, Item.CHANGED: day}
    code = values.get(Item.CODE)
    if isinstance(code, ResidentCode):
        taken = select(residents.c.id).where(residents.c.code == code.reveal())
        if connection.execute(taken.where(residents.c.id != provided.resident)).first():
            raise ResidentExists
    ours: dict[Item, Value] = {item: values.pop(item) for item in FAMILY if item in values}
    _update(connection, provided, columns_of(values), by)
    if ours:
        _update_family(connection, provided.resident, ours)


def _update_family(connection: Connection, resident: int, new: dict[Item, Value]) -> None:
    if new.keys() != set(FAMILY) or None in new.values():
        raise TextRefused("of the family register domicile and head are changed together")
    columns = columns_of(new)
    mine = family.c.resident == resident
    if not connection.execute(update(family).where(mine).values(columns)).rowcount:
        connection.execute(insert(family).values(resident=resident, **columns))


def set_notified(connection: Connection, provided: Provided, notified: bool, by: By) -> None:
    """Note whether the prefecture is given notice of a resident. RecordChanged, Stopped."""
    check_running(connection)
    _update(connection, provided, {"notified": notified}, by)


def close_record(
    connection: Connection, provided: Provided, reason: ChangeReason, day: date, by: By
) -> None:
    """Close the record of who moved out or died, and end their restrictions.

    In the town that somebody moves to, a restriction has to be asked for again. RecordChanged,
    Stopped; ValueError for a reason that closes nothing.
    """
    check_running(connection)
    if reason not in CLOSING:
        raise ValueError("this reason closes no record")
    columns = columns_of({Item.REASON: reason, Item.CHANGED: day})
    _update(connection, provided, columns | {"closed": day}, by)
    end_all_restrictions(connection, provided.resident, day, reason.value)


def _update(connection: Connection, provided: Provided, columns: dict[str, object], by: By) -> None:
    as_read = (residents.c.id == provided.resident) & (residents.c.version == provided.version)
    changed = connection.execute(
        update(residents)
        .where(as_read, residents.c.closed.is_(None))
        .values(version=residents.c.version + 1, **columns)
    )
    if changed.rowcount != 1:
        raise RecordChanged
    _note(connection, provided.resident, by)


def former_values(
    connection: Connection, resident: int, asking: Asking
) -> list[tuple[datetime, Provided]]:
    """Return what the record said after each change, the oldest first, and when it was changed.

    As `show_resident`; former addresses count as addresses.
    """
    now = show_resident(connection, resident, asking)
    items = now.values.keys() - set(FAMILY)
    rows = connection.execute(
        select(changes).where(changes.c.resident == resident).order_by(changes.c.version)
    )
    return [
        (
            row.at,
            Provided(
                resident,
                now.municipality,
                row.version,
                now.restricted,
                now.notified,
                {item: value_of(row, item) for item in Item if item in items},
            ),
        )
        for row in rows
    ]


def _note(connection: Connection, resident: int, by: By) -> None:
    kept = {"at", "operator", "terminal", "resident"}
    names = [column.name for column in changes.c if column.name not in kept]
    row = connection.execute(
        select(*(residents.c[name] for name in names)).where(residents.c.id == resident)
    ).one()
    connection.execute(
        insert(changes).values(
            resident=resident,
            at=by.at,
            operator=by.operator,
            terminal=by.terminal,
            **dict(zip(names, row, strict=True)),
        )
    )


def columns_of(values: Mapping[Item, Any]) -> dict[str, object]:
    """Return the columns of items; of a name also what it is found by. TextRefused."""
    columns: dict[str, object] = {}
    for item, value in values.items():
        name = item.value
        if item is Item.RELATION:
            AsReceived(value)
        if isinstance(value, AsReceived):
            columns |= {name: value.text, f"{name}_origin": value.origin}
        elif isinstance(value, ResidentCode):
            columns[name] = value.reveal()
        elif item is Item.ALIAS:
            columns |= {name: None, f"{name}_origin": None}
        else:
            columns[name] = value.value if isinstance(value, Enum) else value
        if item in (Item.NAME, Item.ALIAS):
            columns[f"{name}_key"] = search_key(value.text) if value else None
    return columns


def value_of(row: Any, item: Item) -> Any:
    """Return an item of a row that has its columns."""
    if item in (Item.NAME, Item.ADDRESS, Item.ALIAS, *FAMILY):
        return _received(row, item.value)
    value = getattr(row, item.value)
    made = _MADE.get(item)
    return value if made is None else made(value)


_MADE: Final[Mapping[Item, Callable[[Any], Value]]] = {
    Item.SEX: Sex,
    Item.CODE: ResidentCode,
    Item.REASON: ChangeReason,
}
"""What the items are made of that a column does not keep as they are."""


def _received(row: Any, name: str) -> Any:
    text = getattr(row, name)
    return None if text is None else AsReceived(text, getattr(row, f"{name}_origin"))
