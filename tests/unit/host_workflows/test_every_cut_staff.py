"""Every procedure that touches an operator's card, cut at every exchange and transaction.

Which ones they are is asked of the face: one without its row in `PROCEDURES` fails here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, is_dataclass
from datetime import timedelta
from typing import Any, Final, get_type_hints

import pytest

import jukihost.workflows
from jukihost.channel import build_channel
from jukihost.connection import Connection as CardConnection
from jukihost.conversation.refusals import PasswordRejected
from jukihost.database import Database
from jukihost.database.errors import DatabaseAway
from jukihost.errors import CardError
from jukihost.keys.counted import CountedCustody
from jukihost.ledger import By, Lending, Role, lend_card, list_grants, list_lendings, return_card
from jukihost.models import OperatorPurpose
from jukihost.sessions.operator import OperatorSession
from jukihost.workflows import (
    CardAndPassword,
    Desk,
    Duty,
    Founder,
    LogInMethod,
    Office,
    Task,
    call_second,
    change_password,
    found_office,
    grant_unlocking,
    inspect_operator_card,
    lend_operator_card,
    log_in,
    replace_administrators_card,
    return_operator_card,
    unlock_operator,
)
from tests.support.host.counters import Clerk, Counter, Reader
from tests.support.host.custody import PublicMasters
from tests.support.host.cuts import CUTS_FOR_GOOD, Cut, Cutting, Killed, Trouble, Watched
from tests.support.host.ledgers import FIRST
from tests.support.host.operators import PASSWORD, Person, Staff, person, trust
from tests.support.host.residents import TOWN
from tests.support.host.town import ORIGIN, PSEUDONYMS

OTHER: Final = "operator-22"


# --- which procedures touch an operator's card ---


def touches(hint: Any) -> bool:
    """Whether a parameter brings an operator's card: a reader, or a way to log in."""
    if hint in (CardConnection, LogInMethod):
        return True
    return is_dataclass(hint) and any(map(touches, get_type_hints(hint).values()))


def on_the_face() -> Iterator[str]:
    """Give the name of every procedure that is brought an operator's card."""
    for name in jukihost.workflows.__all__:
        one = getattr(jukihost.workflows, name)
        if not inspect.isfunction(one) or "desk" not in inspect.signature(one).parameters:
            continue
        if any(map(touches, get_type_hints(one).values())):
            yield name


# --- what is cut ---


@dataclass
class Lent:
    """An administrator, two supervisors, and a clerk with a card."""

    staff: Staff
    admin: Person
    clerk: Person
    supervisors: tuple[Person, Person]
    passwords: list[str] = field(default_factory=lambda: [PASSWORD, OTHER])

    def duty(self, who: Person) -> Duty:
        """Somebody's log-in, as if they had logged in just now."""
        return Duty(who.identifier, self.staff.counter.clock.now())

    def desk(self) -> Desk:
        """A desk at which the administrator has logged in."""
        desk = self.staff.desk()
        desk.duty = self.duty(self.admin)
        return desk

    def by(self) -> By:
        """The first administrator, at another terminal."""
        return By.at_terminal(self.staff.counter.database, FIRST.identifier)

    def lending(self) -> Lending | None:
        """What the ledger says of the clerk's card now."""
        return next((one for one in self.lent() if one.card == self.clerk.number), None)

    def lent(self) -> list[Lending]:
        """Every lending that has not ended."""
        with self.staff.counter.database.read() as connection:
            return [one for one in list_lendings(connection) if one.ended is None]

    def granted(self) -> bool:
        """Whether a grant to unlock the clerk's card is open."""
        with self.staff.counter.database.read() as connection:
            return any(one.ended is None for one in list_grants(connection))

    def knows(self, password: str) -> bool:
        """Whether the clerk's card takes a password."""
        with (
            Reader(self.clerk.card) as reader,
            OperatorSession(build_channel(reader)) as session,
        ):
            session.authenticate(OperatorPurpose.OPERATOR_LOGIN, PublicMasters())
            try:
                session.verify_password(password)
            except PasswordRejected:
                return False
        return True

    def cutting(
        self,
        task: Task,
        prepare: Callable[[], object],
        act: Callable[[Desk, CardConnection], object],
        check: Callable[[bool], object],
        who: Person | None = None,
        card: Person | None = None,
    ) -> Cutting:
        """A procedure of somebody, the administrator or `who`, with the clerk's card or `card`."""
        who, card = who or self.admin, card or self.clerk

        def procedure(desk: Desk, hand: Any) -> None:
            desk.duty = self.duty(who)
            act(desk, hand.connection)

        return Cutting(
            self.staff.counter,
            task,
            prepare,
            procedure,
            check,
            (PASSWORD,),
            reads=lambda: card.card,
            operator=who.identifier,
        )


