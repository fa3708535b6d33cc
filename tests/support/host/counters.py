"""A town's counter for tests: an office with its log, people at its desks, a holder and their card.

`Reader` is a reader whose card is pulled at any exchange, before or after the card has acted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final, Self

from sqlalchemy import select, union_all

from jukicard import PROFILES, Card, LocalReader, Printed, issue_card
from jukicard.runtime.boundary import raise_bug
from jukihost.clock import JAPAN, MovableClock
from jukihost.database import Database
from jukihost.errors import CardRemoved
from jukihost.keys.counted import CountedCustody
from jukihost.ledger import (
    By,
    CardAct,
    LedgerCard,
    NewCard,
    Operator,
    Reason,
    Role,
    UnknownCard,
    enter_card,
    enter_first_operators,
    enter_operator,
    find_card,
    move_card,
    open_intents,
)
from jukihost.log import Derivations, Use, create_log
from jukihost.log.tables import entries, queue
from jukihost.models import CardForm, CardState
from jukihost.register import Resident, enter_resident
from jukihost.workflows import CardAtDesk, Desk, Duty, Office, Paused, PinWanted, Question, Step
from tests.support.host.custody import CountingMasters
from tests.support.host.ledgers import ALWAYS, FIRST, SECOND
from tests.support.host.residents import RESIDENT, TOWN, another
from tests.support.host.town import ORIGIN, PSEUDONYMS

PIN: Final = "4711"
CLERK: Final = "clerk-1"
SUPERVISOR: Final = "super-1"
AUDITOR: Final = "auditor-1"

_DERIVATIONS: Final = b"jukihost-derivations@"


class Reader:
    """A reader in this process; `pull` has its card pulled at an exchange from now on."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self._reader = LocalReader(card)
        self.exchanges = 0
        self._pulled_at: int | None = None
        self._acts = False
        self._error: Callable[[], BaseException] = _pulled
        self.description = "a reader for tests"

    def pull(
        self, at: int, *, acts: bool, error: Callable[[], BaseException] | None = None
    ) -> None:
        """Have the card pulled at an exchange, from 0; `acts`: after the card has done it.

        error: makes what is raised then, where it is not that the card is gone.
        """
        self.exchanges, self._pulled_at, self._acts = 0, at, acts
        self._error = error or _pulled

    @property
    def atr(self) -> bytes:
        return self._reader.atr

    def open(self) -> None:
        self._reader.open()

    def close(self) -> None:
        self._reader.close()

    def reset(self) -> bytes:
        return self._reader.reset()

    def transmit(self, command: bytes) -> bytes:
        number, self.exchanges = self.exchanges, self.exchanges + 1
        if number != self._pulled_at:
            return self._reader.transmit(command)
        if self._acts:
            self._reader.transmit(command)
        self._reader.close()
        raise self._error()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pulled() -> CardRemoved:
    return CardRemoved("the card is gone: put it back, then open the connection again")


class Clerk:
    """Who speaks at a desk in a test: types what is there to type, agrees, waits for the card."""

    def __init__(self, *secrets: str, agrees: bool = True, puts_back: bool = False) -> None:
        self.secrets, self.agrees, self.puts_back = list(secrets), agrees, puts_back
        self.asked: list[PinWanted | Question | Paused] = []
        self.steps: list[Step] = []

    def secret(self, wanted: PinWanted) -> str:
        self.asked.append(wanted)
        return self.secrets.pop(0)

    def agree(self, question: Question) -> bool:
        self.asked.append(question)
        return self.agrees

    def paused(self, pause: Paused) -> bool:
        self.asked.append(pause)
        return self.puts_back

    def progress(self, step: Step) -> None:
        self.steps.append(step)


