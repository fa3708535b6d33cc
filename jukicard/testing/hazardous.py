"""A card to which hazards happen: stands between a reader and the card, and fits CardPort."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from jukicard.memory import PowerLoss, RamBackend
from jukicard.runtime.card import Card
from jukicard.testing.faults import FaultyBackend
from jukicard.testing.hazards import Hazard, MoreTime, PowerCut, Pulled
from jukicard.testing.watching import WATCHERS
from jukicard.transport import CardNotPresent, CardPort


class HazardousCard:
    """A card and what will happen to it; hazards count each for itself, the first is outermost.

    Takes any card, also one of these: `HazardousCard(HazardousCard(card, Mute(3)), Pulled(9))`. A
    `PowerCut` needs the card itself behind it all, kept in this process or in a `FaultyBackend`
    (ValueError).
    """

    def __init__(
        self,
        card: CardPort,
        *hazards: Hazard,
        on_hazard: Callable[[Hazard], None] | None = None,
        keep: int | None = None,
    ) -> None:
        """`on_hazard` is told of each hazard when it comes; `happened` has the last `keep` of them,
        all unless told.
        """
        self.card = card
        self._on_hazard = on_hazard
        self._happened: deque[Hazard] = deque(maxlen=keep)
        self._layers: list[_Layer] = []
        self._outermost: CardPort = card
        self.add(*hazards)

    def __repr__(self) -> str:
        return f"<HazardousCard {', '.join(map(repr, self.hazards)) or 'without hazards'}>"

    @property
    def hazards(self) -> tuple[Hazard, ...]:
        """The hazards that were set."""
        return tuple(layer.hazard for layer in reversed(self._layers))

    @property
    def pending(self) -> tuple[Hazard, ...]:
        """Those of the hazards that are still to happen, or go on happening."""
        return tuple(layer.hazard for layer in reversed(self._layers) if layer.pending)

    @property
    def pulled(self) -> bool:
        """Whether a hazard has pulled the card out, and nobody has put it back."""
        return any(layer.gone for layer in self._layers)

    @property
    def happened(self) -> tuple[Hazard, ...]:
        """What has happened so far, in order; a hazard once for every exchange it touched."""
        return tuple(self._happened)

    def add(self, *hazards: Hazard) -> None:
        """Set further hazards, outside those that are there; they count from here on."""
        for hazard in reversed(hazards):
            if isinstance(hazard, PowerCut):
                _set_power_cut(self.card, hazard)
            layer = _Layer(self._outermost, hazard, self._tell)
            self._layers.append(layer)
            self._outermost = layer

    def clear(self) -> None:
        """Have nothing more happen, and no power cut either; a card that was pulled out is back."""
        if any(isinstance(layer.hazard, PowerCut) for layer in self._layers):
            backend = _backend_behind(self.card)
            if backend is not None and backend.cut_to_come:
                backend.cut_after = None
        self._layers.clear()
        self._happened.clear()
        self._outermost = self.card

    def _tell(self, hazard: Hazard) -> None:
        self._happened.append(hazard)
        for watcher in WATCHERS:
            watcher.has_hazard(hazard)
        if self._on_hazard is not None:
            self._on_hazard(hazard)

    def waits(self, command: bytes, /) -> int:
        """Return how often the card asks for more time before it answers this command.

        The `wait` of a card on a line: `T1Card(card, wait=card.waits)`. Asked before `transmit`.
        """
        return sum(layer.waits(command) for layer in self._layers)

    def put_back(self) -> None:
        """Put a card back that was pulled out; the reader must be opened again."""
        for layer in self._layers:
            layer.gone = False

    @property
    def atr(self) -> bytes:
        """The card's answer to reset; needs no power."""
        return self._outermost.atr

    def power_on(self) -> bytes:
        """Give power; CardNotPresent while the card is pulled out."""
        return self._outermost.power_on()

    def reset(self) -> bytes:
        """Reset; CardNotPresent when the card was pulled out since it got its power."""
        return self._outermost.reset()

    def power_off(self) -> None:
        """Take the power away."""
        self._outermost.power_off()

    def transmit(self, command: bytes, /) -> bytes:
        """Give a command to the card; what happens then is the hazards' affair.

        CardNotPresent, CardFault, CardInUse, CardWasReset, PowerLoss.
        """
        return self._outermost.transmit(command)