@pytest.fixture
def lent(counter: Counter) -> Lent:
    """An administrator, two supervisors, and a clerk with a card."""
    staff = Staff(counter)
    admin, clerk = staff.hired(Role.ADMINISTRATOR), staff.hired(Role.CLERK)
    return Lent(staff, admin, clerk, (staff.hired(Role.SUPERVISOR), staff.hired(Role.SUPERVISOR)))


def lending(lent: Lent) -> Cutting:
    def at_home() -> None:
        if lent.lending() is not None:
            with Reader(lent.clerk.card) as reader:
                return_operator_card(lent.desk(), reader)

    def lend(desk: Desk, reader: CardConnection) -> None:
        lend_operator_card(desk, reader, lent.clerk.identifier)

    def check(done: bool) -> None:
        assert (lent.lending() is not None) == done

    return lent.cutting(Task.LEND_CARD, at_home, lend, check)


def returning(lent: Lent) -> Cutting:
    def away() -> None:
        if lent.lending() is None:
            with Reader(lent.clerk.card) as reader:
                lend_operator_card(lent.desk(), reader, lent.clerk.identifier)

    def check(done: bool) -> None:
        assert (lent.lending() is None) == done

    return lent.cutting(Task.LEND_CARD, away, return_operator_card, check)


def inspecting(lent: Lent) -> Cutting:
    before: list[Lending | None] = []

    def look() -> None:
        lent.staff.counter.clock.move(timedelta(seconds=1))
        before[:] = [lent.lending()]

    def check(done: bool) -> None:
        assert ([lent.lending()] != before) == done

    return lent.cutting(Task.LEND_CARD, look, inspect_operator_card, check)


def unlocking(lent: Lent) -> Cutting:
    def locked() -> None:
        lent.clerk.lock()
        if not lent.granted():
            grant_unlocking(lent.desk(), lent.clerk.number)

    def check(done: bool) -> None:
        unlocked = lent.clerk.tries() > 0
        assert not (unlocked and lent.granted())
        assert unlocked or not done

    return lent.cutting(Task.UNLOCK_OPERATOR, locked, unlock_operator, check)


def changing(lent: Lent) -> Cutting:
    def change(desk: Desk, reader: CardConnection) -> None:
        desk.duty, desk.talk = None, Clerk(*lent.passwords)
        change_password(desk, reader)

    def check(done: bool) -> None:
        old, new = lent.passwords
        took = lent.knows(new)
        assert took or (lent.knows(old) and not done)
        if took:
            lent.passwords.reverse()

    return lent.cutting(Task.CHANGE_PASSWORD, lambda: None, change, check, who=lent.clerk)


def logging_in(lent: Lent) -> Cutting:
    desks: list[Desk] = []

    def come(desk: Desk, reader: CardConnection) -> None:
        desks[:], desk.duty = [desk], None
        log_in(desk, CardAndPassword(reader, trust))

    def check(done: bool) -> None:
        assert (desks[0].duty is not None) == done

    return lent.cutting(Task.LOG_IN, lambda: None, come, check, who=lent.clerk)


def calling(lent: Lent) -> Cutting:
    desks: list[Desk] = []

    def call(desk: Desk, reader: CardConnection) -> None:
        desks[:], desk.duty = [desk], lent.duty(lent.admin)
        call_second(desk, CardAndPassword(reader, trust))

    def check(done: bool) -> None:
        assert (desks[0].supervisor is not None) == done
        assert desks[0].duty is not None
        assert desks[0].duty.operator == lent.admin.identifier

    return lent.cutting(Task.LOG_IN, lambda: None, call, check, who=lent.clerk)


def replacing(lent: Lent) -> Cutting:
    first, second = lent.supervisors
    new = lent.staff.known(Role.ADMINISTRATOR)
    gone = [0x8139209900000000]  # the number of a card that is lost; each one is revoked once

    def held() -> list[bytes]:
        return [one.card for one in lent.lent() if one.operator == new.identifier]

    def lost() -> None:
        with lent.staff.counter.database.begin() as connection:
            if new.number in held():
                return_card(connection, new.number, lent.by())
        with lent.staff.counter.database.begin() as connection:
            if not held():
                gone[0] += 1
                lend_card(connection, gone[0].to_bytes(8, "big"), new.identifier, lent.by())

    def replace(desk: Desk, reader: CardConnection) -> None:
        desk.supervisor = lent.duty(second)
        replace_administrators_card(desk, CardAndPassword(reader, trust), new.identifier)

    def check(done: bool) -> None:
        assert held() == [new.number if done else gone[0].to_bytes(8, "big")]

    return lent.cutting(Task.REPLACE_CARD, lost, replace, check, who=first, card=new)