class Counter:
    """A town's office with operators of every role, a resident, and the card they hold."""

    def __init__(
        self,
        database: Database,
        clock: MovableClock,
        *,
        town: str = TOWN,
        resident: Resident = RESIDENT,
        **profile: Any,
    ) -> None:
        self.database, self.clock, self.town = database, clock, town
        self.masters = CountingMasters()
        self.custody = CountedCustody(self.masters)
        self.office = Office(town, database, self.custody, PSEUDONYMS)
        admin = By.at_terminal(database, FIRST.identifier)
        with database.begin() as connection:
            create_log(connection, ORIGIN)
            enter_first_operators(
                connection, replace(FIRST, hours=ALWAYS), replace(SECOND, hours=ALWAYS)
            )
            for identifier, role in (
                (CLERK, Role.CLERK),
                (SUPERVISOR, Role.SUPERVISOR),
                ("super-2", Role.SUPERVISOR),
                (AUDITOR, Role.AUDITOR),
            ):
                operator = Operator(identifier, "係", role, hours=ALWAYS)
                enter_operator(connection, operator, admin)
            self.holder = enter_resident(connection, resident, admin)
        self.code = resident.code
        self._drawn = 0
        self.card, self.number = self.issued_card(self.holder, self.code.reveal(), **profile)

    def issued_card(
        self,
        holder: int,
        code: str,
        *,
        receipts: bool = True,
        profile: str = "juki-v2",
        form: CardForm = CardForm.WITH_PHOTO,
        issued: date | None = None,
        handed: bool = True,
    ) -> tuple[Card, bytes]:
        """Make a card for a holder, and let the ledger say that it is theirs; its number too.

        issued: the day on which it was, today where it is not said. handed: it does not wait.
        """
        self._drawn += 1
        number = (
            bytes.fromhex("81392000")
            + int(self.town[:2]).to_bytes(1)
            + self._drawn.to_bytes(3, "big")
        )
        issued = issued or self.clock.now().astimezone(JAPAN).date()
        card = issue_card(
            replace(PROFILES[profile], receipts=receipts),
            seed=self._drawn,
            pin=PIN,
            code=code,
            municipality=self.town,
            issued=issued,
            printed=Printed(card_number=number, form=form.value),
            on_bug=raise_bug,
        )
        by = By.at_terminal(self.database, CLERK)
        expires = issued + timedelta(days=3652)
        new = NewCard(number, holder, form, self.town, issued, expires)
        with self.database.begin() as connection:
            entered = enter_card(connection, new, by)
            if handed:
                move_card(connection, entered, CardAct.HAND_OVER, Reason.APPLICATION, by)
        return card, number

    def another_resident(self, seed: str, **wishes: Any) -> int:
        """Enter another resident."""
        with self.database.begin() as connection:
            by = By.at_terminal(self.database, CLERK)
            return enter_resident(connection, replace(RESIDENT, **another(seed, **wishes)), by)

    def desk(self, operator: str = CLERK, talk: Clerk | None = None) -> Desk:
        """A desk at which an operator has logged in."""
        return Desk(self.office, Duty(operator, self.clock.now()), talk)

    @contextmanager
    def on_desk(self, card: Card | None = None) -> Iterator[tuple[CardAtDesk, Reader]]:
        """Put a card, the holder's unless another is given, into a reader."""
        with Reader(self.card if card is None else card) as reader:
            yield CardAtDesk(reader), reader

    def ledger(self, number: bytes | None = None) -> LedgerCard:
        """The card as the ledger has it now."""
        with self.database.read() as connection:
            return find_card(connection, self.number if number is None else number)

    def knows_card(self) -> bool:
        """Whether the ledger has the card at all."""
        with suppress(UnknownCard):
            return self.ledger() is not None
        return False

    def uses(self) -> list[Use]:
        """What the log was told, the oldest first, without the derivations."""
        with self.database.read() as connection:
            rows = connection.execute(select(queue.c.entry).order_by(queue.c.id)).scalars().all()
        return [Use.parse(row) for row in rows if row.startswith(b"jukihost-use")]

    def told(self) -> list[tuple[str, str, str]]:
        """Purpose, outcome and reason of every use that the log was told of."""
        return [(use.purpose, use.outcome.value, use.reason) for use in self.uses()]

    def uncounted(self) -> dict[tuple[str, int], int]:
        """What the custody was asked for, and neither is in the log nor waits to be written there.

        Ends the counting: for what is left at the end of a test.
        """
        found = union_all(select(queue.c.entry), select(entries.c.entry)).subquery()
        with self.database.read() as connection:
            rows = connection.execute(select(found.c.entry)).scalars().all()
        left = self.masters.asked.copy()
        for one in (Derivations.parse(row) for row in rows if row.startswith(_DERIVATIONS)):
            left[one.system, one.version] -= one.count
        with self.custody.taken() as waiting:
            left.subtract(waiting)
        return {key: count for key, count in left.items() if count > 0}

    def undecided(self) -> int:
        """How many intents are open."""
        with self.database.read() as connection:
            return len(open_intents(connection, self.clock.now() + timedelta(days=1)))

    def card_state(self, card: Card | None = None) -> CardState:
        """What the card itself says of its life."""
        with LocalReader(self.card if card is None else card) as reader:
            reader.transmit(bytes.fromhex("00A4040C0AD3921000310001010401"))
            return CardState(reader.transmit(bytes.fromhex("00CA008A00"))[2])
