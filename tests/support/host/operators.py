"""Operators with cards of their own, for tests of who logs in, unlocks and turns the switch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from cryptography import x509

from jukicard import Card, LocalReader, issue_card
from jukicard.runtime.boundary import raise_bug
from jukicard.synthetic.pki import operator_authority
from jukihost.channel import build_channel
from jukihost.conversation.refusals import PasswordRejected
from jukihost.keys import CardKeys, KeyInfo, UnknownKey
from jukihost.keys.counted import CountedCustody
from jukihost.ledger import By, Hours, Operator, Role, enter_operator, lend_card
from jukihost.models import OperatorPurpose
from jukihost.sessions.operator import OperatorBlocked, OperatorSession
from jukihost.signing.validity import Trust
from jukihost.workflows import CardAndPassword, Desk, call_second, log_in
from tests.support.host.counters import Clerk, Counter, Reader
from tests.support.host.custody import PublicMasters
from tests.support.host.ledgers import ALWAYS, FIRST
from tests.support.host.residents import TOWN

PASSWORD: Final = "operator-1"
MADE: Final = date(2014, 3, 31)
ANCHOR: Final = x509.load_der_x509_certificate(operator_authority().certificate)


def trust(at: datetime) -> Trust:
    """What an office trusts at a moment."""
    return Trust((ANCHOR,), at)


class WithoutAdmin(PublicMasters):
    """The keys of a ward: every one but that of ADMIN."""

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        self.newest_version(system)
        return super().derive_card_keys(system, card_number, aid, version)

    def newest_version(self, system: str) -> int:
        if system == "ADMIN":
            raise UnknownKey("the key store has no key of ADMIN")
        return super().newest_version(system)

    def inventory(self) -> tuple[KeyInfo, ...]:
        return tuple(one for one in super().inventory() if one.system != "ADMIN")


@dataclass
class Person:
    """An operator, and the card they were lent."""

    card: Card
    identifier: str
    number: bytes

    @classmethod
    def read(cls, card: Card) -> Person:
        """Who a card says its operator is."""
        with LocalReader(card) as reader, OperatorSession(build_channel(reader)) as session:
            session.authenticate(OperatorPurpose.OPERATOR_LOGIN, PublicMasters())
            return cls(card, session.identity().identifier, session.card_number())

    def operator(self, role: Role, hours: Hours = ALWAYS) -> Operator:
        """What the ledger has of them."""
        return Operator(self.identifier, "係", role, hours=hours)

    def tries(self) -> int:
        """How many tries the password has left."""
        with LocalReader(self.card) as reader, OperatorSession(build_channel(reader)) as session:
            return session.password_retries()

    def lock(self) -> None:
        """Have the card locked by wrong passwords."""
        with LocalReader(self.card) as reader, OperatorSession(build_channel(reader)) as session:
            session.authenticate(OperatorPurpose.OPERATOR_LOGIN, PublicMasters())
            while session.password_retries():
                with suppress(PasswordRejected, OperatorBlocked):
                    session.verify_password("wrong-one-1")


def person(seed: int, town: str = TOWN) -> Person:
    """An operator card that nobody was lent yet, and whom it names."""
    card = issue_card("operator", seed=seed, issued=MADE, municipality=town, on_bug=raise_bug)
    return Person.read(card)


class Staff:
    """Operators with cards in a town's counter, made when they are first asked for."""

    def __init__(self, counter: Counter, seed: int = 0) -> None:
        self.counter = counter
        self._seed = seed

    def hired(self, role: Role, hours: Hours = ALWAYS) -> Person:
        """Enter an operator and lend them a card."""
        one = self.known(role, hours)
        by = By.at_terminal(self.counter.database, FIRST.identifier)
        with self.counter.database.begin() as connection:
            lend_card(connection, one.number, one.identifier, by)
        return one

    def known(self, role: Role, hours: Hours = ALWAYS) -> Person:
        """Enter an operator whom no card is lent to yet."""
        self._seed += 1
        one = person(self._seed, self.counter.town)
        by = By.at_terminal(self.counter.database, FIRST.identifier)
        with self.counter.database.begin() as connection:
            enter_operator(connection, one.operator(role, hours), by)
        return one

    def desk(self, *secrets: str, agrees: bool = True) -> Desk:
        """A desk at which nobody has logged in yet, and where this will be typed."""
        return Desk(self.counter.office, None, Clerk(*secrets, agrees=agrees))

    def on_duty(self, one: Person, second: Person | None = None) -> Desk:
        """A desk at which somebody has logged in, with a second operator where one is given."""
        desk = self.desk(PASSWORD, PASSWORD)
        with self.method(one) as method:
            log_in(desk, method)
        if second is not None:
            with self.method(second) as method:
                call_second(desk, method)
        return desk

    @contextmanager
    def method(self, one: Person, *, stays: bool = False) -> Iterator[CardAndPassword]:
        """Their card in a reader, as the way in which they log in."""
        with Reader(one.card) as reader:
            yield CardAndPassword(reader, trust, stays=stays)

    def ward(self) -> None:
        """Take the key of ADMIN away from this office."""
        self.counter.office = type(self.counter.office)(
            self.counter.office.municipality,
            self.counter.database,
            CountedCustody(WithoutAdmin()),
            self.counter.office.pseudonyms,
        )