class _Layer:
    """One hazard and what lies behind it: counts, and remembers what lasts."""

    def __init__(self, inner: CardPort, hazard: Hazard, tell: Callable[[Hazard], None]) -> None:
        self.hazard = hazard
        self.gone = False
        self._inner = inner
        self._tell = tell
        self._seen = 0
        self._over = False
        self._lasting: ConnectionError | None = None

    @property
    def pending(self) -> bool:
        if isinstance(self.hazard, PowerCut):
            backend = _backend_behind(self._inner)
            return not self._over and backend is not None and backend.cut_to_come
        return not self._over

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def power_on(self) -> bytes:
        if self.gone:
            raise CardNotPresent("the card was pulled out")
        self._start_again()
        return self._inner.power_on()

    def reset(self) -> bytes:
        if isinstance(self._lasting, CardNotPresent):
            raise CardNotPresent("the card was pulled out")
        self._start_again()
        return self._inner.reset()

    def power_off(self) -> None:
        self._inner.power_off()

    def transmit(self, command: bytes, /) -> bytes:
        if self._lasting is not None:
            raise type(self._lasting)(*self._lasting.args)
        if not self._is_due(command):
            return self._pass_on(command)
        self._tell(self.hazard)
        try:
            return self.hazard.meet(command, self._inner)
        except ConnectionError as error:
            if self.hazard.lasts:
                self._lasting = error
                self.gone = isinstance(self.hazard, Pulled)
            raise

    def waits(self, command: bytes) -> int:
        hazard = self.hazard
        if not isinstance(hazard, MoreTime) or self._over or self._lasting is not None:
            return 0
        return hazard.requests * (hazard.counts(command) and self._seen + 1 >= hazard.at)

    def _pass_on(self, command: bytes) -> bytes:
        try:
            return self._inner.transmit(command)
        except PowerLoss:
            if isinstance(self.hazard, PowerCut) and not self._over:
                self._over = True
                self._tell(self.hazard)
            raise

    def _is_due(self, command: bytes) -> bool:
        """Count a command; tell whether the hazard happens to it."""
        if self._over or not self.hazard.counts(command):
            return False
        self._seen += 1
        number = self._seen - self.hazard.at + 1
        repeats = self.hazard.repeats
        self._over = repeats is not None and number >= repeats
        return number >= 1

    def _start_again(self) -> None:
        if self.hazard.repeats is None and self._seen >= self.hazard.at:
            self._over = True
        self._lasting = None


def _card_behind(card: CardPort) -> CardPort:
    while isinstance(card, HazardousCard | _Layer):
        card = card.card if isinstance(card, HazardousCard) else card._inner
    return card


def _backend_behind(card: CardPort) -> FaultyBackend | None:
    """Return what keeps the card behind everything, where that can lose power."""
    behind = _card_behind(card)
    backend = behind.environment.memory.backend if isinstance(behind, Card) else None
    return backend if isinstance(backend, FaultyBackend) else None


def _set_power_cut(card: CardPort, cut: PowerCut) -> None:
    """Have the power go at a write to the memory of the card behind everything."""
    card = _card_behind(card)
    if not isinstance(card, Card):
        raise ValueError("a power cut needs the card itself, not something else in front of it")
    memory = card.environment.memory
    if not memory.is_kept:
        memory.keep_in(FaultyBackend(RamBackend()))
    backend = memory.backend
    if not isinstance(backend, FaultyBackend):
        raise ValueError(
            "this card is kept in a file: issue it with memory=PersistentMemory(FaultyBackend(...))"
        )
    if backend.cut_to_come:
        raise ValueError("a power cut is still to come on this card: one at a time")
    backend.landed = cut.landed
    backend.cut_after = backend.writes + cut.at
