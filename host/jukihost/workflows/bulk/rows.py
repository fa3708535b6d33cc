"""One row after the other, the same in every process: which card is it for, and is it made.

The card's number is read first. A card that was claimed for a row before is made for that row and
no other, and a row that has its card gets that card again: so an interrupted run goes on where it
was, whoever goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from sqlalchemy import Connection

from jukihost.clock import ClockRanBackwards, ClocksDisagree
from jukihost.connection import Connection as CardConnection
from jukihost.database import DatabaseError
from jukihost.errors import CardBusy, CardError, NoCard, TransportError
from jukihost.issuing import (
    AuthorityError,
    AuthorityRefused,
    CertificateWrong,
    IssueEnded,
    ReturningSource,
    read_card_number,
)
from jukihost.keys import KeyCustodyError
from jukihost.ledger import (
    Claim,
    HasCard,
    LedgerState,
    OperatorRefused,
    Stopped,
    UnknownCard,
    cards_of,
    claim_of_card,
    claims_of_holder,
    find_card,
)
from jukihost.ledger.states import VALID
from jukihost.workflows.bulk.people import PeopleList, Person
from jukihost.workflows.errors import NoIssuingHere, NotOnDuty, Retry, WorkflowError
from jukihost.workflows.explained import Explained, explain
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.making import Row, issue_row
from jukihost.workflows.office import Desk

_MOST_CARDS: Final = 50
"""How many cards of other rows, or that are good for none, come before one is free, at most."""
_AGAIN: Final = 0.25
_PATIENCE: Final = 30.0
"""Seconds that a card which was in another process's hands a moment ago is waited for."""
_ENDS: Final = (
    Stopped,
    OperatorRefused,
    NotOnDuty,
    DatabaseError,
    ClockRanBackwards,
    ClocksDisagree,
    KeyCustodyError,
    NoIssuingHere,
    IssueEnded,
    AuthorityError,
)
"""What no other row is spared either: the run ends with it."""
_OF_ONE_ROW: Final = (AuthorityRefused, CertificateWrong)


class CardsEnded(WorkflowError):
    """There are no more blank cards, or they cannot be reached: what was begun is known."""


class NoneFree(WorkflowError):
    """Many cards came one after another, and none of them is free for this list."""


@runtime_checkable
class SortingSource(ReturningSource, Protocol):
    """A source that gives a card again unless it is put aside."""

    def put_aside(self, card: ExitStack) -> None:
        """Keep a card open, until all is over, so that it does not come again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row: made now, made before, or why not; nothing personal in it."""

    row: int
    holder: int
    made: bool
    before: bool = False
    why: Explained | None = None


