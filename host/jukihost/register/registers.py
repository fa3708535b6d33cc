"""The registers of other towns and of the prefecture, behind one protocol.

What a town gives to another goes from the one's database to the asking procedure and nowhere else:
neither prefecture nor centre is on the way. `LocalRegisters` reaches them in one process; a service
over a network is another implementation of `Registers`, with the same values and errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select

from jukihost.database import Database, DatabaseError
from jukihost.errors import TerminalError
from jukihost.ledger import By, ReceiptGap, check_running
from jukihost.models import ResidentCode
from jukihost.register.cardsthere import (
    CardSeen,
    CardThere,
    begin_stop,
    card_seen,
    check_holder,
    code_of_card,
    give_up_card,
    keep_gap,
)
from jukihost.register.errors import (
    NotNotified,
    ProvisionRefused,
    UnknownResident,
)
from jukihost.register.moving import Moving, announced_move, close_moved
from jukihost.register.provision import SEVEN, Asking, Body, Item, Use, items_for
from jukihost.register.residents import (
    Provided,
    code_of_record,
    columns_of,
    show_by_code,
    show_household,
    show_resident,
    value_of,
)
from jukihost.register.restrictions import decide
from jukihost.register.tables import changes, identities, residents


@dataclass(frozen=True, slots=True)
class Used:
    """A use of a register by another body, done or refused, for the log of the body that was asked.

    what: the function of `Registers`. why: what was said to who asked; empty where it was done.
    code: of the resident; None where a card was shown that nobody here knows. card: its number.
    town: that was asked; empty for the prefecture.
    """

    what: str
    asking: Asking
    code: ResidentCode | None
    why: str = ""
    card: bytes | None = None
    town: str = ""

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
        """Tell the town that a resident left that they have moved in: it closes its record.

        It may be told again, and knows it then.
        """

    def household_copy(self, town: str, code: ResidentCode, asking: Asking) -> tuple[Provided, ...]:
        """Return what a copy shows of everybody in a household, who was asked for first."""

    def announced_move(self, town: str, code: ResidentCode, asking: Asking) -> Moving:
        """Return the move that a resident announced in their town (付記転出届). NotAnnounced."""

    def card_seen(self, town: str, seen: CardSeen, asking: Asking) -> CardThere:
        """Tell a card's town that its card was seen; return what its ledger says of it.

        What was cut off at the suspending of it elsewhere is settled. UnknownCard, ReceiptGap.
        """

    def check_holder(self, town: str, number: bytes, code: ResidentCode, asking: Asking) -> None:
        """Check that a card's holder has this code, as its town knows them. HolderDiffers."""

    def begin_stop(self, town: str, number: bytes, identifier: bytes, asking: Asking) -> None:
        """Tell a card's town that its stopped card is about to be suspended itself; `card_seen`
        says afterwards whether it was. IntentOpen, NotAllowed, UnknownCard.
        """

    def give_up_card(
        self, town: str, number: bytes, code: ResidentCode, asking: Asking
    ) -> CardThere:
        """Have the town that a card's holder left give the card up to the town that asks.

        It may be asked again, and has given it up then. NotAllowed, HolderDiffers, UnknownCard.
        """

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
        used = Used("copy_of_record", asking, code, town=town)
        with self._use(self._town(town), used, Use.WIDE_AREA) as connection:
            return show_by_code(connection, code, asking)

    def moving_record(self, town: str, code: ResidentCode, asking: Asking) -> Provided:
        """Return what the town that a resident leaves tells the one that they move to."""
        used = Used("moving_record", asking, code, town=town)
        with self._use(self._town(town), used, Use.MOVE_IN) as connection:
            return show_by_code(connection, code, asking)

    def moved_in(self, town: str, code: ResidentCode, day: date, asking: Asking) -> None:
        """Tell the town that a resident left that they have moved in: it closes its record."""
        used = Used("moved_in", asking, code, town=town)
        with self._use(self._town(town), used, Use.MOVE_IN) as connection:
            close_moved(connection, code, day, asking)

    def household_copy(self, town: str, code: ResidentCode, asking: Asking) -> tuple[Provided, ...]:
        """Return what a copy shows of everybody in a household, who was asked for first."""
        used = Used("household_copy", asking, code, town=town)
        with self._use(self._town(town), used, Use.WIDE_AREA, noted=True) as connection:
            members = show_household(connection, code, asking)
            self._note_all(connection, used, members)
            return members

    def announced_move(self, town: str, code: ResidentCode, asking: Asking) -> Moving:
        """Return the move that a resident announced in their town (付記転出届). NotAnnounced."""
        used = Used("announced_move", asking, code, town=town)
        with self._use(self._town(town), used, Use.MOVE_IN, noted=True) as connection:
            moving = announced_move(connection, code, asking)
            self._note_all(connection, used, moving.members)
            return moving

    def _note_all(self, connection: Connection, used: Used, members: tuple[Provided, ...]) -> None:
        """Note a use of several records, one by one: each resident is told of theirs.

        In the order of their codes, as the log wants it.
        """
        codes = [code_of_record(connection, one.resident) for one in members]
        for code in sorted(codes, key=ResidentCode.reveal):
            self._note_use(connection, replace(used, code=code))

    def card_seen(self, town: str, seen: CardSeen, asking: Asking) -> CardThere:
        """Tell a card's town that its card was seen; return what its ledger says of it."""
        try:
            with self._card_use(town, "card_seen", seen.number, asking) as connection:
                return card_seen(connection, seen, asking.by)
        except ReceiptGap:
            with self._town(town).begin() as connection:
                keep_gap(connection, seen, asking.by)
            raise

    def check_holder(self, town: str, number: bytes, code: ResidentCode, asking: Asking) -> None:
        """Check that a card's holder has this code, as its town knows them. HolderDiffers."""
        with self._card_use(town, "check_holder", number, asking) as connection:
            check_holder(connection, number, code)

    def begin_stop(self, town: str, number: bytes, identifier: bytes, asking: Asking) -> None:
        """Tell a card's town that its stopped card is about to be suspended itself."""
        with self._card_use(town, "begin_stop", number, asking) as connection:
            begin_stop(connection, number, identifier, asking.by)

    def give_up_card(
        self, town: str, number: bytes, code: ResidentCode, asking: Asking
    ) -> CardThere:
        """Have the town that a card's holder left give the card up to the town that asks."""
        with self._card_use(town, "give_up_card", number, asking) as connection:
            return give_up_card(connection, number, code, asking)

    @contextmanager
    def _card_use(
        self, town: str, what: str, number: bytes, asking: Asking
    ) -> Iterator[Connection]:
        """Give the transaction of a use of a card, noted under its holder's code if it has one."""
        database = self._town(town)
        with database.read() as connection:
            code = code_of_card(connection, number)
        used = Used(what, asking, code, card=number, town=town)
        with self._use(database, used, Use.CARD_SEEN) as connection:
            if asking.body is not Body.OTHER_TOWN or not asking.town:
                raise ProvisionRefused("what the ledger says of a card is for other towns alone")
            yield connection

    def notify(self, town: str, resident: int, by: By) -> None:
        """Give the prefecture notice of a resident's identity information. NotNotified."""
        asking = Asking(by, Body.PREFECTURE, Use.NOTICE)
        database = self._town(town)
        with database.read() as connection:
            code = show_resident(connection, resident, asking)[Item.CODE]
        used = Used("notify", asking, code, town=town)
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
            self._note_use(connection, replace(used, why=str(error)))

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
