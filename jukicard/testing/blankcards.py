"""Blank cards one after another, as a feeder puts them into a reader, and those it has given out.

A terminal that issues cards takes the next one from here, and any of them again by its number.
What is on a card when it is let go decides what becomes of it: nothing of a person, and it comes
again as the next; some or all of it, and it is never given out as a blank one again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Final

from jukicard.environment import CardEnvironment
from jukicard.memory import (
    Backend,
    ImageError,
    ImageProblem,
    PersistentMemory,
    SqliteBackend,
    create_card,
    list_cards,
)
from jukicard.profiles import CardKeys, Profile, issue_card
from jukicard.runtime.card import Card
from jukicard.transport import CardPort
from jukicard.transport.contactless import as_found
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tcpmany import UnknownCardError

if TYPE_CHECKING:
    import os

_NUMBER_TAG: Final = 0x5A


class FeedState(Enum):
    """What is known of a card of the feed."""

    UNTOUCHED = "untouched: it comes again"
    OUT = "given out"
    BEGUN = "begun, and kept apart: only by its number"
    DONE = "done"
    DAMAGED = "damaged, and kept apart"


class BlankCards:
    """Up to `count` blank cards, each under its number in 16 hexadecimal digits.

    `next_card` gives a reader with the next one in it, `connect` one with a card by its number;
    both are taken for connections by the terminal library. `file` is an image that keeps the cards,
    made if need be; the cards that are in it count. Without one they are in this process only.
    `on_change(number, state)` is told what becomes of each.

    It is also what `ManyCardsServer` serves, `next_name` for who names no card. One program at a
    time may feed from a file.
    """

    def __init__(
        self,
        profile: str | Profile = "juki-v1",
        count: int = 1,
        *,
        seed: int | str | None = None,
        keys: CardKeys | None = None,
        contactless: bool = False,
        file: str | os.PathLike[str] | None = None,
        on_change: Callable[[str, FeedState], None] = lambda number, state: None,
    ) -> None:
        """With a seed, card n has the seed `SEED-n`. ImageError for a file that is none."""
        self._profile, self._seed, self._keys = profile, seed, keys
        self._contactless = contactless
        self._count = count
        self._file = file
        self._on_change = on_change
        self._lock = threading.RLock()
        self._kept: dict[str, Card] = {}
        self._open: dict[str, tuple[Card, Backend | None]] = {}
        self._states: dict[str, FeedState] = {}
        self._waiting: deque[str] = deque()
        self._unseen: deque[str] = deque(self._listed())
        self._made = len(self._unseen)

    def __repr__(self) -> str:
        return f"<BlankCards {self._made} of {self._count}>"

    def make(self, place: int) -> Card:
        """Return the blank card of a place, 1 the first; for other cards another class says so."""
        seed = None if self._seed is None else f"{self._seed}-{place}"
        return issue_card(
            self._profile,
            seed=seed,
            keys=self._keys,
            contactless=self._contactless,
            blank=True,
        )

    @property
    def states(self) -> dict[str, FeedState]:
        """What is known of the cards by number; of one in the file nothing before its turn."""
        with self._lock:
            return dict(self._states)

    # -- for a terminal in this process ------------------------------------------------------------

    def next_card(self) -> AbstractContextManager[LocalReader] | None:
        """Return a reader with the next blank card, to be used in `with`; None: there is none.

        The card is given out with this, and free again when `with` ends.
        """
        number = self.next_name()
        return None if number is None else self._in_a_reader(number)

    def __iter__(self) -> Iterator[AbstractContextManager[LocalReader]]:
        """Yield readers as `next_card`, until every card is somebody's."""
        while (card := self.next_card()) is not None:
            yield card

    def connect(self, number: bytes) -> AbstractContextManager[LocalReader]:
        """Return a reader with the card of a number. UnknownCardError; ImageError, see `open`."""
        return self._in_a_reader(number.hex().upper())

    @contextmanager
    def _in_a_reader(self, number: str) -> Iterator[LocalReader]:
        card = self.open(number)
        try:
            with LocalReader(card, description=f"feed, card {number}") as reader:
                yield reader
        finally:
            self.release(number, card)

    # -- for a server ------------------------------------------------------------------------------

    def next_name(self) -> str | None:
        """Give out the next blank card and return its number; None when there are no more.

        Untouched ones come first, then those of the file that nobody has looked at yet, then new
        ones. ImageError, MemoryFailureError when the file cannot be written.
        """
        with self._lock:
            number = self._next_waiting() or self._next_new()
            if number is not None:
                self._note(number, FeedState.OUT)
            return number

    def open(self, name: str) -> CardPort:
        """Return the card of a number, without power; a blank one is given out with that too.

        UnknownCardError without one; ImageError when it is damaged, or in use.
        """
        number = name.upper()
        with self._lock:
            if number in self._open:
                raise ImageError(ImageProblem.LOCKED, f"card {number} is in a reader already")
            card, backend = self._load(number)
            self._open[number] = card, backend
            if number in self._waiting:
                self._waiting.remove(number)
            elif number in self._unseen:
                self._unseen.remove(number)
            if self._states.get(number) is not FeedState.DONE:
                self._note(number, FeedState.OUT)
            return as_found(card)

    def release(self, name: str, card: CardPort) -> None:
        """Take a card back: what is on it decides whether it comes again."""
        number = name.upper()
        with self._lock:
            given, backend = self._open.pop(number)
            given.power_off()
            state = _state_of(given)
            if state is FeedState.UNTOUCHED:
                self._waiting.appendleft(number)
            self._note(number, state)
            if backend is not None:
                backend.close()

    # -- where the cards are -----------------------------------------------------------------------

    def _listed(self) -> list[str]:
        if self._file is None:
            return []
        try:
            return [entry.card_id for entry in list_cards(self._file)]
        except ImageError as error:
            if error.problem in (ImageProblem.MISSING, ImageProblem.EMPTY):
                return []
            raise

    def _load(self, number: str) -> tuple[Card, Backend | None]:
        if self._file is None:
            if number not in self._kept:
                raise UnknownCardError(number)
            return self._kept[number], None
        try:
            backend = SqliteBackend(self._file, number)
        except ImageError as error:
            if error.problem is ImageProblem.NO_SUCH_CARD:
                raise UnknownCardError(number) from None
            raise
        try:
            return Card(CardEnvironment(memory=PersistentMemory(backend))), backend
        except BaseException:
            backend.close()
            raise

    def _next_waiting(self) -> str | None:
        if self._waiting:
            return self._waiting.popleft()
        while self._unseen:
            number = self._unseen.popleft()
            state = self._seen(number)
            if state is FeedState.UNTOUCHED:
                return number
            self._note(number, state)
        return None

    def _seen(self, number: str) -> FeedState:
        try:
            card, backend = self._load(number)
        except (ImageError, LookupError):  # of kinds, too, that are not installed here
            return FeedState.DAMAGED
        try:
            return _state_of(card)
        finally:
            if backend is not None:
                backend.close()

    def _next_new(self) -> str | None:
        if self._made >= self._count:
            return None
        card = self.make(self._made + 1)
        number = number_of(card)
        if self._file is None:
            self._kept[number] = card
        else:
            # a seeded generator's state is not kept: a card opened again would repeat itself
            create_card(
                self._file, number, card.environment.memory.snapshot({"profile": card.profile})
            )
        self._made += 1
        return number

    def _note(self, number: str, state: FeedState) -> None:
        if self._states.get(number) is not state:
            self._states[number] = state
            self._on_change(number, state)


def number_of(card: Card) -> str:
    """Return the card number that a card tells in its issuer domain, in 16 hexadecimal digits."""
    domain = card.applications.default
    applet = None if domain is None else domain.applet
    files = getattr(applet, "files", None)
    number = None if files is None else files.data_object(files.tree.root, _NUMBER_TAG)
    if number is None:
        raise ValueError("a card of the feed has an issuer domain with its number")
    return bytes(number).hex().upper()


def _state_of(card: Card) -> FeedState:
    blank = len(card.applications.blank)
    if not blank:
        return FeedState.DONE
    mine = sum(not one.is_issuers for one in card.applications)
    return FeedState.UNTOUCHED if blank == mine else FeedState.BEGUN