@dataclass
class Bench:
    """Where a process makes cards: its desk, where its cards come from, and the list."""

    desk: Desk
    cards: ReturningSource
    people: PeopleList
    _rows: dict[int, Person] = field(init=False, repr=False)
    _holders: dict[int, Person] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._rows = self.people.by_row()
        self._holders = {one.holder: one for one in self.people.people}

    def make(self, row: int) -> Iterator[Outcome]:
        """Make the card of a row, and those of other rows whose cards come meanwhile.

        Errors of one row are outcomes. Raised is what ends the run: CardsEnded, Stopped,
        OperatorRefused, NotOnDuty, DatabaseError, IssueEnded and the like.
        """
        person = self._rows[row]
        for _ in range(_MOST_CARDS):
            standing = self._standing(person)
            if isinstance(standing, Outcome):
                yield standing
                return
            if standing is not None:
                yield self._with_its_own(person, standing)
                return
            outcome = self._with_next(person)
            if outcome is None or (outcome.row == row and _is_anothers(outcome)):
                continue
            yield outcome
            if outcome.row == row or not (outcome.made or self._sorts):
                return  # the row is left, where the same card would come again
        raise NoneFree("the cards that come are bound to other lists: put blank ones in")

    def _standing(self, person: Person) -> Outcome | Claim | None:
        """Return what became of a row already, or the claim on the card it has to go on with."""
        with self.desk.database.read() as connection:
            try:
                found = standing_of_row(connection, person.holder, self.people.batch)
            except HasCard as why:
                return _failed(person, why)
        if found is not None and found.done:
            return Outcome(person.row, person.holder, made=True, before=True)
        return found

    def _with_its_own(self, person: Person, claim: Claim) -> Outcome:
        """Go on with the card that a row has, which another process may still let go of."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                with self.cards.connect(claim.card) as connection:
                    found = self._standing(person)  # nobody else has the card from here on
                    if isinstance(found, Outcome):
                        return found
                    return self._made(person, connection)
            except CardBusy as why:
                found = self._standing(person)
                if isinstance(found, Outcome):
                    return found
                if time.monotonic() > deadline:
                    return _failed(person, why)
                time.sleep(_AGAIN)
            except NoCard as why:
                return _failed(person, why)
            except TransportError as why:
                raise _ended(why) from why

    def _with_next(self, person: Person) -> Outcome | None:
        """Take the next card, and make it; None where it is good for no row."""
        try:
            card = self.cards.next_card()
        except TransportError as why:
            raise _ended(why) from why
        if card is None:
            raise CardsEnded("there are no more blank cards: put some in, and run this again")
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(card)
                number = read_card_number(connection)
            except CardError as why:
                self._aside(stack)
                return _failed(person, why)
            chosen = self._bound_to(number, person)
            if chosen is None:
                self._aside(stack)
                return None
            outcome = self._made(chosen, connection)
            if outcome.why is not None and (chosen is not person or _is_the_cards(outcome.why)):
                self._aside(stack)
            return outcome

    def _bound_to(self, number: bytes, person: Person) -> Person | None:
        """Return whose card it is by its claim, or the person; None: it is not for this list."""
        with self.desk.database.read() as connection:
            claim = claim_of_card(connection, number)
            if claim is not None:
                return self._holders.get(claim.holder) if claim.open else None
            with suppress(UnknownCard):
                find_card(connection, number)
                return None
        return person

    @property
    def _sorts(self) -> bool:
        return isinstance(self.cards, SortingSource)

    def _aside(self, stack: ExitStack) -> None:
        if isinstance(self.cards, SortingSource):
            self.cards.put_aside(stack.pop_all())

    def _made(self, person: Person, connection: CardConnection) -> Outcome:
        """Make a card for a row; what is wrong with this row or card alone is the outcome."""
        row = Row(self.people.batch, person.row)
        try:
            hand = CardAtDesk(connection)
            issue_row(self.desk, hand, person.holder, person.wish(), person.presented, row)
        except _OF_ONE_ROW as why:
            return _failed(person, why)
        except _ENDS:
            raise
        except CardError as why:
            return _failed(person, why)
        return Outcome(person.row, person.holder, made=True)


def standing_of_row(connection: Connection, holder: int, batch: str) -> Claim | None:
    """Return the claim of a holder that this list goes on with, or that is done; None: none yet.

    HasCard where the holder has a card that is not this list's.
    """
    claims = {one.card: one for one in claims_of_holder(connection, holder)}
    for card in cards_of(connection, holder):
        claim = claims.get(card.number)
        if card.state is LedgerState.ISSUING:
            if claim is None:
                raise HasCard
            return claim
        if card.state in VALID:
            if claim is None or claim.batch != batch:
                raise HasCard
            return claim
    return None


def _is_anothers(outcome: Outcome) -> bool:
    """Tell whether another process may have taken the same row meanwhile: look once more."""
    return outcome.why is not None and outcome.why.code in {"has_card", "changed_meanwhile"}


def _is_the_cards(why: Explained) -> bool:
    """Tell whether another row would be refused on the same card too."""
    return why.retry is Retry.OTHER_CARD or why.code in {"not_blank", "not_our_card"}


def _failed(person: Person, why: CardError) -> Outcome:
    return Outcome(person.row, person.holder, made=False, why=explain(why))


def _ended(why: TransportError) -> CardsEnded:
    return CardsEnded(f"blank cards cannot be reached: {why}; then run this again")
