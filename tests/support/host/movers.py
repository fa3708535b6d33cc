"""Somebody who moves from one town to another on their card, for tests: step by step, or whole."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count
from typing import Any, Final

from jukicard import Card
from jukihost.clock import MovableClock
from jukihost.errors import TerminalError
from jukihost.ledger import (
    By,
    LedgerState,
    PersonAct,
    Reason,
    gaps,
    move_card,
)
from jukihost.models import Residence
from jukihost.register import (
    AsReceived,
    UnknownResident,
    announce_move,
    known_by_code,
)
from jukihost.workflows import (
    Continued,
    MovedIn,
    NewHome,
    Paper,
    Presented,
    announce_by_post,
    continue_use,
    identify,
    move_in,
    tell_old_towns,
)
from tests.support.host.counters import CLERK, PIN, Clerk, Counter
from tests.support.host.residents import OTHER_TOWN, RESIDENT, code
from tests.support.host.towns import Towns

TODAY: Final = date(2014, 4, 1)
LETTER: Final = Presented(papers=frozenset({Paper.PHOTO}))
ADDRESS: Final = AsReceived("大阪府交野市私部一丁目1番1号")
HOME: Final = NewHome(ADDRESS, TODAY)
_seeds: Final = count()


def announced(towns: Towns, *members: int, day: date = TODAY) -> None:
    announce_by_post(towns.here.desk(), members or (towns.here.holder,), day, LETTER)


def moved(towns: Towns, home: NewHome = HOME, *, pin: str = PIN, **wishes: Any) -> MovedIn:
    with towns.there.on_desk(towns.here.card) as (hand, _):
        return move_in(towns.there.desk(talk=Clerk(pin, pin, pin)), hand, home, **wishes)


def continued(towns: Towns, *, pin: str = PIN, **wishes: Any) -> Continued:
    with towns.there.on_desk(towns.here.card) as (hand, _):
        return continue_use(towns.there.desk(talk=Clerk(pin, pin, pin)), hand, **wishes)


def days(clock: MovableClock, number: int) -> None:
    clock.move(timedelta(days=number))


def residence(counter: Counter, card: Card) -> tuple[str, Residence]:
    """What a card itself says: the town in it, and whether its holder lives there."""
    with counter.on_desk(card) as (hand, _), hand.session(counter.desk()) as juki:
        return juki.card_info().municipality, juki.residence()


def is_open(counter: Counter, who: str | None = None) -> bool:
    """Whether a town has an open record of the mover."""
    with counter.database.read() as connection:
        try:
            known_by_code(connection, RESIDENT.code if who is None else code(who))
        except UnknownResident:
            return False
    return True


class Mover:
    """Somebody new who moves, for each cut; the counter of the other town has their card."""

    def __init__(self, towns: Towns, **profile: Any) -> None:
        self.towns, self.profile = towns, profile
        self.counter = towns.visited()
        self.seed = ""

    def announce(self) -> None:
        """Let somebody with a card announce that they move."""
        self.seed = f"mover {next(_seeds)}"
        here = self.towns.here
        holder = here.another_resident(self.seed, residence_until=None, household=next(_seeds) + 99)
        card, number = here.issued_card(holder, code(self.seed).reveal(), **self.profile)
        self.counter.card, self.counter.number = card, number
        by = By.at_terminal(here.database, CLERK)
        with here.database.begin() as connection:
            announce_move(connection, [holder], TODAY, by)
            move_card(connection, here.ledger(number), PersonAct.MOVE_OUT, Reason.MOVED_OUT, by)

    def arrive(self) -> None:
        """Let them have moved in, but for the card."""
        self.announce()
        self.move_in()

    def move_in(self) -> None:
        with self.counter.on_desk() as (hand, _):
            move_in(self.counter.desk(talk=Clerk(PIN)), hand, HOME)

    def moved_in(self, done: bool) -> None:
        """Check that they are in one town in the end, and never in none."""
        here, there = is_open(self.towns.here, self.seed), is_open(self.towns.there, self.seed)
        assert there if done else here or there
        if not there:
            self.move_in()
        tell_old_towns(self.counter.desk())
        assert not is_open(self.towns.here, self.seed)
        assert is_open(self.towns.there, self.seed)

    def continued(self, done: bool) -> None:
        """Check that the card is in one ledger at most, and in the new one in the end."""
        number = self.counter.number
        here = self.towns.here.ledger(number).state
        try:
            there: LedgerState | None = self.towns.there.ledger(number).state
        except TerminalError:
            there = None
        assert (here, there) in {
            (LedgerState.MOVED_OUT, None),
            (LedgerState.TRANSFERRED, None),
            (LedgerState.TRANSFERRED, LedgerState.MOVED_OUT),
            (LedgerState.TRANSFERRED, LedgerState.ACTIVE),
        }
        assert not done or there is LedgerState.ACTIVE
        if there is not LedgerState.ACTIVE:
            with self.counter.on_desk() as (hand, _):
                continue_use(self.counter.desk(talk=Clerk(PIN)), hand)
        assert residence(self.counter, self.counter.card) == (OTHER_TOWN, Residence.RESIDENT)
        assert self.towns.there.ledger(number).state is LedgerState.ACTIVE
        with self.counter.on_desk() as (hand, _):
            assert identify(self.counter.desk(talk=Clerk(PIN)), hand).code == code(self.seed)
        with self.towns.there.database.read() as connection:
            assert gaps(connection) == []
