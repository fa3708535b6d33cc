"""A bench: cards in slots and beside them, what can be done to them, and what is seen of them."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jukicard.cli.bench.differences import differences
from jukicard.cli.bench.exchanges import Exchanges
from jukicard.cli.bench.hazardforms import make_hazard
from jukicard.cli.bench.looks import look_at
from jukicard.cli.bench.watched import WatchedCard
from jukicard.environment import CardEnvironment, random_from_state
from jukicard.errors import IsoError
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.memory import (
    ImageError,
    MemoryFailureError,
    MemorySnapshot,
    PersistentMemory,
    PowerLoss,
)
from jukicard.runtime.card import Card
from jukicard.testing.faults import FaultyBackend
from jukicard.transport import CardFault, CardNotPresent, CardPort, SlotState, SlotStatus
from jukicard.transport.serving import ServedSlot
from jukicard.transport.slot import CardWorking

MOST_CARDS: Final = 32
"""How many cards lie on a bench, forks among them."""
MOST_SNAPSHOTS: Final = 100
LONGEST_NAME: Final = 60
"""Characters of the name of a snapshot."""
WAIT: Final = 5.0
"""How long an action waits for a command that runs, in seconds."""


class NotPossible(ValueError):
    """What was asked for cannot be done now; the text says why and what to do instead."""


@dataclass(eq=False)
class BenchCard:
    """A card on the bench, where it came from, and how it looked last."""

    label: str
    port: WatchedCard
    fork: bool = False
    told: int = -1
    look: dict[str, Any] = field(default_factory=dict)
    looked: int = 0
    """Counted up when a look was another one than that before."""

    @property
    def number(self) -> int:
        """The card's number, from 1."""
        return self.port.number


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state of a card that was kept; it holds all that the card does, its keys too."""

    number: int
    card: int
    name: str
    seconds: float
    kept: MemorySnapshot = field(repr=False)


@dataclass(eq=False)
class _Place:
    """A slot, as far as the bench knows it: the number of the card in it, and what it told last."""

    card: int | None
    slot: ServedSlot | None = None
    said: str = ""


class Bench:
    """Cards, slots and snapshots. Every method may be called from any thread.

    Slot n gets card n+1; `serve` says who serves the slots. Without readers cards still lie there
    and can be looked at. Actions raise NotPossible.
    """

    def __init__(
        self,
        cards: Sequence[tuple[str, Card]],
        found: Callable[[CardPort], CardPort] = lambda card: card,
    ) -> None:
        """`cards` are names for people, and the cards; `found` is how a slot's reader finds one."""
        begun = time.monotonic()
        self.exchanges = Exchanges(lambda: time.monotonic() - begun)
        self._desk = threading.RLock()
        self._door = threading.Lock()
        self._looking = 0
        self._found = found
        self._cards: dict[int, BenchCard] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._card_numbers = itertools.count(1)
        self._snapshot_numbers = itertools.count(1)
        self._places = [_Place(self._add(label, card).number) for label, card in cards]
        self.moment = 0
        """Counted up when slots, cards or snapshots are others than before."""

    def _add(self, label: str, card: Card, *, fork: bool = False) -> BenchCard:
        number = next(self._card_numbers)
        made = BenchCard(label, WatchedCard(number, card, self.exchanges), fork)
        with self._door:
            self._cards[number] = made
            made.port.watch(bool(self._looking))
        return made

    # -- who serves, and who looks -----------------------------------------------------------------

    @property
    def ports(self) -> list[CardPort]:
        """The cards of the slots, in their order, for whoever serves them."""
        return [self._cards[one.card].port for one in self._places if one.card is not None]

    def serve(self, slots: Sequence[ServedSlot]) -> None:
        """Take note of the readers in which the cards are."""
        for place, slot in zip(self._places, slots, strict=True):
            place.slot = slot
        self.moment += 1

    def tell(self, status: SlotStatus) -> None:
        """Take note of what a slot tells; the status callback of the servers."""
        place = self._places[status.slot]
        place.said = status.detail if status.state is SlotState.FAULT else ""
        self.moment += 1

    @contextlib.contextmanager
    def looked_at(self) -> Iterator[None]:
        """Have the exchanges told as long as somebody looks; several may."""
        self.begin_looking()
        try:
            yield
        finally:
            self.end_looking()

    def begin_looking(self) -> None:
        """Somebody looks from now on."""
        with self._door:
            self._looking += 1
            if self._looking == 1:
                self._watch(True)

    def end_looking(self) -> None:
        """Somebody looks no more."""
        with self._door:
            self._looking -= 1
            if not self._looking:
                self._watch(False)

    def _watch(self, watched: bool) -> None:
        for card in self._cards.values():
            card.port.watch(watched)

    # -- what is seen ------------------------------------------------------------------------------

    def marks(self) -> tuple[object, ...]:
        """Return what is another value when anything may look otherwise than before."""
        cards = [(number, card.port.changes) for number, card in list(self._cards.items())]
        readers = [place.slot is not None and place.slot.powered for place in self._places]
        return (self.moment, *cards, *readers)

    def refresh(self) -> bool:
        """Look at every card that has changed; False when one is at work and was left out."""
        done = True
        for card in list(self._cards.values()):
            if card.told == card.port.changes:
                continue
            if not card.port.quiet():
                done = False
                continue
            try:
                self._look(card)
            finally:
                card.port.done()
        return done

    @staticmethod
    def _look(card: BenchCard) -> None:
        card.told = card.port.changes
        try:
            look = look_at(_settled(card.port.card))
        except (ImageError, MemoryFailureError, IsoError) as error:
            look = {**card.look, "failed": str(error)}
        line = card.port.line
        pending = [id(hazard) for hazard in line.pending]
        for name, coming in (("hazards", True), ("past", False)):
            look[name] = [repr(one) for one in line.hazards if (id(one) in pending) is coming]
        look |= {"happened": len(line.happened), "pulled": line.pulled}
        if look != card.look:
            card.look = look
            card.looked += 1

    def looks(self) -> dict[int, tuple[int, dict[str, Any]]]:
        """Return how each card looked last, with a number that is another one when that changed."""
        return {number: (card.looked, card.look) for number, card in list(self._cards.items())}

    def overview(self) -> dict[str, Any]:
        """Return slots, cards and snapshots as plain data."""
        with self._desk:
            return {
                "slots": [self._slot(at, place) for at, place in enumerate(self._places)],
                "cards": [
                    {"number": card.number, "label": card.label, "fork": card.fork}
                    for card in self._cards.values()
                ],
                "snapshots": [
                    {
                        "number": kept.number,
                        "card": kept.card,
                        "name": kept.name,
                        "seconds": round(kept.seconds, 1),
                    }
                    for kept in self._snapshots.values()
                ],
            }

    @staticmethod
    def _slot(at: int, place: _Place) -> dict[str, Any]:
        slot = place.slot
        return {
            "slot": at,
            "card": place.card,
            "address": "" if slot is None else slot.address,
            "connected": slot is not None and slot.connected,
            "powered": slot is not None and slot.powered,
            "said": place.said,
        }

    # -- what is done ------------------------------------------------------------------------------

    def insert(self, card: int, slot: int) -> None:
        """Put a card into a slot; one that a hazard pulled out of this slot comes back."""
        with self._acting():
            place, found = self._place(slot), self._card(card)
            if place.card == card:
                self._take_out(place)
            elif place.card is not None:
                raise NotPossible("there is a card in the slot: pull it first")
            elif self._where(card) is not None:
                raise NotPossible("the card is in another slot: pull it first")
            found.port.put_back()
            self._put_in(place, card)
            found.port.say("bench", f"put into slot {slot}")

    def pull(self, slot: int) -> None:
        """Take the card out of a slot."""
        with self._acting():
            place = self._place(slot)
            if place.card is None:
                raise NotPossible("there is no card in the slot")
            number = place.card
            self._take_out(place)
            self._card(number).port.say("bench", f"pulled out of slot {slot}")

    def reset(self, slot: int) -> None:
        """Reset the card in a slot behind the reader's back, as another program would."""
        with self._acting():
            place = self._place(slot)
            if place.card is None or place.slot is None:
                raise NotPossible("there is no card in the slot")
            if not place.slot.powered:
                raise NotPossible("the card has no power, there is nothing to reset")
            place.slot.reset()
            self._card(place.card).port.say("bench", "reset by another program")

    def suspend(self, card: int) -> None:
        """Suspend a card at another desk: it is pulled, suspended, and put back without power."""
        self._change(card, Operation.DEACTIVATE, "suspended at another desk")

    def resume(self, card: int) -> None:
        """Resume a suspended card at another desk."""
        self._change(card, Operation.ACTIVATE, "resumed at another desk")

    def _change(self, number: int, operation: Operation, said: str) -> None:
        with self._acting():
            found = self._card(number)
            with self._out(found):
                card = found.port.card
                card.power_on()
                try:
                    with card.environment.memory.transaction():
                        card.state.change(operation)
                finally:
                    card.power_off()
            found.port.say("bench", said)

    def set_hazard(self, card: int, name: str, values: Mapping[str, object]) -> None:
        """Have something happen to a card; see `jukicard.testing.hazards`."""
        with self._acting():
            hazard = make_hazard(name, values)
            found = self._card(card)
            with self._alone(found):
                found.port.set_hazard(hazard)
            found.port.say("bench", f"will happen: {hazard!r}")

    def clear_hazards(self, card: int) -> None:
        """Have nothing more happen to a card."""
        with self._acting():
            found = self._card(card)
            with self._alone(found):
                found.port.clear_hazards()
            found.port.say("bench", "nothing more will happen")

    def snapshot(self, card: int, name: str = "") -> int:
        """Keep the state of a card; return the snapshot's number."""
        with self._acting():
            found = self._card(card)
            if len(self._snapshots) >= MOST_SNAPSHOTS:
                raise NotPossible(f"there are {MOST_SNAPSHOTS} snapshots: drop one first")
            if len(name) > LONGEST_NAME:
                raise NotPossible(f"a name has at most {LONGEST_NAME} characters")
            kept = self._state(found)
            number = next(self._snapshot_numbers)
            seconds = self.exchanges.seconds()
            self._snapshots[number] = Snapshot(number, card, name or f"{number}", seconds, kept)
            found.port.say("bench", f"snapshot {name or number}")
            return number

    def drop(self, snapshot: int) -> None:
        """Keep a snapshot no longer."""
        with self._acting():
            self._kept(snapshot)
            del self._snapshots[snapshot]

    def fork(self, *, card: int | None = None, snapshot: int | None = None) -> int:
        """Put a copy of a card, or of a snapshot, on the bench; return the copy's number."""
        with self._acting():
            if len(self._cards) >= MOST_CARDS:
                raise NotPossible(f"there are {MOST_CARDS} cards on the bench: take one away first")
            kept, label = self._named(card, snapshot)
            made = self._add(f"{label}, fork", Card.restore(kept), fork=True)
            made.port.say("bench", f"forked from {label}")
            return made.number

    def take_away(self, card: int) -> None:
        """Take a fork off the bench; its snapshots go with it."""
        with self._acting():
            found = self._card(card)
            if not found.fork:
                raise NotPossible("this card was brought by the command line: it stays")
            if self._where(card) is not None:
                raise NotPossible("the card is in a slot: pull it first")
            found.port.watch(False)
            del self._cards[card]
            for number in [one.number for one in self._snapshots.values() if one.card == card]:
                del self._snapshots[number]

    def restore(self, snapshot: int) -> None:
        """Give a card back the state that was kept of it; what was to happen to it is cleared."""
        with self._acting():
            kept = self._kept(snapshot)
            found = self._card(kept.card)
            with self._out(found):
                found.port.replace(_restored(kept.kept, found.port.card))
            found.port.say("bench", f"restored to snapshot {kept.name}")

    def compare(self, before: Mapping[str, int], after: Mapping[str, int]) -> list[dict[str, str]]:
        """Return in what two states differ; each is {"card": n} as it is now, or {"snapshot": n}.

        Values are shown of tries and life-cycle states only.
        """
        with self._acting():
            old, _ = self._named(**before)
            new, _ = self._named(**after)
            return differences(old, new)

    # -- how ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _acting(self) -> Iterator[None]:
        """One action at a time; whatever stands in its way is told as NotPossible."""
        with self._desk:
            try:
                yield
            except NotPossible:
                raise
            except IsoError as error:
                raise NotPossible(f"the card does not do that: {error.reason}") from None
            except CardFault as error:
                raise NotPossible(error.told) from None
            except (CardNotPresent, CardWorking, ValueError, ImageError) as error:
                raise NotPossible(str(error)) from None
            except MemoryFailureError as error:
                raise NotPossible(f"the card cannot be written: {error}") from None
            except PowerLoss:
                raise NotPossible("the power went in the middle of it, as was to happen") from None
            finally:
                self.moment += 1

    def _card(self, number: int) -> BenchCard:
        found = self._cards.get(number)
        if found is None:
            raise NotPossible("there is no such card on the bench")
        return found

    def _kept(self, number: int) -> Snapshot:
        found = self._snapshots.get(number)
        if found is None:
            raise NotPossible("there is no such snapshot")
        return found

    def _place(self, slot: int) -> _Place:
        if not 0 <= slot < len(self._places):
            raise NotPossible(f"there is no such slot; slots are 0 to {len(self._places) - 1}")
        return self._places[slot]

    def _where(self, card: int) -> _Place | None:
        return next((place for place in self._places if place.card == card), None)

    def _named(
        self, card: int | None = None, snapshot: int | None = None
    ) -> tuple[MemorySnapshot, str]:
        """Return the state of a card as it is now, or one that was kept, and what it is called."""
        if (card is None) is (snapshot is None):
            raise NotPossible("name either a card or a snapshot")
        if card is not None:
            found = self._card(card)
            return self._state(found), found.label
        kept = self._kept(snapshot or 0)
        return kept.kept, f"{self._card(kept.card).label} at {kept.name}"

    def _state(self, card: BenchCard) -> MemorySnapshot:
        with self._alone(card):
            return _settled(card.port.card).snapshot()

    @contextlib.contextmanager
    def _alone(self, card: BenchCard) -> Iterator[None]:
        """Have a card to oneself between two commands."""
        if not card.port.quiet(WAIT):
            raise NotPossible(f"the card has been at work for {WAIT:g} s: wait until it is done")
        try:
            yield
        finally:
            card.port.done()

    @contextlib.contextmanager
    def _out(self, card: BenchCard) -> Iterator[None]:
        """Have a card out of its slot, so without power, and put it back afterwards."""
        place = self._where(card.number)
        if place is not None:
            self._take_out(place)
        try:
            with self._alone(card):
                yield
        finally:
            card.port.changes += 1
            if place is not None:
                self._put_in(place, card.number)

    @staticmethod
    def _take_out(place: _Place) -> None:
        if place.slot is not None:
            place.slot.remove()
        place.card = None

    def _put_in(self, place: _Place, card: int) -> None:
        if place.slot is not None:
            place.slot.insert(self._found(self._card(card).port))
        place.card = card


def _settled(card: Card) -> Card:
    """Start a card whose power went at a write, once: only then is it known what has landed."""
    if card.environment.memory.is_interrupted and not card.powered:
        card.power_on()
        card.power_off()
    return card


def _restored(kept: MemorySnapshot, now: Card) -> Card:
    """Return the card in a kept state; one that a file keeps is kept there on."""
    backend = now.environment.memory.backend
    if backend is None or isinstance(backend, FaultyBackend):
        return Card.restore(kept, on_bug=now.on_bug)
    contents = kept.copies()
    state = contents.pop("random", {}).get("random", b"")
    memory = PersistentMemory.restore(MemorySnapshot.adopt(contents, kept.meta), backend)
    return Card(CardEnvironment(random=random_from_state(state), memory=memory), on_bug=now.on_bug)
