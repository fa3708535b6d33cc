"""The registers of other towns and of the prefecture, behind one protocol.

What a town gives to another goes from the one's database to the asking procedure and nowhere else:
neither prefecture nor centre is on the way. `LocalRegisters` reaches them in one process; a service
over a network is another implementation of `Registers`, with the same values and errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select

from jukihost.database import Database, DatabaseError
from jukihost.errors import TerminalError
from jukihost.ledger import By, check_running
from jukihost.models import ResidentCode
from jukihost.register.errors import (
    NotNotified,
    ProvisionRefused,
    UnknownResident,
)
from jukihost.register.provision import SEVEN, Asking, Body, Item, Use, items_for
from jukihost.register.residents import (
    ChangeReason,
    Provided,
    close_record,
    columns_of,
    show_by_code,
    show_resident,
    value_of,
)
from jukihost.register.restrictions import decide
from jukihost.register.tables import changes, identities, residents


@dataclass(frozen=True, slots=True)
class Used:
    """A use of a register by another body, done or refused, for the log of the body that was asked.

    what: the function of `Registers`. why: what was said to who asked; empty where it was done.
    """

    what: str
    asking: Asking
    code: ResidentCode
    why: str = ""

    @property
    def done(self) -> bool:
        """Whether it was done."""
        return not self.why


class Registers(Protocol):
    """How a procedure reaches the registers of other bodies.

    A town is named by its five-digit code. What a register refuses (`RegisterError`, `Stopped`),
    and a database that is away, is raised to who asks; UnknownResident too where the town is not
    known here.
    """

    def copy_of_record(self, town: str, code: ResidentCode, asking: Asking) -> Provided:
        """Return what a copy of the resident record in another town shows (広域交付)."""

    def moving_record(self, town: str, code: ResidentCode, asking: Asking) -> Provided:
        """Return what the town that a resident leaves tells the one that they move to."""

    def moved_in(self, town: str, code: ResidentCode, day: date, asking: Asking) -> None:
        """Tell the town that a resident left that they have moved in: it closes its record."""

    def notify(self, town: str, resident: int, by: By) -> None:
        """Give the prefecture notice of a resident's identity information. NotNotified."""

    def identity(self, code: ResidentCode, asking: Asking) -> Provided:
        """Return what the prefecture may give a body of identity information."""


class LocalRegisters:
    """Registers in this process, a database a body.

    towns: the database of each, by its five-digit code.
    note: keeps a use in the log of the body that was asked, in the transaction of the use, or in
    one of its own where it was refused. What cannot be noted is not done.
    """

    def __init__(
        self,
        towns: Mapping[str, Database],
        prefecture: Database,
        note: Callable[[Connection, Used], None],
    ) -> None:
        self._towns, self._prefecture, self._note_use = dict(towns), prefecture, note

    def copy_of_record(self, town: str, code: ResidentCode, asking: Asking) -> Provided:
        """Return what a copy of the resident record in another town shows (広域交付)."""
        used = Used("copy_of_record", asking, code)
        with self._use(self._town(town), used, Use.WIDE_AREA) as connection:
            return show_by_code(connection, code, asking)

    def moving_record(self, town: str, code: ResidentCode, asking: Asking) -> Provided:
        """Return what the town that a resident leaves tells the one that they move to."""
        used = Used("moving_record", asking, code)
        with self._use(self._town(town), used, Use.MOVE_IN) as connection:
            return show_by_code(connection, code, asking)

    def moved_in(self, town: str, code: ResidentCode, day: date, asking: Asking) -> None:
        """Tell the town that a resident left that they have moved in: it closes its record."""
        used = Used("moved_in", asking, code)
        with self._use(self._town(town), used, Use.MOVE_IN) as connection:
            record = show_by_code(connection, code, asking)
            close_record(connection, record, ChangeReason.MOVED_OUT, day, asking.by)

    def notify(self, town: str, resident: int, by: By) -> None:
        """Give the prefecture notice of a resident's identity information. NotNotified."""
        asking = Asking(by, Body.PREFECTURE, Use.NOTICE)
        database = self._town(town)
        with database.read() as connection:
            code = show_resident(connection, resident, asking)[Item.CODE]
        used = Used("notify", asking, code)
        with self._use(database, used, Use.NOTICE, noted=True) as connection:
            # Held until the prefecture has it: no older notice overtakes a newer one.
            connection.execute(
                select(residents.c.id).where(residents.c.id == resident).with_for_update()
            )
            record = show_resident(connection, resident, asking)
            if not record.notified:
                raise NotNotified
            self._note_use(connection, used)  # before the prefecture keeps it: it is not undone
            with self._prefecture.begin() as there:
                check_running(there)
                _keep(there, record, _codes_before(connection, resident))

    def identity(self, code: ResidentCode, asking: Asking) -> Provided:
        """Return what the prefecture may give a body of identity information."""
        with self._use(self._prefecture, Used("identity", asking, code), asking.use) as connection:
            items = items_for(asking)
            if not items <= set(SEVEN):
                raise ProvisionRefused("this is a town's to give, not the prefecture's")
            row = connection.execute(
                select(identities).where(identities.c.code == code.reveal())
            ).one_or_none()
            if row is None:
                raise UnknownResident
            if row.restricted:
                decide(connection, asking)
            given = {item: value_of(row, item) for item in SEVEN if item in items}
            return Provided(0, row.municipality, 0, row.restricted, True, given)

    @contextmanager
    def _use(
        self, database: Database, used: Used, use: Use, *, noted: bool = False
    ) -> Iterator[Connection]:
        """Give the transaction of a use, which is noted at its end, unless it was `noted` in it."""
        try:
            with database.begin() as connection:
                check_running(connection)
                if used.asking.use is not use:
                    raise ProvisionRefused(f"this is given for {use.value!r} alone")
                yield connection
                if not noted:
                    self._note_use(connection, used)
        except TerminalError as error:
            if not isinstance(error, DatabaseError):
                self._note_refusal(database, used, error)
            raise

    def _note_refusal(self, database: Database, used: Used, error: TerminalError) -> None:
        with database.begin() as connection:
            self._note_use(connection, Used(used.what, used.asking, used.code, str(error)))

    def _town(self, town: str) -> Database:
        try:
            return self._towns[town]
        except KeyError:
            raise UnknownResident from None


def _codes_before(connection: Connection, resident: int) -> list[str]:
    rows = connection.execute(select(changes.c.code).where(changes.c.resident == resident))
    return sorted(set(rows.scalars()))


def _keep(connection: Connection, record: Provided, codes: list[str]) -> None:
    """Put a resident's identity information in the place of what was there, under any code."""
    connection.execute(delete(identities).where(identities.c.code.in_(codes)))
    columns = columns_of({item: record[item] for item in SEVEN})
    del columns["name_key"]
    connection.execute(
        insert(identities).values(
            municipality=record.municipality, restricted=record.restricted, **columns
        )
    )
