"""Terminals of two towns whose process kills itself at an exchange or a transaction.

The cards are another program's, on TCP, so that they live on.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection

from jukihost.clock import MovableClock
from jukihost.database import Database, open_database
from jukihost.issuing import find_authority, find_signer
from jukihost.keys.counted import CountedCustody
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.ledger import LedgerState, UnknownCard, find_card
from jukihost.models import CardForm, ResidentCode
from jukihost.register import LocalRegisters, UnknownResident, known_by_code
from jukihost.transport.tcp import TcpConnection
from jukihost.workflows import (
    CardAtDesk,
    CardWish,
    Desk,
    Duty,
    Office,
    Paper,
    Presented,
    noting,
)
from tests.support.host.counters import CLERK, Clerk
from tests.support.host.custody import PublicMasters
from tests.support.host.residents import OTHER_TOWN, TOWN
from tests.support.host.town import PSEUDONYMS

WORD: Final = "ABC123"
AUTHENTICATION: Final = "2468"
TEXT: Final = "1379"
MY_NUMBER: Final = "379474484458"
PHOTO: Final = Presented(papers=frozenset({Paper.PHOTO}))
NAME_ONLY: Final = CardWish(form=CardForm.NAME_ONLY)


@dataclass(frozen=True)
class Slot:
    """Somebody's card on TCP: its number, whose it is or will be, and the PIN that they know."""

    number: bytes
    port: int
    code: str
    pin: str
    receipts: bool = True
    old: int | None = None
    """Whose card is handed in for this one: the number of another slot."""


@dataclass(frozen=True)
class Site:
    """The databases of two towns and their prefecture, the authority's file, time and cards.

    photo: of everybody, where the time is that of My Number cards; empty before.
    """

    addresses: tuple[str, str, str]
    authority: str
    at: datetime
    slots: tuple[Slot, ...]
    photo: bytes = b""

    @property
    def wish(self) -> CardWish:
        """What is made of a blank card."""
        if not self.photo:
            return NAME_ONLY
        return CardWish(photo=self.photo, my_number=MY_NUMBER, security_code="1234")

    def secrets(self, slot: Slot) -> tuple[str, ...]:
        """What a holder types for a card that they are handed."""
        return (slot.pin, WORD, AUTHENTICATION, TEXT) if self.photo else (slot.pin, WORD)


ASKS: Final = frozenset(bytes.fromhex("2022 2A50 7082 8486 8788 A4B0 B1B2 B3C0 CACB F2"))
"""Instructions that change nothing which the ledger would have to follow."""


class Ticks:
    """Counts exchanges and transactions, and kills the process at one; 0: never.

    closely: only transactions, and what a card has been changed by, are counted.
    """

    def __init__(self, last: int = 0, *, closely: bool = False) -> None:
        self._left, self._closely = last, closely

    def __call__(self, *, close: bool = True) -> None:
        if self._closely and not close:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class _Ticking(Database):
    """A database that ticks before each transaction, and when it has landed."""

    def __init__(self, database: Database, tick: Ticks) -> None:
        super().__init__(database.engine, database.clock, database.terminal)
        self._tick = tick

    @contextmanager
    def begin(self, *, durable: bool = True) -> Iterator[Connection]:
        self._tick()
        with super().begin(durable=durable) as connection:
            yield connection
            self._tick()
        self._tick()


class _TickingCard(TcpConnection):
    """A card on TCP that ticks before each exchange and after it."""

    def __init__(self, port: int, tick: Ticks) -> None:
        super().__init__("127.0.0.1", port)
        self._tick = tick

    def transmit(self, command: bytes) -> bytes:
        self._tick(close=False)
        answer = super().transmit(command)
        self._tick(close=command[1] not in ASKS)
        return answer


class Where(NamedTuple):
    """Where a card is: the town in whose ledger, and the town in whose register its holder is."""

    town: str | None
    state: LedgerState | None
    home: str
    holder: int


class Terminals:
    """A terminal in each of two towns, which use the cards of a site."""

    def __init__(self, site: Site, databases: tuple[Database, ...], tick: Ticks) -> None:
        here, there, prefecture = databases
        self.site, self.tick, self.slots = site, tick, list(site.slots)
        self.databases = {TOWN: here, OTHER_TOWN: there}
        self.registers = LocalRegisters(
            self.databases, prefecture, noting(dict.fromkeys((TOWN, OTHER_TOWN, ""), PSEUDONYMS))
        )
        self.authority = find_authority("test", site.authority)

    def desk(self, town: str, *typed: str) -> Desk:
        """A desk in a town, at which the holder types."""
        database = self.databases[town]
        office = Office(
            town,
            database,
            CountedCustody(PublicMasters()),
            PSEUDONYMS,
            registers=self.registers,
            authority=self.authority,
            issuer=lambda _: ISSUER_TEST_KEYS,
            records=find_signer("test"),
        )
        return Desk(office, Duty(CLERK, database.clock.now()), Clerk(*typed))

    @contextmanager
    def card(self, slot: Slot) -> Iterator[CardAtDesk]:
        """A card in the reader."""
        with _TickingCard(slot.port, self.tick) as connection:
            yield CardAtDesk(connection)

    def moved(self, slot: Slot) -> bool:
        """Whether a card has come from another town: what is on it is in that one's ledger."""
        return any(town != TOWN for town in self._ledgers(slot))

    def _ledgers(self, slot: Slot) -> Iterator[str]:
        for name, database in self.databases.items():
            with database.read() as connection, suppress(UnknownCard):
                find_card(connection, slot.number)
                yield name

    def where(self, slot: Slot) -> Where:
        """Where a card is, and its holder."""
        town: str | None = None
        state: LedgerState | None = None
        home, holder = "", 0
        for name, database in self.databases.items():
            with database.read() as connection:
                with suppress(UnknownCard):
                    found = find_card(connection, slot.number).state
                    if found is not LedgerState.TRANSFERRED:
                        town, state = name, found
                    state = state or found
                with suppress(UnknownResident):
                    known = known_by_code(connection, ResidentCode(slot.code))
                    if not home or name != town:  # in both: they have moved in elsewhere
                        home, holder = name, known.resident
        return Where(town, state, home, holder)


@contextmanager
def terminals(site: Site, name: str, tick: Ticks | None = None) -> Iterator[Terminals]:
    """Open the terminals of a name."""
    with ExitStack() as stack:
        clock, ticks = MovableClock(site.at), tick or Ticks()
        opened = tuple(
            _Ticking(stack.enter_context(open_database(address, clock=clock, terminal=name)), ticks)
            for address in site.addresses
        )
        yield Terminals(site, opened, ticks)