PROCEDURES: Final[dict[str, Callable[[Lent], Cutting]]] = {
    "lend_operator_card": lending,
    "return_operator_card": returning,
    "inspect_operator_card": inspecting,
    "unlock_operator": unlocking,
    "change_password": changing,
    "log_in": logging_in,
    "call_second": calling,
    "replace_administrators_card": replacing,
}
"""How each is cut; an office that begins, which has nobody yet, is cut below."""


def test_every_procedure_that_touches_an_operators_card_is_cut() -> None:
    assert {*on_the_face()} == {*PROCEDURES, "found_office"}
    for name, cutting in PROCEDURES.items():
        assert f"{name}(" in (source := inspect.getsource(cutting)) or f", {name}, " in source, name


@pytest.mark.parametrize("name", PROCEDURES)
@pytest.mark.parametrize("cut", CUTS_FOR_GOOD)
def test_an_operators_card_cut_at_any_exchange(lent: Lent, name: str, cut: Cut) -> None:
    assert PROCEDURES[name](lent).at_every_exchange(cut) > 5


@pytest.mark.parametrize("name", PROCEDURES)
@pytest.mark.parametrize("trouble", Trouble)
def test_an_operators_card_with_trouble_at_any_transaction(
    lent: Lent, name: str, trouble: Trouble
) -> None:
    """One that is refused in its only transaction has none after it."""
    assert PROCEDURES[name](lent).at_every_transaction(trouble) >= 1


# --- an office that begins ---


@dataclass
class Beginning:
    """An office that is to be, and its two founders, at one reader each."""

    database: Database
    founders: tuple[Person, Person] = field(default_factory=lambda: (person(60), person(61)))

    def begun(self, database: Database, readers: tuple[Reader, Reader]) -> bool:
        """Let it begin; whether it came to its end."""
        office = Office(TOWN, database, CountedCustody(PublicMasters()), PSEUDONYMS)
        both = [
            Founder(one.operator(Role.ADMINISTRATOR), CardAndPassword(reader, trust))
            for one, reader in zip(self.founders, readers, strict=True)
        ]
        try:
            found_office(Desk(office, talk=Clerk(PASSWORD, PASSWORD)), ORIGIN, *both)
        except (CardError, Killed):
            return False
        return True

    def lent(self) -> set[bytes]:
        """Which cards the ledger has lent."""
        with self.database.read() as connection:
            return {one.card for one in list_lendings(connection)}

    def is_whole(self) -> bool:
        """Whether both have their cards; nobody has, where it did not begin."""
        lent = self.lent()
        assert lent in (set(), {one.number for one in self.founders})
        return bool(lent)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("cut", CUTS_FOR_GOOD)
def test_an_office_that_is_cut_at_any_exchange_begins_whole_or_not_at_all(
    database: Database, cut: Cut, which: int
) -> None:
    beginning, at = Beginning(database), 0
    while not beginning.is_whole():
        first, second = (Reader(one.card) for one in beginning.founders)
        with first, second:
            watched = Watched(database)
            pulled = (first, second)[which]
            pulled.pull(at, acts=cut.acts, error=_ending(watched) if cut.killed else None)
            done = beginning.begun(watched, (first, second))
            assert done or pulled.exchanges > at
        assert beginning.is_whole() == done
        at += 1
    assert at > 10


@pytest.mark.parametrize("trouble", [Trouble.AWAY, Trouble.BLINK, Trouble.KILLED])
def test_an_office_in_trouble_begins_whole_or_not_at_all(
    database: Database, trouble: Trouble
) -> None:
    """Nobody is there yet whose hours could end, or who could turn the emergency stop."""

    def happen(watched: Watched) -> None:
        if trouble is Trouble.KILLED:
            raise _ending(watched)()
        watched.away = trouble is Trouble.AWAY
        raise DatabaseAway

    beginning = Beginning(database)
    for at, done in ((0, False), (1, True)):
        first, second = (Reader(one.card) for one in beginning.founders)
        with first, second:
            assert beginning.begun(Watched(database, at, happen), (first, second)) == done
        assert beginning.is_whole() == done


def _ending(database: Watched) -> Callable[[], BaseException]:
    def end() -> BaseException:
        database.dead = True
        return Killed()

    return end
